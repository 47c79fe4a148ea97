// The search: clusters, members, incidents, causes and views, by typing a few letters.
import { html, names, useEffect, useMemo, useRef, useState } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { go, link } from "../lib/route.js";
import { state } from "../lib/store.js";
import { Dialog } from "./dialog.js";
import { Level, Mark } from "./sign.js";

const MOST_SHOWN = 40;
const RANK = { critical: 0, warning: 1, unknown: 2, ok: 3 };
let causes = null; // asked for once a page

export function Palette({ route, onClose }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [known, setKnown] = useState(causes ?? []);
  const list = useRef(null);
  useEffect(() => {
    if (!causes) get("catalogue").then((found) => setKnown((causes = found.causes)), () => {});
  }, []);
  const all = useMemo(() => everything(route, known), [known]);
  const hits = useMemo(() => filtered(all, text), [all, text]);
  useEffect(() => list.current?.querySelector(".is-at")?.scrollIntoView({ block: "nearest" }), [at, hits]);

  const open = (hit) => {
    onClose();
    if (hit) go(hit.to);
  };
  const keys = {
    ArrowDown: () => setAt(Math.min(at + 1, hits.length - 1)),
    ArrowUp: () => setAt(Math.max(at - 1, 0)),
    Enter: () => open(hits[at]),
  };
  const pressed = (event) => {
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
  return html`<${Dialog} label="Search" kind="palette" onClose=${onClose}>
    <input class="palette-in" type="text" role="combobox" aria-expanded="true" aria-controls="hits" aria-label="Search"
      aria-activedescendant=${hits[at] ? `hit-${at}` : undefined} autocomplete="off" spellcheck=${false} autofocus
      placeholder="Cluster, member, incident, cause …" value=${text} onKeyDown=${pressed}
      onInput=${(event) => { setText(event.target.value); setAt(0); }} />
    <ul id="hits" class="hits" role="listbox" aria-label="What was found" ref=${list}>
      ${hits.map((hit, i) => html`<li key=${hit.kind + hit.to} id=${`hit-${i}`} role="option" aria-selected=${i === at} class=${names("hit", i === at && "is-at")}
        onMouseMove=${() => i !== at && setAt(i)} onClick=${() => open(hit)}>
        <span class="hit-sign">${hit.level ? html`<${Level} level=${hit.level} quiet />` : hit.mark !== undefined && html`<${Mark} mark=${hit.mark} />`}</span>
        <span class="hit-name">${hit.name}</span><span class="hit-say">${hit.say}</span><span class="hit-kind">${hit.kind}</span>
      </li>`)}
    </ul>
    ${!hits.length && html`<p class="faint none" role="status">Nothing is called that.</p>`}
  <//>`;
}

function everything(route, causes) {
  const found = [];
  const current = route.parts[0] === "c" ? route.parts[1] : null;
  const worst = [...state.clusters].sort(([, a], [, b]) => RANK[a.level] - RANK[b.level]);
  for (const [key, cluster] of worst) {
    found.push({ kind: "cluster", name: cluster.name ?? key, say: cluster.headline, level: cluster.level, to: link(["c", key]) });
    for (const one of state.incidents.get(key)?.values() ?? []) {
      const level = one.event === "closed" ? "over" : one.severity;
      found.push({ kind: "incident", name: one.cause, say: one.summary, level, to: link(["c", key, "incident", one.incident]) });
    }
    if (state.clusters.size > 12 && key !== current) continue; // their names are all alike
    for (const member of cluster.members ?? []) {
      found.push({ kind: "member", name: member.name, say: `${member.role}, ${cluster.name ?? key}`, mark: member.mark, to: link(["c", key, "member", member.id]) });
    }
  }
  if (current) found.push({ kind: "view", name: "Registry", say: `what fills ${current}`, to: link(["c", current, "registry"]) });
  found.push({ kind: "view", name: "Fleet", say: "all clusters", to: "#/fleet" });
  found.push({ kind: "view", name: "Catalogue", say: "every cause that is known", to: "#/catalogue" });
  found.push({ kind: "view", name: "Benchmarks", say: "what was measured", to: "#/benchmarks" });
  for (const one of causes) found.push({ kind: "cause", name: one.id, say: one.summary, to: link(["catalogue", one.id]) });
  return found;
}

function filtered(all, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return all.slice(0, MOST_SHOWN);
  const scored = [];
  for (const hit of all) {
    const name = hit.name.toLowerCase();
    const rest = `${name} ${hit.say ?? ""} ${hit.kind}`.toLowerCase();
    if (!words.every((word) => rest.includes(word))) continue;
    scored.push([name.startsWith(words[0]) ? 0 : name.includes(words[0]) ? 1 : 2, hit]);
  }
  return scored.sort((a, b) => a[0] - b[0]).slice(0, MOST_SHOWN).map(([, hit]) => hit);
}
