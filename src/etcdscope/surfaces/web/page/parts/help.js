import { html } from "../lib/dom.js";
import { HELP } from "../lib/keys.js";
import { useStore } from "../lib/store.js";
import { Dialog } from "./dialog.js";
import { Level } from "./sign.js";

const agentOf = (state) => state.agent;

export function Help({ onClose }) {
  const agent = useStore(agentOf);
  return html`<${Dialog} label="Help" kind="help" onClose=${onClose}>
    <h2>Keys</h2>
    <dl class="keys">
      ${HELP.map(([key, does]) => html`<div key=${key}><dt>${key.split(" / ").map((one, i) => html`${i ? " " : ""}<kbd>${one}</kbd>`)}</dt><dd>${does}</dd></div>`)}
    </dl>
    <h2>Signs</h2>
    <ul class="signs">
      ${[["ok", "fine"], ["info", "worth knowing"], ["warning", "degraded"], ["critical", "act now"], ["unknown", "cannot be judged"]].map(
        ([level, says]) => html`<li key=${level}><${Level} level=${level} quiet />${says}</li>`,
      )}
    </ul>
    <p class="faint">Every number says on hover or focus what it is, where it comes from and how old it is. Drag over a chart to zoom, double click to go back.</p>
    <p class="faint"><a href="#/catalogue" onClick=${onClose}>All causes</a> · <a href="#/benchmarks" onClick=${onClose}>Benchmarks</a>${agent?.version && ` · etcdscope ${agent.version}`}</p>
    <button type="button" class="button" onClick=${onClose}>Close</button>
  <//>`;
}
