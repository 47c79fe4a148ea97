// The key space as rectangles: resources, and the namespaces within each.
import { html, memo, useMemo } from "../lib/dom.js";
import { count, share, size } from "../lib/format.js";
import { squarify } from "../lib/squarify.js";
import { useWidth } from "./lanes.js";
import { hide, show } from "./tip.js";

const HEIGHT = 420;
const HEAD = 19;
// What is smaller cannot be hit or read.
const LEAST = 3;

/** `tile`: `{name, keys, bytes, churn, children}`; `by`: which of the three makes the area. */
export const Treemap = memo(({ tile, by, onOpen }) => {
  const [ref, width] = useWidth();
  const height = width < 500 ? 340 : HEIGHT;
  const tiles = useMemo(() => laid(tile.children, by, { x: 0, y: 0, w: width, h: height }), [tile, by, width, height]);
  const total = tile[by] || 1;
  return html`<div class="treemap" ref=${ref} style=${{ height: `${height}px` }} role="group" aria-label=${`${tile.name || "all keys"} by ${by}`}>
    ${tiles.map((one) => html`<${Tile} key=${one.name} one=${one} by=${by} total=${total} onOpen=${onOpen} />`)}
  </div>`;
});

function laid(children, by, box) {
  const items = children.map((child) => ({ ...child, value: child[by] })).filter((child) => child.value > 0);
  items.sort((a, b) => b.value - a.value);
  return squarify(items, box).filter((one) => one.w > LEAST && one.h > LEAST);
}

const said = (one, by) => (by === "bytes" ? size(one.bytes) : `${count(one[by])}${by === "keys" ? " keys" : " writes"}`);

function Tile({ one, by, total, onOpen }) {
  const part = one.value / total;
  const lines = () => [
    [one.name || "without a namespace", `${said(one, by)}, ${share(part)}`],
    ["keys", count(one.keys)],
    ["size", size(one.bytes)],
    ["writes", count(one.churn)],
  ];
  const on = { onMouseEnter: (event) => show(event.currentTarget, lines), onMouseLeave: hide, onFocus: (event) => show(event.currentTarget, lines), onBlur: hide };
  const inner = one.children?.length && one.w > 60 && one.h > 50 ? laid(one.children, by, { x: 0, y: HEAD, w: one.w - 2, h: one.h - HEAD - 2 }) : [];
  const place = { left: `${one.x}px`, top: `${one.y}px`, width: `${one.w - 1}px`, height: `${one.h - 1}px` };
  const label = `${one.name || "without a namespace"}: ${said(one, by)}, ${share(part)}`;
  const weight = Math.min(4, Math.floor(part * 12));
  return html`<button type="button" class=${`tile weight-${weight}`} style=${place} aria-label=${label} aria-disabled=${!one.children?.length} onClick=${() => one.children?.length && (hide(), onOpen(one))} ...${on}>
    ${one.w > 44 && one.h > 16 && html`<span class="tile-name">${one.name || "–"}</span>`}
    ${one.w > 90 && one.h > 34 && !inner.length && html`<span class="tile-size tnum">${said(one, by)}</span>`}
    ${inner.map((child) => html`<i key=${child.name} class="tile-in" style=${{ left: `${child.x}px`, top: `${child.y}px`, width: `${child.w - 1}px`, height: `${child.h - 1}px` }}>${child.w > 46 && child.h > 16 && html`<span>${child.name || "–"}</span>`}</i>`)}
  </button>`;
}
