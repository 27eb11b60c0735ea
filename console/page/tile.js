// One machine as a tile: a button with its icon, name, state and figures, or short, with its icon and number.

import { el, setData, setText, setTitle } from "./dom.js";
import { duration, hms, measure, percent } from "./format.js";
import { icon } from "./icons.js";
import { spark } from "./spark.js";
import { words } from "./words.js";

function row(label, title) {
  const value = el("b");
  const trend = spark();
  return { node: el("span", { class: "row", title }, el("span", { class: "label" }, label), value, trend.node), value, trend };
}

// What tells a machine from its neighbours of the same step: the number at the end of its name.
export const numberOf = (name) => /\d{1,4}$/.exec(name)?.[0] ?? "";

// Outside the shifts a machine is closed, within them paused: two planned stops, each with its own word and icon.
export const lookOf = (tile) => (tile.look === "planned" && tile.reason === "no_shift" ? "closed" : tile.look);

export function makeTile(path, onChoose) {
  const sign = icon();
  const name = el("b", { class: "name" });
  const short = el("span", { class: "short", attributes: { "aria-hidden": "true" } });
  const since = el("span", { class: "since" });
  const word = el("b", { class: "word" });
  const why = el("span", { class: "why" });
  const oee = row(words.tile.oee);
  const cost = row(words.tile.cost, words.tile.costTitle);
  const node = el(
    "button",
    { class: "tile", attributes: { type: "button", "aria-pressed": "false" } },
    el("span", { class: "head" }, sign.node, name, short, since),
    el("span", { class: "state" }, word, why),
    oee.node,
    cost.node,
  );
  let whole = true;
  let told = "";
  node.addEventListener("click", () => onChoose(path));

  // The short tile shows neither name nor state as text: it says them, and shows them when pointed at.
  function label(text) {
    told = text;
    const wanted = whole ? null : text;
    if (wanted === node.getAttribute("aria-label")) return;
    if (wanted === null) node.removeAttribute("aria-label");
    else node.setAttribute("aria-label", wanted);
  }

  function draw(tile, board) {
    const silent = tile.silent_since_ms;
    const look = lookOf(tile);
    setData(node, "look", look);
    setData(node, "silent", silent === null ? null : "");
    sign.show(look);
    setText(name, tile.name);
    setText(short, numberOf(tile.name));
    const from = silent ?? tile.since_ms;
    setText(since, from === null || board.now_ms === null ? "" : duration(board.now_ms - from));
    const at = from === null ? "" : words.events.since(hms(from, board.zone));
    setTitle(since, at);
    const state = silent !== null && tile.look !== "off" ? words.tile.silent : words.states[look] ?? tile.state;
    const named = words.reasons[tile.reason] ?? tile.reason ?? "";
    const reason = named === state.toLowerCase() ? "" : named; // closed is closed
    setText(word, state);
    setText(why, tile.look === "off" ? "" : tile.cause ?? reason);
    const because = [reason, tile.cause].filter(Boolean).join(", ");
    setTitle(node, [tile.name, state + (because && `: ${because}`), at, tile.order].filter(Boolean).join(" · "));
    label(`${tile.name}, ${state}${because && `: ${because}`}`);
    setText(oee.value, `${percent(tile.oee, 0)} %`);
    setText(cost.value, measure(tile.unit_cost));
  }

  function trends(tile, track) {
    if (!whole) return; // two hundred times two lines that nobody sees
    oee.trend.draw(track?.oee ?? [], tile.oee, { span: [0, 1] });
    cost.trend.draw(track?.unit_cost ?? [], tile.unit_cost, { least: (tile.unit_cost ?? 1) * 0.3 });
  }

  function size(next) {
    whole = next === "full";
    label(told);
  }

  return { node, draw, trends, size };
}
