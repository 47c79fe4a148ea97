// A part of a whole, as a bar with its figure.
import { html } from "../lib/dom.js";
import { known, share } from "../lib/format.js";
import { Num } from "./tip.js";

/** `part` and `inside` of `whole`; `tone` where it is too much. */
export function Bar({ part, inside, whole, what, still = false, text, source, at }) {
  if (!known(part) || !whole) return html`<span class="bar-none">–</span>`;
  const ratio = part / whole;
  const tone = ratio >= 0.95 ? "is-critical" : ratio >= 0.8 ? "is-warning" : "";
  return html`<span class="bar ${tone}">
    <i class="bar-track"><i class="bar-fill" style=${{ width: `${Math.min(1, ratio) * 100}%` }}></i>${known(inside) && html`<i class="bar-in" style=${{ width: `${Math.min(1, inside / whole) * 100}%` }}></i>`}</i>
    <${Num} text=${text ?? share(ratio)} what=${what} source=${source} at=${at} still=${still} />
  </span>`;
}
