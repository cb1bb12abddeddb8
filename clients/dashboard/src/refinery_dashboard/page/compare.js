// Endings of one seed, two of them under a slider, all of them in a strip.

import { el, setChildren, setText } from "./dom.js";
import { image } from "./jobs.js";
import { progressBar } from "./schedule.js";
import * as words from "./words.js";

const AMPLIFIED = 8;

export function compareView() {
  const view = document.getElementById("view-compare");
  const choice = el("select", { id: "compare-choice", on: { change: () => choose(choice.value) } });
  const chooser = el(
    "div",
    { class: "field choice" },
    el("label", { for: "compare-choice" }, "Pictures of one seed"),
    choice,
  );
  const none = el(
    "p",
    { class: "none" },
    "Nothing to compare yet. ",
    el("kbd", {}, "n"),
    " and “With and without the refiner” or “A sweep of handoffs” make several endings of one seed.",
  );
  const left = el("div", { class: "layer" });
  const right = el("div", { class: "layer over" });
  const line = el("div", { class: "line", "aria-hidden": "true" });
  const slider = el("input", {
    type: "range",
    min: 0,
    max: 100,
    value: 50,
    step: 1,
    "aria-label": "How much of the left picture is shown",
    on: { input: slide },
  });
  const stage = el("div", { class: "stage" }, left, right, line, slider);
  const difference = el("button", {
    type: "button",
    class: "quiet",
    "aria-pressed": "false",
    on: { click: toggle },
  }, `Difference × ${AMPLIFIED}`);
  const figure = el("span", { class: "facts" });
  const names = [el("span", {}), el("span", {})];
  const strip = el("div", { class: "strip", role: "group", "aria-label": "Endings" });
  const bench = el(
    "div",
    { class: "bench" },
    stage,
    el(
      "div",
      { class: "names" },
      names[0],
      el("span", { class: "figures" }, difference, figure),
      names[1],
    ),
    strip,
    el(
      "p",
      { class: "hint" },
      "Arrow keys move the slider, ",
      el("kbd", {}, ","),
      " and ",
      el("kbd", {}, "."),
      " change what is right.",
    ),
  );
  view.append(chooser, none, bench);

  let groups = [];
  let group = null;
  /** What a person chose to see left and right, by job. */
  let chosen = [null, null];
  let awaited = new Set();
  let drawn = "";
  const cells = new Map();

  function slide() {
    const share = Number(slider.value);
    right.style.clipPath = `inset(0 0 0 ${share}%)`;
    line.style.left = `${share}%`;
    slider.setAttribute("aria-valuetext", `${share} % left, ${100 - share} % right`);
  }

  function toggle() {
    const isOn = stage.classList.toggle("difference");
    difference.setAttribute("aria-pressed", String(isOn));
  }

  function choose(key) {
    group = groups.find((each) => each.key === key) ?? groups[0] ?? null;
    chosen = [null, null];
    cells.clear();
    drawn = "";
    draw();
  }

  /** The two that are shown: as chosen, or else the last and the first that have a picture. */
  function pair() {
    const ready = group.jobs.filter((job) => job.images?.length);
    const byItself = [ready.at(-1), ready[0]];
    return chosen.map((id, side) =>
      group.jobs.find((job) => job.id === id) ?? byItself[side] ?? group.jobs[0]
    );
  }

  function place(id, side) {
    chosen[side] = id;
    draw();
  }

  function draw() {
    none.hidden = group !== null;
    bench.hidden = chooser.hidden = group === null;
    if (group === null) return;
    const shown = pair();
    setChildren(strip, group.jobs.map((job) => cell(job, shown)));
    names.forEach((node, side) => setText(node, words.ending(shown[side])));
    const key = shown.map((job) => job.images?.[0]?.sha256 ?? job.id).join(" ");
    if (key === drawn) return;
    drawn = key;
    [left, right].forEach((layer, side) => {
      const picture = shown[side].images?.[0];
      layer.replaceChildren(
        picture ? image(shown[side], picture) : el("p", { class: "none" }, "not finished yet"),
      );
    });
    const size = shown.map((job) => job.size).find(Boolean);
    if (size) stage.style.aspectRatio = `${size.width} / ${size.height}`;
    setText(figure, "");
    const images = [left, right].map((layer) => layer.querySelector("img"));
    if (images.every(Boolean)) {
      measure(images).then((text) => drawn === key && setText(figure, text), () => {});
    }
    slide();
  }

  /** One ending in the strip. */
  function cell(job, shown) {
    if (!cells.has(job.id)) cells.set(job.id, ending(job.id));
    const node = cells.get(job.id);
    node.update(job, shown);
    return node;
  }

  function ending(id) {
    const bar = progressBar();
    const frame = el("span", { class: "frame" });
    const name = el("span", { class: "title" });
    const buttons = ["left", "right"].map((side, index) =>
      el("button", { type: "button", class: "quiet", on: { click: () => place(id, index) } }, side)
    );
    const node = el(
      "div",
      { class: "cell" },
      frame,
      bar,
      name,
      el("span", { class: "sides" }, ...buttons),
    );
    let last = "";
    node.update = (job, shown) => {
      const picture = job.images?.[0];
      if (picture && last !== picture.sha256) frame.replaceChildren(image(job, picture));
      last = picture?.sha256 ?? "";
      bar.hidden = Boolean(picture);
      bar.update(job);
      setText(name, job.handoff ? `${Math.round(job.handoff.percentage)} %` : "base alone");
      buttons.forEach((button, side) => {
        button.setAttribute("aria-pressed", String(shown[side].id === id));
        button.setAttribute(
          "aria-label",
          `${words.ending(job)}: show on the ${button.textContent}`,
        );
      });
    };
    return node;
  }

  return {
    /** Shows the endings with these ids as soon as they are there. */
    await(ids) {
      awaited = new Set(ids);
    },
    /** One ending to the left or right of the one that is shown on the right. */
    step(by) {
      if (group === null) return;
      const { jobs } = group;
      const next = jobs.indexOf(pair()[1]) + by + jobs.length;
      place(jobs[next % jobs.length].id, 1);
    },
    update({ jobs }) {
      groups = grouped(jobs);
      const options = groups.map((
        each,
      ) => [each.key, `${each.name} · ${words.count(each.jobs.length, "ending")}`]);
      const key = JSON.stringify(options);
      if (choice.dataset.options !== key) {
        choice.dataset.options = key;
        choice.replaceChildren(...options.map(([value, name]) => el("option", { value }, name)));
      }
      const isAwaited = (each) => each.jobs.some((job) => awaited.has(job.id));
      const kept = groups.find(isAwaited) ?? groups.find((each) => each.key === group?.key);
      if (kept && kept.key !== group?.key) {
        awaited = new Set();
        choose(kept.key);
        choice.value = kept.key;
      } else if (kept) {
        group = kept;
        choice.value = kept.key;
        draw();
      } else {
        choose(groups[0]?.key);
      }
    },
  };
}

