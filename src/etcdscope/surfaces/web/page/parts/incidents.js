// Incidents as rows: open ones first, each a link to its story.
import { html, memo } from "../lib/dom.js";
import { duration, plural, subject, unix, when } from "../lib/format.js";
import { link } from "../lib/route.js";
import { Level } from "./sign.js";

const RANK = { critical: 0, warning: 1, info: 2 };

/** Open before over, then by severity, then the newest. */
export function ordered(incidents) {
  return [...incidents].sort(
    (a, b) => isOver(a) - isOver(b) || (isOver(a) ? 0 : RANK[a.severity] - RANK[b.severity]) || unix(b.since) - unix(a.since),
  );
}

export const isOver = (incident) => Boolean(incident.until) || incident.event === "closed";

const IncidentRow = memo(({ incident, cluster, at }) => {
  const over = isOver(incident);
  const since = unix(incident.since);
  return html`<li class=${over ? "inc is-over" : `inc is-${incident.severity}`}>
    <a class="row-link inc-link" href=${link(["c", cluster, "incident", incident.incident], { at })} data-incident=${incident.incident}>
      <${Level} level=${over ? "over" : incident.severity} />
      <span class="tnum inc-at">${when(since)}</span>
      <span class="inc-say">${incident.summary}</span>
      <span class="inc-cause">${incident.cause}<span class="faint"> · ${subject(incident.subject)}</span></span>
      <span class="inc-state tnum">${over ? `over after ${duration(incident.seconds ?? unix(incident.until) - since)}` : "open"}${incident.effects?.length ? html`<span class="faint"> · ${plural(incident.effects.length, "effect")}</span>` : ""}</span>
    </a>
  </li>`;
});

export const IncidentList = memo(({ incidents, cluster, at, label }) => html`<ul class="incs" aria-label=${label}>
  ${incidents.map((incident) => html`<${IncidentRow} key=${incident.incident} incident=${incident} cluster=${cluster} at=${at} />`)}
</ul>`);
