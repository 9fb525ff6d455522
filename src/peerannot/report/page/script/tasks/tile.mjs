// A task in the grid.
import { el } from "../dom.mjs";
import { counted, cut, share } from "../format.mjs";
import { strategiesDiffer } from "./filters.mjs";
import { picture } from "./picture.mjs";

// The label that won is first, then the labels with the most votes.
function splitBar({ counts, label, answers }) {
  const won = (part) => part.label === label;
  const parts = [...counts].sort((a, b) => won(b) - won(a) || b.count - a.count);
  return el(
    "span",
    { class: "split", "aria-hidden": "true" },
    parts.map((part) =>
      el("i", { class: won(part) ? "won" : null, "width%": (100 * part.count) / answers }),
    ),
  );
}

// `number` is what the tasks are sorted by, `unsaved` whether a correction waits.
export function tile(task, nameOf, { number, unsaved, ...attributes }) {
  const differ = strategiesDiffer(task);
  const corrected = task.gold >= 0;
  const label = nameOf(task.label);
  const marks = [
    corrected && el("i", { class: "gold" }, `✓ ${cut(nameOf(task.gold), 9)}`),
    unsaved && el("i", { class: "unsaved" }, "not saved"),
    differ && el("i", {}, "≠"),
  ].filter(Boolean);
  const spoken = [
    `Task ${task.id}: ${label}`,
    `confidence ${share(task.confidence)}`,
    counted(task.answers, "answer"),
    differ && "strategies differ",
    corrected && `corrected to ${nameOf(task.gold)}`,
    unsaved && "a correction is not saved",
  ];
  return el(
    "li",
    {},
    el(
      "button",
      {
        class: "tile",
        type: "button",
        "aria-label": spoken.filter(Boolean).join(", "),
        ...attributes,
      },
      picture(task, false),
      splitBar(task),
      el("span", { class: "cap" }, el("b", {}, label), el("span", {}, number)),
      marks.length > 0 && el("span", { class: "mark", "aria-hidden": "true" }, marks),
    ),
  );
}
