// How long something has been so; draws itself anew only when its words change.
import { html, memo, useEffect, useRef } from "../lib/dom.js";
import { everySecond, now } from "../lib/clock.js";
import { duration, known, unix } from "../lib/format.js";

export const Age = memo(({ since }) => {
  const ref = useRef(null);
  useEffect(() => {
    if (!known(since)) return undefined;
    const write = (at) => {
      const text = duration(Math.max(0, Math.floor(at - unix(since))) || 0);
      if (ref.current && ref.current.textContent !== text) ref.current.textContent = text;
    };
    write(now());
    return everySecond(write);
  }, [since]);
  return html`<span class="faint" ref=${ref}></span>`;
});
