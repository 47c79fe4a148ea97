// Every view: the address, what is called, what is loaded for it. A new view is a line here.

/** A part with a colon is a parameter. `tab`: its name among a cluster's tabs. */
export const VIEWS = [
  { path: "", title: "Fleet", load: () => import("./fleet.js") },
  { path: "fleet", title: "Fleet", load: () => import("./fleet.js") },
  { path: "c/:cluster", title: "Cluster", tab: "Overview", load: () => import("./cluster.js") },
  { path: "c/:cluster/incidents", title: "Incidents", tab: "Incidents", load: () => import("./incidents.js") },
  { path: "c/:cluster/incident/:incident", title: "Incident", load: () => import("./incident.js") },
  { path: "c/:cluster/member/:member", title: "Member", load: () => import("./member.js") },
  { path: "c/:cluster/registry", title: "Registry", tab: "Registry", load: () => import("./registry.js") },
  { path: "catalogue", title: "Catalogue", load: () => import("./catalogue.js") },
  { path: "catalogue/:entry", title: "Catalogue", load: () => import("./catalogue.js") },
  { path: "benchmarks", title: "Benchmarks", load: () => import("./benchmarks.js") },
];

const split = VIEWS.map((view) => ({ view, parts: view.path.split("/").filter(Boolean) }));

/** The view of an address and its parameters, null where there is none. */
export function find(parts) {
  for (const { view, parts: pattern } of split) {
    if (pattern.length !== parts.length) continue;
    const params = {};
    const fits = pattern.every((part, i) => {
      if (part.startsWith(":")) params[part.slice(1)] = parts[i];
      return part.startsWith(":") || part === parts[i];
    });
    if (fits) return { view, params };
  }
  return null;
}
