// Who had which role when, with elections, incidents and planned work over it.
import { html, memo, names, useLayoutEffect, useRef, useState } from "../lib/dom.js";
import { clock, duration, short, unix, when } from "../lib/format.js";
import { colour } from "../lib/marks.js";
import { link } from "../lib/route.js";
import { ticks } from "../lib/ticks.js";
import { Mark } from "./sign.js";
import { hide, show } from "./tip.js";

const ROW = 22;
const HEAD = 26;
const FOOT = 20;
const THICK = { leader: 14, candidate: 14, "pre-candidate": 10, learner: 4, follower: 4 };

/** The width of an element, kept up to date. */
export function useWidth() {
  const ref = useRef(null);
  const [width, set] = useState(0);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => set(Math.round(entry.contentRect.width)));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

export const Lanes = memo(({ cluster, members, data, from, to, at }) => {
  const [ref, width] = useWidth();
  const height = HEAD + members.length * ROW + FOOT;
  const x = (time) => ((Math.min(Math.max(time, from), to) - from) / (to - from)) * width;
  const marks = (data?.marks ?? []).filter((mark) => unix(mark.end ?? mark.at) >= from - 1 && unix(mark.at) <= to);
  const byMember = new Map((data?.lanes ?? []).map((lane) => [lane.member, lane.runs]));
  return html`<div class="lanes">
    <div class="lane-names" aria-hidden="true"><span class="lane-events">events</span>${members.map((member) => html`<span key=${member.id}><${Mark} mark=${member.mark} /><b>${short(member.name, 16)}</b></span>`)}</div>
    <div class="lane-box" ref=${ref}>
      ${width > 0 && html`<svg width=${width} height=${height} role="group" aria-label=${said(members, byMember, marks)}>
        <${Hatch} />
        ${ticks(from, to, width).map((tick) => html`<g key=${tick.at} class="tick" transform="translate(${x(tick.at)} 0)"><path d="M0 ${HEAD}V${height - FOOT}" /><text y=${height - 5}>${tick.text}</text></g>`)}
        ${marks.map((mark) => html`<${Shade} key=${mark.id} mark=${mark} x=${x} to=${to} height=${height} />`)}
        ${members.map((member, i) => html`<g key=${member.id} transform="translate(0 ${HEAD + i * ROW})" style=${{ color: colour(member.mark) }}>
          <rect class="absent" x="0" y="9" width=${width} height="4" />
          ${(byMember.get(member.id) ?? []).map((run) => html`<${Run} key=${run.begin} run=${run} x=${x} member=${member} />`)}
        </g>`)}
        ${marks.map((mark) => html`<${Sign} key=${mark.id} mark=${mark} x=${x} to=${to} cluster=${cluster} width=${width} />`)}
        ${at && html`<path class="moment" d="M${x(at)} 0V${height - FOOT}" />`}
      </svg>`}
    </div>
  </div>`;
});

function Hatch() {
  return html`<defs>
    <pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0V5" /></pattern>
    <pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse"><circle cx="1.2" cy="1.2" r=".9" /></pattern>
  </defs>`;
}

function Run({ run, x, member }) {
  const left = x(unix(run.begin));
  const width = Math.max(1, x(unix(run.end)) - left);
  const thick = THICK[run.role] ?? 4;
  const lines = () => [[`${member.name}`, run.role], ["from", when(unix(run.begin))], ["to", when(unix(run.end))], ["for", duration(unix(run.end) - unix(run.begin))]];
  return html`<rect class=${`run is-${run.role}`} x=${left} width=${width} y=${11 - thick / 2} height=${thick} rx=${Math.min(2, width / 2)}
    onMouseEnter=${(event) => show(event.currentTarget, lines)} onMouseLeave=${hide} />`;
}

function Shade({ mark, x, to, height }) {
  if (mark.kind === "election") return html`<path class="vote" d="M${x(unix(mark.at))} ${HEAD - 4}V${height - FOOT}" />`;
  const left = x(unix(mark.at));
  const width = Math.max(2, x(unix(mark.end ?? to)) - left);
  return html`<rect class=${names("shade", `is-${mark.kind}`, mark.severity && `sev-${mark.severity}`)} x=${left} y="0" width=${width} height=${height - FOOT} />`;
}

function Sign({ mark, x, to, cluster, width }) {
  const left = Math.min(Math.max(x(unix(mark.at)), 0), width - 6);
  const lines = () => [
    [mark.kind === "incident" ? mark.severity : mark.kind, mark.say],
    ["at", when(unix(mark.at))],
    ...(mark.end ? [["until", clock(unix(mark.end))]] : []),
  ];
  const tip = { onMouseEnter: (event) => show(event.currentTarget, lines), onMouseLeave: hide, onFocus: (event) => show(event.currentTarget, lines), onBlur: hide };
  if (mark.kind === "election") {
    return html`<g class="vote-sign" data-mark="election" transform="translate(${left} 13)" tabindex="-1" role="img" aria-label=${`${clock(unix(mark.at))} election: ${mark.say}`} ...${tip}><path d="M0-6 6 5H-6Z" /></g>`;
  }
  const wide = Math.max(8, x(unix(mark.end ?? to)) - left);
  const bar = html`<rect x=${left} y="7" width=${wide} height="12" rx="3" />`;
  const label = `${clock(unix(mark.at))} ${mark.kind}: ${mark.say}`;
  if (mark.kind !== "incident") return html`<g class="plan-sign" data-mark="planned" role="img" aria-label=${label} ...${tip}>${bar}</g>`;
  return html`<a class=${`inc-sign sev-${mark.severity}`} data-mark="incident" href=${link(["c", cluster, "incident", mark.id])} aria-label=${label} ...${tip}>${bar}</a>`;
}

function said(members, byMember, marks) {
  const led = members.filter((member) => byMember.get(member.id)?.some((run) => run.role === "leader")).map((member) => member.name);
  const of = (kind) => marks.filter((mark) => mark.kind === kind).length;
  return `Roles over time: led by ${led.join(", then ") || "nobody known"}; ${of("election")} elections, ${of("incident")} incidents, ${of("planned")} planned`;
}
