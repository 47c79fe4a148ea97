// The members as a table: what each is, how far it is, how quick its disk.
import { html, memo, names, useRef } from "../lib/dom.js";
import { count, duration, known, millis, rate, share, size } from "../lib/format.js";
import { link } from "../lib/route.js";
import { filled } from "./ring.js";
import { Name, Role } from "./sign.js";
import { Num } from "./tip.js";

// A WAL fsync over this is etcd's own "slow"; a backend commit over that one as well.
const SLOW_FSYNC = 0.1;
const SLOW_COMMIT = 0.25;

/** Column: head, what the number is, field, how it is said, when it stands out. */
const COLUMNS = [
  ["term", "raft term", "term", count],
  ["index", "committed index", "index", count],
  ["lag", "entries behind the highest committed index", "lag", lag],
  ["answers", "time to answer Status", "answers_in", duration],
  ["fsync p99", "WAL fsync, 99th percentile of 15 s", "wal_fsync_p99", millis, (v) => v > SLOW_FSYNC],
  ["commit p99", "backend commit, 99th percentile of 15 s", "backend_commit_p99", millis, (v) => v > SLOW_COMMIT],
  ["writes", "proposals applied a second", "writes_per_s", rate],
];

function lag(entries) {
  return entries ? `−${count(entries)}` : "0";
}

export const Members = memo(({ cluster, at }) => {
  const ref = useRef(null);
  const members = [...(cluster.members ?? [])].sort((a, b) => a.mark - b.mark);
  return html`<div class="table-box" tabindex="0" role="region" aria-label="Members">
    <table class="members" ref=${ref} onKeyDown=${(event) => arrows(event, ref.current)}>
      <thead><tr><th scope="col">member</th><th scope="col">role</th>${COLUMNS.map(([head]) => html`<th scope="col" class="is-number" key=${head}>${head}</th>`)}<th scope="col" class="is-number">database</th></tr></thead>
      <tbody>${members.map((member) => html`<${Row} key=${member.id} member=${member} cluster=${cluster.key} judged=${cluster.judged_at} at=${at} />`)}</tbody>
    </table>
  </div>`;
});

/** Arrows move among the numbers; Tab goes past the whole table. */
function arrows(event, table) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -(COLUMNS.length + 1), ArrowDown: COLUMNS.length + 1 }[event.key];
  if (!step) return;
  const all = [...table.querySelectorAll("button.num")];
  const next = all[all.indexOf(document.activeElement) + step];
  if (!next || !all.includes(document.activeElement)) return;
  event.preventDefault();
  next.focus();
}

function Row({ member, cluster, judged, at }) {
  const dead = (member.state && member.state !== "ok") || !member.reachable;
  return html`<tr class=${names(dead && "is-dead")} data-member=${member.id}>
    <th scope="row"><${Name} member=${member} href=${link(["c", cluster, "member", member.id], { at })} /></th>
    <td><${Role} member=${member} /></td>
    ${COLUMNS.map(([head, what, field, say, bad]) => html`<td class="is-number" key=${head} data-head=${head}>
      ${head === "lag" && html`<i class="lag-bar" aria-hidden="true"><i style=${{ width: `${filled(member.lag) * 100}%` }}></i></i>`}
      <${Figure} member=${member} judged=${judged} what=${what} field=${field} say=${say} bad=${bad} />
    </td>`)}
    <td class="is-number" data-head="database"><${Quota} member=${member} judged=${judged} /></td>
  </tr>`;
}

function Figure({ member, judged, what, field, say, bad }) {
  const number = member[field];
  const source = member.sources?.[field];
  const text = known(number) ? say(number) : "–";
  const why = known(number) ? "" : (member.why ?? "not seen");
  return html`<${Num} text=${text} what=${`${member.name}: ${what}`} source=${source?.source} at=${source && judged ? judged - (source.age ?? 0) : undefined} why=${why} tone=${known(number) && bad?.(number) ? "is-bad" : ""} />`;
}

function Quota({ member, judged }) {
  const { db_size: whole, quota } = member;
  const source = member.sources?.quota ?? member.sources?.db_size;
  const part = known(whole) && quota ? ` · ${share(whole / quota)}` : "";
  const text = known(whole) ? `${size(whole)}${part}` : "–";
  const tone = whole / quota >= 0.8 ? "is-bad" : "";
  return html`<${Num} text=${text} what=${`${member.name}: database file, and its part of ${quota ? `the quota of ${size(quota)}` : "an unknown quota"}`} source=${source?.source} at=${source && judged ? judged - (source.age ?? 0) : undefined} tone=${tone} />`;
}

