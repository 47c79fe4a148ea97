// The time of the page: ticks once a second, for ages and sliding windows.
import { useEffect, useState } from "./dom.js";

const listeners = new Set();
let timer = 0;

export const now = () => Date.now() / 1000;

/** Calls back every second while the page can be seen; returns how to stop. */
export function everySecond(told) {
  listeners.add(told);
  timer ||= setInterval(() => {
    if (document.visibilityState === "hidden") return;
    for (const one of [...listeners]) one(now());
  }, 1000);
  return () => listeners.delete(told);
}

export function useNow() {
  const [at, set] = useState(now);
  useEffect(() => everySecond(set), []);
  return at;
}
