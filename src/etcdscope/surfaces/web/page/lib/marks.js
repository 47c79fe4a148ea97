// Members keep one colour and one mark everywhere; the agent counts them by sorted id.

// Paths within -10…10, of about equal weight to the eye.
const SHAPES = [
  "M0-8.2A8.2 8.2 0 1 1 0 8.2 8.2 8.2 0 1 1 0-8.2Z",
  "M-7.2-7.2H7.2V7.2H-7.2Z",
  "M0-9 9 7H-9Z",
  "M0-9.6 8.6 0 0 9.6-8.6 0Z",
  "M0-10 2.4-3.2 9.5-3.1 3.8 1.3 5.9 8.1 0 4-5.9 8.1-3.8 1.3-9.5-3.1-2.4-3.2Z",
  "M-3-9H3V-3H9V3H3V9H-3V3H-9V-3H-3Z",
  "M0-9.4 9-2.9 5.6 7.7H-5.6L-9-2.9Z",
];

export const shape = (mark) => SHAPES[mark % SHAPES.length];
export const colour = (mark) => `var(--m${mark % SHAPES.length})`;

/** The colour as a canvas needs it. */
export function ink(mark) {
  return token(`--m${mark % SHAPES.length}`);
}

/** A token's value now; canvases cannot read variables by themselves. */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
