// The page: what comes over the connection goes to the parts that draw it.

import { bar } from "./bar.js";
import { detail } from "./detail.js";
import { setText } from "./dom.js";
import { events } from "./events.js";
import { headline } from "./headline.js";
import { line } from "./line.js";
import { connect } from "./live.js";
import { go, line as chosenLine, machine } from "./place.js";
import { words } from "./words.js";

const part = (id) => document.getElementById(id);

// Closing a panel leads back to the line that it stands in.
const choose = (path) => go(path ?? chosenLine());

const top = bar(part("bar"), go);
const figures = headline(part("headline"));
const tiles = line(part("line"), (path) => choose(path === machine() ? null : path));
const list = events(part("side"), choose);
const panel = detail(part("side"), () => choose(null));
let latest = null;
let watched = chosenLine();
let opener = null; // the button that had the focus when the panel was opened

// The keyboard goes with the panel: into it when the list of stops, and with it the pressed button, makes room for it,
// and back to that button when it closes.
function follow() {
  const open = machine() !== null;
  if (open && opener === null && document.activeElement !== document.body) opener = document.activeElement;
  tiles.choose(machine());
  list.hide(open);
  panel.show(machine(), latest);
  if (open && opener?.checkVisibility() === false) panel.focus();
  if (!open) {
    if (!document.activeElement?.matches("select")) opener?.focus(); // who chose another line goes on choosing
    opener = null;
  }
}

// Another line is another stream. The board that is still shown stays until the first of the other comes.
function watch() {
  const next = chosenLine();
  if (next === watched) return;
  watched = next;
  if (next === null || next !== latest?.place.join("/")) stream.again();
}

addEventListener("hashchange", () => {
  follow();
  watch();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && machine() !== null) choose(null);
});

const address = () => (watched === null ? "events" : `events?line=${encodeURIComponent(watched)}`);
const stream = connect(address, {
  onState(state) {
    document.body.dataset.link = state;
    top.link(state);
  },
  onLines: top.lines,
  onHistory(history) {
    figures.history(history);
    tiles.history(history);
  },
  onBoard(board) {
    latest = board;
    const problem = part("problem");
    problem.hidden = board.problem === null;
    setText(problem, board.problem === null ? "" : words.problem(board.problem));
    const stopped = board.events.filter((event) => event.lasts).length;
    const name = board.place.length ? `${board.place.at(-1)} · ${words.title}` : words.title;
    document.title = stopped ? `(${stopped}) ${name}` : name;
    top.draw(board);
    figures.draw(board);
    tiles.draw(board);
    list.draw(board);
    panel.draw(board);
  },
});
follow();
