// The top bar: which plant, its clock, the connection, and the way of the messages.

import { chooser, placeName } from "./chooser.js";
import { el, setData, setText, setTitle } from "./dom.js";
import { NONE, day, duration, hm, hms, lag, number } from "./format.js";
import { words } from "./words.js";

function count(label, title) {
  const value = el("b", {}, NONE);
  return { node: el("span", { class: "count", title }, `${label} `, value), value };
}

export function bar(root, onLine) {
  const place = el("h1");
  const choice = chooser(onLine);
  const date = el("span", { class: "date" });
  const clock = el("b", { class: "clock", title: words.clockTitle });
  const speed = el("span", { class: "speed", title: words.speedTitle });
  const span = el("span", { class: "span" });
  const phase = el("span", { class: "phase" });
  const state = el("span", { class: "link", attributes: { role: "status" } });
  const counts = {
    sent: count(words.flow.sent),
    stored: count(words.flow.stored),
    way: count(words.flow.way, words.flow.wayTitle),
    lost: count(words.flow.lost),
    dead_letters: count(words.flow.dead_letters, words.flow.deadTitle),
    lag: count(words.flow.lag, words.flow.lagTitle),
  };
  const warning = el("span", { class: "warning" });
  const flow = el("p", { class: "flow" }, warning, ...Object.values(counts).map((item) => item.node));
  root.append(place, choice.node, el("p", { class: "time" }, date, clock, speed, phase, span), state, flow);
  let last = null;

  function link(name) {
    const from = name === "live" || last === null ? "" : ` · ${words.figuresFrom(hms(last.now_ms, last.zone))}`;
    setText(state, words.link[name] + from);
  }

  function draw(board) {
    last = board;
    setText(place, placeName(board.place));
    setTitle(place, board.place.join("/"));
    choice.show(board.place.join("/"));
    setText(date, day(board.now_ms, board.zone));
    setText(clock, hms(board.now_ms, board.zone));
    setText(speed, board.speed === 1 ? "" : words.speed(board.speed === null ? null : number(board.speed, board.speed % 1 ? 1 : 0)));
    setText(phase, board.phase in words.phase ? words.phase[board.phase] : "");
    const until = board.headline.until_ms;
    // Before the first figures there is nothing but dashes: the bar says that they are on their way.
    const computing = until === null && board.steps.length && board.phase !== "history" && board.phase !== "ended";
    setText(span, until !== null ? words.headline.title(hm(until, board.zone)) : computing ? words.headline.computing : "");
    const f = board.flow;
    const put = f.sent === null || f.stored === null ? null : Math.max(0, f.sent - f.stored - (f.dead_letters ?? 0));
    setText(counts.sent.value, number(f.sent));
    setText(counts.stored.value, number(f.stored));
    setText(counts.way.value, number(put));
    setText(counts.lost.value, number(f.lost));
    counts.lost.node.hidden = f.lost === null;
    counts.way.node.hidden = f.lost !== null;
    setText(counts.dead_letters.value, number(f.dead_letters));
    setText(counts.lag.value, lag(f.lag_ms));
    setData(counts.lost.node, "bad", f.lost ? "" : null);
    setData(counts.dead_letters.node, "bad", f.dead_letters ? "" : null);
    // While the history is built, being behind is the normal state, and the phase says it.
    const behind = f.behind_ms === null || board.phase === "history" ? "" : words.flow.behind(duration(f.behind_ms));
    setText(warning, f.connected === false && board.phase !== "ended" ? words.flow.broker : behind);
  }

  function lines(found) {
    choice.lines(found);
    setData(root, "lines", choice.many ? "many" : null);
  }

  return { link, draw, lines };
}
