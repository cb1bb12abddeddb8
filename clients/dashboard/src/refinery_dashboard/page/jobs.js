// The list of jobs: a row for each that works or waits, a tile for each that has ended.

import { el, setAttribute, setChildren, setText } from "./dom.js";
import { finishedSteps, progressBar, sigmaPlot } from "./schedule.js";
import { canGoOnOtherwise } from "./resume.js";
import { pictureURL, previewURL } from "./store.js";
import * as words from "./words.js";

/** What can be done: `open(id)` shows a job, `cancel(id, outcome)` ends it, `resume(id)` goes on from a
 * paused one, `resumeOtherwise(job)` asks how. */
export function jobList(actions) {
  const current = document.getElementById("current");
  const paused = document.getElementById("paused");
  const ended = document.getElementById("ended");
  const rows = new Map();
  const pausedRows = new Map();
  const tiles = new Map();
  return ({ jobs }) => {
    const all = [...jobs.values()].filter((job) => job.state);
    const newestFirst = (a, b) => b.createdMs - a.createdMs;
    const working = all.filter((job) => !job.hasEnded).sort(bySoonest);
    const waiting = all.filter((job) => job.state === "paused").sort(newestFirst);
    const done = all.filter((job) => job.hasEnded && job.state !== "paused").sort(newestFirst);
    show(current, rows, working, (job) => row(job, actions));
    show(paused, pausedRows, waiting, (job) => row(job, actions));
    show(ended, tiles, done, (job) => tile(job, actions));
    document.getElementById("current-none").hidden = working.length > 0;
    document.getElementById("paused-section").hidden = waiting.length === 0;
    document.getElementById("ended-none").hidden = done.length > 0;
  };
}

function bySoonest(a, b) {
  const place = (job) => (job.state === "running" ? -1 : (job.place ?? 0));
  return place(a) - place(b) || a.createdMs - b.createdMs;
}

function show(parent, nodes, jobs, make) {
  const ids = new Set(jobs.map((job) => job.id));
  for (const id of nodes.keys()) if (!ids.has(id)) nodes.delete(id);
  for (const job of jobs) {
    if (!nodes.has(job.id)) nodes.set(job.id, make(job));
    nodes.get(job.id).update(job);
  }
  setChildren(
    parent,
    jobs.map((job) => nodes.get(job.id)),
  );
}

function row({ id }, actions) {
  const { open } = actions;
  const slot = el("button", { class: "slot", type: "button", on: { click: () => open(id) } });
  const title = el("button", { class: "title", type: "button", on: { click: () => open(id) } });
  const state = el("span", { class: "state" });
  const plan = el("p", { class: "plan" });
  const bar = progressBar();
  const facts = el("p", { class: "facts" });
  const buttons = jobButtons(actions);
  const node = el(
    "article",
    { class: "row", "data-job": id },
    slot,
    el("div", { class: "head" }, el("h3", {}, title), state),
    plan,
    bar,
    el("div", { class: "foot" }, facts, buttons),
  );
  const foreseen = previewImage();
  let shown = "";
  node.update = (job) => {
    setText(title, words.title(job));
    setText(state, job.state === "queued" ? place(job) : stateOf(job));
    setAttribute(state, "data-state", job.phase === "refiner" ? "refiner" : job.state);
    setText(plan, planOf(job));
    setAttribute(node, "data-state", job.state);
    bar.update(job);
    setText(facts, factsOf(job));
    buttons.update(job);
    setAttribute(slot, "aria-label", `Details of ${words.title(job)}`);
    if (hasPreview(job)) {
      foreseen.update(job);
      setChildren(slot, [foreseen]);
      shown = "";
      return;
    }
    const picture = `${job.images?.at(-1)?.sha256} ${job.sigmas?.length} ${finishedSteps(job)}`;
    if (picture !== shown) {
      slot.replaceChildren(
        job.images?.length ? image(job, job.images.at(-1)) : sigmaPlot(job, { isSmall: true }),
      );
      shown = picture;
    }
  };
  return node;
}

function stateOf(job) {
  if (job.hasEnded) return words.STATES[job.state];
  return ["base", "refiner", "decoding"].includes(job.phase) ? job.phase : words.STATES[job.state];
}

function place(job) {
  if (job.place === null || job.place === undefined) return words.STATES.queued;
  return job.place === 0 ? "next" : `${job.place} ahead`;
}

