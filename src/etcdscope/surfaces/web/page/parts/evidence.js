// What speaks for a cause and what against, and what it was told from.
import { html } from "../lib/dom.js";
import { known, spoken, value } from "../lib/format.js";
import { link } from "../lib/route.js";

export function Evidence({ list }) {
  if (!list?.length) return null;
  return html`<ul class="evidence">${list.map((one, i) => html`<${Fact} key=${i} fact=${one} />`)}</ul>`;
}

function Fact({ fact }) {
  const measured = known(fact.value) && typeof fact.value === "number";
  const name = `${spoken(fact.signal)}${fact.member ? ` of ${fact.member}` : ""}`;
  const from = [
    fact.says && measured && `${name} ${value(fact.value, fact.unit)}`,
    known(fact.limit) && `limit ${value(fact.limit, fact.unit)}`,
    fact.source,
  ];
  return html`<li class=${fact.for ? "is-for" : "is-against"}>
    <svg width="14" height="14" viewBox="0 0 14 14" role="img" aria-label=${fact.for ? "for" : "against"}><circle cx="7" cy="7" r="6" /><path d=${fact.for ? "M4 7h6M7 4v6" : "M4 7h6"} /></svg>
    <span>
      <span class="fact-say">${fact.says ?? html`${name} <b class="tnum">${value(fact.value, fact.unit)}</b>`}</span>
      <span class="fact-from">${from.filter(Boolean).join(" · ")}</span>
    </span>
  </li>`;
}

/** A cause by its id, as a link to its manual page. */
export const Cause = ({ id }) => html`<a class="cause" href=${link(["catalogue", id])}>${id}</a>`;
