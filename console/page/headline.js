// The line's figures of the last hour: value, unit, how it went in the last 24 h, and what the day was.

import { el, setData, setText, setTitle } from "./dom.js";
import { NONE, measure, number, percent } from "./format.js";
import { spark } from "./spark.js";
import { words } from "./words.js";

const RATIOS = ["line_oee", "oee", "availability", "effectiveness", "quality"];

function figure(name, small) {
  const value = el("b", { class: "value" }, NONE);
  const unit = el("span", { class: "unit" });
  const context = el("p", { class: "context" });
  const trend = spark();
  const node = el(
    "div",
    { class: small ? "figure small" : "figure", title: words.headline[`${name}_title`] },
    el("h2", {}, words.headline[name]),
    el("p", { class: "reading" }, value, unit),
    trend.node,
    context,
  );
  setData(node, "figure", name);
  return { node, value, unit, context, trend };
}

// The parts of the unit cost as one slim bar; what is brought back by scrap is told, not drawn: it is less than nothing.
function costBar() {
  const bar = el("div", { class: "stack", attributes: { "aria-hidden": "true" } });
  const legend = el("ul", { class: "legend" });
  const parts = Object.entries(words.parts).map(([name, word]) => {
    const piece = el("span");
    const amount = el("b");
    const item = el("li", {}, el("i"), `${word} `, amount);
    setData(piece, "part", name);
    setData(item, "part", name);
    bar.append(piece);
    legend.append(item);
    return { name, piece, amount, item };
  });
  return {
    nodes: [bar, legend],
    draw(costs) {
      for (const { name, piece, amount, item } of parts) {
        const cost = costs[name];
        item.hidden = cost === undefined;
        piece.hidden = !(cost > 0);
        piece.style.flexGrow = String(Math.max(0, cost ?? 0));
        setText(amount, measure(cost ?? null));
      }
    },
  };
}

export function headline(root) {
  const cards = Object.fromEntries([...RATIOS, "unit_cost", "units", "energy_kwh"].map((name) => [name, figure(name, RATIOS.indexOf(name) > 1)]));
  const cost = costBar();
  const costs = el("div", { class: "costs" }, cards.unit_cost.node, el("div", { class: "parts" }, ...cost.nodes));
  const fleet = el("div", { class: "factors" }, ...RATIOS.slice(1).map((name) => cards[name].node));
  root.append(cards.line_oee.node, fleet, costs, cards.units.node, cards.energy_kwh.node);
  let past = null;
  let board = null;

  function context(name, now, before) {
    if (before === null || before === undefined) return "";
    const move = now === null || now === undefined ? 0 : now - before;
    const sign = Math.abs(move) < 0.0005 ? "" : move > 0 ? " ▲" : " ▼";
    return `${words.headline.day} ${percent(before)}${sign && `${sign} ${percent(Math.abs(move))}`}`;
  }

  function draw(next) {
    board = next;
    const { line, site, late } = board.headline;
    const day = past?.day;
    setData(root, "late", late ? "" : null);
    for (const name of RATIOS) {
      setText(cards[name].value, percent(line[name]));
      setText(cards[name].unit, "%");
      setText(cards[name].context, context(name, line[name], day?.[name]));
    }
    const constraint = board.steps.find((step) => step.constraint);
    if (constraint) setTitle(cards.line_oee.node, `${words.headline.line_oee_title} (${words.headline.at(constraint.name)})`);
    const money = board.currency ?? "";
    const pay = (value) => `${measure(value)} ${money}`;
    setText(cards.unit_cost.value, measure(line.unit_cost));
    setText(cards.unit_cost.unit, `${money}/${words.headline.perUnit}`);
    setText(cards.unit_cost.context, `${words.headline.day} ${measure(day?.unit_cost)} · ${words.headline.site} ${pay(site.unit_cost)}`);
    cost.draw(line.parts);
    setText(cards.units.value, number(line.units));
    setText(cards.units.unit, `/${words.headline.perHour}`);
    setText(cards.units.context, `${words.headline.day} ${number(day?.units)}`);
    setText(cards.energy_kwh.value, number(line.energy_kwh));
    setText(cards.energy_kwh.unit, "kWh");
    const each = line.units ? line.energy_kwh / line.units : null;
    setText(cards.energy_kwh.context, `${measure(each)} kWh/${words.headline.perUnit} · ${words.headline.site} ${number(site.energy_kwh)}`);
    trends();
  }

  function trends() {
    if (past === null || board === null) return;
    const now = board.headline.line;
    for (const name of RATIOS) cards[name].trend.draw(past.line[name], now[name], { least: 0.1, floor: 0, ceiling: 1 });
    cards.unit_cost.trend.draw(past.line.unit_cost, now.unit_cost, { least: (now.unit_cost ?? 1) * 0.1 });
    cards.units.trend.draw(past.line.units, now.units, { least: 10, floor: 0 });
    cards.energy_kwh.trend.draw(past.line.energy_kwh, now.energy_kwh, { least: (now.energy_kwh ?? 1) * 0.2, floor: 0 });
  }

  return {
    draw,
    history(history) {
      past = history;
      if (board !== null) draw(board);
    },
  };
}
