// The plots beside the jobs: how much is done, how long a step takes, how long people wait.

import { el, svg } from "./dom.js";
import { perStep, seconds } from "./words.js";

const [WIDTH, HEIGHT] = [320, 120];
const INSET = { left: 38, right: 8, top: 8, bottom: 20 };
const MINUTES = 5;
const BIN_SECONDS = 10;
const JOBS_MAXIMUM = 30;

const KEYS = {
  base: "base",
  refiner: "refiner",
  waiting: "waiting",
  other: "texts and decoding",
};

/** The elements, which `update` draws anew from the store. */
export function plots(parent) {
  const all = [
    panel("Steps a minute", ["base", "refiner"], throughput),
    panel("Seconds a step", ["base", "refiner"], stepSeconds),
    panel("Time to the picture, job by job", ["waiting", "base", "refiner", "other"], latency),
    panel("Jobs waiting", [], waiting),
  ];
  parent.append(...all.map((each) => each.node));
  let last = "";
  return (store) => {
    // They change with a sample or a finished job, not with each step.
    const sample = store.samples.at(-1)?.timeMs ?? 0;
    const ended = [...store.jobs.values()].filter((job) => job.summary).length;
    if (last === (last = `${sample} ${ended}`)) return;
    for (const { update } of all) update(store);
  };
}

function panel(name, keys, draw) {
  const plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "plot" });
  const key = el(
    "p",
    { class: "key" },
    ...keys.map((each) => el("span", { class: each }, KEYS[each])),
  );
  const now = el("span", { class: "now" });
  const node = el("section", { class: "panel" }, el("h3", {}, name, now), plot, key);
  const update = (store) => {
    plot.replaceChildren();
    const text = draw(plot, store);
    now.textContent = text;
    plot.setAttribute("aria-label", `${name}: ${text || "nothing yet"}`);
  };
  return { node, update };
}

function throughput(plot, { samples }) {
  const end = samples.at(-1)?.timeMs ?? 0;
  const count = (MINUTES * 60) / BIN_SECONDS;
  const bins = Array.from({ length: count }, () => ({ base: 0, refiner: 0 }));
  for (const [before, after] of pairs(samples)) {
    const index = count - 1 - Math.floor((end - after.timeMs) / 1000 / BIN_SECONDS);
    if (!bins[index]) continue;
    bins[index].base += Math.max(0, after.baseSteps - before.baseSteps);
    bins[index].refiner += Math.max(0, after.refinerSteps - before.refinerSteps);
  }
  const rates = bins.map((bin) => [
    ["base", (bin.base * 60) / BIN_SECONDS],
    ["refiner", (bin.refiner * 60) / BIN_SECONDS],
  ]);
  columns(plot, rates, (value) => String(Math.round(value)));
  time(plot);
  const last = rates.at(-1).reduce((sum, [, rate]) => sum + rate, 0);
  return samples.length > 1 ? `${Math.round(last)}` : "";
}

function stepSeconds(plot, { samples }) {
  const lines = { base: [], refiner: [] };
  for (const [before, after] of pairs(samples)) {
    for (const expert of ["base", "refiner"]) {
      const steps = after[`${expert}Steps`] - before[`${expert}Steps`];
      const taken = after[`${expert}Seconds`] - before[`${expert}Seconds`];
      if (steps > 0) lines[expert].push([after.timeMs, taken / steps]);
    }
  }
  const end = samples.at(-1)?.timeMs ?? 0;
  chart(plot, lines, end, perStep);
  time(plot);
  return ["base", "refiner"]
    .filter((expert) => lines[expert].length)
    .map((expert) => perStep(lines[expert].at(-1)[1]))
    .join(" · ");
}

