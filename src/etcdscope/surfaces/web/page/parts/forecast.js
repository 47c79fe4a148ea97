// The size of the database up to now and as it may go on: a cone, and the quota as a line.
import { html, memo } from "../lib/dom.js";
import { day, known, size } from "../lib/format.js";
import { useWidth } from "./lanes.js";

const H = 150;
// Where nothing is foreseen, the picture ends soon after now.
const NOTHING_AHEAD = 900;
const PAD = { top: 14, bottom: 20, left: 46, right: 12 };

/** `past`: [at, bytes] pairs of the largest member; `full`: `{early, late}` in unix seconds. */
export const Forecast = memo(({ past, quota, full, now, say }) => {
  const [ref, width] = useWidth();
  const end = horizon(full, now);
  const begin = past.length ? Math.min(past[0][0], now - (end - now) / 4) : now - (end - now) / 4;
  const top = Math.max(quota ?? 0, ...past.map(([, bytes]) => bytes)) * 1.12 || 1;
  const x = (at) => PAD.left + ((at - begin) / (end - begin)) * (width - PAD.left - PAD.right);
  const y = (bytes) => H - PAD.bottom - (bytes / top) * (H - PAD.top - PAD.bottom);
  const last = past.at(-1)?.[1] ?? 0;
  return html`<figure class="forecast" ref=${ref}>
    ${width > 0 && html`<svg width=${width} height=${H} role="img" aria-label=${say}>
      ${known(quota) && html`<rect class="past-quota" x=${PAD.left} y=${PAD.top} width=${width - PAD.left - PAD.right} height=${Math.max(0, y(quota) - PAD.top)} />
        <path class="quota" d="M${PAD.left} ${y(quota)}H${width - PAD.right}" />
        <text class="quota-text" x=${PAD.left + 6} y=${y(quota) - 4}>quota ${size(quota)}</text>`}
      <text class="axis" x=${PAD.left - 6} y=${y(0) + 3} text-anchor="end">0</text>
      <text class="axis" x=${PAD.left - 6} y=${y(last) + 3} text-anchor="end">${size(last)}</text>
      <path class="now" d="M${x(now)} ${PAD.top}V${H - PAD.bottom}" />
      ${full && known(quota) && html`<path class="cone" d="M${x(now)} ${y(last)}L${x(full.early)} ${y(quota)}H${x(Math.min(full.late ?? end, end))}Z" />`}
      ${past.length > 1 && html`<path class="size" d=${`M${past.map(([at, bytes]) => `${x(at).toFixed(1)} ${y(bytes).toFixed(1)}`).join("L")}`} />`}
      <circle class="here" cx=${x(now)} cy=${y(last)} r="3" />
      <text class="axis" x=${x(now)} y=${H - 5} text-anchor="middle">now</text>
      ${full && html`<text class="axis" x=${Math.min(x(full.early), width - 80)} y=${H - 5} text-anchor="middle">${day(full.early)}</text>`}
      ${full?.late && x(full.late) - x(full.early) > 90 && html`<text class="axis" x=${Math.min(x(full.late), width - 34)} y=${H - 5} text-anchor="middle">${day(full.late)}</text>`}
    </svg>`}
  </figure>`;
});

function horizon(full, now) {
  if (!full) return now + NOTHING_AHEAD;
  const late = full.late ?? full.early + (full.early - now) * 2;
  return Math.min(late + (late - now) * 0.06, now + (full.early - now) * 4);
}
