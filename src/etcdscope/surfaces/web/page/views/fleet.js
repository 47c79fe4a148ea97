// All clusters, worst first: one row each, however many there are.
import { html, memo, useMemo } from "../lib/dom.js";
import { known, plural, size, day } from "../lib/format.js";
import { ask, link } from "../lib/route.js";
import { useStore } from "../lib/store.js";
import { Age } from "../parts/age.js";
import { Bar } from "../parts/bar.js";
import { Pips } from "../parts/pips.js";
import { Level } from "../parts/sign.js";
import { Spark } from "../parts/spark.js";
import { Empty, Failed, Loading } from "../parts/states.js";

const clustersOf = (state) => state.clusters;
const loadedOf = (state) => state.loaded;
const errorOf = (state) => state.error;
const RANK = { critical: 0, warning: 1, unknown: 2, ok: 3 };

const type = (event) => ask({ q: event.target.value }, true);

export function View({ query }) {
  const clusters = useStore(clustersOf);
  const loaded = useStore(loadedOf);
  const error = useStore(errorOf);
  const text = query.q ?? "";
  const all = [...clusters.values()];
  const labels = useMemo(() => labelled(all), [clusters]);
  const shown = sorted(all.filter((one) => fits(one, text)));
  const groups = grouped(shown, query.group);

  if (!loaded && error) return html`<div class="wrap"><${Failed} error=${error} /></div>`;
  if (!loaded) return html`<div class="wrap fleet"><h1 class="unseen">Fleet</h1><${Loading} rows=${8} what="Loading the clusters" /></div>`;
  if (!all.length) return html`<div class="wrap"><${Empty} title="The agent watches no cluster yet.">Give one with <code>etcdscope serve --endpoints</code>, or several in a file with <code>--config</code>. They appear here by themselves.<//></div>`;
  return html`<div class="wrap fleet">
    <${Summary} all=${all} />
    <div class="fleet-tools" role="search">
      <label class="filter"><span class="unseen">Filter</span><input type="search" value=${text} onInput=${type} placeholder="Filter by name, label, version, words of the verdict" spellcheck=${false} autocomplete="off" /></label>
      ${labels.length > 0 && html`<label class="group">Group by
        <select value=${query.group ?? ""} onChange=${(event) => ask({ group: event.target.value }, true)}>
          <option value="">nothing</option>${labels.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
        </select></label>`}
      <span class="faint tnum" role="status">${shown.length === all.length ? plural(all.length, "cluster") : `${shown.length} of ${all.length}`}</span>
    </div>
    <div class="row fleet-heads" aria-hidden="true"><span></span><span>cluster</span><span>verdict</span><span>quorum</span><span class="wide">leader</span><span>database of quota</span><span>quorum read</span><span class="wide last">version</span></div>
    ${!shown.length && html`<${Empty} title="No cluster fits.">Nothing matches “${text}”.<//>`}
    ${groups.map(([name, list]) => html`<section key=${name} class="fleet-group" aria-label=${name || "Clusters"}>
      ${name && html`<h2>${name}<span class="faint tnum"> ${list.length}</span></h2>`}
      <ul class="rows">${list.map((one) => html`<${Row} key=${one.key} cluster=${one} />`)}</ul>
    </section>`)}
  </div>`;
}

const sorted = (list) => list.sort((a, b) => RANK[a.level] - RANK[b.level] || (a.margin ?? 0) - (b.margin ?? 0) || a.key.localeCompare(b.key));

function fits(one, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const about = [one.key, one.name, one.version, one.headline, one.level, ...Object.entries(one.labels ?? {}).flat(), ...Object.entries(one.labels ?? {}).map((pair) => pair.join("="))];
  const said = about.join(" ").toLowerCase();
  return words.every((word) => said.includes(word));
}

function labelled(all) {
  return [...new Set(all.flatMap((one) => Object.keys(one.labels ?? {})))].sort();
}

function grouped(shown, label) {
  if (!label) return [["", shown]];
  const found = new Map();
  for (const one of shown) {
    const name = one.labels?.[label] ?? `no ${label}`;
    found.set(name, [...(found.get(name) ?? []), one]);
  }
  return [...found]; // in the order of their worst
}

/** How the whole fleet is, in one sentence. */
function Summary({ all }) {
  const of = (level) => all.filter((one) => one.level === level).length;
  const [critical, warning, unknown] = ["critical", "warning", "unknown"].map(of);
  const level = critical ? "critical" : warning ? "warning" : unknown ? "unknown" : "ok";
  const parts = [critical && `${critical} need you now`, warning && `${warning} degraded`, unknown && `${unknown} cannot be judged`].filter(Boolean);
  const say = parts.length ? `${parts.join(", ")}.` : all.length === 1 ? "The cluster is fine." : `All ${all.length} clusters are fine.`;
  const fine = all.length - critical - warning - unknown;
  return html`<section class=${`headline is-${level} fleet-headline`} aria-label="Verdict">
    <div class="headline-say" aria-live="polite"><h1><${Level} level=${level} size=${30} /><span>${critical === 1 ? say.replace("1 need you", "1 needs you") : say}</span></h1>
    ${parts.length > 0 && html`<p class="headline-rest">The other ${fine === 1 ? "one is" : `${fine} are`} fine.</p>`}</div>
  </section>`;
}

const Row = memo(({ cluster }) => {
  const leader = cluster.members?.find((member) => member.id === cluster.leader);
  return html`<li class=${`row is-${cluster.level}`} data-cluster=${cluster.key}>
    <${Level} level=${cluster.level} size=${18} />
    <a class="row-link row-name" href=${link(["c", cluster.key])}>${cluster.name ?? cluster.key}</a>
    <span class="row-say">${cluster.headline}</span>
    <${Pips} cluster=${cluster} small />
    <span class="row-leader tnum">${leader ? html`${leader.name} <${Age} since=${cluster.leader_since} />` : html`<span class="faint">no leader</span>`}</span>
    <span class="row-quota"><${Bar} part=${cluster.db_size} inside=${cluster.db_in_use} whole=${cluster.quota} still what=${`database: ${known(cluster.db_size) ? size(cluster.db_size) : "unknown"} of its quota`} source="Status of the largest member" at=${cluster.judged_at} />${cluster.quota_full ? html`<span class="row-full tnum">${day(cluster.quota_full.early).slice(5)}</span>` : ""}</span>
    <${Spark} values=${cluster.latency} label="Time of a read that asks the quorum" />
    <span class="row-version tnum">${cluster.version}</span>
  </li>`;
});
