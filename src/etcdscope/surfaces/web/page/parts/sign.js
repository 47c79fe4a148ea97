// Shapes of states, members and roles: each has one, so that colour is never alone.
import { html, names } from "../lib/dom.js";
import { short } from "../lib/format.js";
import { colour, shape } from "../lib/marks.js";

const LEVELS = {
  ok: html`<circle class="fill" cx="8" cy="8" r="7" /><path class="cut" d="m4.7 8.3 2.3 2.3 4.3-4.9" />`,
  info: html`<rect class="fill" x="1.5" y="1.5" width="13" height="13" rx="3" />
    <path class="cut" d="M8 7.3v4M8 4.4v.6" />`,
  warning: html`<path class="fill" d="M8 1 15.5 14.5H.5Z" /><path class="cut" d="M8 6v4M8 12v.6" />`,
  critical: html`<path class="fill" d="M5 1h6l4 4v6l-4 4H5l-4-4V5Z" /><path class="cut" d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" />`,
  unknown: html`<circle class="dash" cx="8" cy="8" r="6.5" />
    <path class="line" d="M6 6.3a2 2 0 1 1 2.8 1.9c-.6.3-.8.7-.8 1.3M8 11.4v.5" />`,
  over: html`<circle class="line" cx="8" cy="8" r="6" />`,
};
const SAID = {
  ok: "fine",
  info: "for information",
  warning: "warning",
  critical: "critical",
  unknown: "cannot be judged",
  over: "over",
};

/** The shape of a state; `quiet` where a word beside it says the same. */
export function Level({ level, size = 16, quiet = false }) {
  const known = LEVELS[level] ? level : "unknown";
  const label = quiet ? { "aria-hidden": "true" } : { role: "img", "aria-label": SAID[known] };
  return html`<svg class="level is-${known}" width=${size} height=${size} viewBox="0 0 16 16" ...${label}>
    ${LEVELS[known]}
  </svg>`;
}

/** A member's mark in its colour. */
export function Mark({ mark, size = 11 }) {
  return html`<svg class="mark" width=${size} height=${size} viewBox="-10.5 -10.5 21 21" aria-hidden="true">
    <path d=${shape(mark ?? 0)} style=${{ fill: colour(mark ?? 0) }} />
  </svg>`;
}

// A longer name is told in full by its tooltip and on its own page.
const MOST_LETTERS = 10;

/** A member by mark and name. */
export function Name({ member, href }) {
  const inside = html`<${Mark} mark=${member.mark} /><span title=${member.name}>${short(member.name, MOST_LETTERS)}</span>`;
  return href
    ? html`<a class="name" href=${href}>${inside}</a>`
    : html`<span class="name">${inside}</span>`;
}

export const CROWN = "M-9 6.5-10.5-5-4.5-.5 0-8 4.5-.5 10.5-5 9 6.5Z";
const SNOW = "M0-10V10M-8.7-5 8.7 5M-8.7 5 8.7-5M-3-8 0-5.5 3-8M-3 8 0 5.5 3 8";

/** What a member is now, of its role and its state. */
export function roleOf(member) {
  if (["down", "stopped", "never-started"].includes(member.state)) return "gone";
  if (member.state === "frozen") return "frozen";
  if (member.reachable === false && member.state !== "isolated") return "unreachable";
  if (member.learner) return "learner";
  return member.role ?? "unknown";
}

export function roleSaid(member) {
  const role = roleOf(member);
  if (role === "gone") return member.state.replace("-", " ");
  if (role === "unreachable") return "not reached";
  return member.state === "isolated" ? `${role}, isolated` : role;
}

const ROLES = {
  leader: html`<path class="solid" d=${CROWN} />`,
  follower: html`<circle class="ring" r="7.5" />`,
  candidate: html`<circle class="ring" r="7.5" /><path class="solid" d="M0-7.5A7.5 7.5 0 0 1 0 7.5Z" />`,
  "pre-candidate": html`<circle class="ring dotted" r="7.5" />`,
  learner: html`<path class="ring" d="M0-9 9 0 0 9-9 0Z" />`,
  frozen: html`<path class="ring" d=${SNOW} />`,
  gone: html`<circle class="ring faint" r="7.5" /><path class="ring" d="M-9 9 9-9" />`,
  unreachable: html`<circle class="ring faint dotted" r="7.5" />`,
  unknown: html`<circle class="ring faint dotted" r="7.5" />`,
};

export function Role({ member, size = 15, words = true }) {
  const role = roleOf(member);
  return html`<span class=${names("role", `is-${role}`)}>
    <svg class="role-sign" width=${size} height=${size} viewBox="-11 -11 22 22" aria-hidden="true">${ROLES[role] ?? ROLES.unknown}</svg>
    ${words && html`<span>${roleSaid(member)}</span>`}
  </span>`;
}
