// A modal dialog of the browser's own: focus stays inside, Escape closes, focus comes back.
import { html, useEffect, useRef } from "../lib/dom.js";

export function Dialog({ label, kind, onClose, children }) {
  const ref = useRef(null);
  useEffect(() => {
    const box = ref.current;
    box.showModal();
    return () => box.close();
  }, []);
  const outside = (event) => event.target === ref.current && onClose();
  return html`<dialog ref=${ref} class="dialog ${kind}" aria-label=${label} onClose=${onClose} onClick=${outside}>
    <div class="dialog-in">${children}</div>
  </dialog>`;
}
