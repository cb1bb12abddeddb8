// Endings of one seed, two of them under a slider, all of them in a strip.

import { el, setChildren, setText } from "./dom.js";
import { hasPreview, image, previewImage } from "./jobs.js";
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
  /** What a person chose to see left and right, by its key. */
  let chosen = [null, null];
  let awaited = null;
  let drawn = "";
  const cells = new Map();
  const foreseen = [previewImage(), previewImage()];

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
    const ready = group.endings.filter((ending) => ending.images?.length);
    const byItself = [ready.at(-1), ready[0]];
    return chosen.map((key, side) =>
      group.endings.find((ending) => ending.key === key) ?? byItself[side] ?? group.endings[0]
    );
  }

  function place(key, side) {
    chosen[side] = key;
    draw();
  }

  function draw() {
    none.hidden = group !== null;
    bench.hidden = chooser.hidden = group === null;
    if (group === null) return;
    const shown = pair();
    setChildren(strip, group.endings.map((ending) => cell(ending, shown)));
    names.forEach((node, side) => setText(node, words.ending(shown[side])));
    shown.forEach((ending, side) => {
      if (ending.images?.[0] || !hasPreview(ending)) return;
      foreseen[side].update(ending);
      setChildren([left, right][side], [foreseen[side]]);
    });
    const key = shown.map((ending) =>
      ending.images?.[0]?.sha256 ?? `${ending.key} ${hasPreview(ending)}`
    ).join(" ");
    if (key === drawn) return;
    drawn = key;
    [left, right].forEach((layer, side) => {
      const picture = shown[side].images?.[0];
      if (picture) layer.replaceChildren(image(shown[side], picture));
      else if (!hasPreview(shown[side])) {
        layer.replaceChildren(el("p", { class: "none" }, "not finished yet"));
      }
    });
    const size = shown.map((ending) => ending.size).find(Boolean);
    if (size) stage.style.aspectRatio = `${size.width} / ${size.height}`;
    setText(figure, "");
    const images = [left, right].map((layer) => layer.querySelector("img:not(.preview)"));
    if (images.every(Boolean)) {
      measure(images).then((text) => drawn === key && setText(figure, text), () => {});
    }
    slide();
  }

  /** One ending in the strip. */
  function cell(ending, shown) {
    if (!cells.has(ending.key)) cells.set(ending.key, emptyCell(ending.key));
    const node = cells.get(ending.key);
    node.update(ending, shown);
    return node;
  }

  function emptyCell(key) {
    const bar = progressBar();
    const frame = el("span", { class: "frame" });
    const name = el("span", { class: "title" });
    const buttons = ["left", "right"].map((side, index) =>
      el("button", { type: "button", class: "quiet", on: { click: () => place(key, index) } }, side)
    );
    const node = el(
      "div",
      { class: "cell" },
      frame,
      bar,
      name,
      el("span", { class: "sides" }, ...buttons),
    );
    const foreseen = previewImage();
    let last = "";
    node.update = (ending, shown) => {
      const picture = ending.images?.[0];
      if (!picture && hasPreview(ending)) {
        foreseen.update(ending);
        setChildren(frame, [foreseen]);
      }
      if (picture && last !== picture.sha256) frame.replaceChildren(image(ending, picture));
      last = picture?.sha256 ?? "";
      bar.update(picture ? { ...ending, state: "finished" } : ending);
      setText(name, ending.handoff ? `${Math.round(ending.handoff.percentage)} %` : "base alone");
      buttons.forEach((button, side) => {
        button.setAttribute("aria-pressed", String(shown[side].key === key));
        button.setAttribute(
          "aria-label",
          `${words.ending(ending)}: show on the ${button.textContent}`,
        );
      });
    };
    return node;
  }

  return {
    /** Shows this job's endings as soon as they are there. */
    await(id) {
      awaited = id;
    },
    /** One ending to the left or right of the one that is shown on the right. */
    step(by) {
      if (group === null) return;
      const { endings } = group;
      const next = endings.indexOf(pair()[1]) + by + endings.length;
      place(endings[next % endings.length].key, 1);
    },
    update({ jobs }) {
      groups = grouped(jobs);
      const options = groups.map((
        each,
      ) => [each.key, `${each.name} · ${words.count(each.endings.length, "ending")}`]);
      const key = JSON.stringify(options);
      if (choice.dataset.options !== key) {
        choice.dataset.options = key;
        choice.replaceChildren(...options.map(([value, name]) => el("option", { value }, name)));
      }
      const isAwaited = (each) => each.endings.some(({ id }) => id === awaited);
      const kept = groups.find(isAwaited) ?? groups.find((each) => each.key === group?.key);
      if (kept && kept.key !== group?.key) {
        awaited = null;
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

/** What differs in its ending only, of one job or of several: the newest group first, in each the
 * earliest handoff first and the base alone last. */
function grouped(jobs) {
  const groups = new Map();
  for (const job of jobs.values()) {
    if (!job.sigmas || job.state === "failed" || job.state === "paused") continue;
    const key = JSON.stringify([
      job.model,
      job.seeds,
      job.size,
      job.scheduler,
      job.sigmas,
      job.request?.positivePrompt ?? job.id,
    ]);
    if (!groups.has(key)) {
      groups.set(key, { key, endings: [], name: `${words.title(job)} · seed ${job.seeds[0]}` });
    }
    groups.get(key).endings.push(...endingsOf(job));
  }
  const place = (ending) => ending.handoff?.step ?? Infinity;
  return [...groups.values()]
    .filter((group) => new Set(group.endings.map(place)).size > 1)
    .map((group) => ({
      ...group,
      endings: group.endings.sort((a, b) => place(a) - place(b) || a.createdMs - b.createdMs),
    }))
    .sort((a, b) => newest(b) - newest(a));
}

/** A job's endings, each as a job that has no other; those that will get no picture left out. */
function endingsOf(job) {
  let endings = [{ ...job, key: job.id }];
  if (job.branches?.length) {
    const current = job.branches.find(({ index }) => index === job.branch);
    // The others have come as far as the base has.
    const step = Math.min(job.step ?? 0, current?.baseSteps ?? 0);
    const waiting = { phase: "base", step, preview: null };
    endings = job.branches.map((plan) => ({
      ...job,
      ...plan,
      ...(plan === current ? {} : waiting),
      branches: [],
      key: `${job.id} ${plan.index}`,
      images: job.images?.filter((each) => each.branch === plan.index),
    }));
  }
  return job.hasEnded ? endings.filter((ending) => ending.images?.length) : endings;
}

function newest(group) {
  return Math.max(...group.endings.map((ending) => ending.createdMs));
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
