// Who fills the database: a map of the key space, the same as a table, and what has changed.
import { html, names, useMemo, useState } from "../lib/dom.js";
import { path } from "../lib/api.js";
import { count, moment, share, size, unix } from "../lib/format.js";
import { useLoad } from "../lib/load.js";
import { ask } from "../lib/route.js";
import { Level } from "../parts/sign.js";
import { Sortable } from "../parts/sortable.js";
import { Failed, Loading } from "../parts/states.js";
import { Treemap } from "../parts/treemap.js";

const BY = [["bytes", "size"], ["keys", "keys"], ["churn", "writes"]];
const DAY = 86_400;
const COLUMNS = [
  ["keys", "keys", count, true],
  ["size", "bytes", size, true],
  ["largest", "largest_value_bytes", (value) => size(value ?? 0), true],
  ["writes", "writes", count, true],
];

export function View({ params, query }) {
  const key = params.cluster;
  const { data, error } = useLoad(path(["clusters", key, "registry"]));
  if (error && !data) return html`<div class="wrap">${error.status === 404 ? html`<${NotCounted} why=${error.message} />` : html`<${Failed} error=${error} />`}</div>`;
  if (!data) return html`<div class="wrap"><${Loading} rows=${7} what="Loading the registry" /></div>`;
  return html`<div class="wrap registry">
    <header class="registry-head"><h1 class="title">${data.headline}</h1>
      <p class="faint tnum">counted ${moment(unix(data.at))} at revision ${count(data.revision)}${data.complete ? "" : ", not to the end"}${data.sized ? "" : "; keys only, sizes were not asked for"}</p>
      ${data.remarks?.length > 0 && html`<ul class="remarks">${data.remarks.map((say) => html`<li key=${say}><${Level} level="info" size=${13} quiet />${say}</li>`)}</ul>`}
    </header>
    <${Map} data=${data} query=${query} />
    <${Diff} cluster=${key} at=${unix(data.at)} />
    <${Rows} title="Resources" rows=${data.resource} field="resource" total=${data.bytes} />
    ${data.namespace.length > 1 && html`<${Rows} title="Namespaces" rows=${data.namespace} field="namespace" total=${data.bytes} />`}
    ${data.largest?.length > 0 && html`<section aria-labelledby="h-largest"><h2 id="h-largest">Largest objects</h2>
      <${Sortable} rows=${data.largest} by="value_bytes" label="Largest objects" keyOf=${(row) => row.key} most=${20} columns=${[["key", "key", (text) => html`<code>${text}</code>`], ["size", "value_bytes", size, true], ["version", "version", count, true]]} /></section>`}
  </div>`;
}

function NotCounted({ why }) {
  return html`<div class="state">
    <svg class="lock" width="40" height="28" viewBox="0 0 40 28" aria-hidden="true"><rect x="1" y="1" width="22" height="26" rx="2" /><rect x="25" y="1" width="14" height="15" rx="2" /><rect x="25" y="18" width="14" height="9" rx="2" /></svg>
    <h1>Nobody has counted the keys yet.</h1>
    <p>${why}</p>
    <p>Once they are counted, this page shows which resource and namespace fills the database, what grew since yesterday, and the largest objects. <code>etcdscope registry</code> counts at once.</p>
  </div>`;
}

function Map({ data, query }) {
  const by = BY.some(([name]) => name === query.by) ? query.by : "bytes";
  const root = useMemo(() => data.treemap ?? flat(data), [data]);
  const open = query.open && root.children.find((child) => child.name === query.open);
  const tile = open || root;
  return html`<section aria-label="Map of the key space">
    <div class="fleet-tools">
      <nav class="drill" aria-label="Level"><button type="button" class=${names("drill-to", !open && "is-here")} onClick=${() => ask({ open: null })}>all keys</button>${open && html`<span aria-hidden="true">▸</span><span>${open.name}</span>`}</nav>
      <span class="grow"></span>
      <div class="spans" role="group" aria-label="Area is">${BY.map(([name, said]) => html`<button type="button" key=${name} class=${name === by ? "span is-here" : "span"} aria-pressed=${name === by} onClick=${() => ask({ by: name === "bytes" ? null : name }, true)}>${said}</button>`)}</div>
    </div>
    <${Treemap} tile=${tile} by=${by} onOpen=${(one) => !open && ask({ open: one.name })} />
    ${open && html`<${Sortable} rows=${open.children} by="bytes" label=${`Namespaces of ${open.name}`} keyOf=${(row) => row.name} columns=${[["namespace", "name", (text) => text || "without one"], ["keys", "keys", count, true], ["size", "bytes", size, true], ["writes", "churn", count, true]]} />`}
  </section>`;
}

/** A tree of one level, where the agent gives none. */
function flat(data) {
  const children = data.resource.map((row) => ({ name: row.resource, keys: row.keys, bytes: row.bytes, churn: row.writes, children: [] }));
  return { name: "", keys: data.keys, bytes: data.bytes, churn: children.reduce((sum, one) => sum + one.churn, 0), children };
}

function Rows({ title, rows, field, total }) {
  const columns = useMemo(() => [[title.toLowerCase().slice(0, -1), field, (text) => text || "without one"], ...COLUMNS.slice(0, 2), ["share", "bytes_share", (_, row) => share(row.bytes / (total || 1)), true], ...COLUMNS.slice(2)], [title, field, total]);
  const id = `h-${field}`;
  return html`<section aria-labelledby=${id}><h2 id=${id}>${title}</h2><${Sortable} rows=${rows} by="bytes" label=${title} keyOf=${(row) => row[field]} columns=${columns} most=${25} /></section>`;
}

const SINCE = [[3600, "an hour ago"], [DAY, "yesterday"], [7 * DAY, "a week ago"]];

function Diff({ cluster, at }) {
  const [back, setBack] = useState(DAY);
  const { data, error } = useLoad(path(["clusters", cluster, "registry", "diff"], { a: (at - back).toFixed(0), b: Math.ceil(at) }));
  return html`<section aria-labelledby="h-diff"><div class="family-head"><h2 id="h-diff">Since ${SINCE.find(([seconds]) => seconds === back)[1]}</h2>
      <div class="spans" role="group" aria-label="Since when">${SINCE.map(([seconds, said]) => html`<button type="button" key=${seconds} class=${seconds === back ? "span is-here" : "span"} aria-pressed=${seconds === back} onClick=${() => setBack(seconds)}>${said}</button>`)}</div></div>
    ${error ? html`<p class="faint">${error.message}</p>` : !data ? html`<${Loading} rows=${2} />` : html`<p class="diff-say">${data.headline}</p>
      <${Sortable} rows=${data.resource} by="bytes" label="What changed" keyOf=${(row) => row.name} most=${12} columns=${[["resource", "name"], ["keys", "keys", signed(count), true], ["size", "bytes", signed(size), true], ["writes", "writes", count, true]]} />`}
  </section>`;
}

const signed = (say) => (number) => `${number > 0 ? "+" : number < 0 ? "−" : ""}${say(Math.abs(number))}`;
