// Correlations of the errors of judges, as a tinted table.
import { el } from "../dom.mjs";
import { cut, missing, score } from "../format.mjs";

const NAME = 14; // letters of a judge

// Without the zero, so that sixteen judges have room.
const bare = (value) => score(value).replace(/^(-?)0\./, "$1.");

export function togetherTable({ names, cells }) {
  const values = new Map();
  for (const { first, second, value } of cells) {
    values.set(`${first},${second}`, value);
    values.set(`${second},${first}`, value);
  }
  const cell = (i, j) => {
    const value = values.get(`${i},${j}`);
    if (i === j) return el("td", { class: "tint" });
    const tip = missing(value)
      ? `${names[i]} and ${names[j]}: too few tasks in common`
      : `${names[i]} and ${names[j]}: ${score(value)}`;
    const drawn = el("td", { class: "tint", "data-tip": tip }, bare(value));
    const depth = missing(value) ? 0 : 4 + 56 * Math.max(0, Math.min(value, 1));
    drawn.style.background = `color-mix(in srgb, var(--accent) ${depth.toFixed(0)}%, var(--faint))`;
    return drawn;
  };
  const heads = names.map((_, i) => el("th", { scope: "col", class: "mid" }, String(i + 1)));
  const rows = names.map((name, i) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, `${i + 1} ${cut(name, NAME)}`),
      names.map((_, j) => cell(i, j)),
    ),
  );
  const region = {
    class: "scroll",
    tabindex: 0,
    role: "region",
    "aria-label": "Correlation of errors of judges",
  };
  const head = el("thead", {}, el("tr", {}, el("td", {}), heads));
  return el("div", region, el("table", {}, head, el("tbody", {}, rows)));
}
