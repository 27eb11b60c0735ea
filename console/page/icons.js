// One icon per look of a state, told apart by shape alone. Drawn in a square of 16, in the colour of the text.

import { svg } from "./dom.js";

const PATHS = {
  run: "M4 2.5l9 5.5-9 5.5z",
  idle: "M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11zm0 2a3.5 3.5 0 110 7 3.5 3.5 0 010-7z",
  stopped: "M3 3h10v10H3z",
  starved: "M2 3h2v10H2zM13 3v10L6 8z",
  blocked: "M12 3h2v10h-2zM3 3l7 5-7 5z",
  held: "M3.5 2.5h3.2v11H3.5zM9.3 2.5h3.2v11H9.3z",
  aborted: "M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2zM7 4v5h2V4zm0 6.2v2h2v-2z",
  repair: "M11.2 1.6a3.8 3.8 0 00-4.4 5L1.6 11.8v2.6h2.6l5.2-5.2a3.8 3.8 0 005-4.4l-2.3 2.3-2.1-.6-.6-2.1z",
  utility: "M9.2 1L3 9h3.9L5.8 15 13 6.4H8.6z",
  setup: "M8 1.5l6.5 6.5L8 14.5 1.5 8zM8 5L5 8l3 3 3-3z",
  maintenance: "M6.3 1.5h3.4v4.8h4.8v3.4H9.7v4.8H6.3V9.7H1.5V6.3h4.8z",
  planned: "M2 2h12v12H2zm1.8 1.8v8.4h8.4V3.8z",
  closed: "M10.6 1.8A6.4 6.4 0 1014.2 10 5.6 5.6 0 0110.6 1.8z",
  unknown: "M2 7h3v2H2zm4.5 0h3v2h-3zM11 7h3v2h-3z",
  off: "M3.6 2.2L8 6.6l4.4-4.4 1.4 1.4L9.4 8l4.4 4.4-1.4 1.4L8 9.4l-4.4 4.4-1.4-1.4L6.6 8 2.2 3.6z",
};

export function icon() {
  const path = svg("path", { "fill-rule": "evenodd" });
  const node = svg("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" }, path);
  return {
    node,
    show(look) {
      const d = PATHS[look] ?? PATHS.unknown;
      if (path.getAttribute("d") !== d) path.setAttribute("d", d);
    },
  };
}
