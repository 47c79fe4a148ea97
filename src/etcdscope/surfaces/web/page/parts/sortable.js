// A table that is sorted by a click on a head.
import { html, memo, useMemo, useState } from "../lib/dom.js";

/** `columns`: `[head, field, say, isNumber]`; `say(row[field], row)` is what stands there. */
export const Sortable = memo(({ rows, columns, by, label, keyOf, most = 100 }) => {
  const [order, setOrder] = useState({ field: by, down: true });
  const [all, setAll] = useState(false);
  const sorted = useMemo(() => [...rows].sort((a, b) => compared(a[order.field], b[order.field], order.down)), [rows, order]);
  const shown = all ? sorted : sorted.slice(0, most);
  const turn = (field, isNumber) => setOrder((old) => ({ field, down: old.field === field ? !old.down : Boolean(isNumber) }));
  return html`<div class="table-box" tabindex="0" role="region" aria-label=${label}>
    <table class="sortable"><thead><tr>${columns.map(([head, field, , isNumber]) => html`<th scope="col" key=${field} class=${isNumber ? "is-number" : ""} aria-sort=${order.field === field ? (order.down ? "descending" : "ascending") : "none"}>
      <button type="button" onClick=${() => turn(field, isNumber)}>${head}<span aria-hidden="true">${order.field === field ? (order.down ? " ▾" : " ▴") : ""}</span></button></th>`)}</tr></thead>
    <tbody>${shown.map((row) => html`<tr key=${keyOf(row)}>${columns.map(([, field, say, isNumber], i) => (i ? html`<td key=${field} class=${isNumber ? "is-number" : ""}>${say ? say(row[field], row) : row[field]}</td>` : html`<th scope="row" key=${field}>${say ? say(row[field], row) : row[field]}</th>`))}</tr>`)}</tbody></table>
    ${sorted.length > shown.length && html`<button type="button" class="more" onClick=${() => setAll(true)}>${sorted.length - shown.length} more</button>`}
  </div>`;
});

function compared(a, b, down) {
  const [left, right] = down ? [b, a] : [a, b];
  if (typeof left === "string" || typeof right === "string") return String(left ?? "").localeCompare(String(right ?? ""));
  return (left ?? 0) - (right ?? 0);
}
