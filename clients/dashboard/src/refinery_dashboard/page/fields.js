// A form's labelled fields, and what the server says is wrong with one, beside it.

import { el, setAttribute, setText } from "./dom.js";
import { Refusal } from "./store.js";

/** `prefix` keeps the ids of two forms apart. */
export function fieldSet(prefix) {
  const fields = new Map();
  const general = el("p", { class: "notice", role: "alert", hidden: true });

  return {
    /** What is wrong with none of the fields. */
    general,

    /** A labelled control; `name` is the contract's, by which refusals name it. */
    add(name, label, control, hint = "") {
      const id = `${prefix}-${name.replace(".", "-")}`;
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
    },

    control: (name) => fields.get(name).control,
    entries: () => [...fields].map(([name, { control }]) => [name, control]),

    /** A number, a text, or undefined for an empty field. Throws `Refusal` for what is no number. */
    value(name) {
      const { control } = fields.get(name);
      if (control.validity.badInput) {
        throw new Refusal({ message: "This is no number.", fields: [name] });
      }
      if (control.value === "") return undefined;
      return ["number", "range"].includes(control.type) ? Number(control.value) : control.value;
    },

    /** Says what is wrong at each field at fault, and above them what belongs to none. `fieldOf` gives
     * the field of a name that is none's. */
    complain({ message, fields: names = [] }, fieldOf = (name) => name) {
      const at = names.map((name) => fields.get(fieldOf(name))).filter(Boolean);
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
    },
  };
}

export function number(placeholder, more = {}) {
  return el("input", { type: "number", inputmode: "decimal", placeholder, ...more });
}

/** Makes `models` the choices, with `none` before them, and keeps what is chosen. Nothing is touched where
 * they are the choices already: somebody may be choosing. */
export function setModels(select, models, none) {
  const choices = [...(none ? [["", none]] : []), ...models.map(({ id }) => [id, id])];
  const key = JSON.stringify(choices);
  if (select.dataset.choices === key) return;
  const before = select.value;
  select.dataset.choices = key;
  select.replaceChildren(...choices.map(([value, name]) => el("option", { value }, name)));
  if (choices.some(([value]) => value === before)) select.value = before;
}

/** Ctrl Enter, from anywhere in the form. */
export function sendsByKey(form) {
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}
