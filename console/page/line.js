// The line as it flows: steps from the left to the right, the machines of a step stacked.

import { el, setData, setTitle } from "./dom.js";
import { fit } from "./fit.js";
import { number } from "./format.js";
import { makeTile } from "./tile.js";
import { words } from "./words.js";

const HEADING = 60; // of the height, with the padding
const STACKED = matchMedia("(max-width: 899px)"); // as in the style sheet

function heading(step) {
  const title = el("h2", {}, step.name || words.steps.unnamed);
  const pace = step.pace_ms === null ? "" : words.steps.pace(`${number(step.pace_ms / 1000, 1)} s`);
  const note = el("p", { class: "pace" }, el("span", {}, pace));
  if (step.constraint) note.append(" ", el("b", { class: "constraint", title: words.steps.constraintTitle }, words.steps.constraint));
  setTitle(title, step.name);
  return el("header", {}, title, note);
}

export function line(root, onChoose) {
  const tiles = new Map();
  let rows = []; // the steps as they are drawn: the node, and the tiles in it
  let shape = "";
  let past = null;
  let board = null;
  let chosen = null;

  // The elements are made again only when the machines change; a board changes what is in them.
  function lay(steps) {
    tiles.clear();
    root.replaceChildren();
    if (!steps.length) root.append(el("p", { class: "empty" }, words.waiting));
    rows = steps.map((step) => {
      const stack = el("div", { class: "tiles" });
      const node = el("section", { class: "step" }, heading(step), stack);
      setData(node, "machines", step.tiles.length === 1 ? "one" : "many");
      const own = step.tiles.map(({ path }) => makeTile(path, onChoose));
      own.forEach((tile, index) => tiles.set(step.tiles[index].path, tile));
      stack.append(...own.map((tile) => tile.node));
      root.append(node);
      return { node, tiles: own };
    });
    arrange();
    mark();
  }

  function arrange() {
    const style = getComputedStyle(root);
    const width = root.clientWidth - parseFloat(style.paddingInlineStart) - parseFloat(style.paddingInlineEnd);
    const room = { width, height: root.clientHeight - HEADING, gap: parseFloat(style.columnGap) || 0, stacked: STACKED.matches };
    const fitted = fit(rows.map((row) => row.tiles.length), room);
    root.style.setProperty("--steps", fitted.map(({ least, share }) => `minmax(${least}px, ${share}fr)`).join(" "));
    const needed = fitted.reduce((sum, { least }) => sum + least + room.gap, -room.gap);
    setData(root, "wide", needed > width ? "" : null); // then the line, and it alone, scrolls sideways
    fitted.forEach(({ size, columns }, index) => {
      rows[index].node.style.setProperty("--columns", columns);
      setData(rows[index].node, "size", size);
      for (const tile of rows[index].tiles) tile.size(size);
    });
    trends();
  }

  function mark() {
    for (const [path, tile] of tiles) tile.node.setAttribute("aria-pressed", String(path === chosen));
  }

  function trends() {
    if (past === null || board === null) return;
    for (const step of board.steps) for (const tile of step.tiles) tiles.get(tile.path)?.trends(tile, past.machines[tile.path]);
  }

  new ResizeObserver(arrange).observe(root);

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
