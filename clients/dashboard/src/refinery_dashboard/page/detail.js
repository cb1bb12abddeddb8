// One job in full: its pictures, its schedule, what was asked for, and what can be done with it.

import { closesOutside, el, setAttribute, setChildren, setText } from "./dom.js";
import { hasPreview, image, jobButtons, planOf, previewImage } from "./jobs.js";
import { finishedSteps, progressBar, sigmaPlot } from "./schedule.js";
import { pictureURL } from "./store.js";
import * as words from "./words.js";

/** What can be done is jobs.js' and: `again(job)` fills the form with a job, `from(job, url)` with one of its
 * pictures to start from. */
export function detailDialog({ again, from, ...actions }) {
  const dialog = document.getElementById("detail");
  const title = el("h2", { id: "detail-title" });
  const body = el("div", { class: "detail" });
  const close = el("button", {
    class: "quiet",
    type: "button",
    on: { click: () => dialog.close() },
  }, "Close");
  dialog.append(el("header", { class: "bar-top" }, title, close), body);
  closesOutside(dialog);
  let open = null;

  const draw = (store) => {
    const job = store.jobs.get(open?.id);
    if (!job) {
      dialog.close();
      return;
    }
    setText(title, words.title(job));
    open.update(job);
  };

  return {
    show(id, store) {
      const job = store.jobs.get(id);
      if (!job) return;
      const closing = (act) => (...what) => (dialog.close(), act(...what));
      open = {
        id,
        ...content({
          ...actions,
          again: closing(again),
          from: closing(from),
          resume: closing(actions.resume),
          resumeOtherwise: closing(actions.resumeOtherwise),
        }),
      };
      body.replaceChildren(...open.nodes);
      if (!dialog.open) dialog.showModal();
      draw(store);
    },
    update(store) {
      if (dialog.open) draw(store);
    },
  };
}

function content(all) {
  const pictures = el("div", { class: "pictures" });
  const bar = progressBar();
  const plot = el("div", { class: "schedule" });
  const facts = el("dl", { class: "about" });
  const advice = el("ul", { class: "advice" });
  const error = el("p", { class: "notice" });
  const actions = jobButtons(all);
  let job = null;
  const more = el(
    "button",
    { type: "button", class: "quiet", on: { click: () => all.again(job) } },
    "Ask again, changed",
  );
  const side = el(
    "div",
    { class: "side" },
    error,
    bar,
    plot,
    facts,
    advice,
    el("div", { class: "foot" }, actions, more),
  );
  const foreseen = previewFigure();
  const none = el("p", { class: "none" });
  let images = [];
  let imagesShown = "";
  const showPictures = () => {
    const key = JSON.stringify(job.images ?? []);
    if (key !== imagesShown) {
      images = (job.images ?? []).map((each) => picture(job, each, all.from));
    }
    imagesShown = key;
    if (hasPreview(job)) foreseen.update(job);
    setText(none, job.hasEnded ? "It has no picture." : "The picture comes with the last step.");
    const shown = [...images, ...(hasPreview(job) ? [foreseen] : [])];
    setChildren(pictures, shown.length ? shown : [none]);
  };
  let shown = "";
  const update = (now) => {
    job = now;
    bar.update(job);
    actions.update(job);
    more.hidden = !job.request;
    error.hidden = !job.error;
    setText(error, job.error?.message ?? "");
    showPictures();
    const state = JSON.stringify([
      job.images,
      finishedSteps(job),
      job.state,
      job.phase,
      Boolean(job.request),
    ]);
    if (state === shown) return;
    shown = state;
    plot.replaceChildren(sigmaPlot(job));
    facts.replaceChildren(
      ...about(job).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
    );
    advice.replaceChildren(...(job.advice ?? []).map((line) => el("li", {}, line)));
    advice.hidden = !job.advice?.length;
  };
  return { nodes: [pictures, side], update };
}

function previewFigure() {
  const picture = previewImage();
  const caption = el("figcaption", {});
  const node = el("figure", {}, picture, caption);
  node.update = (job) => {
    picture.update(job);
    // As large as the picture will be, so that nothing jumps when that comes.
    setAttribute(picture, "width", job.size?.width);
    setAttribute(picture, "height", job.size?.height);
    setText(caption, `as foreseen after step ${job.preview.step}`);
  };
  return node;
}

function picture(job, each, from) {
  const url = pictureURL(job, each);
  const plan = job.branches?.find(({ index }) => index === each.branch);
  return el(
    "figure",
    {},
    image(job, each),
    el(
      "figcaption",
      {},
      el("span", {}, `seed ${each.seed}${plan ? `, ${words.ending(plan)}` : ""}`),
      el(
        "span",
        { class: "links" },
        el(
          "button",
          { type: "button", class: "link", on: { click: () => from(job, url) } },
          "Start from it",
        ),
        el("a", { href: url, download: `${job.id}-${each.index}.png` }, "Save PNG"),
      ),
    ),
  );
}

function about(job) {
  const request = job.request ?? {};
  const summary = job.summary;
  const rows = [
    ["Job", job.id],
    ["State", job.summary?.isCutShort ? "done, cut short" : words.STATES[job.state]],
    ["Plan", planOf(job)],
    ["Scheduler", job.scheduler ? `${job.scheduler}, ${job.spacing}` : ""],
    ["Ending", words.ending(job)],
    ["Guidance", request.CFGScale ?? request.cfgScale],
    ["Not", request.negativePrompt],
    ["Asked", job.createdMs ? new Date(job.createdMs).toLocaleString() : ""],
    ["Paused", job.state === "paused" && job.pauseStep ? `after step ${job.pauseStep}` : ""],
    ["LoRAs", request.lora?.map(({ model, weight }) => `${model} ${weight ?? 1}`).join(", ")],
    ["Goes on from", job.resumes],
    ["Begun anew", job.resumes ? "" : job.resumed?.reason],
  ];
  if (summary) {
    rows.push([
      "Time",
      [
        words.seconds(summary.totalSeconds),
        summary.baseSteps ? `base ${words.seconds(summary.baseSeconds)}` : null,
        summary.refinerSteps ? `refiner ${words.seconds(summary.refinerSeconds)}` : null,
        `decoding ${words.seconds(summary.decodingSeconds)}`,
      ]
        .filter(Boolean)
        .join(" · "),
    ]);
  }
  return rows.filter(([, value]) => value !== undefined && value !== null && value !== "");
}
