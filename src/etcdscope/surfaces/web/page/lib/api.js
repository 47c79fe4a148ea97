// The agent's API: what it is asked with, and what its refusals become.

const KEY = "etcdscope.token";
const BASE = new URL("api/v1/", document.baseURI);

/** The agent refused or could not be reached; the message says what to do. `status` 0: no answer. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "",
  set(value, keep) {
    token.forget();
    (keep ? localStorage : sessionStorage).setItem(KEY, value);
  },
  forget() {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  },
};

/** `clusters/prod/charts/x?from=1`, each part escaped. */
export function path(parts, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = new URLSearchParams(kept).toString();
  return parts.map(encodeURIComponent).join("/") + (search ? `?${search}` : "");
}

export async function ask(where, { headers = {}, ...options } = {}) {
  const secret = token.get();
  const authorization = secret ? { Authorization: `Bearer ${encoded(secret)}` } : {};
  let answer;
  try {
    answer = await fetch(new URL(where, BASE), { headers: { ...authorization, ...headers }, ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The agent does not answer.");
  }
  if (!answer.ok) throw new ApiError(answer.status, await reason(answer));
  return answer;
}

/** A header holds bytes, not letters; the agent reads them as UTF-8. */
function encoded(secret) {
  return String.fromCharCode(...new TextEncoder().encode(secret));
}

async function reason(answer) {
  try {
    return (await answer.json()).error ?? `The agent answered ${answer.status}.`;
  } catch {
    return `The agent answered ${answer.status}.`;
  }
}

export async function get(where, signal) {
  const answer = await ask(where, { signal });
  try {
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(answer.status, "The agent's answer broke off.");
  }
}
