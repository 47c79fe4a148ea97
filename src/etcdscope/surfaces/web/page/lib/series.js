// The numbers of one chart: loaded once, then only what is new, and no more than is shown.
import { get, path } from "./api.js";

// The agent keeps a value every five seconds.
const SLOT = 5;
const POINTS = 300;

/** A line is a member's, or a member's towards one peer or place. */
const keyOf = (line) => `${line.member} ${line.key ?? ""}`;

export class Series {
  /** `member`: whose lines alone are kept; empty for all. */
  constructor(cluster, id, member = "") {
    this.cluster = cluster;
    this.id = id;
    this.member = member;
    this.clear();
  }

  clear() {
    this.at = [];
    this.lines = [];
    this.unit = "";
    this.limit = null;
    this.source = "";
    this.error = null;
    this.loaded = false;
    this.step = SLOT;
  }

  /** All of a stretch of time. */
  async load(from, to, signal) {
    const step = Math.max(SLOT, Math.ceil((to - from) / POINTS / SLOT) * SLOT);
    const said = await this.#ask(from, to, step, signal);
    Object.assign(this, { step, at: said.at, lines: said.lines, unit: said.unit, limit: said.limit, source: said.source, loaded: true });
  }

  /** What came since; what is older than `from` goes. */
  async follow(from, to, signal) {
    const last = this.at.at(-1) ?? from;
    if (to - last < this.step) return;
    if (to - last > to - from) return this.load(from, to, signal);
    const said = await this.#ask(last + 0.001, to, this.step, signal);
    this.limit = said.limit;
    this.#append(said);
    this.#forget(from - this.step);
  }

  #append(said) {
    const begin = said.at.findIndex((at) => at > (this.at.at(-1) ?? -Infinity));
    if (begin < 0) return;
    const known = new Set(this.lines.map(keyOf));
    for (const line of said.lines) {
      if (known.has(keyOf(line))) continue;
      this.lines.push({ ...line, values: this.at.map(() => null) });
    }
    const fresh = new Map(said.lines.map((line) => [keyOf(line), line]));
    for (const line of this.lines) {
      const values = fresh.get(keyOf(line))?.values;
      for (let i = begin; i < said.at.length; i++) line.values.push(values?.[i] ?? null);
    }
    this.at.push(...said.at.slice(begin));
  }

  #forget(before) {
    const keep = this.at.findIndex((at) => at >= before);
    if (keep < 60) return; // not worth moving everything for
    this.at.splice(0, keep);
    for (const line of this.lines) line.values.splice(0, keep);
  }

  /** What tells the lines apart, to see whether there are others now. */
  get names() {
    return this.lines.map(keyOf).join();
  }

  async #ask(from, to, step, signal) {
    const query = { from: from.toFixed(3), to: to.toFixed(3), step };
    const said = await get(path(["clusters", this.cluster, "charts", this.id], query), signal);
    if (this.member) said.lines = said.lines.filter((line) => line.member === this.member);
    return said;
  }
}
