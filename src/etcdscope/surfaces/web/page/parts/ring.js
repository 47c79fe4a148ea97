// The members as a ring: roles, links in both directions, and how far each has come with the log.
import { html, memo, names } from "../lib/dom.js";
import { count, duration, known, millis, rate, share, short } from "../lib/format.js";
import { colour, shape } from "../lib/marks.js";
import { go, link as linkTo } from "../lib/route.js";
import { CROWN, roleOf, roleSaid } from "./sign.js";
import { hide, show, told } from "./tip.js";

const W = 520;
const CENTRE = [W / 2, 168];
const R = 27;
// Members are not asked in the very same moment: a few entries are no lag.
const NO_LAG = 10;
// Beyond so many entries behind, a member's arc is empty; on a logarithmic scale.
const FAR_BEHIND = 100_000;
const FULL = 2 * Math.PI * (R + 5);

export const Ring = memo(({ cluster, at }) => {
  const places = placed(cluster.members ?? []);
  const links = (cluster.links ?? []).filter((one) => places.has(one.from) && places.has(one.to));
  const rows = [...places.values()].map((place) => place.y);
  const [top, bottom] = [Math.min(CENTRE[1], ...rows) - R - 34, Math.max(CENTRE[1], ...rows) + R + 20];
  const aside = places.size < 5 ? 36 : 0; // fewer members leave room at the sides
  return html`<svg class="ring" viewBox="${aside} ${top} ${W - 2 * aside} ${bottom - top}" role="group" aria-label="Members and the links between them">
    <g class="links">${links.map((one) => html`<${Link} key=${one.from + one.to} one=${one} places=${places} few=${places.size < 5} cluster=${cluster} />`)}</g>
    ${[...places.values()].map((place) => html`<${Node} key=${place.member.id} place=${place} cluster=${cluster} at=${at} alone=${places.size === 1} />`)}
  </svg>`;
});

/** Members keep their places whoever leads: by mark, the first on top. */
function placed(members) {
  const sorted = [...members].sort((a, b) => a.mark - b.mark);
  const radius = sorted.length === 1 ? 0 : sorted.length < 5 ? 112 : 124;
  return new Map(
    sorted.map((member, i) => {
      const angle = -Math.PI / 2 + (2 * Math.PI * i) / sorted.length;
      const x = CENTRE[0] + radius * 1.12 * Math.cos(angle);
      const y = CENTRE[1] + radius * Math.sin(angle) + (sorted.length === 3 ? 16 : 0);
      return [member.id, { member, x, y, side: Math.cos(angle) < -0.1 ? -1 : 1 }];
    }),
  );
}

const LINK_SAID = {
  ok: "well",
  slow: "slow",
  lossy: "loses packets",
  saturated: "full",
  "one-way": "one way only",
  cut: "cut",
  unknown: "not measured",
};

function Link({ one, places, few, cluster }) {
  const [a, b] = [places.get(one.from), places.get(one.to)];
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy);
  const [ux, uy] = [dx / length, dy / length];
  const shift = 3.5; // each direction keeps to its right, as cars do
  const gap = R + 11;
  const from = [a.x + ux * gap - uy * shift, a.y + uy * gap + ux * shift];
  const to = [b.x - ux * gap - uy * shift, b.y - uy * gap + ux * shift];
  const middle = [(from[0] + to[0]) / 2 - ux * length * 0.13, (from[1] + to[1]) / 2 - uy * length * 0.13];
  const says = few || one.state !== "ok" || one.from === cluster.leader;
  const text = label(one);
  const lines = () => told({ what: `${a.member.name} → ${b.member.name}`, full: said(one), source: one.source ?? "peer metrics and raft progress" });
  const tip = { onMouseEnter: (event) => show(event.currentTarget, lines), onMouseLeave: hide };
  return html`<g class=${`link is-${one.state}`} role="img" aria-label=${`${a.member.name} to ${b.member.name}: ${said(one)}`} ...${tip}>
    <path class="reach" d="M${from}L${to}" />
    <path class="wire" d="M${from}L${to}" />
    <path class="head" d="M0 0-7-3.5-7 3.5Z" transform="translate(${to}) rotate(${(Math.atan2(uy, ux) * 180) / Math.PI})" />
    ${one.state === "cut" && html`<path class="cross" d="m-6-6 12 12m0-12-12 12" transform="translate(${(from[0] + to[0]) / 2} ${(from[1] + to[1]) / 2})" />`}
    ${says && text && one.state !== "unknown" && html`<text x=${middle[0] - uy * 13} y=${middle[1] + ux * 13 + 4}>${text}</text>`}
  </g>`;
}

