// What is shown where there is nothing to show yet, or nothing at all.
import { html, useState } from "../lib/dom.js";
import { token } from "../lib/api.js";
import { retry, start } from "../lib/feed.js";
import { Level } from "./sign.js";

/** Grey lines where text will be; told to screen readers as one word. */
export function Loading({ rows = 4, what = "Loading" }) {
  return html`<div class="loading" role="status">
    <span class="unseen">${what}</span>
    ${Array.from({ length: rows }, (_, i) => html`<span class="bone bone-${i % 4}" key=${i}></span>`)}
  </div>`;
}

export function Empty({ title, children, level }) {
  return html`<div class="state">
    ${level && html`<${Level} level=${level} size=${28} quiet />`}
    <h2>${title}</h2>
    <p>${children}</p>
  </div>`;
}

/** A failure: what, what to do, and a way to try again. */
export function Failed({ error, again = retry }) {
  const title = error.status === 404 ? "There is nothing here." : "This could not be loaded.";
  return html`<div class="state" role="alert">
    <${Level} level=${error.status === 404 ? "unknown" : "warning"} size=${28} quiet />
    <h2>${title}</h2>
    <p>${error.message}</p>
    <button type="button" class="button" onClick=${again}>Try again</button>
  </div>`;
}

/** The agent wants its token; it is kept for this tab, or for this browser if that is wished. */
export function AskToken({ refused }) {
  const [keep, setKeep] = useState(false);
  const [text, setText] = useState("");
  const send = (event) => {
    event.preventDefault();
    token.set(text.trim(), keep);
    start();
  };
  return html`<div class="state">
    <svg width="28" height="28" viewBox="0 0 16 16" class="lock" aria-hidden="true">
      <rect x="3" y="7" width="10" height="7.5" rx="1.5" /><path d="M5 7V5a3 3 0 0 1 6 0v2" />
    </svg>
    <h1>This agent wants its token.</h1>
    <p>It is in the file that was given to <code>etcdscope serve --token-file</code>, or in <code>ETCDSCOPE_TOKEN</code> where the agent runs.</p>
    <form class="token" onSubmit=${send}>
      <label>Token<input type="password" autocomplete="off" spellcheck=${false} value=${text} onInput=${(e) => setText(e.target.value)} /></label>
      <label class="check"><input type="checkbox" checked=${keep} onChange=${(e) => setKeep(e.target.checked)} />Keep it in this browser</label>
      ${refused && html`<p class="wrong" role="alert">The agent does not know this token.</p>`}
      <button class="button is-main" disabled=${!text.trim()}>Open</button>
    </form>
  </div>`;
}
