// Statistics of the answers beside those of replicates, in standard deviations of the latter.
import { el, svg } from "../dom.mjs";
import { score } from "../format.mjs";

const ROW = 46;
const FOOT = 40;
const EDGE = 8;
const NEAR = 4; // up to here the scale is even, beyond it a logarithm
const TICKS = [-100, -30, -10, -4, -2, 0, 2, 4, 10, 30, 100, 300, 1000];

const squeezed = (z) =>
  Math.abs(z) <= NEAR ? z : Math.sign(z) * NEAR * (1 + Math.log(Math.abs(z) / NEAR));

export const atLeast = (p) => `p = ${p < 0.001 ? "<0.001" : p.toFixed(3)}`;

function strip(row, x, y) {
  const [least, low, high, most] = row.drawn;
  const from = x(low);
  return [
    svg("line", { class: "thin", x1: x(least), x2: x(most), y1: y, y2: y }),
    svg("rect", { class: "band", x: from, y: y - 5, width: x(high) - from, height: 10, rx: 3 }),
    svg("circle", { class: row.rejected ? "after" : "before", cx: x(row.observed), cy: y, r: 6 }),
  ];
}

function key() {
  const sign = (drawn, text) => el("li", {}, svg("svg", { width: 18, height: 12 }, drawn), text);
  return el(
    "ul",
    { class: "key" },
    sign(svg("rect", { class: "band", x: 0, y: 1, width: 18, height: 10, rx: 3 }), "replicates"),
    sign(svg("circle", { class: "before", cx: 9, cy: 6, r: 5 }), "the answers"),
    sign(svg("circle", { class: "after", cx: 9, cy: 6, r: 5.5 }), "the answers, rejected"),
  );
}

export const checkStrips = (statistics) => (width) => {
  if (!statistics.length) return el("p", { class: "under" }, "Nothing can be measured.");
  const ends = statistics.flatMap(({ observed, drawn }) => [observed, ...drawn]);
  const low = squeezed(Math.min(...ends, -2));
  const high = squeezed(Math.max(...ends, 2));
  const x = (z) => EDGE + ((squeezed(z) - low) / (high - low)) * (width - 2 * EDGE);
  const floor = statistics.length * ROW;
  const marks = TICKS.filter((t) => squeezed(t) >= low && squeezed(t) <= high).map((t) => [
    svg("line", { class: t ? "rule" : "axis", x1: x(t), x2: x(t), y1: 0, y2: floor }),
    svg("text", { x: x(t), y: floor + 14, "text-anchor": "middle" }, String(t)),
  ]);
  const rows = statistics.map((row, i) => {
    const y = i * ROW;
    const tip = `${row.meaning}\n${score(row.observed)} sd from the replicates, ${atLeast(row.pValue)}`;
    return [
      svg("text", { x: 0, y: y + 13, class: "strong" }, row.name),
      svg("text", { x: width, y: y + 13, "text-anchor": "end" }, atLeast(row.pValue)),
      strip(row, x, y + 29),
      svg("rect", { class: "hit", x: 0, y, width, height: ROW, "data-tip": tip }),
    ];
  });
  const said = statistics.map(({ name, pValue }) => `${name} ${atLeast(pValue)}`).join(", ");
  return [
    key(),
    svg(
      "svg",
      { width, height: floor + FOOT, role: "img", "aria-label": `Statistics: ${said}` },
      marks,
      rows,
      svg(
        "text",
        { x: width / 2, y: floor + 33, "text-anchor": "middle" },
        "standard deviations from the mean of the replicates",
      ),
    ),
  ];
};
