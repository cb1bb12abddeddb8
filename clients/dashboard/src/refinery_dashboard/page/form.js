// The form for a new picture. Defaults and ranges are the server's: what it refuses is said at the
// field that it names.

import { closesOutside, el, setAttribute, setText } from "./dom.js";
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

/** `compared(id)` is told of a job with several endings. */
export function pictureForm({ compared }) {
  const dialog = document.getElementById("form");
  const fields = new Map();

  /** A labelled input; `name` is the contract's, by which refusals name it. */
  const field = (name, label, control, hint = "") => {
    const id = `field-${name.replace(".", "-")}`;
    const why = el("p", { class: "error", id: `${id}-error`, hidden: true });
    for (const [key, value] of Object.entries({ id, name, "aria-describedby": why.id })) {
      control.setAttribute(key, value);
    }
    fields.set(name, { control, why });
    return el(
      "div",
      { class: "field" },
      el("label", { for: id }, label),
      control,
      hint ? el("p", { class: "hint" }, hint) : null,
      why,
    );
  };
  const number = (placeholder, more = {}) =>
    el("input", { type: "number", inputmode: "decimal", placeholder, ...more });

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
  const general = el("p", { class: "notice", role: "alert", hidden: true });
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
    { novalidate: true, on: { submit, keydown: sendByKey } },
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
      general,
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
          { class: "pair" },
          field(
            "scheduler",
            "Scheduler",
            el("input", { type: "text", list: "schedulers", placeholder: "the model's own" }),
          ),
          field("priority", "Priority", number("0", { step: 1 })),
        ),
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
    const all = Number(steps.value || 20);
    const base = Math.min(Math.max(Math.floor((all * Number(share.value)) / 100), 1), all - 1);
    const [one, two] = splitBar.children;
    one.style.flexGrow = base;
    two.style.flexGrow = all - base;
    for (const each of [one, two]) each.firstChild.style.width = "100%";
    setText(
      splitText,
      `${share.value} %: ${count(base, "step")} by the base, ${all - base} by the refiner`,
    );
    const number = kind === "pair" ? 2 : kind === "sweep" ? percentages().length + 1 : 1;
    setText(send, number === 1 ? "Start" : `Start ${number} jobs of one seed`);
  }

  /** What the model and the server allow of width and height. */
  function sides() {
    const chosen = known.all.find((each) => each.id === model.value);
    for (const side of ["width", "height"]) {
      const { control } = fields.get(side);
      setAttribute(control, "min", chosen?.minimumSide);
      setAttribute(control, "max", known.sideLimit);
      setAttribute(control, "step", 8);
      setAttribute(control, "placeholder", chosen?.defaultSize?.[side] ?? "");
    }
  }

  function percentages() {
    return sweep.value.split(/[\s,;]+/).filter(Boolean).map(Number);
  }

  function sendByKey(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  }

  function value(name) {
    const { control } = fields.get(name);
    if (control.validity.badInput) {
      throw new Refusal({ message: "This is no number.", fields: [name] });
    }
    if (control.value === "") return undefined;
    return control.type === "number" ? Number(control.value) : control.value;
  }

  function body() {
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
      ]
    ) {
      request[name] = value(name);
    }
    if (refiner.value === "") return { request };
    const start = { startStepPercentage: Number(share.value) };
    request.refiner = { model: refiner.value };
    if (endings.value === "pair") return { request, endings: [start, null] };
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
    Object.assign(request.refiner, start);
    return { request };
  }

  async function submit(event) {
    event.preventDefault();
    complain({ message: "", fields: [] });
    send.disabled = true;
    try {
      const asked = body();
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

  /** Says what is wrong at each field at fault, and above them what belongs to none. */
  function complain({ message, fields: names = [] }) {
    const sweeps = endings.value === "sweep";
    // What is wrong with an ending is told with its place: "branches[1].refiner.startStep".
    const fieldOf = (name) => {
      const plain = name.replace(/^branches\[\d+\]\./, "");
      const isEnding = name.startsWith("branches") || plain === "refiner.startStepPercentage";
      return sweeps && isEnding ? "endings" : plain;
    };
    const named = names.map(fieldOf);
    const at = named.map((name) => fields.get(name)).filter(Boolean);
    for (const { control, why } of fields.values()) {
      const isAtFault = at.some((each) => each.control === control);
      setAttribute(control, "aria-invalid", isAtFault ? "true" : null);
      why.hidden = !isAtFault;
      setText(why, isAtFault ? message : "");
    }
    general.hidden = !message || at.length > 0;
    setText(general, at.length > 0 ? "" : message);
    for (const { control } of at) {
      const box = control.closest("details");
      if (box) box.open = true;
    }
    at[0]?.control.focus();
  }

  function options(select, models, none) {
    const before = select.value;
    select.replaceChildren(
      ...(none ? [el("option", { value: "" }, none)] : []),
      ...models.map((each) => el("option", { value: each.id }, each.id)),
    );
    if ([...select.options].some((option) => option.value === before)) select.value = before;
  }

  return {
    /** Opens it, filled with what `job` was asked for, if there is one. */
    open(job) {
      complain({ message: "" });
      if (job?.request) take(job.request);
      split();
      if (!dialog.open) dialog.showModal();
      fields.get("positivePrompt").control.focus();
    },
    update({ server }) {
      if (!server.models) return;
      const models = server.models.filter((each) => !each.problem);
      const key = JSON.stringify([models, server.info?.defaultModel]);
      if (key === known.models) return;
      const isFirst = known.models === "";
      known = { models: key, sideLimit: server.info?.sideLimit, all: models };
      const refiners = models.filter((each) => each.role === "refiner");
      options(model, models.filter((each) => each.role === "base"));
      options(refiner, refiners, "none: the base alone");
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
    for (const [name, { control }] of fields) {
      if (name.includes(".") || name === "endings" || name === "kind") continue;
      const asked = request[name] ?? (name === "CFGScale" ? request.cfgScale : undefined);
      control.value = asked === undefined || asked === null || asked === "Default" ? "" : asked;
    }
    refiner.value = request.refiner?.model ?? "";
    share.value = request.refiner?.startStepPercentage ?? 80;
    endings.value = "";
  }
}
