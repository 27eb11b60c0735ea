// The page: what comes over the connection goes to the parts that draw it.

import { bar } from "./bar.js";
import { detail } from "./detail.js";
import { setText } from "./dom.js";
import { events } from "./events.js";
import { headline } from "./headline.js";
import { line } from "./line.js";
import { connect } from "./live.js";
import { words } from "./words.js";

const part = (id) => document.getElementById(id);
// The hash names the machine whose panel is open, so that a link or the back button leads there.
function chosen() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    return null; // a hash that somebody typed
  }
}
const choose = (path) => {
  location.hash = path === null ? "" : encodeURIComponent(path);
};

const top = bar(part("bar"));
const figures = headline(part("headline"));
const tiles = line(part("line"), (path) => choose(path === chosen() ? null : path));
const list = events(part("side"), choose);
const panel = detail(part("side"), () => choose(null));
let latest = null;
let opener = null; // the button that had the focus when the panel was opened

// The keyboard goes with the panel: into it when the list of stops, and with it the pressed button, makes room for it,
// and back to that button when it closes.
function follow() {
  const open = chosen() !== null;
  if (open && opener === null && document.activeElement !== document.body) opener = document.activeElement;
  tiles.choose(chosen());
  list.hide(open);
  panel.show(chosen(), latest);
  if (open && opener?.checkVisibility() === false) panel.focus();
  if (!open) {
    opener?.focus();
    opener = null;
  }
}

addEventListener("hashchange", follow);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && chosen() !== null) choose(null);
});

connect("events", {
  onState(state) {
    document.body.dataset.link = state;
    top.link(state);
  },
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
