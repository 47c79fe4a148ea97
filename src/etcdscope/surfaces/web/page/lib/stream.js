// Server-sent events over fetch, because EventSource cannot send a token.
import { ApiError, ask } from "./api.js";

// The agent says something every five seconds; twice that and more is silence.
const SILENCE_MS = 12_000;
const WAITS_MS = [250, 500, 1000, 2000, 4000];

/** Follows `where` until stopped, after event `last`: `on.event(name, data)`, `on.open()`, `on.lost(error)`. */
export function follow(where, on, last = "") {
  const stream = { last, tries: 0, stopped: false, abort: null, wake: null };
  stream.hurry = () => stream.wake?.();
  stream.stop = () => {
    stream.stopped = true;
    stream.abort?.abort();
    stream.hurry();
    removeEventListener("online", stream.hurry);
  };
  addEventListener("online", stream.hurry);
  run(stream, where, on);
  return stream;
}

async function run(stream, where, on) {
  while (!stream.stopped) {
    const error = await listen(stream, where, on);
    if (stream.stopped) return;
    on.lost(error);
    const wait = WAITS_MS[Math.min(stream.tries++, WAITS_MS.length - 1)];
    await new Promise((done) => {
      stream.wake = done;
      setTimeout(done, wait);
    });
  }
}

async function listen(stream, where, on) {
  stream.abort = new AbortController();
  const watchdog = { timer: 0 };
  const bark = () => stream.abort.abort();
  const alive = () => {
    clearTimeout(watchdog.timer);
    watchdog.timer = setTimeout(bark, SILENCE_MS);
  };
  try {
    alive();
    const headers = stream.last ? { "Last-Event-ID": stream.last } : {};
    const answer = await ask(where, { headers, signal: stream.abort.signal, cache: "no-store" });
    stream.tries = 0;
    on.open();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser(stream, on);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return new ApiError(0, "The agent has ended the connection.");
      alive();
      parse(value);
    }
  } catch (error) {
    return error instanceof ApiError ? error : new ApiError(0, "The agent does not answer.");
  } finally {
    clearTimeout(watchdog.timer);
    stream.abort.abort();
  }
}

/** Takes pieces of text as they come; calls back once an event is whole. */
function parser(stream, on) {
  let rest = "";
  return (text) => {
    const blocks = (rest + text).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) one(block, stream, on);
  };
}

function one(block, stream, on) {
  let name = "message";
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon < 1) continue; // a comment: the heartbeat
    const text = line.slice(colon + 1).replace(/^ /, "");
    if (line.startsWith("event:")) name = text;
    else if (line.startsWith("data:")) data.push(text);
    else if (line.startsWith("id:")) stream.last = text;
  }
  if (data.length && !stream.stopped) on.event(name, JSON.parse(data.join("\n")));
}
