// Brings what the agent tells into the store, and says when the agent is not there.
import { get, path } from "./api.js";
import { changed, setClusters, setError, setLink, setTour, state, takeCluster, takeIncident } from "./store.js";
import { follow } from "./stream.js";

// A browser allows an agent six connections over all its tabs: one that nobody sees gives its up,
// and asks now and then, so that its title stays true.
const HIDDEN_MS = 30_000;
const ASK_MS = 30_000;

let stream = null;
let wanted = ""; // the cluster whose numbers are wanted every second; empty: all, in summary
let hidden = 0;
let asking = 0;

export function start() {
  stop();
  setLink("waiting");
  open();
}

function open() {
  const where = path(["events"], wanted ? { cluster: wanted } : {});
  stream = follow(where, { open: opened, lost, event: took }, stream?.last);
}

function stop() {
  stream?.stop();
}

/** Follows one cluster closely, or all in summary. */
export function focus(key) {
  if (key === wanted) return;
  wanted = key;
  if (!stream || state.link.state === "denied") return;
  stop();
  open();
}

/** Asks again at once, instead of waiting for the next try. */
export const retry = () => (state.link.state === "denied" ? start() : stream?.hurry());

function opened() {
  const again = state.link.state !== "live";
  setLink("live");
  if (again || !wanted) load(again);
}

function lost(error) {
  if (error.status === 401) {
    stop();
    setLink("denied", error.message);
  } else if (error.status === 404 && wanted) focus(""); // no such cluster; its view says so
  else setLink("lost", error.message);
}

async function load(renewed) {
  try {
    setClusters((await get("clusters")).clusters, renewed);
  } catch (error) {
    setError(error);
  }
}

const TAKES = {
  hello(said) {
    const restarted = state.agent && state.agent.started_at !== said.started_at;
    state.agent = said;
    if (restarted) load(true);
    changed();
  },
  cluster: takeCluster,
  incident: (said) => takeIncident(said.key, said),
  tour: setTour,
  reset: () => load(true),
};

function took(name, said) {
  TAKES[name]?.(said);
}

addEventListener("visibilitychange", () => {
  clearTimeout(hidden);
  clearInterval(asking);
  if (document.visibilityState === "hidden") hidden = setTimeout(rest, HIDDEN_MS);
  else if (stream?.stopped && state.link.state !== "denied") {
    setLink("waiting"); // what was missed is loaded when the stream is there
    open();
  }
});

function rest() {
  stop();
  asking = setInterval(load, ASK_MS);
}
