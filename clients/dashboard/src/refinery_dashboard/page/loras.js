// The form's LoRAs: a row for each, with its weight and the expert that it changes.

import { el } from "./dom.js";
import { setModels } from "./fields.js";

const MAXIMUM = 8;
const EXPERTS = ["base", "refiner", "both"];

export function loraRows(fields) {
  const rows = el("div", { class: "loras", role: "group", tabindex: -1 });
  const more = el(
    "button",
    { class: "quiet", type: "button", on: { click: () => add() } },
    "Add a LoRA",
  );
  const node = fields.add("lora", "LoRAs", rows);
  node.insertBefore(more, node.lastChild);
  // Not of one control, but of a group of them.
  node.firstChild.replaceWith(el("span", { class: "label", id: "lora-label" }, "LoRAs"));
  rows.setAttribute("aria-labelledby", "lora-label");
  let known = [];
  node.hidden = true;

  function add({ model = known[0]?.id, weight = 1, applyTo = "base" } = {}) {
    const chosen = el("select", { class: "model", "aria-label": "LoRA" });
    setModels(chosen, known);
    // What the server no longer has is still shown: it says so itself.
    if (model && !known.some((each) => each.id === model)) {
      chosen.append(el("option", { value: model }, model));
    }
    chosen.value = model;
    const amount = el("input", {
      class: "weight",
      type: "number",
      step: 0.1,
      value: weight,
      "aria-label": "Weight",
    });
    const expert = el(
      "select",
      { class: "expert", "aria-label": "Changes" },
      ...EXPERTS.map((value) => el("option", { value }, value)),
    );
    expert.value = applyTo;
    const row = el(
      "div",
      { class: "lora" },
      chosen,
      amount,
      expert,
      el("button", {
        class: "quiet",
        type: "button",
        "aria-label": "Without this LoRA",
        on: { click: () => (row.remove(), count(), more.focus()) },
      }, "×"),
    );
    rows.append(row);
    count();
  }

  function count() {
    more.hidden = rows.children.length >= MAXIMUM;
  }

  return {
    node,
    /** Shows the field where the server has LoRAs. */
    update(models) {
      known = models.filter((each) => each.role === "lora");
      node.hidden = known.length === 0 && rows.children.length === 0;
      for (const each of rows.querySelectorAll(".model")) setModels(each, known);
    },
    /** As a request has them; undefined for none. */
    value() {
      if (rows.children.length === 0) return undefined;
      return [...rows.children].map((row) => ({
        model: row.querySelector(".model").value,
        weight: Number(row.querySelector(".weight").value),
        applyTo: row.querySelector(".expert").value,
      }));
    },
    take(loras) {
      rows.replaceChildren();
      for (const each of loras ?? []) add(each);
      node.hidden = known.length === 0 && rows.children.length === 0;
      count();
    },
  };
}
