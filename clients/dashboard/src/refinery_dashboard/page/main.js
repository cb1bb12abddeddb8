// The page: joins what the server tells to the views, and the keyboard to what can be done.

import { compareView } from "./compare.js";
import { detailDialog } from "./detail.js";
import { closesOutside, el, setAttribute, setText } from "./dom.js";
import { pictureForm } from "./form.js";
import { jobList } from "./jobs.js";
import { modelsView } from "./models.js";
import { plots } from "./plots.js";
import { resumeDialog } from "./resume.js";
import { ask, connect, onChange, store } from "./store.js";
import { tiles } from "./tiles.js";

const VIEWS = ["jobs", "compare", "models"];
const SHORTCUTS = [
  ["n", "new picture"],
  ["1 2 3", "jobs, compare, models"],
  [", .", "the ending before, the ending after"],
  ["Ctrl Enter", "start, in the form"],
  ["Esc", "close"],
  ["?", "this list"],
];

const byID = (id) => document.getElementById(id);
const form = pictureForm({ compared });
const otherwise = resumeDialog({ resumed: () => (location.hash = "#jobs") });
const actions = {
  open: (id) => detail.show(id, store),
  cancel: (job, outcome) => tried("/cancel", { job, outcome }),
  resume: (job) => tried("/resume", { job }),
  resumeOtherwise: otherwise.open,
};
const detail = detailDialog({
  ...actions,
  again: (job) => form.open(job),
  from: (job, url) => form.openWith(job, url),
});
const compare = compareView();
const help = helpDialog();
/** What could not be done, said for a while. */
let complaint = "";

onChange(tiles(byID("tiles")));
onChange(jobList(actions));
onChange(plots(byID("plots")));
onChange(modelsView());
for (const { update } of [compare, detail, form, otherwise]) onChange(update);
onChange(showState);

byID("form-open").addEventListener("click", () => form.open());
byID("help-open").addEventListener("click", () => help.showModal());
addEventListener("hashchange", showView);
addEventListener("keydown", shortcut);
showView();
showState(store);
connect();

function compared(id) {
  compare.await(id);
  location.hash = "#compare";
}

async function tried(path, body) {
  try {
    await ask(path, body);
  } catch (refusal) {
    complain(refusal.message);
  }
}

function complain(message) {
  complaint = message;
  showState(store);
  setTimeout(() => {
    if (complaint === message) complaint = "";
    showState(store);
  }, 8000);
}

function showState({ isLive, server, jobs }) {
  const isWell = isLive && server.isConnected === true;
  const status = byID("status");
  setAttribute(status, "data-state", isWell ? "well" : "lost");
  const reason = isLive ? "Server lost, trying again" : "Connecting";
  setText(status, isWell ? "Connected" : reason);
  document.body.classList.toggle("stale", !isWell);
  const trouble = complaint ||
    (isLive && server.isConnected === false ? server.problem?.message : "");
  byID("problem").hidden = !trouble;
  setText(byID("problem"), trouble ?? "");
  const working = [...jobs.values()].filter((job) => job.state && !job.hasEnded).length;
  document.title = working ? `(${working}) Refinery` : "Refinery";
}

function showView() {
  const wanted = location.hash.slice(1);
  const shown = VIEWS.includes(wanted) ? wanted : "jobs";
  for (const view of VIEWS) byID(`view-${view}`).hidden = view !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    setAttribute(link, "aria-current", link.hash === `#${shown}` ? "page" : null);
  }
}

function shortcut(event) {
  const isTyping = event.target.closest?.("input:not([type=range]), textarea, select");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const view = VIEWS[Number(event.key) - 1];
  if (view) location.hash = `#${view}`;
  else if (event.key === "n") form.open();
  else if (event.key === "?") help.showModal();
  else if (event.key === ",") compare.step(-1);
  else if (event.key === ".") compare.step(1);
  else return;
  event.preventDefault();
}

function helpDialog() {
  const dialog = byID("help");
  const keys = (text) => text.split(" ").flatMap((key) => [el("kbd", {}, key), " "]);
  dialog.append(
    el(
      "header",
      { class: "bar-top" },
      el("h2", { id: "help-title" }, "Keyboard"),
      el(
        "button",
        { class: "quiet", type: "button", on: { click: () => dialog.close() } },
        "Close",
      ),
    ),
    el(
      "dl",
      { class: "about" },
      ...SHORTCUTS.flatMap(([key, what]) => [el("dt", {}, ...keys(key)), el("dd", {}, what)]),
    ),
  );
  closesOutside(dialog);
  return dialog;
}
