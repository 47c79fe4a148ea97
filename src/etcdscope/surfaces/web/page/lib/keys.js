// Keys: one table, so that the help can show what there is.
import { useEffect } from "./dom.js";

const layers = [];

/** `bindings`: key → what to do; the newest layer that knows a key gets it. */
export function useKeys(bindings) {
  useEffect(() => {
    layers.push(bindings);
    return () => layers.splice(layers.indexOf(bindings), 1);
  });
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest?.("dialog")) return; // it has keys of its own
  const writes = event.target.closest?.("input, textarea, select");
  if (writes && event.key !== "Escape") return;
  const layer = layers.findLast((one) => one[event.key]);
  if (!layer) return;
  event.preventDefault();
  layer[event.key](event);
});

export const HELP = [
  ["/", "search clusters, members, incidents, causes"],
  ["j / k", "next, previous row"],
  ["Enter", "open"],
  ["g", "fleet"],
  ["[ / ]", "earlier, later"],
  ["n", "back to now"],
  ["t", "dark or light"],
  ["Esc", "close, or up one level"],
  ["?", "this help"],
];

/** j and k move the focus among the elements that match, as arrows do in a list. */
export function rove(selector, step) {
  const all = [...document.querySelectorAll(selector)];
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1);
  all[next].focus();
  all[next].scrollIntoView({ block: "nearest" });
}
