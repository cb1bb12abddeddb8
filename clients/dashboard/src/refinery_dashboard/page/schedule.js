// A job's schedule: the two-coloured bar of its progress, and its noise levels with the handoff.

import { el, setAttribute, svg } from "./dom.js";
import { PHASES, sigma } from "./words.js";

const OVER = new Set(["decoding"]);

/** Finished steps of the image under way, as far as anyone said. */
export function finishedSteps(job) {
  const steps = (job.baseSteps ?? 0) + (job.refinerSteps ?? 0);
  if (job.state === "finished" || OVER.has(job.phase)) return steps;
  return Math.min(job.step ?? 0, steps);
}

/** The bar; `update` shows a job's state in it. */
export function progressBar() {
  const fills = { base: el("span", { class: "fill" }), refiner: el("span", { class: "fill" }) };
  const parts = {
    base: el("span", { class: "part base" }, fills.base),
    refiner: el("span", { class: "part refiner" }, fills.refiner),
  };
  const node = el(
    "div",
    { class: "bar", role: "progressbar", "aria-valuemin": 0 },
    parts.base,
    parts.refiner,
  );
  node.update = (job) => {
    const base = job.baseSteps ?? 0;
    const refiner = job.refinerSteps ?? 0;
    const done = finishedSteps(job);
    show(parts.base, fills.base, base, Math.min(done, base));
    show(parts.refiner, fills.refiner, refiner, Math.max(done - base, 0));
    setAttribute(node, "aria-valuemax", base + refiner);
    setAttribute(node, "aria-valuenow", done);
    const phase = PHASES[job.phase] ?? "not begun";
    setAttribute(node, "aria-valuetext", `${phase}, step ${done} of ${base + refiner}`);
    node.classList.toggle("decoding", job.phase === "decoding" && !job.hasEnded);
  };
  return node;
}

function show(part, fill, steps, done) {
  part.hidden = steps === 0;
  part.style.flexGrow = steps;
  fill.style.width = steps ? `${(100 * done) / steps}%` : "0";
}

/** Noise level by step, one column each in its expert's colour; the finished ones are solid. Small
 * ones have no words. */
export function sigmaPlot(job, { isSmall = false } = {}) {
  const [width, height] = isSmall ? [96, 96] : [520, 220];
  const inset = isSmall
    ? { left: 8, right: 8, top: 12, bottom: 8 }
    : { left: 44, right: 12, top: 30, bottom: 34 };
  const sigmas = (job.sigmas ?? []).slice(0, (job.timesteps ?? []).length);
  const plot = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    class: isSmall ? "sigmas small" : "sigmas",
    role: isSmall ? null : "img",
    "aria-hidden": isSmall ? "true" : null,
    "aria-label": isSmall ? null : spoken(job, sigmas),
  });
  if (sigmas.length === 0) return plot;

  const [most, least] = [Math.max(...sigmas), Math.min(...sigmas.filter((value) => value > 0))];
  const [top, floor] = [Math.log10(most), Math.log10(least) - 0.25];
  const span = height - inset.top - inset.bottom;
  const y = (value) =>
    inset.top + (span * (top - Math.log10(Math.max(value, least)))) / (top - floor);
  const column = (width - inset.left - inset.right) / sigmas.length;
  const x = (index) => inset.left + column * index;
  const bottom = height - inset.bottom;

  if (!isSmall) {
    for (let power = Math.ceil(floor); power <= Math.floor(top); power++) {
      const level = y(10 ** power);
      plot.append(
        svg("line", {
          class: "grid",
          x1: inset.left,
          x2: width - inset.right,
          y1: level,
          y2: level,
        }),
        svg("text", { class: "tick end", x: inset.left - 6, y: level + 4 }, String(10 ** power)),
      );
    }
  }
  const done = finishedSteps(job);
  const gap = Math.min(2, column * 0.2);
  sigmas.forEach((value, index) => {
    const expert = index < job.baseSteps ? "base" : "refiner";
    plot.append(
      svg("rect", {
        class: `${expert} ${index < done ? "done" : "ahead"}`,
        x: x(index) + gap / 2,
        y: y(value),
        width: column - gap,
        height: bottom - y(value),
      }),
    );
  });
  if (job.handoff && job.refinerSteps > 0) {
    const at = x(job.baseSteps);
    plot.append(
      svg("line", { class: "handoff", x1: at, x2: at, y1: inset.top - 8, y2: bottom }),
    );
    if (!isSmall) {
      const side = at > width / 2 ? "end" : "start";
      plot.append(
        svg(
          "text",
          { class: `mark ${side}`, x: at + (side === "end" ? -6 : 6), y: inset.top - 12 },
          `handoff: step ${job.handoff.step}, σ ${sigma(job.handoff.sigma)}, ` +
            `t ${Math.round(job.handoff.timestep)}`,
        ),
      );
    }
  }
  if (!isSmall) {
    plot.append(
      svg("line", {
        class: "axis",
        x1: inset.left,
        x2: width - inset.right,
        y1: bottom,
        y2: bottom,
      }),
      svg("text", { class: "tick start", x: inset.left, y: bottom + 16 }, "step 1"),
      svg(
        "text",
        { class: "tick end", x: width - inset.right, y: bottom + 16 },
        `${sigmas.length}`,
      ),
      svg("text", { class: "tick start", x: 4, y: inset.top - 12 }, "σ"),
    );
  }
  return plot;
}

function spoken(job, sigmas) {
  if (sigmas.length === 0) return "no schedule yet";
  const levels = `Noise levels of ${sigmas.length} steps, from ${sigma(sigmas[0])} to ${
    sigma(sigmas.at(-1))
  }.`;
  if (!job.handoff) return `${levels} The base runs them all.`;
  return `${levels} The refiner takes over at step ${job.handoff.step}.`;
}
