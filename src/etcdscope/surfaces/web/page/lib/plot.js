// What is drawn on a chart beside its lines: limits, gaps, names, the moment that is looked at.
import { short } from "./format.js";
import { palette } from "./palette.js";

const FONT = '11px system-ui, -apple-system, "Segoe UI", sans-serif';
const NAME_ROOM = 13; // pixels between two names

/** Under the lines: the region past the limit, tinted, and the limit itself. */
export function drawLimit(u, limit) {
  if (!limit) return;
  const { ctx, bbox } = u;
  const y = u.valToPos(limit.value, "y", true);
  if (!(y > bbox.top && y < bbox.top + bbox.height)) return;
  const colours = palette();
  ctx.save();
  ctx.fillStyle = colours.tint;
  ctx.fillRect(bbox.left, bbox.top, bbox.width, y - bbox.top);
  ctx.strokeStyle = colours.limit;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, Math.round(y) + 0.5);
  ctx.lineTo(bbox.left + bbox.width, Math.round(y) + 0.5);
  ctx.stroke();
  ctx.restore();
}

const has = (line, i) => line.values[i] !== null && line.values[i] !== undefined;

/** How far apart values are at most where none is missing: some are looked at twice a minute only. */
export function patience(at, lines, step) {
  const spaces = [];
  for (const line of lines) {
    let last = -1;
    for (let i = 0; i < at.length; i++) {
      if (!has(line, i)) continue;
      if (last >= 0) spaces.push(at[i] - at[last]);
      last = i;
    }
  }
  spaces.sort((a, b) => a - b);
  return 2.5 * Math.max(step, spaces[Math.floor(spaces.length / 2)] ?? step);
}

/** Stretches of [begin, end] in which nobody has a value for longer than `most` seconds. */
export function gaps(at, lines, most, [begin, end]) {
  const found = [];
  let last = begin; // where values ended
  for (let i = 0; i < at.length; i++) {
    if (!lines.some((line) => has(line, i))) continue;
    if (at[i] - last > most) found.push([last, at[i]]);
    last = Math.max(last, at[i]);
  }
  if (end - last > most * 1.6) found.push([last, end]);
  return found;
}

export function drawGaps(u, stretches) {
  const { ctx, bbox } = u;
  for (const [from, to] of stretches) {
    const left = Math.max(u.valToPos(from, "x", true), bbox.left);
    const right = Math.min(u.valToPos(to, "x", true), bbox.left + bbox.width);
    if (right - left < 2) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, bbox.height);
    ctx.clip();
    ctx.strokeStyle = palette().line;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (let x = left - bbox.height; x < right; x += 6 * devicePixelRatio) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
}

/** Each line's name at its right end, moved apart where they would overlap. */
export function drawNames(u, lines) {
  const { ctx, bbox } = u;
  const scale = devicePixelRatio;
  const ends = [];
  const named = new Set(); // of a member's several lines the first one carries its name
  for (const line of lines) {
    const i = lastSeen(u, line.values);
    if (i < 0 || named.has(line.member)) continue;
    named.add(line.member);
    const y = u.valToPos(line.values[i], "y", true);
    ends.push({ line, y: Math.min(Math.max(y, bbox.top + 5 * scale), bbox.top + bbox.height - 5 * scale) });
  }
  apart(ends, bbox, NAME_ROOM * scale);
  ctx.save();
  ctx.font = FONT.replace("11px", `${11 * scale}px`);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const { line, y } of ends) {
    ctx.fillStyle = palette().members[line.mark % 7];
    ctx.fillText(short(line.name, 6), bbox.left + bbox.width + 5 * scale, y, 38 * scale);
  }
  ctx.restore();
}

/** The newest value within what is shown. */
function lastSeen(u, values) {
  const { max } = u.scales.x;
  for (let i = values.length - 1; i >= 0; i--) {
    if (u.data[0][i] <= max && values[i] !== null && values[i] !== undefined) return i;
  }
  return -1;
}

/** Moves names apart, from the top down, then back up where they ran out of the chart. */
export function apart(ends, box, room) {
  ends.sort((a, b) => a.y - b.y);
  for (let i = 1; i < ends.length; i++) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + room);
  let floor = box.top + box.height;
  for (let i = ends.length - 1; i >= 0; i--) {
    ends[i].y = Math.min(ends[i].y, floor);
    floor = ends[i].y - room;
  }
}

/** Moments as vertical lines: those that are looked at, and those at which something happened. */
export function drawMoments(u, looked, happened = []) {
  const { ctx, bbox } = u;
  const line = (at, colour, dash) => {
    const x = Math.round(u.valToPos(at, "x", true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.strokeStyle = colour;
    ctx.setLineDash(dash);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  };
  ctx.save();
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const at of happened) line(at, palette().axis, [2 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const at of looked) line(at, palette().past, []);
  ctx.restore();
}

/** From zero, up to what is seen; the limit comes into view once half of it is reached. */
export function heights(limit) {
  return (u, min, max) => {
    const top = max > 0 ? max : 1;
    const low = min < 0 ? min : 0;
    if (limit && top > limit.value * 0.5) return [low, Math.max(top, limit.value) * 1.12];
    return [low, top * 1.12];
  };
}
