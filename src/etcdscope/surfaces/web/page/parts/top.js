// The bar on top: where we are, the search, and whether what is seen is live.
import { html, names, useEffect, useState } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { retry } from "../lib/feed.js";
import { link } from "../lib/route.js";
import { backToNow } from "../lib/span.js";
import { useStore } from "../lib/store.js";
import { chosen, onTheme, toggle } from "../lib/theme.js";
import { VIEWS } from "../views/table.js";

const linkOf = (state) => state.link;
const levelOf = (state, key) => state.clusters.get(key)?.level;
const TABS = VIEWS.filter((view) => view.tab);

export function Top({ route, found, onSearch, onHelp }) {
  const cluster = found?.params.cluster;
  return html`<header class="top">
    <div class="wrap top-in">
      <a class="brand" href="#/fleet" aria-label="etcdscope: all clusters"><svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true"><path class="tri" d="M16 8 8 23h16z" /><circle class="lead" cx="16" cy="8" r="5" /><circle class="foll" cx="8" cy="23" r="4" /><circle class="foll" cx="24" cy="23" r="4" /></svg><span>etcdscope</span></a>
      <${Crumbs} found=${found} cluster=${cluster} route=${route} />
      ${cluster && html`<${Tabs} cluster=${cluster} path=${found.view.path} at=${route.query.at} />`}
      <span class="grow"></span>
      <button type="button" class="search" onClick=${onSearch} aria-label="Search" aria-keyshortcuts="/">
        <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true"><circle cx="6.8" cy="6.8" r="4.8" /><path d="m10.5 10.5 4 4" /></svg>
        <span>Search</span><kbd>/</kbd>
      </button>
      <${Live} past=${route.query.at} />
      <${Theme} />
      <button type="button" class="icon" onClick=${onHelp} aria-label="Help" title="Help (?)">?</button>
    </div>
  </header>`;
}

function Crumbs({ found, cluster, route }) {
  const level = useStore(levelOf, cluster);
  const more = found?.view.path.includes("/:") && found.view.path.split("/").length > 2;
  return html`<nav class="crumbs" aria-label="Where you are">
    <a href="#/fleet" aria-current=${route.parts.length < 2 && !cluster ? "page" : undefined}>fleet</a>
    ${cluster && html`<span aria-hidden="true">▸</span><a href=${link(["c", cluster], { at: route.query.at })} data-level=${level}>${cluster}</a>`}
    ${more && !cluster && html`<span aria-hidden="true">▸</span><span>${found.view.title.toLowerCase()}</span>`}
    ${!cluster && found && route.parts[0] && route.parts[0] !== "fleet" && !more && html`<span aria-hidden="true">▸</span><span>${found.view.title.toLowerCase()}</span>`}
  </nav>`;
}

function Tabs({ cluster, path, at }) {
  return html`<nav class="tabs" aria-label="Views of this cluster">
    ${TABS.map((view) => {
      const to = link(["c", cluster, ...view.path.split("/").slice(2)], { at });
      const here = view.path === path || (view.tab === "Incidents" && path.includes("/incident/"));
      return html`<a key=${view.path} href=${to} class=${names("tab", here && "is-here")} aria-current=${here ? "page" : undefined}>${view.tab}</a>`;
    })}
  </nav>`;
}

const SAID = { live: "live", waiting: "connecting", lost: "not live", denied: "locked" };

function Live({ past }) {
  const agent = useStore(linkOf);
  const word = past && agent.state === "live" ? "past" : agent.state;
  const text = word === "past" ? clock(Number(past)) : SAID[agent.state];
  const say = agent.state === "lost" ? `The agent does not answer since ${clock(agent.since)}` : `The agent: ${SAID[agent.state]}`;
  return html`<button type="button" class="live is-${word}" title=${say} aria-label=${word === "past" ? `Looking at ${text}; back to now` : say} onClick=${word === "past" ? backToNow : retry}>
    <i aria-hidden="true"></i><span>${text}</span>
  </button>`;
}

function Theme() {
  const [theme, set] = useState(chosen);
  useEffect(() => onTheme(() => set(chosen())), []);
  const other = theme === "dark" ? "light" : "dark";
  return html`<button type="button" class="icon" onClick=${toggle} aria-label=${`Switch to ${other}`} title=${`Switch to ${other} (t)`}>
    <svg width="15" height="15" viewBox="0 0 16 16" aria-hidden="true"><circle class="half-ring" cx="8" cy="8" r="6.4" /><path class="half" d="M8 1.6a6.4 6.4 0 0 1 0 12.8Z" /></svg>
  </button>`;
}
