// Which stretch of time is shown: from the query, else the last minutes up to now.
import { ask } from "./route.js";

export const SPANS = [
  ["15m", 900, "15 min"],
  ["1h", 3600, "1 h"],
  ["6h", 21_600, "6 h"],
  ["24h", 86_400, "24 h"],
  ["7d", 604_800, "7 d"],
];
const SHORTEST = 20;

/** `{from, to, at, live, seconds, name}`; `at` is the moment that is looked at, null for now. */
export function windowOf(query, now) {
  const at = number(query.at);
  const [from, to] = [number(query.from), number(query.to)];
  const [name, seconds] = SPANS.find(([key]) => key === query.span) ?? SPANS[0];
  if (from && to && to > from) {
    return { from, to: Math.min(to, Math.max(now, from + SHORTEST)), at, live: false, seconds: to - from, name: "" };
  }
  if (at && at < now - seconds) {
    return { from: at - seconds / 2, to: at + seconds / 2, at, live: false, seconds, name };
  }
  return { from: now - seconds, to: now, at, live: true, seconds, name };
}

function number(text) {
  const value = Number(text);
  return text && Number.isFinite(value) && value > 0 ? value : null;
}

const whole = (at) => Math.round(at * 10) / 10;

export const setSpan = (name) => ask({ span: name, from: null, to: null });
export const zoom = (from, to) => ask({ from: whole(from), to: whole(Math.max(to, from + SHORTEST)) });
export const zoomOut = () => ask({ from: null, to: null });
export const lookAt = (at, replace = true) => ask({ at: at && whole(at) }, replace);
export const backToNow = () => ask({ at: null, from: null, to: null });

/** Moves the whole stretch by a part of its length; never past now. */
export function pan(shown, part, now) {
  const to = Math.min(shown.to + shown.seconds * part, now);
  if (to >= now - 1) ask({ from: null, to: null });
  else ask({ from: whole(to - shown.seconds), to: whole(to) });
}
