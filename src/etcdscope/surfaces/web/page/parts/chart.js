// One small multiple: lines of members over time, with its limit, its gaps and a shared crosshair.
import uPlot from "../vendor/uplot.js";
import { html, memo, names, useEffect, useRef, useState } from "../lib/dom.js";
import { everySecond, now } from "../lib/clock.js";
import { clock, known, value } from "../lib/format.js";
import { palette } from "../lib/palette.js";
import { drawGaps, drawLimit, drawMoments, drawNames, gaps, heights, patience } from "../lib/plot.js";
import { Series } from "../lib/series.js";
import { zoom, zoomOut } from "../lib/span.js";
import { onTheme } from "../lib/theme.js";
import { ticks } from "../lib/ticks.js";

const HEIGHT = 112;
const LEFT = 50;
const RIGHT = 42;
// A tail every five seconds, of all charts in the same one: that is one question.
const FOLLOW_SECONDS = 5;
// More values than these do not fit beside a title.
const MOST_READ = 3;
// The chart that a drag began in.
let dragged = null;

/** A live one slides by itself. `member`: whose lines alone; `events`: moments that are marked. */
export const Chart = memo(({ cluster, chart, from, to, at, live, seconds, member, events, height = HEIGHT }) => {
  const box = useRef(null);
  const readout = useRef(null);
  const plot = useRef(null);
  const [state, setState] = useState({ loaded: false, error: null, empty: false, say: "" });
  const span = live ? `live ${seconds}` : `${from} ${to}`;

  useEffect(() => {
    plot.current = new Plot(box.current, readout.current, { cluster, chart, height, member, events, told: setState });
    return () => plot.current.destroy();
  }, [cluster, chart.id, member]);
  useEffect(() => {
    plot.current.show({ from, to, live, seconds });
  }, [cluster, chart.id, member, span]);
  useEffect(() => {
    plot.current.moment(at);
  }, [at]);

  return html`<figure class="chart" data-chart=${chart.id}>
    <figcaption><span class="chart-title">${chart.title}</span><span class="chart-read tnum" ref=${readout}></span></figcaption>
    <div class=${names("chart-box", state.empty && "is-empty")} ref=${box} role="img" aria-label=${`${chart.title}: ${state.say || "no values yet"}`} style=${{ height: `${height}px` }}>
      ${!state.loaded && !state.error && html`<span class="bone chart-bone"></span>`}
      ${state.error && html`<p class="chart-none">${state.error.message}</p>`}
      ${state.loaded && state.empty && html`<p class="chart-none"><span>Nothing was seen in this time.</span></p>`}
    </div>
  </figure>`;
});

