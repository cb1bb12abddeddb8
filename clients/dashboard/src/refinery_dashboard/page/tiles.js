// The figures on top: what is going on, at a glance.

import { el, setAttribute, setText } from "./dom.js";
import { perStep } from "./words.js";

const RECENT = 10;

export function tiles(parent) {
  const all = [
    tile("Lanes", ({ server, jobs }) => {
      const busy = [...jobs.values()].filter((job) => job.state === "running").length;
      const lanes = server.info?.lanes;
      return lanes ? [`${Math.min(busy, lanes)} of ${lanes}`, busy ? "at work" : "idle"] : null;
    }),
    tile("Queue", ({ server, jobs }) => {
      const waiting = [...jobs.values()].filter((job) => job.state === "queued").length;
      return [String(waiting), server.info ? `of at most ${server.info.queueLimit}` : ""];
    }),
    tile("Base", (store) => speed(store, "base"), "base"),
    tile("Refiner", (store) => speed(store, "refiner"), "refiner"),
    tile("Done", ({ server }) => {
      const stats = server.stats;
      return stats &&
        [String(stats.finished), `${stats.failed} failed, ${stats.cancelled} cancelled`];
    }),
  ];
  parent.append(...all.map((each) => each.node));
  return (store) => all.forEach((each) => each.update(store));
}

function tile(name, read, expert = null) {
  const value = el("dd", { class: "value" });
  const note = el("dd", { class: "note" });
  const node = el(
    "div",
    { class: "tile-figure", "data-expert": expert, "data-name": name },
    el("dt", {}, name),
    value,
    note,
  );
  return {
    node,
    update(store) {
      const [figure, more] = read(store) ?? ["–", ""];
      setText(value, figure);
      setText(note, more);
      setAttribute(node, "data-known", figure !== "–");
    },
  };
}

/** Seconds per step over the last samples in which there were any; since the start otherwise. */
function speed({ samples, server }, expert) {
  const [steps, taken] = [`${expert}Steps`, `${expert}Seconds`];
  const last = samples.at(-1) ?? server.stats;
  if (!last?.[steps]) return null;
  const before = samples.findLast((each) => last[steps] - each[steps] >= RECENT) ?? samples[0];
  const since = before && before[steps] < last[steps] ? before : { [steps]: 0, [taken]: 0 };
  return [perStep((last[taken] - since[taken]) / (last[steps] - since[steps])), "a step"];
}
