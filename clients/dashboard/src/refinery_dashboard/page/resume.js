// Going on from a paused job: as it was, or with another refiner, handoff or prompt.

import { closesOutside, el, setAttribute, setText } from "./dom.js";
import { fieldSet, number, sendsByKey, setModels } from "./fields.js";
import { ask } from "./store.js";
import * as words from "./words.js";

/** `resumed()` is told once the server has made the new job. */
export function resumeDialog({ resumed }) {
  const dialog = document.getElementById("resume");
  const fields = fieldSet("resume");
  const refiner = el("select", { on: { change: tell } });
  const start = el("input", { type: "range", on: { input: tell } });
  const startText = el("output", { class: "hint" });
  const startField = fields.add("refiner.startStep", "It takes over at", start);
  startField.append(startText);
  const its = el(
    "div",
    { class: "its" },
    startField,
    fields.add(
      "refiner.positivePrompt",
      "Its prompt",
      el("textarea", { rows: 2, placeholder: "as before" }),
    ),
    fields.add("refiner.CFGScale", "Its guidance", number("as before", { step: 0.5 })),
  );
  const lead = el("p", { class: "hint" });
  const send = el("button", { class: "primary", type: "submit" }, "Go on");
  const form = el(
    "form",
    { novalidate: true, on: { submit } },
    el(
      "header",
      { class: "bar-top" },
      el("h2", { id: "resume-title" }, "Go on, changed"),
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
      lead,
      fields.add("refiner.model", "Refiner", refiner),
      its,
    ),
    el(
      "footer",
      { class: "bar-bottom" },
      el("p", { class: "hint" }, "The paused job stays, to go on from again."),
      send,
    ),
  );
  dialog.append(form);
  closesOutside(dialog);
  sendsByKey(form);
  let models = [];
  let job = null;

  function tell() {
    its.hidden = refiner.value === "";
    const steps = Number(start.max);
    const base = Number(start.value) - 1;
    setText(
      startText,
      `step ${start.value} of ${steps} (${Math.round((100 * base) / steps)} %): ` +
        `${words.count(base - job.pauseStep, "more step")} by the base, ` +
        `${steps - base} by the refiner`,
    );
  }

  function body() {
    if (refiner.value === "") return { job: job.id, withoutRefiner: true };
    const asked = { model: refiner.value };
    for (const name of ["startStep", "positivePrompt", "CFGScale"]) {
      asked[name] = fields.value(`refiner.${name}`);
    }
    return { job: job.id, refiner: asked };
  }

  async function submit(event) {
    event.preventDefault();
    fields.complain({ message: "" });
    send.disabled = true;
    try {
      await ask("/resume", body());
      dialog.close();
      resumed();
    } catch (refusal) {
      fields.complain(refusal);
    } finally {
      send.disabled = false;
    }
  }

  return {
    open(paused) {
      job = paused;
      fields.complain({ message: "" });
      form.reset();
      setModels(refiner, models, "none: the base alone");
      refiner.value = job.refinerModel ?? models[0]?.id ?? "";
      const steps = job.baseSteps + job.refinerSteps;
      setAttribute(start, "min", Math.max(job.pauseStep + 1, 2));
      setAttribute(start, "max", steps);
      start.value = job.handoff?.step ?? Math.ceil(steps * 0.8) + 1;
      setText(lead, `Paused after step ${job.pauseStep} of ${steps}, by the base.`);
      tell();
      if (!dialog.open) dialog.showModal();
      refiner.focus();
    },
    update({ server }) {
      models = (server.models ?? []).filter((each) => each.role === "refiner" && !each.problem);
    },
  };
}

/** Whether the base still has the picture: then it can go on otherwise. */
export function canGoOnOtherwise(job) {
  return job.pauseStep && job.pauseStep <= job.baseSteps;
}
