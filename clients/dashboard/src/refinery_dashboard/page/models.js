// The models on the server, and what computes them.

import { el } from "./dom.js";
import { bytes } from "./words.js";

const ROLES = {
  base: "base",
  refiner: "refiner",
  lora: "LoRA",
  embedding: "embedding",
  vae: "VAE",
  unusable: "unusable",
};

export function modelsView() {
  const view = document.getElementById("view-models");
  let shown = "";
  return ({ server }) => {
    const key = JSON.stringify([server.models, server.info]);
    if (key === shown) return;
    shown = key;
    view.replaceChildren(
      el("h2", {}, "Models"),
      list(server.models ?? [], server.info?.defaultModel),
      el("h2", {}, "Server"),
      about(server.info ?? {}, server.address),
    );
  };
}

function list(models, chosen) {
  if (models.length === 0) {
    return el("p", { class: "none" }, "The server has none, or has not said yet.");
  }
  return el("ul", { class: "models" }, ...models.map((model) => card(model, model.id === chosen)));
}

function card(model, isDefault) {
  const { height, width } = model.defaultSize;
  return el(
    "li",
    { class: `panel role-${model.role}` },
    el(
      "h3",
      {},
      model.id,
      el(
        "span",
        { class: "state", "data-state": model.role },
        isDefault ? "default base" : ROLES[model.role],
      ),
    ),
    el(
      "p",
      { class: "facts" },
      [
        model.architecture,
        model.dtype,
        bytes(model.byteCount),
        isExpert(model) ? `${width} × ${height}` : null,
      ].filter(Boolean).join(" · "),
    ),
    model.aliases.length ? el("p", { class: "facts" }, `also ${model.aliases.join(", ")}`) : null,
    model.sha256 ? el("p", { class: "facts hash" }, model.sha256) : null,
    model.problem ? el("p", { class: "error" }, model.problem) : null,
  );
}

function isExpert(model) {
  return model.role === "base" || model.role === "refiner";
}

function about(info, address) {
  const rows = [
    ["Address", address],
    ["Version", info.version],
    ["Lanes", info.lanes && `${info.lanes}, sharing ${info.threadsPerLane} threads`],
    [
      "Matrix products",
      info.blasCore && `${info.blasCore}, ${Math.round(info.blasGflops)} GFLOPS a thread`,
    ],
    ["Longest queue", info.queueLimit],
    ["Largest side", info.sideLimit && `${info.sideLimit} pixels`],
  ];
  return el(
    "dl",
    { class: "about panel" },
    ...rows.filter(([, value]) => value).flatMap((
      [name, value],
    ) => [el("dt", {}, name), el("dd", {}, String(value))]),
  );
}
