// What the agent told, kept in one place; views draw again only when their part of it changes.
import { useEffect, useState } from "./dom.js";

// Changes of so many milliseconds are drawn together.
const TOGETHER_MS = 40;
// Incidents that are over and election marks that are kept a cluster; the agent has them all.
const MOST_KEPT = 200;

export const state = {
  /** waiting, live, lost or denied; `since` when it became so. */
  link: { state: "waiting", since: Date.now() / 1000, why: "" },
  agent: null,
  /** What the demo's tour says: `{title, text, step, steps}`; null outside of a demo. */
  tour: null,
  /** key → Summary, with live numbers of its members. */
  clusters: new Map(),
  /** key → Map of id → incident as in `watch --json`. */
  incidents: new Map(),
  /** key → what was seen to change while we looked: `{at, id, kind, say}`. */
  marks: new Map(),
  /** Counts up whenever all that was loaded may be old: after a reconnect or a restart. */
  epoch: 0,
  loaded: false,
  error: null,
};

const listeners = new Set();
let timer = 0;

export function changed() {
  timer ||= setTimeout(() => {
    timer = 0;
    for (const told of [...listeners]) told();
  }, TOGETHER_MS);
}

function subscribe(told) {
  listeners.add(told);
  return () => listeners.delete(told);
}

/** A view's part of the state: `select(state, key)` gives another object only when it changes. */
export function useStore(select, key) {
  const [, redraw] = useState(0);
  const seen = select(state, key);
  useEffect(() => {
    let last = seen;
    return subscribe(() => {
      const next = select(state, key);
      if (!Object.is(next, last)) redraw((count) => count + 1);
      last = next;
    });
  }, [select, key]);
  return seen;
}

export function setLink(word, why = "") {
  if (state.link.state === word && state.link.why === why) return;
  state.link = { state: word, why, since: state.link.state === word ? state.link.since : Date.now() / 1000 };
  changed();
}

/** `renewed`: whatever else was loaded may be old, too. */
export function setClusters(list, renewed) {
  state.clusters = new Map(list.map((summary) => [summary.key, summary]));
  state.loaded = true;
  state.error = null;
  if (renewed) state.epoch += 1;
  changed();
}

export function setTour(said) {
  state.tour = said;
  changed();
}

export function setError(error) {
  state.error = error;
  changed();
}

/** Takes a cluster's summary; what changed in it beside numbers becomes a mark. */
export function takeCluster(summary) {
  const key = summary.key;
  const before = state.clusters.get(key);
  const next = { ...before, ...summary };
  if (before?.term && next.term > before.term) {
    const leads = next.members?.find((member) => member.id === next.leader)?.name;
    note(key, {
      id: `term-${next.term}`,
      at: next.judged_at ?? Date.now() / 1000,
      end: null,
      kind: "election",
      severity: "info",
      say: leads ? `${leads} leads since term ${next.term}` : `election of term ${next.term}`,
    });
  }
  state.clusters = new Map(state.clusters).set(key, next);
  changed();
}

function note(key, mark) {
  const marks = [...(state.marks.get(key) ?? []).filter((one) => one.id !== mark.id), mark];
  state.marks = new Map(state.marks).set(key, marks.slice(-MOST_KEPT));
}

export function takeIncident(key, incident) {
  const kept = new Map(state.incidents.get(key));
  kept.delete(incident.incident);
  kept.set(incident.incident, incident);
  state.incidents = new Map(state.incidents).set(key, trimmed(kept));
  changed();
}

/** What the agent says is open is open; what is not in its list is over. */
export function setIncidents(key, list) {
  const kept = new Map([...(state.incidents.get(key) ?? [])].filter(([, one]) => one.event === "closed"));
  for (const one of list) {
    kept.delete(one.incident);
    kept.set(one.incident, one);
  }
  state.incidents = new Map(state.incidents).set(key, trimmed(kept));
  changed();
}

function trimmed(kept) {
  const over = [...kept.values()].filter((one) => one.event === "closed");
  for (const one of over.slice(0, Math.max(0, over.length - MOST_KEPT))) kept.delete(one.incident);
  return kept;
}
