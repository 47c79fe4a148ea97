// How many voters may still be lost, as marks: those that answer, and where the quorum lies.
import { html, names } from "../lib/dom.js";
import { known, plural } from "../lib/format.js";
import { colour, shape } from "../lib/marks.js";

const LOST = ["down", "frozen", "isolated", "stopped", "never-started"];
const counts = (member) => member.reachable && !LOST.includes(member.state);

/** What the margin means, in words. */
export function marginSaid(margin) {
  if (!known(margin)) return "how many may be lost is not known";
  if (margin < 0) return `${plural(-margin, "voter")} short of a quorum`;
  if (margin === 0) return "no member may be lost";
  return margin === 1 ? "one member may be lost" : `${margin} members may be lost`;
}

/** `small`: for a row of the fleet. */
export function Pips({ cluster, small = false }) {
  const voters = (cluster.members ?? []).filter((member) => !member.learner);
  const { margin, quorum } = cluster;
  const step = small ? 13 : 22;
  const r = small ? 0.48 : 0.8;
  const width = voters.length * step + 2;
  const height = small ? 14 : 24;
  // Those that count stand left: the line after the quorum shows what is left over.
  const sorted = [...voters].sort((a, b) => counts(b) - counts(a));
  return html`<svg class="pips" width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img"
    aria-label=${`quorum ${quorum} of ${plural(cluster.voters ?? voters.length, "voter")}, ${marginSaid(margin)}`}>
    ${sorted.map((member, i) => html`<path key=${member.id} class=${names(!counts(member) && "is-lost")} d=${shape(member.mark)}
      style=${{ color: colour(member.mark) }} transform="translate(${i * step + step / 2 + (i >= quorum ? 2 : 0)} ${height / 2}) scale(${r})" />`)}
    ${quorum > 0 && quorum < voters.length && html`<path class="quorum" d="M${quorum * step + 1} 0V${height}" />`}
  </svg>`;
}
