// The bar at the bottom: which stretch of time is shown, and which moment of it.
import { html, memo, names, useRef } from "../lib/dom.js";
import { clock, unix, when } from "../lib/format.js";
import { useKeys } from "../lib/keys.js";
import { backToNow, lookAt, pan, setSpan, SPANS } from "../lib/span.js";
import { now } from "../lib/clock.js";

// One look at the past a frame is more than the agent needs; the last one counts.
const SCRUB_MS = 90;

export const Timebar = memo(({ from, to, at, live, name, marks }) => {
  const track = useRef(null);
  const shown = { from, to, seconds: to - from };
  const share = at ? Math.min(Math.max((at - from) / (to - from), 0), 1) : 1;
  const nudge = (step) => lookAt(Math.min(Math.max((at ?? to) + step, from), now()));
  const small = (to - from) / 60;
  useKeys({ "[": () => nudge(-small), "]": () => nudge(small), n: backToNow });
  const pressed = (event) => {
    const steps = { ArrowLeft: -small, ArrowRight: small, PageDown: -small * 10, PageUp: small * 10, Home: from - (at ?? to) };
    if (event.key === "End") backToNow();
    else if (event.key in steps) nudge(steps[event.key]);
    else return;
    event.preventDefault();
  };
  return html`<div class="timebar" role="group" aria-label="Time">
    <div class="wrap">
      <div class="spans" role="group" aria-label="How much time is shown">
        ${SPANS.map(([key, , text]) => html`<button type="button" key=${key} class=${names("span", key === name && "is-here")} aria-pressed=${key === name} onClick=${() => setSpan(key)}>${text}</button>`)}
      </div>
      <button type="button" class="icon" aria-label="Earlier" title="Earlier" onClick=${() => pan(shown, -0.5, now())}>◀</button>
      <span class="tnum edge">${when(from)}</span>
      <div class="track" ref=${track} onPointerDown=${(event) => drag(event, track.current, shown)}>
        ${marks.map((mark) => html`<i key=${mark.id} class=${`at-${mark.kind} sev-${mark.severity}`} style=${{ left: percent(unix(mark.at), shown), width: width(mark, shown) }}></i>`)}
        <div class=${names("thumb", !at && "is-now")} role="slider" tabindex="0" aria-label="Moment that is shown" aria-valuemin=${Math.round(from)} aria-valuemax=${Math.round(to)}
          aria-valuenow=${Math.round(at ?? to)} aria-valuetext=${at ? when(at) : "now"} style=${{ left: `${share * 100}%` }} onKeyDown=${pressed}>
          <span class="tnum">${at ? clock(at) : "now"}</span>
        </div>
      </div>
      <button type="button" class="icon" aria-label="Later" title="Later" disabled=${live} onClick=${() => pan(shown, 0.5, now())}>▶</button>
      <button type="button" class="button to-now" disabled=${live && !at} onClick=${backToNow}>now</button>
    </div>
  </div>`;
});

const percent = (time, shown) => `${Math.min(Math.max((time - shown.from) / shown.seconds, 0), 1) * 100}%`;

function width(mark, shown) {
  if (mark.kind === "election") return "2px";
  const end = Math.min(unix(mark.end ?? shown.to), shown.to);
  return `${Math.max(0.3, ((end - Math.max(unix(mark.at), shown.from)) / shown.seconds) * 100)}%`;
}

/** Follows the pointer until it is let go; at the right end it is now again. */
function drag(event, track, shown) {
  if (event.button) return;
  const box = track.getBoundingClientRect();
  let waiting = 0;
  let wanted = 0;
  const tell = () => {
    waiting = 0;
    if (wanted >= 0.995 && shown.to > now() - 5) backToNow();
    else lookAt(shown.from + wanted * shown.seconds);
  };
  const move = (moved) => {
    wanted = Math.min(Math.max((moved.clientX - box.left) / box.width, 0), 1);
    waiting ||= setTimeout(tell, SCRUB_MS);
  };
  track.setPointerCapture(event.pointerId);
  track.addEventListener("pointermove", move);
  track.addEventListener("pointerup", () => track.removeEventListener("pointermove", move), { once: true });
  track.addEventListener("pointercancel", () => track.removeEventListener("pointermove", move), { once: true });
  move(event);
}
