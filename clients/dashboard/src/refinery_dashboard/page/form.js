// The form for a new picture. Defaults and ranges are the server's: what it refuses is said at the
// field that it names.

import { closesOutside, el, setAttribute, setText } from "./dom.js";
import { fieldSet, number, sendsByKey, setModels } from "./fields.js";
import { loraRows } from "./loras.js";
import { startPicture } from "./start.js";
import { ask, Refusal } from "./store.js";
import { count } from "./words.js";

const SCHEDULERS = [
  "Euler",
  "Euler a",
  "Heun",
  "DPM++ 2M Karras",
  "DPM++ 2M SDE",
  "UniPC",
  "DDIM",
  "LCM",
];
const SWEEP = "50, 60, 70, 80, 90";
/** Fields that say how to ask, or that have a control of their own kind. */
const NOT_OF_REQUESTS = [
  "endings",
  "kind",
  "pauseAt",
  "pauseStep",
  "previewEvery",
  "lora",
  "seedImage",
  "strength",
];

/** `compared(id)` is told of a job with several endings. */
export function pictureForm({ compared }) {
  const dialog = document.getElementById("form");
  const fields = fieldSet("field");
  const field = fields.add;
  const model = el("select", { on: { change: sides } });
  const refiner = el("select", { on: { change: split } });
  const steps = number("20", { step: 1, on: { input: split } });
  const share = el("input", { type: "range", min: 1, max: 99, value: 80, on: { input: split } });
  const splitBar = el(
    "div",
    { class: "bar split", "aria-hidden": "true" },
    part("base"),
    part("refiner"),
  );
  const splitText = el("output", { class: "hint" });
  const endings = el(
    "select",
    { on: { change: split } },
    el("option", { value: "" }, "One picture"),
    el("option", { value: "pair" }, "With and without the refiner"),
    el("option", { value: "sweep" }, "A sweep of handoffs"),
  );
  const sweep = el("input", {
    type: "text",
    inputmode: "numeric",
    value: SWEEP,
    on: { input: split },
  });
  const pause = el(
    "select",
    { on: { change: split } },
    el("option", { value: "" }, "Never"),
    el("option", { value: "handoff" }, "At the handoff"),
    el("option", { value: "step" }, "After a step"),
  );
  const start = startPicture(fields, changed);
  const loras = loraRows(fields);
  const send = el("button", { class: "primary", type: "submit" }, "Start");
  const schedulers = el(
    "datalist",
    { id: "schedulers" },
    ...SCHEDULERS.map((value) => el("option", { value })),
  );

  const shareField = field("refiner.startStepPercentage", "The base's share of the steps", share);
  shareField.append(splitBar, splitText);
  const sweepField = field(
    "endings",
    "Handoffs, in percent of the steps",
    sweep,
    "The base alone comes with them.",
  );
  const pauseField = field("pauseStep", "Step", number("", { step: 1, min: 1 }));
  const refinement = el(
    "fieldset",
    {},
    el("legend", {}, "Two experts"),
    el(
      "div",
      { class: "pair" },
      field("refiner.model", "Refiner", refiner),
      field("kind", "Endings", endings),
    ),
    shareField,
    sweepField,
  );

  const form = el(
    "form",
    { novalidate: true, on: { submit } },
    el(
      "header",
      { class: "bar-top" },
      el("h2", { id: "form-title" }, "New picture"),
      el(
        "button",
        { class: "quiet", type: "button", on: { click: () => dialog.close() } },
        "Close",
      ),
    ),
    el(
      "div",
      { class: "fields" },
      fields.general,
      field(
        "positivePrompt",
        "What it shows",
        el("textarea", { rows: 3, placeholder: "a lighthouse on a cliff at dawn" }),
      ),
      field("model", "Model", model),
      refinement,
      el(
        "div",
        { class: "trio" },
        field("steps", "Steps", steps),
        field("width", "Width", number("")),
        field("height", "Height", number("")),
      ),
      start.node,
      el(
        "details",
        {},
        el("summary", {}, "More"),
        field("negativePrompt", "What it shall not show", el("textarea", { rows: 2 })),
        el(
          "div",
          { class: "trio" },
          field(
            "seed",
            "Seed",
            el("input", { type: "text", inputmode: "numeric", placeholder: "random" }),
          ),
          field("CFGScale", "Guidance", number("7", { step: 0.5 })),
          field("numberResults", "Pictures", number("1", { step: 1 })),
        ),
        el(
          "div",
          { class: "trio" },
          field(
            "scheduler",
            "Scheduler",
            el("input", { type: "text", list: "schedulers", placeholder: "the model's own" }),
          ),
          field("priority", "Priority", number("0", { step: 1 })),
          field("previewEvery", "Steps a preview", number("none", { step: 1, min: 1, value: 1 })),
        ),
        el("div", { class: "pair" }, field("pauseAt", "Pause, with a preview", pause), pauseField),
        loras.node,
      ),
      schedulers,
    ),
    el(
      "footer",
      { class: "bar-bottom" },
      el("p", { class: "hint" }, el("kbd", {}, "Ctrl"), " ", el("kbd", {}, "Enter"), " starts it"),
      send,
    ),
  );
  dialog.append(form);
  closesOutside(dialog);
  sendsByKey(form);
  let known = { models: "", sideLimit: null, all: [] };

  function part(expert) {
    return el("span", { class: `part ${expert}` }, el("span", { class: "fill" }));
  }

  /** Shows how the steps are divided, and only what there is to choose. */
  function split() {
    const withRefiner = refiner.value !== "";
    const kind = withRefiner ? endings.value : "";
    endings.disabled = !withRefiner;
    shareField.hidden = !withRefiner || kind === "sweep";
    sweepField.hidden = kind !== "sweep";
    pause.options[1].disabled = !withRefiner;
    if (!withRefiner && pause.value === "handoff") pause.value = "";
    pauseField.hidden = pause.value !== "step";
    start.update(Number(steps.value || 20), known.sideLimit);
    const all = start.steps(Number(steps.value || 20));
    const base = Math.min(Math.max(Math.floor((all * Number(share.value)) / 100), 1), all - 1);
    const [one, two] = splitBar.children;
    one.style.flexGrow = base;
    two.style.flexGrow = all - base;
    for (const each of [one, two]) each.firstChild.style.width = "100%";
    setText(
      splitText,
      `${share.value} %: ${count(base, "step")} by the base, ${all - base} by the refiner`,
    );
    const endingCount = kind === "pair" ? 2 : kind === "sweep" ? percentages().length + 1 : 1;
    setText(send, endingCount === 1 ? "Start" : `Start ${endingCount} endings of one seed`);
  }

  /** What the model and the server allow of width and height; a picture to start from has its own. */
  function sides() {
    const chosen = known.all.find((each) => each.id === model.value);
    for (const side of ["width", "height"]) {
      const control = fields.control(side);
      setAttribute(control, "min", chosen?.minimumSide);
      setAttribute(control, "max", known.sideLimit);
      setAttribute(control, "step", 8);
      control.disabled = start.isThere;
      const size = start.isThere ? start.size : chosen?.defaultSize;
      setAttribute(control, "placeholder", size?.[side] ?? "");
      if (start.isThere) control.value = "";
    }
  }

  function changed() {
    sides();
    split();
  }

  function percentages() {
    return sweep.value.split(/[\s,;]+/).filter(Boolean).map(Number);
  }

  async function body() {
    const request = {};
    for (
      const name of [
        "positivePrompt",
        "model",
        "steps",
        "width",
        "height",
        "negativePrompt",
        "seed",
        "CFGScale",
        "numberResults",
        "scheduler",
        "priority",
        "previewEvery",
      ]
    ) {
      request[name] = fields.value(name);
    }
    request.pauseAt = pausePoint();
    request.lora = loras.value();
    Object.assign(request, await start.value());
    if (refiner.value === "") return { request };
    const from = { startStepPercentage: Number(share.value) };
    request.refiner = { model: refiner.value };
    if (endings.value === "pair") return { request, endings: [from, null] };
    if (endings.value === "sweep") {
      const all = percentages();
      if (all.length === 0 || all.some((each) => !Number.isFinite(each))) {
        throw new Refusal({
          message: "Give percentages, such as 50, 70, 90.",
          fields: ["endings"],
        });
      }
      return { request, endings: [...all.map((each) => ({ startStepPercentage: each })), null] };
    }
    Object.assign(request.refiner, from);
    return { request };
  }

  function pausePoint() {
    if (pause.value !== "step") return pause.value || undefined;
    const step = fields.value("pauseStep");
    if (step === undefined) {
      throw new Refusal({ message: "After which step?", fields: ["pauseStep"] });
    }
    return step;
  }

  async function submit(event) {
    event.preventDefault();
    complain({ message: "" });
    send.disabled = true;
    try {
      const asked = await body();
      const { job } = await ask("/jobs", asked);
      dialog.close();
      if (asked.endings) compared(job);
      else location.hash = "#jobs";
    } catch (refusal) {
      complain(refusal);
    } finally {
      send.disabled = false;
    }
  }

  function complain(refusal) {
    const sweeps = endings.value === "sweep";
    fields.complain(refusal, (name) => {
      // What is wrong with an ending is told with its place: "branches[1].refiner.startStep".
      const plain = name.replace(/^branches\[\d+\]\./, "");
      const isEnding = name.startsWith("branches") || plain === "refiner.startStepPercentage";
      if (sweeps && isEnding) return "endings";
      if (name.startsWith("lora")) return "lora";
      if (start.isThere && ["width", "height"].includes(plain)) return "seedImage";
      return plain === "pauseAt" && pause.value === "step" ? "pauseStep" : plain;
    });
  }

  return {
    /** Opens it, filled with what `job` was asked for, if there is one. */
    open(job) {
      complain({ message: "" });
      if (job?.request) take(job.request);
      split();
      if (!dialog.open) dialog.showModal();
      fields.control("positivePrompt").focus();
    },
    /** Opens it to make something of a picture that there is. */
    async openWith(job, url) {
      const response = await fetch(url);
      const { seedImage: _, ...request } = job.request ?? {};
      this.open({ request: { ...request, width: null, height: null, pauseAt: null } });
      await start.take(await response.blob());
    },
    update({ server }) {
      if (!server.models) return;
      const models = server.models.filter((each) => !each.problem);
      const key = JSON.stringify([models, server.info?.defaultModel]);
      if (key === known.models) return;
      const isFirst = known.models === "";
      known = { models: key, sideLimit: server.info?.sideLimit, all: models };
      const refiners = models.filter((each) => each.role === "refiner");
      setModels(model, models.filter((each) => each.role === "base"));
      setModels(refiner, refiners, "none: the base alone");
      loras.update(models);
      // Not to have a refiner is a choice too, and stays.
      if (isFirst) {
        model.value = server.info?.defaultModel ?? model.value;
        refiner.value = refiners[0]?.id ?? "";
      }
      sides();
      split();
    },
  };

  function take(request) {
    for (const [name, control] of fields.entries()) {
      if (NOT_OF_REQUESTS.includes(name) || name.includes(".")) continue;
      const asked = request[name] ?? (name === "CFGScale" ? request.cfgScale : undefined);
      control.value = asked === undefined || asked === null || asked === "Default" ? "" : asked;
    }
    refiner.value = request.refiner?.model ?? "";
    share.value = request.refiner?.startStepPercentage ?? 80;
    endings.value = "";
    const isStep = Number.isInteger(request.pauseAt);
    pause.value = isStep ? "step" : request.pauseAt ?? "";
    fields.control("pauseStep").value = isStep ? request.pauseAt : "";
    loras.take(request.lora);
    start.takeRequest(request);
  }
}
