// A sparkline: slots of time from the left to the right, a gap where nothing is known, and a dot for the present.

import { svg } from "./dom.js";

const W = 100;
const H = 24;
const PAD = 2;

// The range drawn: that of the values, but never so narrow that noise looks like an event.
export function range(values, least, floor, ceiling) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (!known.length) return [0, 1];
  let low = Math.min(...known);
  let high = Math.max(...known);
  const missing = least - (high - low);
  if (missing > 0) {
    low -= missing / 2;
    high += missing / 2;
  }
  if (ceiling !== undefined && high > ceiling && Math.max(...known) <= ceiling) [low, high] = [low - (high - ceiling), ceiling];
  if (floor !== undefined && low < floor && Math.min(...known) >= floor) [low, high] = [floor, high + (floor - low)];
  return [low, high];
}

export function segments(values, [low, high], slots) {
  const x = (slot) => PAD + (slot / Math.max(1, slots - 1)) * (W - 2 * PAD);
  const y = (value) => PAD + (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low || 1)) * (H - 2 * PAD);
  let d = "";
  let open = false;
  values.forEach((value, slot) => {
    if (value === null || value === undefined) {
      open = false;
      return;
    }
    d += `${open ? "L" : "M"}${x(slot).toFixed(1)} ${y(value).toFixed(1)}`;
    if (!open && (values[slot + 1] ?? null) === null) d += "h0"; // alone between two gaps: a dot
    open = true;
  });
  return d;
}

export function spark() {
  const band = svg("path", { class: "band" });
  const line = svg("path", { class: "trace" });
  const dot = svg("path", { class: "dot" });
  const node = svg(
    "svg",
    { viewBox: `0 0 ${W} ${H}`, class: "spark", preserveAspectRatio: "none", "aria-hidden": "true" },
    band,
    line,
    dot,
  );
  return {
    node,
    // `now` is drawn as the newest slot. `within` is a normal band, drawn behind.
    draw(past, now, { least = 0, floor, ceiling, span, within } = {}) {
      const values = now === undefined ? past : [...past, now];
      const bounds = within ? values.concat(within) : values;
      const drawn = span ?? range(bounds, least, floor, ceiling);
      line.setAttribute("d", segments(values, drawn, values.length));
      const last = values.length - 1;
      const end = values[last] ?? null;
      dot.setAttribute("d", end === null ? "" : segments(values.map((v, i) => (i === last ? v : null)), drawn, values.length));
      if (within) {
        const [top, bottom] = [within[1], within[0]].map((v) => PAD + (1 - (v - drawn[0]) / (drawn[1] - drawn[0] || 1)) * (H - 2 * PAD));
        band.setAttribute("d", `M0 ${top.toFixed(1)}H${W}V${bottom.toFixed(1)}H0z`);
      }
    },
  };
}
