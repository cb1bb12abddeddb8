// The form's picture to start from. The browser makes it a PNG whose sides the server takes.

import { el, setText } from "./dom.js";
import { Refusal, upload } from "./store.js";

const SIDE_UNIT = 8;

/** `changed()` is told when there is one, or none any more. */
export function startPicture(fields, changed) {
  const file = el("input", {
    type: "file",
    accept: "image/*",
    on: { change: () => file.files.length && take(file.files[0]) },
  });
  const strength = el("input", {
    type: "range",
    min: 0.05,
    max: 1,
    step: 0.05,
    value: 0.8,
    on: { input: tell },
  });
  const shown = el("canvas", {
    class: "start",
    role: "img",
    "aria-label": "The picture to start from",
  });
  const facts = el("p", { class: "hint" });
  const remove = el(
    "button",
    { class: "quiet", type: "button", on: { click: () => clear() } },
    "Without it",
  );
  const share = el("output", { class: "hint" });
  const strengthField = fields.add("strength", "How far from it", strength);
  strengthField.append(share);
  const chosen = el(
    "div",
    { class: "chosen" },
    shown,
    el("div", { class: "field" }, facts, strengthField, remove),
  );
  const node = el(
    "div",
    { class: "field" },
    fields.add(
      "seedImage",
      "Start from a picture",
      file,
      "In place of noise. It gives width and height.",
    ),
    chosen,
  );
  let picture = null;
  let steps = 20;
  let sideLimit = 2048;
  tell();

  /** Reads a file or what was fetched; says at the field what cannot be read. */
  async function take(blob) {
    fields.complain({ message: "" });
    try {
      picture = await fitted(blob, sideLimit);
    } catch {
      clear();
      fields.complain({ message: "The browser cannot read this picture.", fields: ["seedImage"] });
      return;
    }
    const { canvas, size, was } = picture;
    [shown.width, shown.height] = [canvas.width, canvas.height];
    shown.getContext("2d").drawImage(canvas, 0, 0);
    const isSame = size.width === was.width && size.height === was.height;
    const from = isSame ? "" : `, from ${was.width} × ${was.height}`;
    setText(facts, `${size.width} × ${size.height}${from}`);
    tell();
    changed();
  }

  function clear() {
    picture = null;
    file.value = "";
    tell();
    changed();
  }

  function tell() {
    chosen.hidden = picture === null;
    shown.hidden = !picture?.canvas;
    const amount = Number(strength.value);
    setText(share, `${amount.toFixed(2)}: the last ${runSteps(steps)} of ${steps} steps are run`);
  }

  function runSteps(all) {
    // As the server has it, of the decimal that is shown.
    return Math.floor((all * Math.round(Number(strength.value) * 100)) / 100);
  }

  return {
    node,
    take,
    clear,
    get isThere() {
      return picture !== null;
    },
    /** Its width and height, where they are known. */
    get size() {
      return picture?.size;
    },
    /** Steps that are run of so many. */
    steps: (all) => picture === null ? all : runSteps(all),
    update(allSteps, limit) {
      steps = allSteps;
      sideLimit = limit ?? sideLimit;
      tell();
    },
    /** As it was in a job's request. */
    takeRequest({ seedImage, strength: amount }) {
      clear();
      if (!seedImage) return;
      picture = { sha256: seedImage };
      strength.value = amount ?? 0.8;
      setText(facts, "The picture that the job before started from.");
      tell();
      changed();
    },
    /** Sends it to the server; what a request says of it, nothing without one. */
    async value() {
      if (picture === null) return {};
      if (!picture.sha256) {
        try {
          picture.sha256 = await upload(picture.blob);
        } catch (refusal) {
          throw new Refusal({ message: refusal.message, fields: ["seedImage"] });
        }
      }
      return { seedImage: picture.sha256, strength: Number(strength.value) };
    },
  };
}

/** The picture with sides of whole units, at most `limit` long. Nothing is changed that need not be. */
async function fitted(blob, limit) {
  const image = await createImageBitmap(blob);
  const was = { width: image.width, height: image.height };
  const scale = Math.min(1, limit / Math.max(was.width, was.height));
  const whole = (side) => Math.max(SIDE_UNIT, Math.floor((side * scale) / SIDE_UNIT) * SIDE_UNIT);
  const size = { width: whole(was.width), height: whole(was.height) };
  const canvas = el("canvas", size);
  canvas.getContext("2d").drawImage(image, 0, 0, size.width, size.height);
  const isSound = blob.type === "image/png" && size.width === was.width &&
    size.height === was.height;
  const png = isSound ? blob : await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return { blob: png, canvas, size, was };
}
