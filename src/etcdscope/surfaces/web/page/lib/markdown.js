// The little of Markdown that our own pages use, as views; nothing of it is ever taken as HTML.
import { html } from "./dom.js";

const SIGNS = [
  ["code", /^```/],
  ["head", /^#{1,4} /],
  ["table", /^\|/],
  ["dots", /^[-*] /],
  ["numbers", /^\d+\. /],
];

/** Blocks as views: headings, paragraphs, lists, fenced code, tables. */
export function markdown(text) {
  return blocks(text.split("\n")).map(({ kind, lines }, i) => html`<${DRAW[kind]} key=${i} lines=${lines} />`);
}

function blocks(lines) {
  const found = [];
  let open = null;
  for (const line of lines) {
    if (open?.kind === "code") {
      if (line.startsWith("```")) open = null;
      else open.lines.push(line);
      continue;
    }
    const kind = !line.trim() ? "" : (SIGNS.find(([, sign]) => sign.test(line))?.[0] ?? "text");
    const goes = open && (kind === open.kind ? kind !== "head" : kind === "text" && open.kind !== "head" && open.kind !== "table");
    if (kind === "") open = null;
    else if (goes) open.lines.push(line);
    else found.push((open = { kind, lines: kind === "code" ? [] : [line] }));
  }
  return found;
}

const DRAW = { code: Code, head: Head, table: Table, dots: Dots, numbers: Numbers, text: Text };

function Code({ lines }) {
  return html`<pre tabindex="0"><code>${lines.join("\n")}</code></pre>`;
}

function Head({ lines }) {
  const [, signs, text] = lines[0].match(/^(#+) (.*)$/);
  return html`<${`h${signs.length}`}>${inline(text)}<//>`;
}

function Text({ lines }) {
  return html`<p>${inline(lines.join(" "))}</p>`;
}

function Dots({ lines }) {
  return html`<ul class="dots">${items(lines, /^[-*] /).map((item, i) => html`<li key=${i}>${inline(item)}</li>`)}</ul>`;
}

function Numbers({ lines }) {
  return html`<ol>${items(lines, /^\d+\. /).map((item, i) => html`<li key=${i}>${inline(item)}</li>`)}</ol>`;
}

function items(lines, sign) {
  const found = [];
  for (const line of lines) {
    if (sign.test(line)) found.push(line.replace(sign, ""));
    else found.push(`${found.pop() ?? ""} ${line.trim()}`);
  }
  return found;
}

function Table({ lines }) {
  const cells = (line) => line.replace(/^\||\|\s*$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
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
  return text.split(PIECES).map((piece, i) => {
    if (piece.startsWith("`")) return html`<code key=${i}>${piece.slice(1, -1)}</code>`;
    if (piece.startsWith("**")) return html`<b key=${i}>${piece.slice(2, -2)}</b>`;
    if (piece.startsWith("*") && piece.length > 2) return html`<em key=${i}>${piece.slice(1, -1)}</em>`;
    const link = piece.match(/^\[([^\]]+)\]/);
    return link ? link[1] : piece; // its targets are files of the repository, which are not here
  });
}
