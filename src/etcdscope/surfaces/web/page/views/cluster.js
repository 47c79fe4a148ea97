// One cluster: the verdict, raft as it is, what was, and the charts.
import { html, memo, names, useMemo, useRef, useState } from "../lib/dom.js";
import { path } from "../lib/api.js";
import { now, useNow } from "../lib/clock.js";
import { useCluster } from "../lib/cluster.js";
import { subject, unix } from "../lib/format.js";
import { useEvery, useLoad } from "../lib/load.js";
import { windowOf } from "../lib/span.js";
import { useStore } from "../lib/store.js";
import { Chart } from "../parts/chart.js";
import { Headline } from "../parts/headline.js";
import { IncidentList, isOver, ordered } from "../parts/incidents.js";
import { Lanes } from "../parts/lanes.js";
import { Members } from "../parts/members.js";
import { Promises } from "../parts/promises.js";
import { Ring } from "../parts/ring.js";
import { Space } from "../parts/space.js";
import { Failed, Loading } from "../parts/states.js";
import { Timebar } from "../parts/timebar.js";

// The lanes are asked for again this often; what changes meanwhile comes with the events.
const LANES_SECONDS = 10;
// Of each family so many charts stand open; the others are a click away.
const FIRST = 2;
const FAMILIES = ["disk", "raft", "network", "clients", "space", "process", "kubernetes"];
// Causes that are told as elections on the lanes, as the agent does.
const ELECTIONS = new Set(["leader-changed", "leader-missing", "leader-flapping"]);
// An election that we saw and one that the agent tells of are the same within so many seconds.
const TWINS_SECONDS = 6;
const marksOf = (state, key) => state.marks.get(key);
const NONE = [];

export function View({ params, query }) {
  const key = params.cluster;
  const at = Number(query.at) || null;
  const { cluster, incidents, error } = useCluster(key, at);
  const shown = useShown(query);
  const lanes = useLanes(key, shown, cluster, incidents, at);

  if (!cluster && error) {
    return html`<div class="wrap"><${Failed} error=${error} />${at && html`<${Bar} shown=${shown} at=${at} marks=${lanes?.marks ?? NONE} />`}</div>`;
  }
  if (!cluster) return html`<div class="wrap"><${Loading} rows=${7} what="Loading the cluster" /></div>`;
  const open = ordered(incidents.filter((one) => !isOver(one)));
  const told = open.find((one) => one.severity !== "info");
  return html`<div class="wrap cluster" data-level=${cluster.level}>
    <${Headline} cluster=${cluster} incident=${told} at=${at} />
    <${Told} incidents=${incidents} above=${told} cluster=${key} at=${at} blind=${cluster.blind_spots} />
    <section class="raft" aria-label="Raft now">
      <div class="raft-ring"><${Ring} cluster=${cluster} at=${at} /></div>
      <div class="raft-rows"><${Members} cluster=${cluster} at=${at} /><${Promises} promises=${cluster.promises} /></div>
    </section>
    <section class="when" aria-labelledby="h-roles"><h2 id="h-roles">Roles</h2>
      <${Lanes} cluster=${key} members=${useMembers(cluster)} data=${lanes} from=${shown.from} to=${shown.to} at=${at} />
    </section>
    <${Charts} cluster=${key} from=${shown.live ? 0 : shown.from} to=${shown.live ? 0 : shown.to} live=${shown.live} seconds=${shown.seconds} at=${at} />
    <${Space} cluster=${cluster} at=${at} />
    <${Bar} shown=${shown} at=${at} marks=${lanes?.marks ?? NONE} />
  </div>`;
}

/** The stretch that is shown; live, it moves on every second. */
function useShown(query) {
  const tick = useNow();
  const moves = !query.from && !query.at;
  return windowOf(query, moves ? tick : Math.max(now(), 0));
}

function Bar({ shown, at, marks }) {
  return html`<${Timebar} from=${shown.from} to=${shown.to} at=${at} live=${shown.live} name=${shown.name} marks=${marks} />`;
}

/** The members without their numbers: another list only when a name or a mark is. */
function useMembers(cluster) {
  const kept = useRef(null);
  const key = cluster.members.map((member) => `${member.id} ${member.name} ${member.mark}`).join();
  if (kept.current?.key !== key) {
    const list = [...cluster.members].sort((a, b) => a.mark - b.mark).map(({ id, name, mark }) => ({ id, name, mark }));
    kept.current = { key, list };
  }
  return kept.current.list;
}

/** Lanes of the agent, and on top what the page itself has seen since. */
function useLanes(key, shown, cluster, incidents, at) {
  const again = useEvery(LANES_SECONDS, shown.live);
  const [from, to] = shown.live ? [Math.floor(shown.from / 60) * 60, null] : [shown.from, shown.to];
  const news = `${cluster?.term} ${cluster?.leader} ${incidents.length}`;
  const where = path(["clusters", key, "lanes"], { from: from.toFixed(1), to: (to ?? now()).toFixed(1) });
  const asked = useMemo(() => where, [key, from, to, again, news]);
  const { data } = useLoad(asked);
  const seen = useStore(marksOf, key) ?? NONE;
  const live = shown.live && !at;
  return useMemo(() => data && fresh(data, seen, cluster, incidents, live), [data, seen, cluster?.leader, incidents, live, live ? Math.floor(shown.to) : 0]);
}