function label(one) {
  if (one.state === "cut") return "cut";
  const rtt = known(one.rtt) ? millis(one.rtt) : "";
  const loss = one.loss > 0.005 ? `${share(one.loss)} lost` : "";
  const state = ["ok", "slow", "unknown"].includes(one.state) || loss ? "" : one.state;
  return [rtt, loss || state].filter(Boolean).join(" · ");
}

function said(one) {
  const parts = [LINK_SAID[one.state] ?? one.state];
  if (known(one.rtt)) parts.push(`round trip ${millis(one.rtt)}`);
  if (known(one.loss)) parts.push(`loss ${share(one.loss)}`);
  if (one.failures > 0) parts.push(`${rate(one.failures)} messages could not be sent`);
  if (one.progress) parts.push(`raft: ${one.progress}`);
  if (known(one.behind)) parts.push(`${count(one.behind)} entries behind`);
  return parts.join(", ");
}

/** How much of the arc is drawn: full where nothing is behind. */
export function filled(behind) {
  if (!known(behind)) return 0;
  if (behind <= NO_LAG) return 1;
  return Math.max(0, 1 - Math.log10(behind / NO_LAG) / Math.log10(FAR_BEHIND / NO_LAG));
}

function Node({ place, cluster, at, alone }) {
  const { member, x, y, side } = place;
  const role = roleOf(member);
  const leads = role === "leader";
  const to = linkTo(["c", cluster.key, "member", member.id], { at });
  const lines = () => [
    [member.name, roleSaid(member)],
    ["term", known(member.term) ? count(member.term) : "unknown"],
    ["committed index", known(member.index) ? count(member.index) : "unknown"],
    ["applied index", known(member.applied) ? count(member.applied) : "unknown"],
    ["behind", known(member.lag) ? `${count(member.lag)} entries` : "unknown"],
    ["answers in", known(member.answers_in) ? duration(member.answers_in) : "no answer"],
  ];
  const on = {
    onMouseEnter: (event) => show(event.currentTarget, lines),
    onMouseLeave: hide,
    onFocus: (event) => show(event.currentTarget, lines),
    onBlur: hide,
    onClick: (event) => (event.preventDefault(), hide(), go(to)),
  };
  const text = 0 + side * (R + 14);
  return html`<a href=${to} class=${names("node", `is-${role}`)} transform="translate(${x} ${y})" aria-label=${`${member.name}: ${roleSaid(member)}`} style=${{ color: colour(member.mark) }} ...${on}>
    <circle class="arc-ground" r=${R + 5} />
    <circle class="arc" r=${R + 5} transform="rotate(-90)" stroke-dasharray="${FULL * filled(member.lag)} ${FULL}" />
    ${role === "learner" ? html`<path class="disc" d="M0-30 30 0 0 30-30 0Z" />` : html`<circle class="disc" r=${R} />`}
    ${role === "candidate" && html`<path class="half" d="M0-${R}A${R} ${R} 0 0 1 0 ${R}Z" />`}
    ${role === "frozen" && html`<path class="snow" d="M0-18V18M-15.6-9 15.6 9M-15.6 9 15.6-9" />`}
    <path class="shape" d=${shape(member.mark)} />
    ${role === "gone" && html`<path class="strike" d="M-21 21 21-21" />`}
    <path class=${names("crown", leads && "is-on")} d=${CROWN} transform="translate(0 ${-R - 14}) scale(1.05)" />
    <text class="who" x=${alone ? 0 : text} y=${alone ? R + 24 : -3} text-anchor=${alone ? "middle" : side > 0 ? "start" : "end"}>${short(member.name, 10)}</text>
    <text class="what" x=${alone ? 0 : text} y=${alone ? R + 40 : 13} text-anchor=${alone ? "middle" : side > 0 ? "start" : "end"}>${roleSaid(member)}${behind(member, leads)}</text>
  </a>`;
}

function behind(member, leads) {
  if (leads) return known(member.term) ? ` · term ${member.term}` : "";
  return member.lag > NO_LAG ? ` · −${count(member.lag)}` : "";
}
