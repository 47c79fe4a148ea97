// When the quota will be full: the cone, and what it was made from.
import { html, memo, useMemo } from "../lib/dom.js";
import { path } from "../lib/api.js";
import { now } from "../lib/clock.js";
import { day, known, size } from "../lib/format.js";
import { useEvery, useLoad } from "../lib/load.js";
import { Bar } from "./bar.js";
import { Forecast } from "./forecast.js";

const PAST_SECONDS = 6 * 3600;
const AGAIN_SECONDS = 60;
// Of the quota; below this, and without growth, there is nothing to see in a picture.
const WORTH_A_PICTURE = 0.25;

export const Space = memo(({ cluster, at }) => {
  const again = useEvery(AGAIN_SECONDS, !at);
  const to = useMemo(() => at ?? now(), [at, again]);
  const query = { from: (to - PAST_SECONDS).toFixed(0), to: to.toFixed(0), step: 300 };
  const { data } = useLoad(path(["clusters", cluster.key, "charts", "db-size"], query));
  const past = useMemo(() => largest(data), [data]);
  if (!known(cluster.db_size) || !cluster.quota) return null;
  const points = past.length ? past : [[to, cluster.db_size]];
  const say = sentence(cluster, to);
  const picture = cluster.quota_full || cluster.db_size > cluster.quota * WORTH_A_PICTURE;
  return html`<section class="space" aria-labelledby="h-space-left">
    <h2 id="h-space-left">Room left</h2>
    <div class="space-in">
      <p class="space-say">${say}</p>
      ${picture
        ? html`<${Forecast} past=${points} quota=${cluster.quota} full=${cluster.quota_full} now=${to} say=${say} />`
        : html`<${Bar} part=${cluster.db_size} inside=${cluster.db_in_use} whole=${cluster.quota} what="of the quota" source="Status of the largest member" at=${cluster.judged_at} />`}
    </div>
  </section>`;
});

/** The largest member's size over time: it is the one that fills its quota first. */
function largest(data) {
  if (!data) return [];
  return data.at
    .map((at, i) => [at, Math.max(...data.lines.map((line) => line.values[i] ?? -1))])
    .filter(([, bytes]) => bytes >= 0);
}

function sentence(cluster, at) {
  const { db_size: whole, db_in_use: used, quota, quota_full: full } = cluster;
  const facts = `${size(whole)} of ${size(quota)}${known(used) ? `, ${size(used)} of it in use` : ""}.`;
  if (!full) return `${facts} No growth is seen that would fill it.`;
  const [early, late] = [full.early, full.late].map((one) => (known(one) ? Math.max(0, Math.round((one - at) / 86_400)) : null));
  const span = late === null ? `in ${early} days or later` : early === late ? `in about ${early} days` : `in ${early} to ${late} days`;
  return `${facts} At this pace it is full ${early < 1 && late < 2 ? "within a day or two" : span}${late === null ? "" : `, by ${day(full.late)}`}.`;
}
