// What was measured of etcdscope, as it stands in its documentation.
import { html, useMemo } from "../lib/dom.js";
import { useLoad } from "../lib/load.js";
import { markdown } from "../lib/markdown.js";
import { Empty, Failed, Loading } from "../parts/states.js";

export function View() {
  const { data, error } = useLoad("benchmarks");
  const blocks = useMemo(() => data && markdown(data.markdown ?? ""), [data]);
  if (error?.status === 404) return html`<div class="wrap"><${Empty} title="The figures are not part of this build.">They stand in <code>docs/benchmarks.md</code> of the source, with the commands that take them.<//></div>`;
  if (error && !data) return html`<div class="wrap"><${Failed} error=${error} /></div>`;
  if (!data) return html`<div class="wrap"><${Loading} rows=${7} what="Loading the figures" /></div>`;
  return html`<article class="wrap prose">${blocks}</article>`;
}
