// Krippendorff's alpha on its scale, with its interval.
import { el, svg } from "../dom.mjs";
import { missing, score } from "../format.mjs";

const HEIGHT = 76;
const LINE = 38;
const EDGE = 8;
const FAIR = 0.667;
const GOOD = 0.8;

export const alphaLine = (alpha) => (width) => {
  if (missing(alpha.value)) {
    const why = "Not defined: no task has two answers, or nothing varies.";
    return el("p", { class: "under" }, why);
  }
  const least = missing(alpha.low) ? alpha.value : alpha.low;
  const low = Math.min(0, Math.floor(least * 10) / 10);
  const x = (v) => EDGE + ((v - low) / (1 - low)) * (width - 2 * EDGE);
  const said = (name, v) => (width < 480 ? name : `${name}, ${score(v)}`);
  const marks = [
    [0, "chance", low === 0 ? "start" : "middle"],
    [FAIR, said("fair", FAIR), "middle"],
    [GOOD, said("good", GOOD), "middle"],
    [1, "1", "end"],
  ].flatMap(([v, name, anchor]) => [
    svg("line", { class: "axis", x1: x(v), x2: x(v), y1: LINE - 7, y2: LINE + 14 }),
    svg("text", { x: x(v), y: LINE + 28, "text-anchor": anchor }, name),
  ]);
  const interval =
    !missing(alpha.low) &&
    svg("rect", {
      class: "bar",
      x: x(alpha.low),
      y: LINE - 4,
      width: Math.max(x(alpha.high) - x(alpha.low), 2),
      height: 8,
      rx: 4,
      "data-tip": `95% interval ${score(alpha.low)} to ${score(alpha.high)}`,
    });
  const here = x(alpha.value);
  const value = {
    class: "strong",
    x: Math.max(14, Math.min(here, width - 14)),
    y: LINE - 15,
    "text-anchor": "middle",
    "font-size": 16,
  };
  return svg(
    "svg",
    { width, height: HEIGHT, role: "img", "aria-label": `Alpha ${score(alpha.value)}` },
    svg("line", { class: "thin", x1: x(low), x2: x(1), y1: LINE, y2: LINE }),
    marks,
    interval,
    svg("circle", { class: "after", cx: here, cy: LINE, r: 7 }),
    svg("text", value, score(alpha.value)),
  );
};
