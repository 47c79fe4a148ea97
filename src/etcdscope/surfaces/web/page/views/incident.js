// One incident: what to do, what happened, and how we know.
import { html, names, useEffect, useMemo } from "../lib/dom.js";
import { path } from "../lib/api.js";
import { useNow } from "../lib/clock.js";
import { certainty, clock, day, duration, plural, share, subject, unix, when } from "../lib/format.js";
import { useEvery, useLoad } from "../lib/load.js";
import { link } from "../lib/route.js";
import { useStore } from "../lib/store.js";
import { Chart } from "../parts/chart.js";
import { Command } from "../parts/copy.js";
import { Cause, Evidence } from "../parts/evidence.js";
import { isOver } from "../parts/incidents.js";
import { Level } from "../parts/sign.js";
import { Failed, Loading } from "../parts/states.js";
import { Num } from "../parts/tip.js";

// An open incident's story grows.
const AGAIN_SECONDS = 5;
const incidentsOf = (state, key) => state.incidents.get(key);

export function View({ params, query }) {
  const { cluster: key, incident: id } = params;
  const fresh = useStore(incidentsOf, key)?.get(id);
  const again = useEvery(AGAIN_SECONDS, !fresh || !isOver(fresh));
  const { data, error } = useLoad(path(["clusters", key, "incidents", id]), `${again} ${fresh?.event}`);
  useEffect(() => {
    if (data && query.show) document.getElementById(query.show)?.scrollIntoView({ block: "start" });
  }, [Boolean(data), query.show]);

  if (error && !data) return html`<div class="wrap"><${Failed} error=${error} /></div>`;
  if (!data) return html`<div class="wrap"><${Loading} rows=${7} what="Loading the incident" /></div>`;
  // What came live is newer than what was asked for, but has no story.
  const incident = fresh && unix(fresh.at) >= unix(data.incident.at) ? { ...data.incident, ...fresh } : data.incident;
  return html`<article class="wrap incident">
    <${Head} incident=${incident} cluster=${key} at=${query.at} />
    <div class="incident-in">
      <aside class="incident-do"><${Do} incident=${incident} /></aside>
      <div class="incident-told">
        <${Story} story=${data.story} />
        <${Why} incident=${incident} />
        <${Crops} cluster=${key} crops=${data.charts ?? []} incident=${incident} />
        <${Logs} logs=${data.logs ?? []} read=${data.logs_read} />
        <${Others} data=${data} cluster=${key} />
      </div>
    </div>
  </article>`;
}

function Head({ incident, cluster, at }) {
  const over = isOver(incident);
  const since = unix(incident.since);
  return html`<header class=${`headline is-${over ? "over" : incident.severity}`}>
    <div class="headline-say">
      <h1><${Level} level=${over ? "over" : incident.severity} size=${30} /><span>${incident.summary.replace(/\.?$/, ".")}</span></h1>
      ${incident.impact && html`<p class="headline-rest">${incident.impact.replace(/\.?$/, ".")}</p>`}
    </div>
    <div class="headline-about">
      <p class="headline-facts">
        <b class=${`word is-${over ? "over" : incident.severity}`}>${over ? "over" : incident.severity}</b>
        <${Cause} id=${incident.cause} />
        <span>${subject(incident.subject)}</span>
        <${Num} text=${certainty(incident.confidence)} what="confidence" source=${`ranking of causes: ${share(incident.confidence)}`} />
        <span class="tnum">${over ? `${day(since)} ${clock(since)} to ${clock(incident.until)}, ${duration(incident.seconds ?? unix(incident.until) - since)}` : html`since ${when(since)} <${Since} since=${since} />`}</span>
      </p>
      <p class="headline-do"><a class="button" href=${link(["c", cluster], { at: at ?? since.toFixed(1) })}>Show the cluster then</a></p>
    </div>
  </header>`;
}

function Since({ since }) {
  const now = useNow();
  return html`<span class="since">(${duration(Math.max(0, Math.floor(now - since)))})</span>`;
}

function Do({ incident }) {
  const steps = incident.runbook ?? [];
  const { test } = incident;
  return html`
    <section id="runbook" aria-labelledby="h-do"><h2 id="h-do">What to do</h2>
      ${steps.length ? html`<ol class="steps">${steps.map((step, i) => html`<li key=${i}><p>${step.say}</p>${step.run && html`<${Command} run=${step.run} />`}</li>`)}</ol>` : html`<p class="faint">Nothing: this is for information.</p>`}
    </section>
    ${(test || incident.next_test) && html`<section aria-labelledby="h-test"><h2 id="h-test">To be surer</h2>
      <p>${test?.say ?? incident.next_test}</p>
      ${test?.run && html`<${Command} run=${test.run} />`}
      ${test?.then?.length > 0 && html`<ul class="outcomes">${test.then.map((one, i) => html`<li key=${i}><span>${one.sees}</span> → <${Cause} id=${one.cause} /></li>`)}</ul>`}
    </section>`}`;
}