/** Jobs that differ in their ending only: the newest group first, in each the earliest handoff
 * first and the base alone last. */
function grouped(jobs) {
  const groups = new Map();
  for (const job of jobs.values()) {
    if (
      !job.sigmas || job.state === "failed" || (job.state === "cancelled" && !job.images?.length)
    ) continue;
    const key = JSON.stringify([
      job.model,
      job.seeds,
      job.size,
      job.scheduler,
      job.sigmas,
      job.request?.positivePrompt ?? job.id.replace(/-\d\d$/, ""),
    ]);
    if (!groups.has(key)) {
      groups.set(key, { key, jobs: [], name: `${words.title(job)} · seed ${job.seeds[0]}` });
    }
    groups.get(key).jobs.push(job);
  }
  const place = (job) => job.handoff?.step ?? Infinity;
  return [...groups.values()]
    .filter((group) => new Set(group.jobs.map(place)).size > 1)
    .map((group) => ({
      ...group,
      jobs: group.jobs.sort((a, b) => place(a) - place(b) || a.createdMs - b.createdMs),
    }))
    .sort((a, b) => newest(b) - newest(a));
}

function newest(group) {
  return Math.max(...group.jobs.map((job) => job.createdMs));
}

/** How far apart two pictures are. */
async function measure(images) {
  await Promise.all(images.map((each) => each.decode()));
  const [one, two] = images.map((each) => {
    const canvas = el("canvas", { width: each.naturalWidth, height: each.naturalHeight });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(each, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height).data;
  });
  if (one.length !== two.length) return "";
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += (one[index] - two[index]) ** 2;
  // Three channels of four differ: the pictures have no transparency.
  const error = sum / ((one.length / 4) * 3);
  return error === 0
    ? "The same picture."
    : `PSNR ${(10 * Math.log10(255 ** 2 / error)).toFixed(1)} dB`;
}
