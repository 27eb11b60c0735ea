// The panel of one machine: what it is, where its last hour went, and its sensors beside their normal bands.

import { el, setData, setText } from "./dom.js";
import { duration, hms, measure, number, percent } from "./format.js";
import { spark } from "./spark.js";
import { lookOf } from "./tile.js";
import { words } from "./words.js";

const EVERY_MS = 1500;

// The band is that of steady production: a machine that stands still is not out of it.
function reading(sensor, zone, running) {
  const trend = spark();
  const banded = sensor.low !== null && sensor.high !== null;
  const away = running && sensor.value !== null && ((sensor.low !== null && sensor.value < sensor.low) || (sensor.high !== null && sensor.value > sensor.high));
  const least = banded ? (sensor.high - sensor.low) * 1.5 : 0;
  trend.draw(sensor.track, undefined, { least, within: banded ? [sensor.low, sensor.high] : undefined });
  const band = banded ? `${words.detail.band} ${measure(sensor.low)} – ${measure(sensor.high)}` : "";
  const node = el(
    "li",
    { title: sensor.at_ms === null ? "" : hms(sensor.at_ms, zone) },
    el("span", { class: "label" }, sensor.name.replaceAll("_", " ")),
    el("span", { class: "reading" }, el("b", {}, measure(sensor.value)), ` ${words.units[sensor.unit] ?? sensor.unit}`),
    el("span", { class: "context" }, band),
    trend.node,
  );
  setData(node, "away", away ? "" : null);
  return node;
}

function split(times) {
  const total = Object.values(times).reduce((sum, ms) => sum + ms, 0);
  const bar = el("div", { class: "stack", attributes: { "aria-hidden": "true" } });
  const legend = el("ul", { class: "legend" });
  for (const [name, word] of Object.entries(words.elements)) {
    const ms = times[name] ?? 0;
    if (ms < total * 0.005 || !total) continue; // what would be told as 0 %
    const piece = el("span");
    piece.style.flexGrow = String(ms);
    const item = el("li", {}, el("i"), `${word} `, el("b", {}, `${number((100 * ms) / total)} %`));
    setData(piece, "part", name);
    setData(item, "part", name);
    bar.append(piece);
    legend.append(item);
  }
  return [bar, legend];
}

function sentence(tile, board) {
  const state = words.states[lookOf(tile)] ?? tile.state;
  const reason = words.reasons[tile.reason] ?? tile.reason;
  const why = [reason === state?.toLowerCase() ? "" : reason, tile.cause, tile.order].filter(Boolean).join(", ");
  const time = tile.since_ms === null || board.now_ms === null ? "" : duration(board.now_ms - tile.since_ms);
  return `${words.detail.now(state, time)}${why && `: ${why}`}`;
}

function factors(f) {
  const parts = [f.availability, f.effectiveness, f.quality].map((value) => `${percent(value, 0)} %`);
  return el("p", { title: words.headline.oee_title }, `${words.tile.oee} `, el("b", {}, `${percent(f.oee, 0)} %`), ` = ${parts.join(" × ")}`);
}

export function detail(root, onClose) {
  const name = el("h2");
  const close = el("button", { class: "close", attributes: { type: "button" } }, words.detail.close);
  const now = el("p", { class: "now" });
  const facts = el("p", { class: "context" });
  const body = el("div", { class: "body" });
  const node = el("section", { class: "detail" }, el("header", {}, name, close), now, facts, body);
  node.hidden = true;
  close.addEventListener("click", onClose);
  root.append(node);
  let path = null;
  let asked = 0;
  let busy = false;
  let look = null;
  let filled = false;

  // On a phone the panel opens far above the tile, and when it grows the browser holds on to what stands below it.
  const reveal = () => node.scrollIntoView({ block: "nearest" });

  function fill(found, zone) {
    const running = look === "run";
    const facts_ = [found.step, found.model, found.version];
    if (found.ideal_cycle_ms !== null) facts_.push(`${words.detail.ideal} ${number(found.ideal_cycle_ms / 1000, 1)} s`);
    setText(facts, facts_.filter(Boolean).join(" · "));
    const sensors = el("ul", { class: "sensors" }, ...found.readings.map((sensor) => reading(sensor, zone, running)));
    const none = found.readings.length ? [] : [el("p", { class: "empty" }, words.detail.none)];
    body.replaceChildren(el("h3", {}, words.detail.split), factors(found.figures), ...split(found.split_ms), el("h3", {}, words.detail.sensors), ...none, sensors);
    if (!filled) reveal();
    filled = true;
  }

  async function ask(board) {
    if (busy || performance.now() - asked < EVERY_MS) return;
    busy = true;
    asked = performance.now();
    const wanted = path;
    try {
      const answer = await fetch(`api/machine?path=${encodeURIComponent(wanted)}`);
      if (wanted === path) {
        if (answer.ok) fill(await answer.json(), board.zone);
        else setText(facts, words.detail.gone);
      }
    } catch {
      setText(facts, words.detail.gone); // the connection; the top bar says so
    } finally {
      busy = false;
    }
  }

  return {
    draw(board) {
      if (path === null) return;
      const tile = board.steps.flatMap((step) => step.tiles).find((item) => item.path === path);
      look = tile?.look ?? null;
      setText(now, tile ? sentence(tile, board) : "");
      ask(board);
    },
    show(next, board) {
      if (next !== path) {
        path = next;
        asked = 0;
        filled = false;
        setText(name, next === null ? "" : next.split("/").at(-1));
        setText(facts, "");
        body.replaceChildren();
      }
      node.hidden = path === null;
      if (path !== null) reveal();
      if (board !== null) this.draw(board);
    },
    focus() {
      close.focus();
    },
  };
}
