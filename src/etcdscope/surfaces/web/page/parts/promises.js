// What is promised of a cluster, and whether it holds.
import { html, memo } from "../lib/dom.js";
import { Level } from "./sign.js";

const SIGNS = { yes: "ok", no: "warning", unknown: "unknown" };
const SAID = { yes: "kept", no: "not kept", unknown: "not known" };

export const Promises = memo(({ promises }) => {
  if (!promises?.length) return null;
  return html`<dl class="promises" aria-label="Promises">
    ${promises.map((one) => html`<div key=${one.id} class="promise is-${one.kept}">
      <dt><${Level} level=${SIGNS[one.kept]} size=${13} quiet />${one.id}<span class="unseen">: ${SAID[one.kept]}</span></dt>
      <dd>${one.say}</dd>
    </div>`)}
  </dl>`;
});
