// Where a time axis has its ticks, and how each is called.
import { clock, day, minute } from "./format.js";

const STEPS = [5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];
const ROOM = 66; // pixels a label needs

export function ticks(from, to, width) {
  const most = Math.max(2, Math.floor(width / ROOM));
  const step = STEPS.find((one) => (to - from) / one <= most) ?? STEPS.at(-1);
  const zone = new Date(from * 1000).getTimezoneOffset() * 60;
  const found = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at < to; at += step) {
    const left = ((at - from) / (to - from)) * width;
    if (left > 24 && left < width - 24) found.push({ at, text: called(at, step) });
  }
  return found;
}

function called(at, step) {
  if (step >= 86_400) return day(at).slice(5);
  return step < 60 ? clock(at) : minute(at);
}
