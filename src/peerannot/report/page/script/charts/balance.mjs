// Share of each class among the answers, the labels, and the known classes.
import { el, svg } from "../dom.mjs";
import { cut, share } from "../format.mjs";

const FOOT = 22;
const NAME = 16; // letters of a class

function key(hasTruth) {
  const sign = (width, height, drawn, text) =>
    el("li", {}, svg("svg", { width, height }, drawn), text);
  return el(
    "ul",
    { class: "key" },
    sign(12, 12, svg("circle", { class: "before", cx: 6, cy: 6, r: 4.5 }), "answers"),
    sign(12, 12, svg("circle", { class: "after", cx: 6, cy: 6, r: 5 }), "labels"),
    hasTruth &&
      sign(6, 14, svg("line", { class: "true", x1: 3, x2: 3, y1: 0, y2: 14 }), "known classes"),
  );
}

function grid(x, most, bottom) {
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5].find((t) => most / t <= 5) || 0.5;
  const lines = [];
  for (let i = 0; i * step <= most; i++) {
    const at = x(i * step);
    lines.push(
      svg("line", { class: i ? "rule" : "axis", x1: at, x2: at, y1: 0, y2: bottom }),
      svg("text", { x: at, y: bottom + FOOT - 5, "text-anchor": "middle" }, share(i * step)),
    );
  }
  return lines;
}

export const balance =
  ({ answers, labels, truth }, classes) =>
  (width) => {
    const row = classes.length <= 14 ? 40 : 26;
    const bottom = classes.length * row;
    const longest = Math.max(...classes.map((name) => cut(name, NAME).length));
    const left = Math.min(longest * 7.2 + 14, width * 0.36);
    const most = Math.max(...answers, ...labels, ...(truth || [0]), 0.01) * 1.05;
    const x = (v) => left + (v / most) * (width - left - 8);
    const rows = classes.flatMap((name, k) => {
      const y = k * row + row / 2;
      const tip =
        `${name}\n${share(answers[k])} of answers\n${share(labels[k])} of labels` +
        (truth ? `\n${share(truth[k])} of known classes` : "");
      return [
        svg(
          "text",
          { x: left - 12, y: y + 4, "text-anchor": "end", class: "name" },
          cut(name, NAME),
        ),
        svg("line", { class: "thin", x1: x(answers[k]), x2: x(labels[k]), y1: y, y2: y }),
        truth &&
          svg("line", { class: "true", x1: x(truth[k]), x2: x(truth[k]), y1: y - 9, y2: y + 9 }),
        svg("circle", { class: "before", cx: x(answers[k]), cy: y, r: 4.5 }),
        svg("circle", { class: "after", cx: x(labels[k]), cy: y, r: 5 }),
        svg("rect", { class: "hit", x: 0, y: k * row, width, height: row, "data-tip": tip }),
      ];
    });
    const label = "Share of each class among answers and labels";
    const drawn = svg(
      "svg",
      { width, height: bottom + FOOT, role: "img", "aria-label": label },
      grid(x, most, bottom),
      rows,
    );
    const region = {
      class: "chart tall",
      tabindex: 0,
      role: "region",
      "aria-label": "Balance of classes",
    };
    return [key(Boolean(truth)), classes.length > 18 ? el("div", region, drawn) : drawn];
  };
