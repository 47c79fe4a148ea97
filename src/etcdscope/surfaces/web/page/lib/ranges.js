// Asks for charts: those that are wanted in the same moment, for the same stretch, in one question.
import { get, path } from "./api.js";

const TOGETHER_MS = 15;
// So many ids fit into one address.
const MOST = 60;
const waiting = new Map();

/** One chart's lines from `from` to `to`, a value every `step` seconds. */
export function range(cluster, chart, from, to, step) {
  const key = `${cluster} ${from} ${to} ${step}`;
  return new Promise((done, failed) => {
    if (!waiting.has(key)) {
      waiting.set(key, []);
      setTimeout(() => send(key, cluster, { from, to, step }), TOGETHER_MS);
    }
    waiting.get(key).push({ chart, done, failed });
  });
}

async function send(key, cluster, query) {
  const asked = waiting.get(key);
  waiting.delete(key);
  for (let i = 0; i < asked.length; i += MOST) await part(asked.slice(i, i + MOST), cluster, query);
}

async function part(asked, cluster, query) {
  const charts = [...new Set(asked.map((one) => one.chart))].join(",");
  try {
    const { ranges } = await get(path(["clusters", cluster, "ranges"], { charts, ...query }));
    const found = new Map(ranges.map((one) => [one.id, one]));
    for (const { chart, done } of asked) done(found.get(chart));
  } catch (error) {
    for (const { failed } of asked) failed(error);
  }
}
