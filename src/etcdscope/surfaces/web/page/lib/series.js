// The numbers of one chart: loaded once, then only what is new, and no more than is shown.
import { range } from "./ranges.js";

// The agent keeps a value every five seconds.
const SLOT = 5;
const POINTS = 300;
// The newest values are asked for again: a slot that was not over yet has another one now.
const UNSURE_SLOTS = 2;

/** A line is a member's, or a member's towards one peer or place. */
const keyOf = (line) => `${line.member} ${line.key ?? ""}`;

export class Series {
  /** `member`: whose lines alone are kept; empty for all. */
  constructor(cluster, id, member = "") {
    Object.assign(this, { cluster, id, member, at: [], lines: [], unit: "", limit: null, source: "" });
    this.loaded = false;
    this.step = SLOT;
  }

  /** What tells the lines apart, to see whether there are others now. */
  get names() {
    return this.lines.map(keyOf).join();
  }

  /** All of a stretch of time. */
  async load(from, to) {
    const step = Math.max(SLOT, Math.ceil((to - from) / POINTS / SLOT) * SLOT);
    const said = await this.#ask(from, to, step);
    const { at, lines, unit, limit, source } = said;
    Object.assign(this, { step, at, lines, unit, limit, source, loaded: true });
  }

  /** What came since; what is older than `from` goes. */
  async follow(from, to) {
    const sure = (this.at.at(-1) ?? from) - UNSURE_SLOTS * this.step;
    if (to - sure < this.step) return;
    if (sure < from) await this.load(from, to);
    else this.#append(await this.#ask(sure, to, this.step));
    this.#forget(from - this.step);
  }

  #append(said) {
    this.limit = said.limit;
    const keep = said.at.length ? this.at.findIndex((at) => at >= said.at[0]) : -1;
    if (keep >= 0) this.#cut(keep);
    const known = new Set(this.lines.map(keyOf));
    for (const line of said.lines) {
      if (!known.has(keyOf(line))) this.lines.push({ ...line, values: this.at.map(() => null) });
    }
    const fresh = new Map(said.lines.map((line) => [keyOf(line), line]));
    for (const line of this.lines) {
      line.values.push(...(fresh.get(keyOf(line))?.values ?? said.at.map(() => null)));
    }
    this.at.push(...said.at);
  }

  #cut(length) {
    this.at.length = length;
    for (const line of this.lines) line.values.length = length;
  }

  #forget(before) {
    const keep = this.at.findIndex((at) => at >= before);
    if (keep < 60) return; // not worth moving everything for
    this.at.splice(0, keep);
    for (const line of this.lines) line.values.splice(0, keep);
    this.lines = this.lines.filter((line) => line.values.some((value) => value !== null));
  }

  async #ask(from, to, step) {
    const said = await range(this.cluster, this.id, from, to, step);
    if (!this.member) return { ...said };
    return { ...said, lines: said.lines.filter((line) => line.member === this.member) };
  }
}