/** The drawing itself, outside of the tree of views: once a second is too often for a diff. */
class Plot {
  constructor(box, readout, { cluster, chart, height, member, events, told }) {
    Object.assign(this, { box, readout, chart, height, events, told });
    this.series = new Series(cluster, chart.id, member);
    this.seen = true;
    this.followed = 0;
    this.stops = [
      everySecond(() => this.tick()),
      onTheme(() => this.rebuild()),
    ];
    this.sight = new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting;
      if (this.seen) this.tick();
    }, { rootMargin: "120px" });
    this.sight.observe(box);
    this.size = new ResizeObserver(([entry]) => this.resize(Math.floor(entry.contentRect.width)));
    this.size.observe(box);
  }

  destroy() {
    for (const stop of this.stops) stop();
    this.sight.disconnect();
    this.size.disconnect();
    this.u?.destroy();
    this.u = null;
    this.gone = true;
  }

  async show(shown) {
    this.shown = shown;
    await this.#load(() => this.series.load(...this.range().map(Math.floor)));
  }

  moment(at) {
    this.at = at;
    this.u?.redraw(false);
  }

  async tick() {
    if (!this.seen || !this.shown?.live || this.gone) return;
    const to = Math.floor(now());
    if (!this.busy && to - this.followed >= FOLLOW_SECONDS && to % FOLLOW_SECONDS === 0) {
      this.followed = to;
      await this.#load(() => this.series.follow(to - this.shown.seconds, to));
    } else this.draw();
  }

  async #load(ask) {
    const turn = (this.busy = Symbol("load"));
    try {
      await ask();
      this.broken = null;
    } catch (error) {
      this.broken = this.series.loaded ? null : error; // old lines say more than an error
    }
    if (this.gone || this.busy !== turn) return; // something else is shown by now
    this.busy = null;
    this.draw();
  }

  range() {
    const to = this.shown.live ? now() : this.shown.to;
    return this.shown.live ? [to - this.shown.seconds, to] : [this.shown.from, to];
  }

  draw() {
    this.#say();
    if (!this.series.loaded || !this.width) return;
    if (!this.u || this.series.names !== this.names) this.rebuild();
    const [min, max] = this.range();
    this.patience = patience(this.series.at, this.series.lines, this.series.step);
    this.stretches = gaps(this.series.at, this.series.lines, this.patience, [min, Math.min(max, now())]);
    this.u.batch(() => {
      this.u.setData([this.series.at, ...this.series.lines.map((line) => line.values)], false);
      this.u.setScale("x", { min, max });
    });
  }

  /** Tells the view only what has changed in words. */
  #say() {
    const lines = this.series.lines;
    const empty = !lines.some((line) => line.values.some(known));
    const say = lines.map((line) => `${called(line)} ${value(line.values.findLast(known), this.series.unit)}`).join(", ");
    const key = `${this.series.loaded} ${empty} ${this.broken?.message} ${say}`;
    if (key === this.said) return;
    this.said = key;
    this.told({ loaded: this.series.loaded, error: this.broken, empty, say });
    this.rest();
  }

  /** What stands beside the title while nobody points: the limit. */
  rest() {
    const { limit, unit } = this.series;
    this.readout.textContent = limit ? `limit ${value(limit.value, unit)}` : "";
  }

  resize(width) {
    if (width === this.width || width <= 0) return;
    this.width = width;
    if (this.u) this.u.setSize({ width, height: this.height });
    else if (this.shown) this.draw();
  }

  rebuild() {
    if (!this.width || !this.series.loaded) return;
    this.u?.destroy();
    this.names = this.series.names;
    this.u = new uPlot(this.#options(), [[], ...this.series.lines.map(() => [])], this.box);
    this.u.root.setAttribute("aria-hidden", "true");
    this.u.over.addEventListener("mousedown", () => (dragged = this));
    const [min, max] = this.range();
    this.u.batch(() => {
      this.u.setData([this.series.at, ...this.series.lines.map((line) => line.values)], false);
      this.u.setScale("x", { min, max });
    });
  }

  #options() {
    const colours = palette();
    const { lines, unit, limit } = this.series;
    const font = '11px system-ui, -apple-system, "Segoe UI", sans-serif';
    return {
      width: this.width,
      height: this.height,
      padding: [6, RIGHT, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "time", setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 5 },
        y: false,
        bind: { dblclick: () => () => zoomOut() },
      },
      scales: { x: { time: true, auto: false }, y: { range: heights(limit) } },
      axes: [
        {
          stroke: colours.axis, font, size: 20, gap: 4, grid: { show: false }, ticks: { show: false },
          splits: (u, _, min, max) => ticks(min, max, u.bbox.width / devicePixelRatio).map((tick) => tick.at),
          values: (u, splits) => labels(u, splits),
        },
        {
          stroke: colours.axis, font, size: LEFT, gap: 6, space: 34, ticks: { show: false },
          grid: { stroke: colours.line, width: 1 },
          values: (u, splits) => splits.map((split) => (split ? value(split, unit).replace(/\.0(?=\D)/, "") : "0")),
        },
      ],
      series: [{}, ...lines.map((line) => ({ stroke: colours.members[line.mark % 7], width: 1.5, spanGaps: false, gaps: (u, _, from, to, found) => this.#real(u, found), points: { show: false } }))],
      hooks: {
        drawAxes: [(u) => drawLimit(u, limit)],
        draw: [(u) => { drawGaps(u, this.stretches ?? []); drawNames(u, this.series.lines); drawMoments(u, this.at ? [this.at] : [], this.events); }],
        setSelect: [(u) => this.#zoom(u)],
        setCursor: [(u) => this.#read(u)],
      },
    };
  }

  /** A gap in a line is one only if values are missing, not if they are seldom. */
  #real(u, found) {
    const { min, max } = u.scales.x;
    const most = (this.patience / (max - min)) * u.bbox.width;
    return found.filter(([from, to]) => to - from > most);
  }

  #zoom(u) {
    if (dragged !== this || u.select.width < 6) return; // the others only follow
    const [from, to] = [u.select.left, u.select.left + u.select.width].map((x) => u.posToVal(x, "x"));
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    zoom(from, to);
  }

  #read(u) {
    const { idx } = u.cursor;
    if (idx === null || idx === undefined || u.cursor.left < 0) return this.rest();
    const lines = this.series.lines.filter((line) => known(line.values[idx]));
    lines.sort((a, b) => b.values[idx] - a.values[idx]);
    const said = lines.slice(0, MOST_READ).map((line) => `${called(line)} ${value(line.values[idx], this.series.unit)}`);
    this.readout.textContent = `${clock(this.series.at[idx])}  ${said.join("  ")}${lines.length > MOST_READ ? " …" : ""}`;
  }
}

function called(line) {
  return line.key ? `${line.name} ${line.key}` : line.name;
}

function labels(u, splits) {
  const { min, max } = u.scales.x;
  const called = new Map(ticks(min, max, u.bbox.width / devicePixelRatio).map((tick) => [tick.at, tick.text]));
  return splits.map((split) => called.get(split) ?? "");
}
