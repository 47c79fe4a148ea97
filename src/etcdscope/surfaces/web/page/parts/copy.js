// A command that can be taken along.
import { html, useRef, useState } from "../lib/dom.js";

const SAID_MS = 1600;

export function Command({ run }) {
  const [done, setDone] = useState("");
  const code = useRef(null);
  const copy = async () => {
    setDone((await copied(run, code.current)) ? "copied" : "press Ctrl+C");
    setTimeout(() => setDone(""), SAID_MS);
  };
  return html`<div class="command">
    <pre tabindex="0"><code ref=${code}>${run}</code></pre>
    <button type="button" class="button copy" onClick=${copy} aria-label=${`Copy: ${run}`}>${done || "copy"}</button>
    <span class="unseen" role="status">${done}</span>
  </div>`;
}

/** The clipboard is closed to pages over plain HTTP; there the text is marked instead. */
async function copied(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
