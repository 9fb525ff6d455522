// The workers as dots: agreement with the labels, and number of answers where that differs.
import { byId, drawIn, svg } from "../dom.mjs";
import { counted, missing, share, tick } from "../format.mjs";

const HEIGHT = 330;
const MOST_DOTS = 1500;
const SHARES = [0, 0.25, 0.5, 0.75, 1];

function dot(worker, choice, cx, cy, r) {
  const flagged = worker.flags.length ? " flag" : "";
  const tip = `${worker.id}\n${counted(worker.answers, "answer")}, ${share(worker.agreement)} as the label`;
  return svg("circle", {
    class: `dot${flagged}${choice.is(worker.index) ? " chosen" : ""}`,
    cx,
    cy,
    r,
    "data-tip": tip,
    // The card is beside the dots, or on a narrow page far below.
    on: { click: () => choice.choose(worker.index, innerWidth < 832) },
  });
}

function frame(width, label, ...drawn) {
  const said = `${label}; the table below has the same numbers`;
  return svg("svg", { width, height: HEIGHT, role: "img", "aria-label": said }, drawn);
}

// Where all workers gave the same number of answers, their agreement is all that differs.
function dotPlot(workers, chance, choice, width) {
  const edge = 14;
  const floor = HEIGHT - 24;
  const bins = new Map();
  const x = (v) => edge + v * (width - 2 * edge);
  for (const worker of workers) {
    const bin = Math.round(worker.agreement * 50);
    bins.set(bin, [...(bins.get(bin) || []), worker]);
  }
  const tallest = Math.max(...[...bins.values()].map((members) => members.length), 1);
  const step = Math.min(11, (floor - 20) / tallest);
  const axis = SHARES.map((v) => {
    const anchor = v === 1 ? "end" : v ? "middle" : "start";
    return svg("text", { x: x(v), y: HEIGHT - 6, "text-anchor": anchor }, share(v));
  });
  const r = Math.min(4.5, step * 0.42);
  return frame(
    width,
    "Workers by agreement",
    svg("line", { class: "axis", x1: 0, x2: width, y1: floor, y2: floor }),
    axis,
    svg("line", { class: "rule", x1: x(chance), x2: x(chance), y1: 20, y2: floor }),
    svg("text", { x: x(chance) + 6, y: 30 }, "chance"),
    [...bins].map(([bin, members]) =>
      members.map((worker, i) => dot(worker, choice, x(bin / 50), floor - step * (i + 0.5), r)),
    ),
  );
}

function evenly(most) {
  const rough = Math.max(most / 4, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough * 0.8);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
}

const POWERS = [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6];

// The axis of numbers of answers: logarithmic where they differ by much.
function answersAxis(workers, from, to) {
  const most = Math.max(...workers.map((worker) => worker.answers), 1);
  const least = Math.min(...workers.map((worker) => worker.answers));
  const log = most / Math.max(least, 1) > 30;
  const scale = (v) => (log ? Math.log10(v) : v);
  const low = log ? scale(least) : 0;
  const high = scale(most) || 1;
  return {
    x: (v) => from + ((scale(v) - low) / (high - low || 1)) * (to - from),
    ticks: log ? POWERS.filter((t) => t >= least && t <= most) : evenly(most),
    title: log ? "answers (log scale)" : "answers",
  };
}

function plane(workers, all, chance, choice, width) {
  const left = 40;
  const top = 10;
  const floor = HEIGHT - 40;
  const { x, ticks, title } = answersAxis(all, left + 8, width - 12);
  const y = (v) => top + (1 - v) * (floor - top);
  const rules = SHARES.map((v) => [
    svg("line", { class: v ? "rule" : "axis", x1: left, x2: width, y1: y(v), y2: y(v) }),
    svg("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, share(v)),
  ]);
  const ordered = [...workers].sort(
    (p, q) => choice.is(p.index) - choice.is(q.index) || p.flags.length - q.flags.length,
  );
  return frame(
    width,
    "Workers by answers and agreement",
    rules,
    svg("line", { class: "thin", x1: left, x2: width, y1: y(chance), y2: y(chance) }),
    svg("text", { x: width, y: y(chance) - 6, "text-anchor": "end" }, "chance"),
    ticks.map((t) => svg("text", { x: x(t), y: HEIGHT - 22, "text-anchor": "middle" }, tick(t))),
    svg("text", { x: width, y: HEIGHT - 4, "text-anchor": "end" }, title),
    ordered.map((worker) => dot(worker, choice, x(worker.answers), y(worker.agreement), 5)),
  );
}

export function startScatter({ workers, classes }, choice) {
  const chance = 1 / classes.length;
  const alike = workers.length > 1 && new Set(workers.map((worker) => worker.answers)).size === 1;
  const dots = workers
    .filter((worker) => worker.answers > 0 && !missing(worker.agreement))
    .slice(0, MOST_DOTS);
  choice.listen(
    drawIn(byId("scatter"), (width) =>
      alike ? dotPlot(dots, chance, choice, width) : plane(dots, workers, chance, choice, width),
    ),
  );
}
