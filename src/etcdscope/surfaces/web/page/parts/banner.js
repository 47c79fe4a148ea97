// Says when what is seen is not now: the agent is away, or one looks at the past.
import { html } from "../lib/dom.js";
import { useNow } from "../lib/clock.js";
import { duration, when } from "../lib/format.js";
import { retry } from "../lib/feed.js";
import { backToNow } from "../lib/span.js";
import { useStore } from "../lib/store.js";

const linkOf = (state) => state.link;
const loadedOf = (state) => state.loaded;

export function Banner({ at }) {
  const agent = useStore(linkOf);
  const loaded = useStore(loadedOf);
  if (agent.state === "lost") return html`<${Lost} since=${agent.since} loaded=${loaded} />`;
  return at ? html`<${Past} at=${Number(at)} />` : null;
}

function Lost({ since, loaded }) {
  const now = useNow();
  return html`<div class="banner is-lost" role="alert">
    <div class="wrap">
      <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><path d="M2 6.5a9 9 0 0 1 12 0M4.5 9.3a5.3 5.3 0 0 1 7 0M8 12.5v.4M2 14 14 2" /></svg>
      <strong>The agent does not answer.</strong>
      <span>${loaded ? "What you see is from " : "Trying since "}<span class="tnum">${when(since)}</span>${loaded ? " " : " "}<span class="since tnum">(${duration(Math.max(0, Math.floor(now - since)))})</span>. This page reconnects by itself.</span>
      <button type="button" class="button" onClick=${retry}>Try now</button>
    </div>
  </div>`;
}

function Past({ at }) {
  const now = useNow();
  return html`<div class="banner is-past" role="status">
    <div class="wrap">
      <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.2" /><path d="M8 4.4V8l2.6 1.8" /></svg>
      <strong class="tnum">You are looking at ${when(at)}.</strong>
      <span class="tnum">That was ${duration(Math.max(0, now - at))} ago; nothing here is live.</span>
      <button type="button" class="button" onClick=${backToNow} aria-keyshortcuts="n">Back to now</button>
    </div>
  </div>`;
}
