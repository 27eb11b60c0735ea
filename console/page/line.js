// The line as it flows: steps from the left to the right, the machines of a step stacked.

import { el, setData, setText, setTitle } from "./dom.js";
import { duration, hms, measure, number, percent } from "./format.js";
import { icon } from "./icons.js";
import { spark } from "./spark.js";
import { words } from "./words.js";

const MOST_ROWS = 6;

function row(label, title) {
  const value = el("b");
  const trend = spark();
  return { node: el("span", { class: "row", title }, el("span", { class: "label" }, label), value, trend.node), value, trend };
}

function makeTile(path, onChoose) {
  const sign = icon();
  const name = el("b", { class: "name" });
  const since = el("span", { class: "since" });
  const word = el("b", { class: "word" });
  const why = el("span", { class: "why" });
  const oee = row(words.tile.oee);
  const cost = row(words.tile.cost, words.tile.costTitle);
  const node = el(
    "button",
    { class: "tile", attributes: { type: "button", "aria-pressed": "false" } },
    el("span", { class: "head" }, sign.node, name, since),
    el("span", { class: "state" }, word, why),
    oee.node,
    cost.node,
  );
  node.addEventListener("click", () => onChoose(path));

  function draw(tile, board) {
    const silent = tile.silent_since_ms;
    setData(node, "look", tile.look);
    setData(node, "silent", silent === null ? null : "");
    sign.show(tile.look);
    setText(name, tile.name);
    const from = silent ?? tile.since_ms;
    setText(since, from === null || board.now_ms === null ? "" : duration(board.now_ms - from));
    setTitle(since, from === null ? "" : words.events.since(hms(from, board.zone)));
    setText(word, silent !== null && tile.look !== "off" ? words.tile.silent : words.states[tile.look] ?? tile.state);
    setText(why, tile.look === "off" ? "" : tile.cause ?? words.reasons[tile.reason] ?? tile.reason ?? "");
    setTitle(node, [tile.name, tile.state, tile.reason, tile.cause, tile.order].filter(Boolean).join(" · "));
    setText(oee.value, `${percent(tile.oee, 0)} %`);
    setText(cost.value, measure(tile.unit_cost));
  }

  function trends(tile, track) {
    oee.trend.draw(track?.oee ?? [], tile.oee, { span: [0, 1] });
    cost.trend.draw(track?.unit_cost ?? [], tile.unit_cost, { least: (tile.unit_cost ?? 1) * 0.3 });
  }

  return { node, draw, trends };
}

export function line(root, onChoose) {
  const tiles = new Map();
  let shape = "";
  let past = null;
  let board = null;
  let chosen = null;

  // The elements are made again only when the machines change; a board changes what is in them.
  function lay(steps) {
    tiles.clear();
    root.replaceChildren();
    if (!steps.length) root.append(el("p", { class: "empty" }, words.waiting));
    for (const step of steps) {
      const columns = Math.ceil(step.tiles.length / MOST_ROWS);
      const stack = el("div", { class: "tiles" });
      const title = el("h2", {}, step.name || words.steps.unnamed);
      const pace = step.pace_ms === null ? "" : words.steps.pace(`${number(step.pace_ms / 1000, 1)} s`);
      const note = el("p", { class: "pace" }, pace);
      if (step.constraint) note.append(" ", el("b", { class: "constraint", title: words.steps.constraintTitle }, words.steps.constraint));
      const node = el("section", { class: "step" }, el("header", {}, title, note), stack);
      setTitle(title, step.name);
      setData(node, "machines", step.tiles.length === 1 ? "one" : "many");
      node.style.setProperty("--columns", columns);
      for (const { path } of step.tiles) {
        const tile = makeTile(path, onChoose);
        tiles.set(path, tile);
        stack.append(tile.node);
      }
      root.append(node);
    }
    mark();
  }

  function mark() {
    for (const [path, tile] of tiles) tile.node.setAttribute("aria-pressed", String(path === chosen));
  }

  function trends() {
    if (past === null || board === null) return;
    for (const step of board.steps) for (const tile of step.tiles) tiles.get(tile.path).trends(tile, past.machines[tile.path]);
  }

  return {
    draw(next) {
      board = next;
      const now = JSON.stringify(board.steps.map((step) => [step.name, step.pace_ms, step.constraint, step.tiles.map((t) => t.path)]));
      if (now !== shape) {
        shape = now;
        lay(board.steps);
      }
      for (const step of board.steps) for (const tile of step.tiles) tiles.get(tile.path).draw(tile, board);
      trends();
    },
    history(history) {
      past = history;
      trends();
    },
    choose(path) {
      chosen = path;
      mark();
    },
  };
}
