// The verdict: the largest thing of a cluster's page.
import { html, memo } from "../lib/dom.js";
import { useNow } from "../lib/clock.js";
import { certainty, duration, share, unix, when } from "../lib/format.js";
import { link } from "../lib/route.js";
import { marginSaid, Pips } from "./pips.js";
import { Level } from "./sign.js";
import { Num } from "./tip.js";

/** The first sentence, and what follows. */
function sentences(text = "") {
  const end = text.search(/\. (?=\S)/);
  return end < 0 ? [text, ""] : [text.slice(0, end + 1), text.slice(end + 2)];
}

export const Headline = memo(({ cluster, incident, at }) => {
  const [first, rest] = sentences(cluster.headline);
  return html`<section class="headline is-${cluster.level}" aria-label="Verdict">
    <div class="headline-say" aria-live=${at ? "off" : "polite"} aria-atomic="true">
      <h1><${Level} level=${cluster.level} size=${30} /><span>${first}</span></h1>
      ${rest && html`<p class="headline-rest">${rest}</p>`}
    </div>
    <div class="margin" title=${cluster.quorum_say}>
      <span class="margin-label">quorum</span>
      <${Pips} cluster=${cluster} />
      <span class="margin-say"><strong class="tnum">margin ${cluster.margin ?? "?"}</strong><span>${marginSaid(cluster.margin)}</span></span>
    </div>
    ${incident && html`<${About} incident=${incident} cluster=${cluster.key} at=${at} />`}
  </section>`;
});

function About({ incident, cluster, at }) {
  const to = (part) => link(["c", cluster, "incident", incident.incident], { show: part, at });
  const since = unix(incident.since);
  return html`<div class="headline-about">
    <p class="headline-facts">
      <${Num} text=${certainty(incident.confidence)} what="confidence" source=${`ranking of causes: ${share(incident.confidence)}`} />
      <span>since <span class="tnum">${when(since)}</span> <${Since} since=${since} at=${at} /></span>
      <a class="cause" href=${to("")}>${incident.cause}</a>
    </p>
    ${incident.impact && html`<p class="headline-impact">${incident.impact}</p>`}
    <p class="headline-do">
      <a class="button is-main" href=${to("runbook")}>What to do</a>
      <a class="button" href=${to("evidence")}>Evidence</a>
    </p>
  </div>`;
}

function Since({ since, at }) {
  const now = useNow();
  return html`<span class="tnum since">(${duration(Math.max(0, Math.floor((at ?? now) - since)))})</span>`;
}