const SIGNS = { "first-sign": "unknown", opened: "warning", changed: "info", effect: "info", verdict: "info", closed: "over" };
const WORDS = { "first-sign": "first sign", opened: "told", changed: "more is known", effect: "effect", verdict: "verdict", closed: "over" };

/** The verdict is told again whenever a member's row changes; its words are worth a line once. */
function told(story = []) {
  let last = "";
  return story.filter((moment) => {
    if (moment.event !== "verdict") return true;
    const again = moment.say === last;
    last = moment.say;
    return !again;
  });
}

function Story({ story }) {
  const moments = useMemo(() => told(story), [story]);
  return html`<section aria-labelledby="h-story"><h2 id="h-story">What happened</h2>
    <ol class="story">${moments.map((moment, i) => html`<li key=${i} class=${`is-${moment.event}`}>
      <time class="tnum" dateTime=${new Date(moment.at * 1000).toISOString()}>${clock(moment.at)}</time>
      <i aria-hidden="true"></i>
      <div><span class="story-word">${WORDS[moment.event] ?? moment.event}</span><p>${moment.say.replace(/^First sign: /, "")}</p></div>
    </li>`)}</ol>
  </section>`;
}

function Why({ incident }) {
  const [speaksFor, against] = useMemo(() => [incident.evidence.filter((one) => one.for), incident.evidence.filter((one) => !one.for)], [incident]);
  return html`<section id="evidence" aria-labelledby="h-why"><h2 id="h-why">How we know</h2>
    <div class="why">
      <div><h3>For ${incident.cause}</h3><${Evidence} list=${speaksFor} />${!speaksFor.length && html`<p class="faint">Nothing was measured; it follows from what was told.</p>`}</div>
      ${against.length > 0 && html`<div><h3>Against, or for something else</h3><${Evidence} list=${against} /></div>`}
      ${incident.ruled_out?.length > 0 && html`<div><h3>Looks alike, but is not</h3><ul class="ruled">${incident.ruled_out.map((one) => html`<li key=${one.cause}><${Cause} id=${one.cause} /><span>${one.by}</span></li>`)}</ul></div>`}
      ${incident.alternatives?.length > 0 && html`<div><h3>May be instead</h3><ul class="ruled">${incident.alternatives.map((one) => html`<li key=${one.cause}><span><${Cause} id=${one.cause} /> <span class="faint tnum">${share(one.confidence)}</span></span><span>${one.why}</span></li>`)}</ul></div>`}
      ${incident.effects?.length > 0 && html`<div><h3>What it explains</h3><p class="effects">${incident.effects.map((one) => html`<${Cause} key=${one} id=${one.split(" ")[0]} />`)}</p></div>`}
    </div>
  </section>`;
}

function Crops({ cluster, crops, incident }) {
  const { data } = useLoad(crops.length ? path(["clusters", cluster, "charts"]) : null);
  const titles = useMemo(() => new Map((data?.charts ?? []).map((chart) => [chart.id, chart])), [data]);
  const events = useMemo(() => [unix(incident.since), ...(incident.until ? [unix(incident.until)] : [])], [incident.since, incident.until]);
  if (!crops.length) return null;
  return html`<section aria-labelledby="h-charts"><h2 id="h-charts">The moment in charts</h2>
    <div class="multiples is-wide">${crops.map((crop) => html`<${Chart} key=${crop.chart} cluster=${cluster} chart=${titles.get(crop.chart) ?? { id: crop.chart, title: crop.chart }} from=${crop.from} to=${Math.max(crop.to, crop.from + 30)} live=${false} seconds=${0} events=${events} />`)}</div>
  </section>`;
}

function Logs({ logs, read }) {
  return html`<section aria-labelledby="h-logs"><h2 id="h-logs">What the members logged</h2>
    ${logs.length > 0
      ? html`<div class="logs" tabindex="0" role="region" aria-label="Log lines"><ol>${logs.map((line, i) => html`<li key=${i} class=${names("log", `is-${line.level}`)}><time class="tnum">${clock(line.at)}</time><b>${line.name ?? line.member}</b><span class="log-level">${line.level}</span><span class="log-text">${line.message}${line.count > 1 && html` <span class="faint">×${line.count}</span>`}</span></li>`)}</ol></div>`
      : html`<p class="faint">${read === false ? html`No log is read. <code>etcdscope serve --log m1=PATH</code> makes it part of the story.` : "Nothing of this time."}</p>`}
  </section>`;
}

function Others({ data, cluster }) {
  const { similar } = data;
  return html`
    ${similar.length > 0 && html`<section aria-labelledby="h-similar"><h2 id="h-similar">${plural(similar.length, "time")} before</h2>
      <ul class="similar">${similar.map((one) => html`<li key=${one.id}><a href=${link(["c", cluster, "incident", one.id])}><span class="tnum faint">${day(one.opened_at)} ${clock(one.opened_at)}</span> ${one.summary}${one.closed_at && html` <span class="faint tnum">${duration(one.closed_at - one.opened_at)}</span>`}</a></li>`)}</ul></section>`}`;
}
