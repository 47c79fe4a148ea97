import { html } from "../lib/dom.js";
import { Empty } from "../parts/states.js";

export function View() {
  return html`<div class="wrap"><${Empty} title="Not there yet.">soon<//></div>`;
}
