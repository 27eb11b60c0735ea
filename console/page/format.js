// Numbers, durations and clocks as people read them. null is "–": undefined is not zero.

import { words } from "./words.js";

export const NONE = "–";
const formats = new Map();

export function number(value, digits = 0) {
  if (value === null || value === undefined) return NONE;
  if (!formats.has(digits)) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    formats.set(digits, new Intl.NumberFormat(words.locale, options));
  }
  return formats.get(digits).format(value === 0 ? 0 : value).replace("-", "−");
}

// Three or four figures are what an eye takes in: 1,052 and 98.2 and 0.42.
export function digitsFor(value) {
  const size = Math.abs(value ?? 0);
  return size >= 1000 ? 0 : size >= 10 ? 1 : 2;
}

export const measure = (value) => number(value, digitsFor(value));
export const percent = (value, digits = 1) => number(value === null ? null : value * 100, digits);

export function duration(ms) {
  if (ms === null || ms === undefined) return NONE;
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 48) return `${h} h ${String(min % 60).padStart(2, "0")}`;
  return `${Math.floor(h / 24)} d ${h % 24} h`;
}

export function lag(ms) {
  if (ms === null || ms === undefined) return NONE;
  return ms < 1000 ? `${number(ms)} ms` : `${number(ms / 1000, 1)} s`;
}

const clocks = new Map();

function clockFormat(zone, options, key) {
  if (!clocks.has(key + zone)) {
    clocks.set(key + zone, new Intl.DateTimeFormat(words.locale, { timeZone: zone ?? undefined, hourCycle: "h23", ...options }));
  }
  return clocks.get(key + zone);
}

const HM = { hour: "2-digit", minute: "2-digit" };
const DAY = { weekday: "short", day: "numeric", month: "short", year: "numeric" };

export const hm = (ms, zone) => (ms === null ? NONE : clockFormat(zone, HM, "hm").format(ms));
export const hms = (ms, zone) => (ms === null ? NONE : clockFormat(zone, { ...HM, second: "2-digit" }, "hms").format(ms));
export const day = (ms, zone) => (ms === null ? "" : clockFormat(zone, DAY, "day").format(ms));
