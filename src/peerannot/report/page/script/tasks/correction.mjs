// The choice of the right class of an opened task.
import { el } from "../dom.mjs";

const MOST_BUTTONS = 12; // classes; with more of them the choice is a list
const MOST_KEYS = 9;

// The class that a key stands for, -1 for none.
export function classOfKey(key, n) {
  const k = /^[1-9]$/.test(key) && n <= MOST_BUTTONS ? Number(key) - 1 : -1;
  return k < Math.min(n, MOST_KEYS) ? k : -1;
}

function buttons(chosen, classes, choose) {
  const button = (name, k) =>
    el(
      "button",
      {
        class: "plain",
        type: "button",
        "aria-pressed": String(chosen === k),
        "data-class": k,
        on: { click: () => choose(k) },
      },
      k < MOST_KEYS && el("kbd", { "aria-hidden": "true" }, String(k + 1)),
      name,
    );
  return el("div", { class: "choices" }, classes.map(button));
}

function list(chosen, classes, send) {
  const change = (event) => send(Number(event.target.value));
  return el(
    "select",
    { "aria-label": "Correct label", on: { change } },
    el("option", { value: "-1" }, "not corrected"),
    classes.map((name, k) => el("option", { value: k, selected: chosen === k }, name)),
  );
}

// `choose` takes back what is chosen twice, `send` sends a class as it is.
export function correctionForm(task, { classes, nameOf }, corrections, { choose, send }) {
  const unsaved = corrections.isUnsaved(task);
  const chosen = corrections.chosen(task);
  const few = classes.length <= MOST_BUTTONS;
  const saved =
    task.gold >= 0
      ? `Saved in gold.json as ${nameOf(task.gold)}.`
      : "Choose the right class; it is saved in gold.json.";
  const again = { class: "plain", type: "button", id: "again", on: { click: () => send(chosen) } };
  return el(
    "div",
    { class: "block" },
    el("h3", {}, "Correct label"),
    few ? buttons(chosen, classes, choose) : list(chosen, classes, send),
    el("p", { class: "said", id: "said", role: "status" }, unsaved ? "Not saved yet." : saved),
    unsaved && el("button", again, "Send again"),
  );
}
