// One cluster as the page shows it: now, kept up to date, or at a moment of its history.
import { get, path } from "./api.js";
import { useEffect, useMemo, useState } from "./dom.js";
import { setIncidents, useStore } from "./store.js";

// Links, forecasts and promises come with the whole cluster only.
const WHOLE_SECONDS = 10;
const SCRUB_MS = 80;

const summaryOf = (state, key) => state.clusters.get(key);
const incidentsOf = (state, key) => state.incidents.get(key);
const linkOf = (state) => state.link.state;
const epochOf = (state) => state.epoch;
const NONE = new Map();

/** `{cluster, incidents, error}`; incidents are open ones and, live, those that ended while we looked. */
export function useCluster(key, at) {
  const now = useLive(key, !at);
  const then = useMoment(key, at);
  if (!at) return now;
  const cluster = then.cluster;
  return { cluster, incidents: cluster ? [...cluster.incidents, ...cluster.planned] : [], error: then.error, loading: then.loading };
}

function useLive(key, on) {
  const summary = useStore(summaryOf, key);
  const incidents = useStore(incidentsOf, key) ?? NONE;
  const epoch = useStore(epochOf);
  const link = useStore(linkOf);
  const [whole, set] = useState({ key: "", data: null, error: null });

  useEffect(() => {
    if (!on || link === "denied") return undefined;
    const abort = new AbortController();
    const load = async () => {
      try {
        const data = await get(path(["clusters", key]), abort.signal);
        set({ key, data, error: null });
        setIncidents(key, [...data.incidents, ...data.planned.map((one) => ({ ...one, planned: true }))]);
      } catch (error) {
        if (error.name !== "AbortError") set((old) => ({ key, data: old.key === key ? old.data : null, error }));
      }
    };
    load();
    const timer = setInterval(() => document.visibilityState === "visible" && load(), WHOLE_SECONDS * 1000);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [key, on, epoch, link === "live", summary?.leader, summary?.term, summary?.level]);

  const data = whole.key === key ? whole.data : null;
  const cluster = useMemo(() => merged(data, summary), [data, summary]);
  const list = useMemo(() => [...incidents.values()], [incidents]);
  return { cluster, incidents: list, error: whole.error, loading: !cluster && !whole.error };
}

/** The whole cluster with the newest numbers of its summary in it. */
function merged(whole, summary) {
  if (!whole) return null;
  if (!summary || summary.judged_at < whole.judged_at) return whole;
  const fresh = new Map((summary.members ?? []).map((member) => [member.id, member]));
  const known = new Set(whole.members.map((member) => member.id));
  const members = whole.members.map((member) => ({ ...member, ...fresh.get(member.id) }));
  for (const member of fresh.values()) if (!known.has(member.id)) members.push(member);
  return { ...whole, ...summary, members, incidents: whole.incidents, blind_spots: whole.blind_spots };
}

/** The cluster as it was judged then; while one scrubs, the last picture stays. */
function useMoment(key, at) {
  const [found, set] = useState({ cluster: null, error: null, at: null });
  useEffect(() => {
    if (!at) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      get(path(["clusters", key, "at"], { time: at }), abort.signal).then(
        (cluster) => set({ cluster, error: null, at }),
        (error) => error.name !== "AbortError" && set({ cluster: null, error, at }),
      );
    }, SCRUB_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, at]);
  return { ...found, loading: !found.cluster && !found.error };
}