function fresh(data, seen, cluster, incidents, live) {
  if (!live) return { ...data, marks: withElections(data.marks, elected(data.lanes)) };
  const marks = data.marks.filter((mark) => !incidents.some((one) => one.incident === mark.id));
  for (const one of incidents) marks.push(markOf(one));
  return { lanes: data.lanes.map((lane) => upToNow(lane, cluster)), marks: withElections(marks, [...seen, ...elected(data.lanes)]) };
}

/** Elections that are no incident of their own: where a lane turns into a leader's. */
function elected(lanes) {
  const first = Math.min(...lanes.flatMap((lane) => lane.runs.slice(0, 1).map((run) => unix(run.begin))));
  return lanes.flatMap((lane) =>
    lane.runs
      .filter((run) => run.role === "leader" && unix(run.begin) > first + 1)
      .map((run) => ({ id: `${lane.member} ${run.begin}`, at: unix(run.begin), end: null, kind: "election", severity: "info", say: `${lane.name ?? lane.member} leads` })),
  );
}

function withElections(marks, elections) {
  const all = [...marks];
  for (const mark of elections) {
    const twin = all.some((one) => one.kind === "election" && Math.abs(unix(one.at) - mark.at) < TWINS_SECONDS);
    if (!twin) all.push(mark);
  }
  return all;
}

function markOf(one) {
  const kind = one.planned ? "planned" : ELECTIONS.has(one.cause) ? "election" : "incident";
  return { id: one.incident, at: unix(one.since), end: one.until ? unix(one.until) : null, kind, severity: one.severity, say: one.summary };
}

/** The agent keeps a role every few seconds; the newest one is drawn up to now. */
function upToNow(lane, cluster) {
  const member = cluster?.members.find((one) => one.id === lane.member);
  const last = lane.runs.at(-1);
  if (!member?.reachable || !member.role) return lane;
  const runs = lane.runs.slice();
  if (last && last.role === member.role) runs[runs.length - 1] = { ...last, end: now() };
  else runs.push({ begin: last ? Math.max(unix(last.end), now() - 10) : now() - 1, end: now(), role: member.role });
  return { ...lane, runs };
}

/** The other open incidents, what was over lately, and what cannot be seen. */
const Told = memo(({ incidents, above, cluster, at, blind }) => {
  const recent = now() - 900;
  const list = ordered(incidents.filter((one) => one !== above && (!isOver(one) || unix(one.until) > recent))).slice(0, 8);
  const spots = Array.isArray(blind) ? blind : [];
  if (!list.length && !spots.length) return null;
  return html`<section class="told" aria-label="Incidents">
    ${list.length > 0 && html`<${IncidentList} incidents=${list} cluster=${cluster} at=${at} label="Incidents, worst first" />`}
    ${spots.length > 0 && html`<details class="blind"><summary>Not judged: ${spots.length === 1 ? "one thing" : `${spots.length} things`}<span class="faint"> · ${spots[0].why}${spots.length > 1 ? " …" : ""}</span></summary>
      <ul>${spots.map((spot) => html`<li key=${spot.source + subject(spot.subject) + spot.why}><b>${subject(spot.subject)}</b>: ${spot.why}${spot.remedy && html` <span class="faint">${spot.remedy}</span>`}</li>`)}</ul>
    </details>`}
  </section>`;
});

/** Live ones slide by themselves: `from` and `to` are nothing then, so that nothing is drawn twice. */
const Charts = memo(({ cluster, from, to, live, seconds, at }) => {
  const { data, error } = useLoad(path(["clusters", cluster, "charts"]));
  const families = useMemo(() => grouped(data?.charts ?? []), [data]);
  if (error && !data) return html`<section class="charts"><${Failed} error=${error} /></section>`;
  if (!data) return html`<section class="charts"><${Loading} rows=${6} what="Loading the charts" /></section>`;
  const one = (chart) => html`<${Chart} key=${chart.id} cluster=${cluster} chart=${chart} from=${from} to=${to} live=${live} seconds=${seconds} at=${at} />`;
  return html`<div class="charts">${families.map(([family, charts]) => html`<${Family} key=${family} family=${family} charts=${charts} one=${one} />`)}</div>`;
});

function Family({ family, charts, one }) {
  const [all, setAll] = useState(false);
  const more = charts.length - FIRST;
  return html`<section class=${names("family", all && "is-all")} aria-labelledby=${`h-${family}`}>
    <div class="family-head"><h2 id=${`h-${family}`}>${family[0].toUpperCase() + family.slice(1)}</h2>
      ${more > 0 && html`<button type="button" class="more" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? "fewer" : `${more} more`}</button>`}
    </div>
    <div class="multiples">${(all ? charts : charts.slice(0, FIRST)).map(one)}</div>
  </section>`;
}

function grouped(charts) {
  const found = new Map(FAMILIES.map((family) => [family, []]));
  for (const chart of charts) found.set(chart.family, [...(found.get(chart.family) ?? []), chart]);
  return [...found].filter(([, list]) => list.length);
}
