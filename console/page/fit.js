// How much of each tile fits: decided for a whole step, so that the machines of a step look alike.
// What it is: a pure function of the numbers of machines and the room. The style sheet does the rest.

const USUAL_ROWS = 6;
const FULL = { width: 116, height: 68 }; // the least of a whole tile, in CSS pixels; its width is that of a heading too
const CELLS = { number: { width: 42, height: 27 }, icon: { width: 25, height: 25 } };
const STACKED_FULL = 12; // on a phone steps stand one below the other: more machines than these are told short
const GAP = 5;

const rowsIn = (height, cell) => Math.max(1, Math.floor((height + GAP) / (cell.height + GAP)));

function least(count, size, rows, height) {
  if (size === "full") return Math.ceil(count / rows) * FULL.width;
  const cell = CELLS[size];
  return Math.max(FULL.width, Math.ceil(count / rowsIn(height, cell)) * (cell.width + GAP));
}

// For every step: its size of tile, the least width that it needs, its share of the width that is left, and the columns
// of whole tiles. Where they do not fit, columns grow longer; then steps are told short, that with the most machines
// first, and no more of them than needed.
export function fit(counts, { width, height, gap, stacked }) {
  const sizes = counts.map((count) => (stacked && count > STACKED_FULL ? "number" : "full"));
  let rows = USUAL_ROWS;
  const needed = () => counts.reduce((sum, count, i) => sum + least(count, sizes[i], rows, height) + (i ? gap : 0), 0);
  const most = Math.max(USUAL_ROWS, rowsIn(height, FULL));
  const longer = () => {
    for (rows = USUAL_ROWS; rows < most && needed() > width; rows += 1);
    if (needed() > width) rows = USUAL_ROWS; // it does not help
  };
  if (!stacked) {
    longer();
    const order = counts.map((_, i) => i).sort((a, b) => counts[b] - counts[a] || a - b);
    for (const smaller of ["number", "icon"]) {
      for (const i of order) {
        if (needed() <= width) break;
        if (least(counts[i], smaller, rows, height) < least(counts[i], sizes[i], rows, height)) sizes[i] = smaller;
        longer();
      }
    }
  }
  return counts.map((count, i) => {
    const columns = Math.ceil(count / rows);
    // A short tile has no use for more width than half a whole one's.
    const share = sizes[i] === "full" ? columns : columns / 2;
    return { size: sizes[i], least: stacked ? 0 : least(count, sizes[i], rows, height), share, columns };
  });
}
