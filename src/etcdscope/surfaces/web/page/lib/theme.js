// Dark or light: the system's, until somebody chooses.

const KEY = "etcdscope.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

export function chosen() {
  return localStorage.getItem(KEY) ?? (system.matches ? "dark" : "light");
}

export function apply() {
  document.documentElement.dataset.theme = chosen();
  for (const told of listeners) told();
}

export function toggle() {
  const next = chosen() === "dark" ? "light" : "dark";
  // Whoever comes back to what the system says follows the system again.
  if ((next === "dark") === system.matches) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  apply();
}

/** Calls back after every change; returns how to stop. */
export function onTheme(told) {
  listeners.add(told);
  return () => listeners.delete(told);
}

system.addEventListener("change", apply);
