// Every cause that is known, and the manual page of each.
import { html } from "../lib/dom.js";
import { path } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { ask, link } from "../lib/route.js";
import { Command } from "../parts/copy.js";
import { Cause } from "../parts/evidence.js";
import { Empty, Failed, Loading } from "../parts/states.js";

export function View({ params, query }) {
  return params.entry ? html`<${Entry} key=${params.entry} entry=${params.entry} />` : html`<${List} query=${query} />`;
}

function List({ query }) {
  const text = query.q ?? "";
  const { data, error } = useLoad("catalogue");
  if (error && !data) return html`<div class="wrap"><${Failed} error=${error} /></div>`;
  if (!data) return html`<div class="wrap"><${Loading} rows=${7} what="Loading the catalogue" /></div>`;
  const all = data.causes;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all.filter((one) => words.every((word) => `${one.id} ${one.family} ${one.summary}`.toLowerCase().includes(word)));
  const families = Object.entries(Object.groupBy ? Object.groupBy(shown, (one) => one.family) : grouped(shown));
  return html`<div class="wrap catalogue">
    <h1 class="title">What etcdscope can tell<span class="faint tnum"> ${all.length} causes</span></h1>
    <div class="fleet-tools" role="search"><label class="filter"><span class="unseen">Filter</span><input type="search" value=${text} placeholder="A cause, or what you see" onInput=${(event) => ask({ q: event.target.value }, true)} spellcheck=${false} autocomplete="off" /></label>
      <${Lookup} text=${text} /></div>
    ${!shown.length && html`<${Empty} title="No cause is called that.">An error message or a metric's name is explained as well: press “Explain”.<//>`}
    ${families.map(([family, list]) => html`<section key=${family} aria-labelledby=${`f-${family}`}><h2 id=${`f-${family}`}>${family}</h2>
      <ul class="causes">${list.map((one) => html`<li key=${one.id}><a class="row-link" href=${link(["catalogue", one.id])}><code>${one.id}</code><span>${one.summary}${one.planned && html`<i class="plan">planned work</i>`}</span></a></li>`)}</ul></section>`)}
  </div>`;
}

function Lookup({ text }) {
  return html`<a class="button" href=${text ? link(["catalogue", text]) : undefined} aria-disabled=${!text}>Explain</a>`;
}

function grouped(list) {
  const found = {};
  for (const one of list) (found[one.family] ??= []).push(one);
  return found;
}

const TITLES = [
  ["needs", "Needs"],
  ["used_by", "Used by"],
  ["see", "See also"],
];
const CAUSES = [
  ["explains", "Explains"],
  ["explained_by", "Because of"],
  ["causes", "May be behind it"],
];

function Entry({ entry }) {
  const { data, error } = useLoad(path(["explain"], { q: entry }));
  if (error && !data) return html`<div class="wrap"><${Failed} error=${error} /><p class="none"><a href="#/catalogue">All causes</a></p></div>`;
  if (!data) return html`<div class="wrap"><${Loading} rows=${7} what="Loading the page" /></div>`;
  const pages = data.pages ?? [data];
  return html`<div class="wrap catalogue">${pages.map((page) => html`<${Page} key=${page.name} page=${page} />`)}<p class="back"><a href="#/catalogue">All causes</a></p></div>`;
}

function Page({ page }) {
  return html`<article class="manual">
    <p class="faint">${[page.kind, page.family].filter(Boolean).join(" · ")}</p>
    <h1 class="title"><code>${page.name ?? page.title}</code></h1>
    <p class="lead">${page.says}</p>
    ${page.because?.length > 0 && html`<section><h2>Why it happens</h2><ol class="because">${page.because.map((say) => html`<li key=${say}>${say}</li>`)}</ol></section>`}
    <dl class="manual-facts">
      ${Object.entries(page.facts ?? {}).map(([title, say]) => html`<div key=${title}><dt>${title}</dt><dd>${say}</dd></div>`)}
      ${page.isnt && html`<div><dt>Is not</dt><dd>${page.isnt}</dd></div>`}
      ${page.impact && html`<div><dt>Impact</dt><dd>${page.impact}</dd></div>`}
      ${CAUSES.filter(([name]) => page[name]?.length).map(([name, title]) => html`<div key=${name}><dt>${title}</dt><dd class="effects">${page[name].map((id) => html`<${Cause} key=${id} id=${id} />`)}</dd></div>`)}
      ${TITLES.filter(([name]) => page[name]?.length).map(([name, title]) => html`<div key=${name}><dt>${title}</dt><dd>${page[name].join(", ")}</dd></div>`)}
    </dl>
    ${page.runbook?.length > 0 && html`<section><h2>What to do</h2><ol class="steps">${page.runbook.map((step, i) => html`<li key=${i}><p>${step.say}</p>${step.run && html`<${Command} run=${step.run} />`}</li>`)}</ol></section>`}
  </article>`;
}
