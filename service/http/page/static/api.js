// Calls of the API, by the paths of its OpenAPI document; every error comes as a Problem with a sentence to show.

const KEY = "thaw-key";

/** What went wrong, as the service says it (RFC 9457): `message` is its sentence, `field` what it is about. */
export class Problem extends Error {
  constructor(status, body, wait) {
    const said = body.detail || body.title || `the service answered ${status}`;
    super(wait ? `${said}; try again in ${wait} s` : said);
    Object.assign(this, {
      status,
      field: body.field ?? null,
      kind: String(body.type ?? "")
        .split(":")
        .pop(),
    });
  }

  /** Whether it is about the API key. */
  get isAboutKey() {
    return this.status === 401 || this.status === 403;
  }
}

export const readKey = () => sessionStorage.getItem(KEY) ?? "";

export function keepKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

/** Where a path template leads, from wherever this page is served. */
export function address(template, path = {}, query = {}) {
  const filled = template.slice(1).replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name]));
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const asked = new URLSearchParams(pairs).toString();
  return new URL(asked ? `${filled}?${asked}` : filled, document.baseURI).href;
}

/**
 * Calls the API.
 * @param {string} method
 * @param {string} template a path of the OpenAPI document
 * @param {{path?: object, query?: object, json?: object, form?: FormData, as?: "json" | "blob"}} [what]
 */
export async function call(method, template, { path, query, json, form, as = "json" } = {}) {
  const answer = await send(address(template, path, query), {
    method,
    headers: headersOf(json),
    body: json === undefined ? form : JSON.stringify(json),
  });
  if (!answer.ok) throw announced(await problemOf(answer));
  return answer.status === 204 ? null : answer[as]();
}

async function send(url, request) {
  try {
    return await fetch(url, { ...request, credentials: "omit", redirect: "error", cache: "no-cache" });
  } catch {
    throw new Problem(0, { detail: "the service does not answer: is it running?" });
  }
}

function headersOf(json) {
  const key = readKey();
  return {
    ...(json === undefined ? {} : { "Content-Type": "application/json" }),
    ...(key ? { Authorization: `Bearer ${key}` } : {}),
  };
}

/** A missing or unknown key is also told to whoever shows the field for it. */
function announced(problem) {
  if (problem.status === 401) document.dispatchEvent(new CustomEvent("key-needed", { detail: problem }));
  return problem;
}

async function problemOf(answer) {
  const body = await answer.json().catch(() => ({}));
  return new Problem(answer.status, body, answer.headers.get("Retry-After"));
}