function latency(plot, { jobs }) {
  const done = [...jobs.values()]
    .filter((job) => job.summary && job.createdMs && job.endedMs)
    .sort((a, b) => a.endedMs - b.endedMs)
    .slice(-JOBS_MAXIMUM);
  const stacks = done.map((job) => {
    const { baseSeconds, refinerSeconds, totalSeconds } = job.summary;
    const whole = (job.endedMs - job.createdMs) / 1000;
    return [
      ["waiting", Math.max(0, whole - totalSeconds)],
      ["base", baseSeconds],
      ["refiner", refinerSeconds],
      ["other", Math.max(0, totalSeconds - baseSeconds - refinerSeconds)],
    ];
  });
  const padding = Array.from({ length: JOBS_MAXIMUM - stacks.length }, () => []);
  columns(plot, [...padding, ...stacks], seconds);
  caption(plot, "older", "newest");
  if (done.length === 0) return "";
  const sums = stacks.map((stack) => stack.reduce((sum, [, value]) => sum + value, 0));
  return `median ${seconds(sums.sort((a, b) => a - b)[Math.floor(sums.length / 2)])}`;
}

function waiting(plot, { samples }) {
  const lines = { other: samples.map((sample) => [sample.timeMs, sample.queued]) };
  chart(plot, lines, samples.at(-1)?.timeMs ?? 0, (value) => String(Math.round(value)), 2);
  time(plot);
  return samples.length ? String(samples.at(-1).queued) : "";
}

/** Samples of one server process each: counts begin anew with it. */
function pairs(samples) {
  return samples
    .slice(1)
    .map((after, index) => [samples[index], after])
    .filter(([before, after]) => after.accepted >= before.accepted);
}

/** Stacks of [class, value], from the left. */
function columns(plot, stacks, words) {
  const most = Math.max(...stacks.map((stack) => stack.reduce((sum, [, value]) => sum + value, 0)));
  const y = axis(plot, most, words);
  const column = (WIDTH - INSET.left - INSET.right) / stacks.length;
  stacks.forEach((stack, index) => {
    let sum = 0;
    for (const [name, value] of stack) {
      if (value <= 0) continue;
      const [low, high] = [y(sum), y(sum += value)];
      plot.append(
        svg("rect", {
          class: name,
          x: INSET.left + column * index + 1,
          y: high,
          width: Math.max(1, column - 2),
          height: low - high,
        }),
      );
    }
  });
}

/** Lines of [milliseconds, value] over the last minutes; a pause leaves a gap. */
function chart(plot, lines, end, words, least = 0) {
  const start = end - MINUTES * 60_000;
  const shown = Object.entries(lines).map(([name, points]) => [
    name,
    points.filter(([at]) => at >= start),
  ]);
  const y = axis(
    plot,
    Math.max(least, ...shown.flatMap(([, line]) => line.map((p) => p[1]))),
    words,
  );
  const x = (at) =>
    INSET.left + ((WIDTH - INSET.left - INSET.right) * (at - start)) / (MINUTES * 60_000);
  for (const [name, line] of shown) {
    let path = "";
    line.forEach(([at, value], index) => {
      const isGap = index === 0 || at - line[index - 1][0] > 8000;
      path += `${isGap ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      if (isGap) path += "h0.01";
    });
    plot.append(svg("path", { class: `line ${name}`, d: path }));
  }
}

/** Lines at round values; returns where a value is. */
function axis(plot, most, words) {
  const step = roundStep(most);
  const top = Math.max(step, Math.ceil(most / step) * step) || 1;
  const y = (value) => HEIGHT - INSET.bottom - ((HEIGHT - INSET.top - INSET.bottom) * value) / top;
  for (let value = 0; value <= top * 1.001; value += step) {
    plot.append(
      svg("line", {
        class: value === 0 ? "axis" : "grid",
        x1: INSET.left,
        x2: WIDTH - INSET.right,
        y1: y(value),
        y2: y(value),
      }),
    );
    if (value > 0 && most > 0) {
      plot.append(
        svg("text", { class: "tick end", x: INSET.left - 5, y: y(value) + 4 }, words(value)),
      );
    }
  }
  return y;
}

/** 1, 2 or 5 times a power of ten, so that two to four lines fit. */
function roundStep(most) {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most / 2));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => most / each <= 3);
}

function time(plot) {
  caption(plot, `${MINUTES} minutes ago`, "now");
}

function caption(plot, left, right) {
  plot.append(
    svg("text", { class: "tick start", x: INSET.left, y: HEIGHT - 5 }, left),
    svg("text", { class: "tick end", x: WIDTH - INSET.right, y: HEIGHT - 5 }, right),
  );
}
