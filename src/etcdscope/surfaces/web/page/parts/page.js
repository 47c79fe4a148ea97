// The frame of every view: where we are, whether the agent is there, and the view itself.
import { html, useEffect, useErrorBoundary, useState } from "../lib/dom.js";
import { token } from "../lib/api.js";
import { focus } from "../lib/feed.js";
import { useKeys, rove } from "../lib/keys.js";
import { go, link, useRoute } from "../lib/route.js";
import { useStore } from "../lib/store.js";
import { toggle } from "../lib/theme.js";
import { find } from "../views/table.js";
import { Banner } from "./banner.js";
import { Help } from "./help.js";
import { Palette } from "./palette.js";
import { AskToken, Empty, Failed, Loading } from "./states.js";
import { Tip } from "./tip.js";
import { Top } from "./top.js";
import { Tour } from "./tour.js";

const linkOf = (state) => state.link;
const onlyOf = (state) => (state.loaded && state.clusters.size === 1 ? [...state.clusters.keys()][0] : "");
// A tab tells by its title that it wants to be looked at.
const TITLES = { critical: "✖ ", warning: "△ ", unknown: "? " };
const RANK = ["critical", "warning", "unknown", "ok"];
const levelOf = (state, key) => state.clusters.get(key)?.level ?? worst([...state.clusters.values()]);
const worst = (all) => RANK.find((level) => all.some((one) => one.level === level));
const ROWS = "main .row-link";

export function Page() {
  const route = useRoute();
  const [open, setOpen] = useState("");
  const agent = useStore(linkOf);
  const only = useStore(onlyOf);
  const found = find(route.parts);
  const past = Boolean(route.query.at);

  // One cluster is no fleet: its page is where one arrives.
  useEffect(() => {
    if (!route.parts.length && only) go(link(["c", only]), true);
  }, [route.path, only]);
  useEffect(() => {
    document.documentElement.dataset.past = past;
    document.documentElement.dataset.link = agent.state;
  }, [past, agent.state]);
  useEffect(() => focus(found?.params.cluster ?? ""), [found?.params.cluster]);
  useKeys({
    "/": () => setOpen("palette"),
    "?": () => setOpen("help"),
    t: toggle,
    j: () => rove(ROWS, 1),
    k: () => rove(ROWS, -1),
    g: () => go(link(["fleet"])),
    Escape: () => up(route),
  });

  return html`
    <a class="skip" href="#main" onClick=${toMain}>Skip to content</a>
    <${Top} route=${route} found=${found} onSearch=${() => setOpen("palette")} onHelp=${() => setOpen("help")} />
    <${Banner} at=${route.query.at} />
    <main id="main" tabindex="-1">
      ${agent.state === "denied"
        ? html`<${AskToken} refused=${Boolean(token.get())} />`
        : html`<${Outlet} key=${found ? found.view.path : "none"} found=${found} route=${route} />`}
    </main>
    ${open === "palette" && html`<${Palette} route=${route} onClose=${() => setOpen("")} />`}
    ${open === "help" && html`<${Help} onClose=${() => setOpen("")} />`}
    <${Tour} />
    <${Tip} />
  `;
}

function toMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function up(route) {
  if (route.query.at || route.query.from) return go(link(route.parts));
  const parent = route.parts[0] === "c" && route.parts.length > 2 ? route.parts.slice(0, 2) : ["fleet"];
  return go(link(parent));
}

/** Loads the view's module when it is first wanted. */
function Outlet({ found, route }) {
  const [view, setView] = useState(null);
  const [error, setError] = useState(null);
  const [bug, forget] = useErrorBoundary((thrown) => console.error(thrown));
  useEffect(() => {
    found?.view.load().then(
      (module) => setView(() => module.View),
      () => setError({ status: 0, message: "The agent does not answer, and this view was not loaded yet." }),
    );
  }, [found?.view]);
  const cluster = found?.params.cluster;
  const level = useStore(levelOf, cluster);
  useEffect(() => {
    const said = [cluster, found?.view.title, "etcdscope"].filter(Boolean).join(" · ");
    document.title = `${TITLES[level] ?? ""}${said}`;
  }, [found?.view, cluster, level]);

  if (!found) return html`<${Empty} title="There is no such page." level="unknown"><a href="#/fleet">Back to the fleet</a><//>`;
  if (bug) return html`<${Failed} error=${{ status: 0, message: `This view has a bug: ${bug.message}` }} again=${forget} />`;
  if (error) return html`<${Failed} error=${error} again=${() => location.reload()} />`;
  return view ? html`<${view} params=${found.params} query=${route.query} />` : html`<div class="wrap"><${Loading} /></div>`;
}
