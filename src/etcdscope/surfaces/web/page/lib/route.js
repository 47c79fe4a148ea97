// Where we are: `#/c/prod/incident/7?at=…`. Everything that is worth a link stands in it.
import { useEffect, useState } from "./dom.js";

const listeners = new Set();

/** `{path, parts, query}` of the address bar. */
export function here() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  return { path: path || "/", parts, query: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray % typed by hand
  }
}

/** A link; what is undefined, null or empty in the query is left out. */
export function link(parts, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value || value === 0);
  const search = new URLSearchParams(kept).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${search ? `?${search}` : ""}`;
}

export function go(to, replace = false) {
  if (location.hash === to) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  for (const told of listeners) told();
}

/** Changes the query of where we are. */
export function ask(changes, replace = false) {
  const now = here();
  go(link(now.parts, { ...now.query, ...changes }), replace);
}

export function useRoute() {
  const [route, set] = useState(here);
  useEffect(() => {
    const told = () => set(here());
    listeners.add(told);
    addEventListener("hashchange", told);
    addEventListener("popstate", told);
    return () => {
      listeners.delete(told);
      removeEventListener("hashchange", told);
      removeEventListener("popstate", told);
    };
  }, []);
  return route;
}
