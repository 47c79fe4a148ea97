// Numbers and times in words that people read; the same words as in the terminal.

const NBSP = "\u00a0";
const SPANS = [
  [0.00095, 1e-3, 1, "ms"],
  [0.9995, 1e-3, 0, "ms"],
  [9.95, 1, 1, "s"],
  [119.5, 1, 0, "s"],
  [7170, 60, 0, "min"],
  [48 * 3600, 3600, 1, "h"],
  [Infinity, 86400, 0, "d"],
];
const SIZES = [
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
];

export const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

/** A span as people say it: 0.4 ms, 412 ms, 1.4 s, 38 s, 9 min, 3.5 h, 12 d. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "for ever";
  if (seconds === 0) return `0${NBSP}ms`;
  const [, worth, digits, unit] = SPANS.find(([below]) => Math.abs(seconds) < below) ?? SPANS[6];
  return `${(seconds / worth).toFixed(digits)}${NBSP}${unit}`;
}

/** Milliseconds with one digit below ten: what round trips and disks are compared by. */
export function millis(seconds) {
  if (seconds >= 0.9995) return duration(seconds);
  return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)}${NBSP}ms`;
}

export function size(octets) {
  for (const [worth, unit] of SIZES) {
    if (Math.abs(octets) >= worth * 0.9995) {
      const number = octets / worth;
      return `${number.toFixed(Math.abs(number) < 9.95 ? 1 : 0)}${NBSP}${unit}`;
    }
  }
  return `${octets.toFixed(0)}${NBSP}B`;
}

/** A number with its thousands apart; decimals only where it has some. */
export function count(number) {
  if (!Number.isFinite(number)) return "without end";
  if (!Number.isInteger(number)) return String(Number(number.toPrecision(3)));
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function share(ratio) {
  const percent = 100 * ratio;
  return percent > 0 && percent < 0.5 ? `<${NBSP}1${NBSP}%` : `${percent.toFixed(0)}${NBSP}%`;
}

export function rate(number) {
  if (number > 0 && number < 0.95) return `${Number(number.toPrecision(2))}/s`;
  return `${count(Number(number.toFixed(number < 9.95 ? 1 : 0)))}/s`;
}

const SAID = { s: millis, B: size, "B/s": (number) => `${size(number)}/s`, ratio: share, "1/s": rate, "": count, count, "unix s": moment };

/** A measured value with its unit; words stay words. */
export function value(number, unit = "") {
  if (!known(number)) return "unknown";
  if (typeof number === "string") return number || "none";
  const say = SAID[unit];
  return say ? say(number) : `${count(number)}${NBSP}${unit}`;
}

const two = (number) => String(number).padStart(2, "0");

/** Unix seconds of a time that comes as such or as ISO-8601. */
export function unix(time) {
  return typeof time === "string" ? Date.parse(time) / 1000 : time;
}

export function clock(at) {
  const time = new Date(unix(at) * 1000);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

export const minute = (at) => clock(at).slice(0, 5);

export function day(at) {
  const time = new Date(unix(at) * 1000);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

export function moment(at) {
  return `${day(at)} ${minute(at)}`;
}

/** The time of day, with the date where it is not today. */
export function when(at, now = Date.now() / 1000) {
  return day(at) === day(now) ? clock(at) : `${day(at)} ${clock(at)}`;
}

export function ago(seconds) {
  return seconds < 1 ? "just now" : `${duration(seconds)} ago`;
}

/** How sure we are, in words; the figure is for the tooltip. */
export function certainty(confidence) {
  if (confidence >= 0.9) return "almost certain";
  return confidence >= 0.7 ? "likely" : "one of several possible causes";
}

/** `wal_fsync_p90` is "WAL fsync p90". */
export function spoken(name) {
  const capitals = { wal: "WAL", db: "database", rtt: "RTT", grpc: "gRPC", fds: "descriptors" };
  return name.split("_").map((word) => capitals[word] ?? word).join(" ");
}

/** A name of at most so many letters; its end is kept, since members of a cluster begin alike. */
export function short(name, most) {
  if (name.length <= most) return name;
  const tail = Math.ceil((most - 1) * 0.65);
  return `${name.slice(0, most - 1 - tail)}…${name.slice(-tail)}`;
}

export function plural(number, one, more = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : more}`;
}

/** What a subject of the contract is called. */
export function subject(about) {
  if (!about) return "";
  const { kind } = about;
  if (kind === "cluster") return "the cluster";
  if (kind === "self") return "etcdscope";
  if (kind === "link") return `${about.from} → ${about.to}`;
  if (kind === "member" || kind === "endpoint") return about[kind] ?? "";
  return `${kind} ${about[kind] ?? ""}`.trim();
}
