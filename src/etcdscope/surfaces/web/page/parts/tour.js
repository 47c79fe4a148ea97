// What the demo's tour says: what is being done to the cluster, and what was told of it.
import { html } from "../lib/dom.js";
import { useStore } from "../lib/store.js";

const tourOf = (state) => state.tour;

export function Tour() {
  const tour = useStore(tourOf);
  if (!tour?.title) return null;
  return html`<aside class="tour" role="status" aria-label="Tour">
    <div class="wrap">
      ${tour.step > 0 && html`<span class="tour-step tnum">${tour.step} of ${tour.steps}</span>`}
      <p><strong>${tour.title}</strong> ${tour.text}</p>
    </div>
  </aside>`;
}
