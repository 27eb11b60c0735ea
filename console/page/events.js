// The stops: those that last first, then the newest, each with its cause, its time and what it cost.

import { el, setData, setText, setTitle } from "./dom.js";
import { duration, hm, measure, number } from "./format.js";
import { icon } from "./icons.js";
import { words } from "./words.js";

function makeItem(onChoose) {
  const sign = icon();
  const name = el("b", { class: "name" });
  const took = el("span", { class: "took" });
  const what = el("span", { class: "what" });
  const loss = el("span", { class: "loss", title: words.events.lost });
  const start = el("span", { class: "start" });
  const button = el(
    "button",
    { attributes: { type: "button" } },
    el("span", { class: "head" }, sign.node, name, took),
    what,
    el("span", { class: "foot" }, start, loss),
  );
  const node = el("li", {}, button);
  let path = null;
  button.addEventListener("click", () => onChoose(path));
  return {
    node,
    draw(event, board) {
      path = event.path;
      setData(node, "look", event.look);
      setData(node, "lasts", event.lasts ? "" : null);
      sign.show(event.look);
      setText(name, event.name);
      const end = event.end_ms ?? (event.lasts ? board.now_ms : null);
      setText(took, duration(end === null ? null : end - event.start_ms));
      const why = [words.reasons[event.reason] ?? event.reason, event.cause].filter(Boolean).join(", ");
      setText(what, [words.states[event.look] ?? event.state, why].filter(Boolean).join(": "));
      setText(start, event.lasts ? words.events.since(hm(event.start_ms, board.zone)) : hm(event.start_ms, board.zone));
      const units = event.units ? words.events.units(event.units) : "";
      const cost = event.cost === null ? "" : `${measure(event.cost)} ${board.currency ?? ""}`;
      setText(loss, [units, cost].filter(Boolean).join(" · "));
      setTitle(what, what.textContent);
    },
  };
}

export function events(root, onChoose) {
  const title = el("h2", {}, words.events.title);
  const none = el("p", { class: "empty" }, words.events.none);
  const list = el("ol");
  const short = el("p", { class: "empty" });
  const node = el("section", { class: "events" }, title, none, list, short);
  const items = [];
  root.append(node);
  return {
    draw(board) {
      none.hidden = board.phase === "ended" || board.events.some((event) => event.lasts);
      short.hidden = !board.short_stops;
      setText(short, words.events.short(number(board.short_stops)));
      while (items.length < board.events.length) {
        items.push(makeItem(onChoose));
        list.append(items.at(-1).node);
      }
      while (items.length > board.events.length) items.pop().node.remove();
      board.events.forEach((event, index) => items[index].draw(event, board));
    },
    hide(hidden) {
      node.hidden = hidden;
    },
  };
}
