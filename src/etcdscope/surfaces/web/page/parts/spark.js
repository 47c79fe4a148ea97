// A line of a word's size.
import { html, memo } from "../lib/dom.js";
import { known, millis } from "../lib/format.js";

const W = 96;
const H = 20;

/** `values`: newest last; a null is a gap. `least`: what the top is at least, so that noise stays flat. */
export const Spark = memo(({ values, label, least = 0.02 }) => {
  const seen = (values ?? []).filter(known);
  if (!seen.length) return html`<svg class="spark" width=${W} height=${H} aria-hidden="true"></svg>`;
  const top = Math.max(least, ...seen);
  const step = W / Math.max(1, values.length - 1);
  let line = "";
  let pen = "M";
  values.forEach((value, i) => {
    if (!known(value)) return void (pen = "M");
    line += `${pen}${(i * step).toFixed(1)} ${(H - 2 - (value / top) * (H - 4)).toFixed(1)}`;
    pen = "L";
  });
  return html`<svg class="spark" width=${W} height=${H} viewBox="0 0 ${W} ${H}" role="img" aria-label=${`${label}: last ${millis(seen.at(-1))}, at most ${millis(Math.max(...seen))}`}>
    <path d=${line} />
  </svg>`;
});
