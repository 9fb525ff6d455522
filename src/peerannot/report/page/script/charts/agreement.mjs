// Agreement between strategies, as a tinted table.
import { el } from "../dom.mjs";
import { missing, share } from "../format.mjs";

export function agreementTable(table, strategies, main) {
  const low = Math.min(...table.flat().filter((v) => !missing(v)), 1);
  const cell = (v, i, j) => {
    const tip = `${strategies[i].name} and ${strategies[j].name}: ${share(v)}`;
    const drawn = el("td", { class: "tint", "data-tip": tip }, i === j ? "" : share(v));
    const depth = i === j || missing(v) ? 0 : 4 + 36 * ((v - low) / (1 - low || 1));
    drawn.style.background = `color-mix(in srgb, var(--accent) ${depth.toFixed(0)}%, var(--faint))`;
    return drawn;
  };
  const heads = strategies.map((_, i) => el("th", { scope: "col", class: "mid" }, String(i + 1)));
  const rows = table.map((row, i) =>
    el(
      "tr",
      { class: i === main ? "main" : null },
      el("th", { scope: "row" }, `${i + 1} ${strategies[i].name}`),
      row.map((v, j) => cell(v, i, j)),
    ),
  );
  const region = {
    class: "scroll",
    tabindex: 0,
    role: "region",
    "aria-label": "Agreement between strategies",
  };
  const head = el("thead", {}, el("tr", {}, el("td", {}), heads));
  return el("div", region, el("table", {}, head, el("tbody", {}, rows)));
}
