// The colours of the theme as canvases need them: read once a theme, not once a line.
import { onTheme } from "./theme.js";
import { ink, token } from "./marks.js";

let colours = null;
onTheme(() => (colours = null));

export function palette() {
  colours ??= {
    members: [0, 1, 2, 3, 4, 5, 6].map(ink),
    axis: token("--ink-3"),
    line: token("--line"),
    strong: token("--line-2"),
    limit: token("--critical"),
    tint: token("--critical-tint"),
    past: token("--past"),
    paper: token("--paper"),
  };
  return colours;
}