/** What can be done with a job as it stands: go on from a paused one, and three ways to end one. */
export function jobButtons({ cancel, resume, resumeOtherwise }) {
  let job = null;
  const button = (name, label, tip, act) =>
    el(
      "button",
      {
        type: "button",
        class: "quiet",
        "data-outcome": name,
        title: tip,
        on: { click: () => act(job) },
      },
      label,
    );
  const end = (outcome, label, tip) => button(outcome, label, tip, ({ id }) => cancel(id, outcome));
  const goOn = button(
    "resume",
    "Go on",
    "To the picture that it was begun for",
    ({ id }) => resume(id),
  );
  const goOnOtherwise = button(
    "resumeOtherwise",
    "Go on, changed …",
    "Go on with another refiner, handoff or prompt",
    resumeOtherwise,
  );
  const refine = end(
    "skipToRefiner",
    "Refine now",
    "The refiner takes over at once and finishes the picture",
  );
  const decode = end(
    "decodeNow",
    "Picture now",
    "Stop here, with the picture as it is predicted",
  );
  const discard = end("discard", "Discard", "End the job without a picture");
  const node = el(
    "div",
    { class: "actions", role: "group", "aria-label": "What can be done with this job" },
    goOn,
    goOnOtherwise,
    refine,
    decode,
    discard,
  );
  node.update = (now) => {
    job = now;
    const isPaused = job.state === "paused";
    node.hidden = Boolean(job.hasEnded) && !isPaused;
    goOn.hidden = !isPaused;
    goOnOtherwise.hidden = !isPaused || !canGoOnOtherwise(job);
    // A picture needs a step to be predicted from.
    const isBegun = job.state === "running";
    refine.hidden = !isBegun || !job.refinerSteps || finishedSteps(job) >= job.baseSteps;
    decode.hidden = !isBegun || job.phase === "decoding";
  };
  return node;
}

function tile({ id }, { open }) {
  const frame = el("span", { class: "frame" });
  const title = el("span", { class: "title" });
  const facts = el("span", { class: "facts" });
  const node = el(
    "button",
    { class: "tile", type: "button", "data-job": id, on: { click: () => open(id) } },
    frame,
    title,
    facts,
  );
  let shown = null;
  node.update = (job) => {
    setText(title, words.title(job));
    setText(facts, outcomeOf(job));
    setAttribute(node, "data-state", job.state);
    const last = job.images?.at(-1);
    const key = last ? last.sha256 : job.error?.message ?? job.state;
    if (key !== shown) {
      frame.replaceChildren(
        last
          ? image(job, last)
          : el("span", { class: "why" }, job.error?.message ?? words.STATES[job.state]),
      );
      shown = key;
    }
  };
  return node;
}

/** A finished picture; small ones keep their pixels when they are shown large. */
export function image(job, picture) {
  return el("img", {
    src: pictureURL(job, picture),
    alt: `${words.title(job)}, seed ${picture.seed}`,
    width: picture.width,
    height: picture.height,
    loading: "lazy",
    decoding: "async",
    class: Math.max(picture.width, picture.height) <= 160 ? "tiny" : null,
  });
}

export function hasPreview(job) {
  return Boolean(job.preview) && !job.hasEnded;
}

/** What the picture under way is predicted to become. One element stays, so that nothing flickers from
 * one to the next. */
export function previewImage() {
  const node = el("img", { class: "preview", alt: "" });
  node.update = (job) => {
    setAttribute(node, "src", previewURL(job));
    setAttribute(node, "alt", `${words.title(job)}, as foreseen after step ${job.preview.step}`);
  };
  return node;
}

export function planOf(job) {
  const parts = [];
  if (job.model) parts.push(job.refinerModel ? `${job.model} → ${job.refinerModel}` : job.model);
  if (job.size?.width) parts.push(`${job.size.width} × ${job.size.height}`);
  const steps = (job.baseSteps ?? 0) + (job.refinerSteps ?? 0);
  if (steps) {
    parts.push(
      job.refinerSteps
        ? `${job.baseSteps} + ${job.refinerSteps} steps`
        : words.count(steps, "step"),
    );
  }
  if (job.seeds?.length) parts.push(`seed ${job.seeds[0]}`);
  return parts.join(" · ");
}

function factsOf(job) {
  if (job.state === "queued") {
    return job.etaSeconds ? `about ${words.seconds(job.etaSeconds)} to go` : "";
  }
  if (job.state === "paused") {
    const steps = (job.baseSteps ?? 0) + (job.refinerSteps ?? 0);
    return job.pauseStep ? `after step ${job.pauseStep} of ${steps}` : "";
  }
  const parts = [];
  if (job.imageCount > 1) parts.push(`picture ${job.imageIndex + 1} of ${job.imageCount}`);
  if (job.phase === "base" || job.phase === "refiner") {
    parts.push(`step ${finishedSteps(job)} of ${job.baseSteps + job.refinerSteps}`);
    if (job.sigma) parts.push(`σ ${words.sigma(job.sigma)}`);
    if (job.stepSeconds) parts.push(`${words.perStep(job.stepSeconds)} a step`);
  } else if (job.phase) {
    parts.push(words.PHASES[job.phase] ?? job.phase);
  }
  if (job.etaSeconds) parts.push(`${words.seconds(job.etaSeconds)} left`);
  return parts.join(" · ");
}

function outcomeOf(job) {
  if (!job.images?.length) return words.STATES[job.state];
  const parts = [];
  if (job.summary) parts.push(words.seconds(job.summary.totalSeconds));
  if (job.summary?.isCutShort) parts.push("cut short");
  else if (job.state !== "finished") parts.push(words.STATES[job.state]);
  if (job.images.length > 1) parts.push(words.count(job.images.length, "picture"));
  if (job.branches?.length) parts.push(words.ending(job));
  else if (job.handoff) parts.push(`handoff ${Math.round(job.handoff.percentage)} %`);
  else if (job.timesteps) parts.push("base alone");
  return parts.join(" · ");
}
