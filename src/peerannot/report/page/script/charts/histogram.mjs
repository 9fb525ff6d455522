// A histogram whose highest bar says its number.
import { el, svg } from "../dom.mjs";
import { count, counted, share, tick } from "../format.mjs";

const HEIGHT = 190;
const FOOT = 24;
const HEAD = 18;

function range(bar, ofShares) {
  if (ofShares) return `${share(bar.from)} to ${share(bar.to)}`;
  return bar.from === bar.to ? count(bar.from) : `${count(bar.from)} to ${count(bar.to)}`;
}

// Bars of shares have their names at their left edges, bars of whole numbers below their middles.
function names(bars, step, gap, ofShares) {
  const every = Math.ceil(46 / step);
  const atEdge = ofShares || step < 22;
  return bars
    .map((bar, i) => [bar, i])
    .filter(([, i]) => i % every === 0 || bars.length <= 12)
    .map(([bar, i]) =>
      svg(
        "text",
        {
          x: i * step + (atEdge ? 0 : (step - gap) / 2),
          y: HEIGHT - 6,
          "text-anchor": atEdge ? "start" : "middle",
        },
        ofShares ? share(bar.from) : tick(bar.from),
      ),
    );
}

function peak(most, top, step, gap, width) {
  const middle = top * step + (step - gap) / 2;
  const anchor = middle < 24 ? "start" : middle > width - 24 ? "end" : "middle";
  const x = { start: 0, end: (top + 1) * step - gap, middle }[anchor];
  return svg("text", { class: "strong", x, y: HEAD - 6, "text-anchor": anchor }, count(most));
}

export const histogram = (bars, noun, unit, ofShares) => (width) => {
  if (!bars.length) return el("p", { class: "under" }, "Nothing to show.");
  const most = Math.max(...bars.map((bar) => bar.count), 1);
  const top = Math.max(
    bars.findIndex((bar) => bar.count === most),
    0,
  );
  const total = bars.reduce((sum, bar) => sum + bar.count, 0);
  const step = Math.min(width / bars.length, 72);
  const gap = step > 14 ? 3 : 1;
  const floor = HEIGHT - FOOT;
  const drawn = bars.flatMap((bar, i) => {
    const height = bar.count ? Math.max(((floor - HEAD) * bar.count) / most, 1.5) : 0;
    const tip = `${range(bar, ofShares)} ${unit}\n${counted(bar.count, noun)} (${share(bar.count / total)})`;
    const x = i * step;
    return [
      svg("rect", { class: "hit", x, y: 0, width: step, height: floor, "data-tip": tip }),
      svg("rect", {
        class: "bar",
        x,
        y: floor - height,
        width: Math.max(step - gap, 1),
        height,
        rx: 2,
        "data-tip": tip,
      }),
    ];
  });
  const label =
    `Histogram of ${counted(total, noun)}; most, ${count(most)},` +
    ` have ${range(bars[top], ofShares)} ${unit}.`;
  return svg(
    "svg",
    { width, height: HEIGHT, role: "img", "aria-label": label },
    drawn,
    names(bars, step, gap, ofShares),
    peak(most, top, step, gap, width),
    svg("line", { class: "axis", x1: 0, x2: width, y1: floor + 0.5, y2: floor + 0.5 }),
  );
};
