// What the dashboard's server tells, and whether it can be heard.

export const store = {
  /** The last word of the dashboard itself is not older than a moment. */
  isLive: false,
  /** isConnected, problem, info, stats, models. */
  server: {},
  jobs: new Map(),
  samples: [],
};

const SAMPLES_MAXIMUM = 300;
const RETRY_MILLISECONDS = 2000;
const PAUSE_MILLISECONDS = 40;
const listeners = [];
let isDue = false;

/** Calls `listener` with the store after changes, a few times a second at most. */
export function onChange(listener) {
  listeners.push(listener);
}

/** Follows the dashboard from now on, while the page is shown. A browser keeps pages that were left,
 * with their streams, and has only six connections for all of them. */
export function connect() {
  let source = open();
  let retry = 0;

  function open() {
    // It comes back by itself after a lost connection, naming the last event that it saw.
    const opened = new EventSource("/events");
    opened.onmessage = (event) => {
      store.isLive = true;
      take(JSON.parse(event.data));
      tell();
    };
    opened.onerror = () => {
      store.isLive = false;
      tell();
      if (opened.readyState === EventSource.CLOSED) retry = setTimeout(again, RETRY_MILLISECONDS);
    };
    return opened;
  }

  function again() {
    source = open();
  }

  addEventListener("pagehide", () => {
    clearTimeout(retry);
    source.close();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) again();
  });
}

function take(changes) {
  if (changes.whole) {
    store.jobs.clear();
    store.samples = [];
  }
  Object.assign(store.server, changes.server);
  for (const id of changes.gone) store.jobs.delete(id);
  for (const [id, changed] of Object.entries(changes.jobs)) {
    store.jobs.set(id, { id, ...store.jobs.get(id), ...changed });
  }
  store.samples = [...store.samples, ...changes.samples].slice(-SAMPLES_MAXIMUM);
}

function tell() {
  if (isDue) return;
  isDue = true;
  // Not with the next frame: a page in the background has none, and its title should still tell.
  setTimeout(() => {
    isDue = false;
    for (const listener of listeners) listener(store);
  }, PAUSE_MILLISECONDS);
}

/** A request that changes something. Throws `Refusal`. */
export function ask(path, body) {
  return post(path, "application/json", JSON.stringify(body));
}

/** Sends a PNG to start from; gives its name for requests. Throws `Refusal`. */
export async function upload(png) {
  return (await post("/upload", "image/png", png)).sha256;
}

async function post(path, type, body) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: { "Content-Type": type }, body });
  } catch {
    throw new Refusal({ message: "The dashboard cannot be reached. Is it still running?" });
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Refusal(answer.error ?? { message: `The dashboard answered ${response.status}.` });
  }
  return answer;
}

/** What the server said against a request: `message`, and the `fields` at fault. */
export class Refusal extends Error {
  constructor({ message, fields = [] }) {
    super(message);
    this.fields = fields;
  }
}

export function pictureURL(job, image) {
  const query = new URLSearchParams({ job: job.id, image: image.index, sha256: image.sha256 });
  return `/picture?${query}`;
}

/** Of the latest preview; the hash only tells it from the one before. */
export function previewURL(job) {
  return `/preview?${new URLSearchParams({ job: job.id, sha256: job.preview.sha256 })}`;
}
