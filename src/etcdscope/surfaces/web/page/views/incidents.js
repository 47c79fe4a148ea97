// All incidents of a cluster, those of history too.
import { html, useMemo } from "../lib/dom.js";
import { path } from "../lib/api.js";
import { now } from "../lib/clock.js";
import { day, plural, unix } from "../lib/format.js";
import { useLoad } from "../lib/load.js";
import { ask } from "../lib/route.js";
import { useStore } from "../lib/store.js";
import { IncidentList, isOver, ordered } from "../parts/incidents.js";
import { Empty, Failed, Loading } from "../parts/states.js";

const BACK_SECONDS = 30 * 86_400;
const STATES = [["all", "all"], ["open", "open"], ["closed", "over"]];
const incidentsOf = (state, key) => state.incidents.get(key);

export function View({ params, query }) {
  const key = params.cluster;
  const text = query.q ?? "";
  const from = useMemo(() => Math.floor(now() - BACK_SECONDS), [key]);
  const live = useStore(incidentsOf, key);
  const { data, error } = useLoad(path(["clusters", key, "incidents"], { from }), live?.size ?? 0);
  const all = useMemo(() => joined(data?.incidents ?? [], live), [data, live]);
  const which = query.state ?? "all";
  const shown = all.filter((one) => fits(one, which, text, query.info));

  if (error && !data) return html`<div class="wrap"><${Failed} error=${error} /></div>`;
  if (!data) return html`<div class="wrap"><${Loading} rows=${7} what="Loading the incidents" /></div>`;
  return html`<div class="wrap incidents">
    <h1 class="title">Incidents<span class="faint tnum"> ${plural(shown.length, "in the last 30 days", "in the last 30 days")}</span></h1>
    <div class="fleet-tools" role="search">
      <label class="filter"><span class="unseen">Filter</span><input type="search" value=${text} placeholder="Filter by cause, member or words" onInput=${(event) => ask({ q: event.target.value }, true)} spellcheck=${false} autocomplete="off" /></label>
      <div class="spans" role="group" aria-label="Which">${STATES.map(([name, said]) => html`<button type="button" key=${name} class=${name === which ? "span is-here" : "span"} aria-pressed=${name === which} onClick=${() => ask({ state: name === "all" ? null : name }, true)}>${said}</button>`)}</div>
      <label class="check"><input type="checkbox" checked=${query.info !== "no"} onChange=${(event) => ask({ info: event.target.checked ? null : "no" }, true)} />with those for information</label>
    </div>
    ${!shown.length && html`<${Empty} title=${all.length ? "No incident fits." : "Nothing has happened."} level=${all.length ? undefined : "ok"}>${all.length ? "Take a word away from the filter." : "As far back as history goes, this cluster had no incident."}<//>`}
    ${days(shown).map(([name, list]) => html`<section key=${name} class="day"><h2>${name}</h2><${IncidentList} incidents=${list} cluster=${key} label=${`Incidents: ${name}`} /></section>`)}
  </div>`;
}

function joined(told, live) {
  const found = new Map(told.map((one) => [one.incident, one]));
  for (const [id, one] of live ?? []) {
    const known = found.get(id);
    if (!known || unix(one.at) >= unix(known.at)) found.set(id, one);
  }
  return ordered([...found.values()]);
}

function fits(one, which, text, info) {
  if (which === "open" && isOver(one)) return false;
  if (which === "closed" && !isOver(one)) return false;
  if (info === "no" && one.severity === "info") return false;
  const said = `${one.cause} ${one.summary} ${one.severity} ${Object.values(one.subject ?? {}).join(" ")}`.toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => said.includes(word));
}

/** Open ones first, then by day. */
function days(list) {
  const found = new Map();
  for (const one of list) {
    const name = isOver(one) ? (day(one.since) === day(now()) ? "Earlier today" : day(one.since)) : "Open";
    found.set(name, [...(found.get(name) ?? []), one]);
  }
  return [...found];
}
