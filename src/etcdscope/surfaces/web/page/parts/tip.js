// Every number says what it is, where it comes from and how old it is: on hover, focus or tap.
import { html, useEffect, useRef } from "../lib/dom.js";
import { ago, known } from "../lib/format.js";

const SHOW_MS = 120;
let box = null;
let owner = null;
let timer = 0;

/** The one tooltip of the page; drawn once, filled when asked for. */
export function Tip() {
  const ref = useRef(null);
  useEffect(() => {
    box = ref.current;
    const away = (event) => event.key === "Escape" && hide();
    addEventListener("keydown", away);
    addEventListener("scroll", hide, true);
    return () => {
      removeEventListener("keydown", away);
      removeEventListener("scroll", hide, true);
    };
  }, []);
  return html`<div ref=${ref} id="tip" class="tip" role="tooltip" hidden></div>`;
}

/** `lines`: [term, text] pairs. */
export function show(element, lines) {
  clearTimeout(timer);
  timer = setTimeout(() => fill(element, lines()), SHOW_MS);
}

function fill(element, lines) {
  if (!box || !element.isConnected) return;
  const list = document.createElement("dl");
  for (const [term, text] of lines) {
    const name = document.createElement("dt");
    const said = document.createElement("dd");
    name.textContent = term;
    said.textContent = text;
    list.append(name, said);
  }
  box.replaceChildren(list);
  box.hidden = false;
  place(element.getBoundingClientRect());
  owner?.removeAttribute("aria-describedby");
  owner = element;
  owner.setAttribute("aria-describedby", "tip");
}

function place(at) {
  const { width, height } = box.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left + at.width / 2 - width / 2), innerWidth - width - 8);
  const above = at.top - height - 8;
  box.style.left = `${Math.round(left)}px`;
  box.style.top = `${Math.round(above > 8 ? above : at.bottom + 8)}px`;
}

export function hide() {
  clearTimeout(timer);
  if (!box || box.hidden) return;
  box.hidden = true;
  owner?.removeAttribute("aria-describedby");
  owner = null;
}

/** What tooltips tell of a number: what, value with unit, source, age; and why there is none. */
export function told({ what, full, source, at, why }) {
  const lines = [[what, full]];
  if (why) lines.push(["why", why]);
  if (source) lines.push(["source", source]);
  if (known(at)) lines.push(["age", ago(Math.max(0, Date.now() / 1000 - at))]);
  return lines;
}

/** A number. `still`: not in the order of focus, where a row already speaks for it. */
export function Num({ text, still = false, tone = "", ...about }) {
  const lines = () => told({ full: text, ...about });
  const on = {
    onMouseEnter: (event) => show(event.currentTarget, lines),
    onMouseLeave: hide,
  };
  if (still) return html`<span class="num ${tone}" ...${on}>${text}</span>`;
  const focus = {
    onFocus: (event) => show(event.currentTarget, lines),
    onBlur: hide,
    onClick: (event) => show(event.currentTarget, lines),
  };
  return html`<button type="button" class="num ${tone}" ...${on} ...${focus}>${text}</button>`;
}
