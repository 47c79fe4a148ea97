// The little of Markdown that our own pages use, as views; nothing of it is ever taken as HTML.
import { html } from "./dom.js";

/** Blocks: headings, paragraphs, lists, fenced code, tables. */
export function markdown(text) {
  return text.split(/\n{2,}(?![^`]*```\n(?!\n))/).map((block, i) => html`<${Block} key=${i} text=${block.trim()} />`);
}

function Block({ text }) {
  if (!text) return null;
  const head = text.match(/^(#{1,4}) (.*)$/m);
  if (head && text.startsWith("#")) {
    const rest = text.slice(head[0].length).trim();
    const Tag = `h${head[1].length}`;
    return html`<${Tag}>${inline(head[2])}<//>${rest && html`<${Block} text=${rest} />`}`;
  }
  if (text.startsWith("```")) return html`<pre tabindex="0"><code>${text.replace(/^```.*\n?/, "").replace(/\n?```$/, "")}</code></pre>`;
  if (text.startsWith("|")) return html`<${Table} lines=${text.split("\n")} />`;
  if (/^[-*] /.test(text)) return html`<ul class="dots">${items(text, /^[-*] /).map((item, i) => html`<li key=${i}>${inline(item)}</li>`)}</ul>`;
  if (/^\d+\. /.test(text)) return html`<ol>${items(text, /^\d+\. /).map((item, i) => html`<li key=${i}>${inline(item)}</li>`)}</ol>`;
  return html`<p>${inline(text)}</p>`;
}

function items(text, sign) {
  const found = [];
  for (const line of text.split("\n")) {
    if (sign.test(line)) found.push(line.replace(sign, ""));
    else found.push(`${found.pop() ?? ""} ${line.trim()}`);
  }
  return found;
}

function Table({ lines }) {
  const cells = (line) => line.replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
  const [head, rule = "", ...rows] = lines;
  const right = cells(rule).map((cell) => cell.endsWith(":"));
  const kind = (i) => (right[i] ? "is-number" : "");
  return html`<div class="table-box" tabindex="0" role="region" aria-label=${`Table: ${cells(head).join(", ")}`}><table>
    <thead><tr>${cells(head).map((cell, i) => html`<th scope="col" key=${i} class=${kind(i)}>${inline(cell)}</th>`)}</tr></thead>
    <tbody>${rows.map((row, r) => html`<tr key=${r}>${cells(row).map((cell, i) => html`<td key=${i} class=${kind(i)}>${inline(cell)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

const PIECES = /(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|\[[^\]]+\]\([^)]+\))/;

function inline(text) {
  return text.replace(/\n/g, " ").split(PIECES).map((piece, i) => {
    if (piece.startsWith("`")) return html`<code key=${i}>${piece.slice(1, -1)}</code>`;
    if (piece.startsWith("**")) return html`<b key=${i}>${piece.slice(2, -2)}</b>`;
    if (piece.startsWith("*") && piece.length > 2) return html`<em key=${i}>${piece.slice(1, -1)}</em>`;
    const link = piece.match(/^\[([^\]]+)\]/);
    return link ? link[1] : piece; // its targets are files of the repository, which are not here
  });
}
