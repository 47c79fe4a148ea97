// Loads something from the agent for a view; the newest question wins, the old answer stays meanwhile.
import { get } from "./api.js";
import { useEffect, useState } from "./dom.js";
import { useStore } from "./store.js";

const epochOf = (state) => state.epoch;

/** `{data, error, loading}` of a path; asked again when it changes, after `again` and reconnects. */
export function useLoad(path, again = 0) {
  const [found, set] = useState({ path, data: null, error: null });
  const epoch = useStore(epochOf);
  useEffect(() => {
    if (!path) return undefined;
    const abort = new AbortController();
    get(path, abort.signal).then(
      (data) => set({ path, data, error: null }),
      (error) => {
        if (error.name !== "AbortError") set((old) => ({ path, data: old.path === path ? old.data : null, error }));
      },
    );
    return () => abort.abort();
  }, [path, again, epoch]);
  const same = found.path === path;
  return { data: found.data, error: same ? found.error : null, loading: !same || (!found.data && !found.error) };
}

/** Counts up every so many seconds while the page can be seen. */
export function useEvery(seconds, on = true) {
  const [count, set] = useState(0);
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && set((n) => n + 1), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds, on]);
  return count;
}
