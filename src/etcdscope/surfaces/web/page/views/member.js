// One member: what it says of itself, what the others say of it, and its lines in the charts.
import { html, memo, useMemo } from "../lib/dom.js";
import { path } from "../lib/api.js";
import { now, useNow } from "../lib/clock.js";
import { useCluster } from "../lib/cluster.js";
import { count, day, duration, known, millis, rate, size } from "../lib/format.js";
import { useLoad } from "../lib/load.js";
import { link } from "../lib/route.js";
import { windowOf } from "../lib/span.js";
import { Bar } from "../parts/bar.js";
import { Chart } from "../parts/chart.js";
import { IncidentList, isOver, ordered } from "../parts/incidents.js";
import { Mark, Name, Role } from "../parts/sign.js";
import { Empty, Failed, Loading } from "../parts/states.js";
import { Timebar } from "../parts/timebar.js";
import { Num } from "../parts/tip.js";

const NONE = [];

/** What is shown: word, field, how it is said. */
const FACTS = [
  ["term", "term", count],
  ["committed index", "index", count],
  ["applied index", "applied", count],
  ["entries behind", "lag", count],
  ["answers in", "answers_in", duration],
  ["WAL fsync p99", "wal_fsync_p99", millis],
  ["backend commit p99", "backend_commit_p99", millis],
  ["entries committed", "writes_per_s", rate],
  ["database file", "db_size", size],
  ["of it in use", "db_in_use", size],
  ["certificate ends", "certificate_ends", (at) => `${day(at)}`],
];

export function View({ params, query }) {
  const { cluster: key, member: id } = params;
  const at = Number(query.at) || null;
  const { cluster, incidents, error } = useCluster(key, at);
  const tick = useNow();
  const shown = windowOf(query, query.from || at ? now() : tick);
  if (error && !cluster) return html`<div class="wrap"><${Failed} error=${error} /></div>`;
  if (!cluster) return html`<div class="wrap"><${Loading} rows=${7} what="Loading the member" /></div>`;
  const member = cluster.members.find((one) => one.id === id || one.name === id);
  if (!member) return html`<div class="wrap"><${Empty} title="There is no such member." level="unknown">${`${cluster.name} has no member ${id}${at ? " at that time" : ""}. `}<a href=${link(["c", key])}>Back to the cluster</a><//></div>`;
  const own = ordered(incidents.filter((one) => about(one, member)));
  const { live, seconds } = shown;
  return html`<div class="wrap cluster member">
    <section class="member-head" aria-label="Member">
      <h1><${Mark} mark=${member.mark} size=${26} /><span>${member.name}</span></h1>
      <p class="member-facts"><${Role} member=${member} /><span>${member.endpoint?.replace(/^https?:\/\//, "")}</span><span>${member.version && `etcd ${member.version}`}</span><code>${member.id}</code></p>
      ${member.why && html`<p class="member-why">${member.why}</p>`}
    </section>
    ${own.some((one) => !isOver(one)) && html`<section class="told" aria-label="Incidents"><${IncidentList} incidents=${own.filter((one) => !isOver(one))} cluster=${key} at=${at} label="Open incidents of this member" /></section>`}
    <section aria-labelledby="h-now"><h2 id="h-now">${at ? "Then" : "Now"}</h2>
      <dl class="facts">${FACTS.map(([what, field, say]) => html`<${Fact} key=${field} what=${what} value=${member[field]} say=${say} source=${member.sources?.[field]} judged=${cluster.judged_at} why=${member.why} />`)}
        <div><dt>of its quota</dt><dd><${Bar} part=${member.db_size} inside=${member.db_in_use} whole=${member.quota} what=${`of ${known(member.quota) ? size(member.quota) : "the quota"}`} source=${member.sources?.db_size?.source} at=${cluster.judged_at} /></dd></div>
      </dl>
    </section>
    ${cluster.members.length > 1 && html`<${Links} cluster=${cluster} member=${member} at=${at} />`}
    <${Charts} cluster=${key} member=${member.id} from=${live ? 0 : shown.from} to=${live ? 0 : shown.to} live=${live} seconds=${seconds} at=${at} />
    <${Timebar} from=${shown.from} to=${shown.to} at=${at} live=${live} name=${shown.name} marks=${NONE} />
  </div>`;
}

function about(incident, member) {
  const { subject } = incident;
  return [subject?.member_id, subject?.from_id, subject?.to_id].includes(member.id);
}

function Fact({ what, value, say, source, judged, why }) {
  const text = known(value) ? say(value) : "–";
  return html`<div><dt>${what}</dt><dd><${Num} text=${text} what=${what} source=${source?.source} at=${source && judged ? judged - source.age : undefined} why=${known(value) ? "" : (why ?? "not seen")} /></dd></div>`;
}

/** Both directions to each other member. */
function Links({ cluster, member, at }) {
  const others = [...cluster.members].filter((one) => one.id !== member.id).sort((a, b) => a.mark - b.mark);
  const find = (from, to) => cluster.links.find((one) => one.from === from && one.to === to);
  return html`<section aria-labelledby="h-links"><h2 id="h-links">Links</h2>
    <div class="table-box" tabindex="0" role="region" aria-label="Links"><table class="links-table">
      <thead><tr><th scope="col">peer</th><th scope="col">to it</th><th scope="col" class="is-number">round trip</th><th scope="col" class="is-number">failed</th><th scope="col">from it</th><th scope="col" class="is-number">round trip</th><th scope="col" class="is-number">failed</th><th scope="col" class="is-number">it is behind</th></tr></thead>
      <tbody>${others.map((other) => {
        const [to, from] = [find(member.id, other.id), find(other.id, member.id)];
        return html`<tr key=${other.id}><th scope="row"><${Name} member=${other} href=${link(["c", cluster.key, "member", other.id], { at })} /></th>
          <${Direction} one=${to} /><${Direction} one=${from} />
          <td class="is-number">${known(to?.behind) ? `${count(to.behind)}${to.progress && to.progress !== "replicate" ? ` · ${to.progress}` : ""}` : "–"}</td></tr>`;
      })}</tbody>
    </table></div>
  </section>`;
}

function Direction({ one }) {
  const state = one?.state ?? "unknown";
  return html`<td class=${`link-state is-${state}`}>${state === "unknown" ? "not judged" : state}</td>
    <td class="is-number">${known(one?.rtt) ? millis(one.rtt) : "–"}</td><td class="is-number">${known(one?.failures) ? rate(one.failures) : "–"}</td>`;
}

const Charts = memo(({ cluster, member, from, to, live, seconds, at }) => {
  const { data } = useLoad(path(["clusters", cluster, "charts"]));
  const charts = useMemo(() => data?.charts ?? [], [data]);
  if (!data) return html`<section><${Loading} rows=${4} what="Loading the charts" /></section>`;
  return html`<section aria-labelledby="h-charts"><h2 id="h-charts">Charts</h2>
    <div class="multiples">${charts.map((chart) => html`<${Chart} key=${chart.id} cluster=${cluster} chart=${chart} from=${from} to=${to} live=${live} seconds=${seconds} at=${at} member=${member} />`)}</div>
  </section>`;
});

