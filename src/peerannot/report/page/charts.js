// Figures as SVG. Each returns elements for the width that it is given.
function span(bar, isShare) {
  if (isShare) return percent(bar[0]) + " to " + percent(bar[1]);
  return bar[0] === bar[1] ? whole.format(bar[0]) : whole.format(bar[0]) + " to " + whole.format(bar[1]);
}

function histogram(bars, noun, unit, isShare) {
  return (width) => {
    if (!bars.length) return el("p", { class: "under" }, "Nothing to show.");
    const height = 190, foot = 24, head = 18;
    const most = Math.max(...bars.map((b) => b[2]), 1);
    const total = bars.reduce((sum, b) => sum + b[2], 0);
    const step = Math.min(width / bars.length, 72);
    const gap = step > 14 ? 3 : 1;
    const inside = [];
    const top = bars.findIndex((b) => b[2] === most);
    const every = Math.ceil(46 / step);
    bars.forEach((b, i) => {
      const tall = b[2] ? Math.max(((height - foot - head) * b[2]) / most, 1.5) : 0;
      const tip = `${span(b, isShare)} ${unit}\n${count(b[2], noun)} (${percent(b[2] / total)})`;
      inside.push(
        svg("rect", { class: "hit", x: i * step, y: 0, width: step, height: height - foot, "data-tip": tip }),
        svg("rect", { class: "bar", x: i * step, y: height - foot - tall, width: Math.max(step - gap, 1), height: tall, rx: 2, "data-tip": tip }),
      );
      if (i % every === 0 || bars.length <= 12) {
        inside.push(isShare || step < 22
          ? svg("text", { x: i * step, y: height - 6 }, isShare ? decimal(b[0], 2) : short(b[0]))
          : svg("text", { x: i * step + (step - gap) / 2, y: height - 6, "text-anchor": "middle" }, short(b[0])));
      }
    });
    const middle = top * step + (step - gap) / 2;
    const anchor = middle < 24 ? "start" : middle > width - 24 ? "end" : "middle";
    const x = anchor === "start" ? 0 : anchor === "end" ? (top + 1) * step - gap : middle;
    inside.push(svg("text", { class: "strong", x, y: head - 6, "text-anchor": anchor }, whole.format(most)));
    inside.push(svg("line", { class: "axis", x1: 0, x2: width, y1: height - foot + 0.5, y2: height - foot + 0.5 }));
    const label = `Histogram of ${count(total, noun)}; most, ${whole.format(most)}, have ${span(bars[top], isShare)} ${unit}.`;
    return svg("svg", { width, height, role: "img", "aria-label": label }, inside);
  };
}
const short = (n) => (n >= 10000 ? Math.round(n / 1000) + "k" : String(n));

function alphaLine(alpha) {
  return (width) => {
    if (missing(alpha.value)) return el("p", { class: "under" }, "Not defined: no task has two answers, or nothing varies.");
    const low = Math.min(0, Math.floor((missing(alpha.low) ? alpha.value : alpha.low) * 10) / 10);
    const height = 76, y = 38, edge = 8;
    const x = (v) => edge + ((v - low) / (1 - low)) * (width - 2 * edge);
    const marks = [[0, "chance"], [0.667, width < 480 ? "fair" : "fair, .667"], [0.8, width < 480 ? "good" : "good, .8"], [1, "1"]];
    const inside = [svg("line", { class: "thin", x1: x(low), x2: x(1), y1: y, y2: y })];
    for (const [v, name] of marks) {
      inside.push(
        svg("line", { class: "axis", x1: x(v), x2: x(v), y1: y - 7, y2: y + 14 }),
        svg("text", { x: x(v), y: y + 28, "text-anchor": v === 1 ? "end" : v === 0 && low === 0 ? "start" : "middle" }, name),
      );
    }
    if (!missing(alpha.low)) {
      inside.push(svg("rect", { class: "bar", x: x(alpha.low), y: y - 4, width: Math.max(x(alpha.high) - x(alpha.low), 2), height: 8, rx: 4, "data-tip": `95% interval ${decimal(alpha.low, 3)} to ${decimal(alpha.high, 3)}` }));
    }
    const here = x(alpha.value);
    inside.push(
      svg("circle", { class: "after", cx: here, cy: y, r: 7 }),
      svg("text", { class: "strong", x: Math.max(14, Math.min(here, width - 14)), y: y - 15, "text-anchor": "middle", "font-size": 16 }, decimal(alpha.value)),
    );
    return svg("svg", { width, height, role: "img", "aria-label": `Alpha ${decimal(alpha.value, 3)}` }, inside);
  };
}

function balance(data) {
  const key = el("ul", { class: "key" },
    el("li", {}, svg("svg", { width: 12, height: 12 }, svg("circle", { class: "before", cx: 6, cy: 6, r: 4.5 })), "answers"),
    el("li", {}, svg("svg", { width: 12, height: 12 }, svg("circle", { class: "after", cx: 6, cy: 6, r: 5 })), "labels"),
    data.truth && el("li", {}, svg("svg", { width: 6, height: 14 }, svg("line", { class: "true", x1: 3, x2: 3, y1: 0, y2: 14 })), "known classes"));
  return (width) => {
    const n = DATA.classes.length, row = n <= 14 ? 40 : 26, foot = 22;
    const longest = Math.max(...DATA.classes.map((c) => cut(c, 16).length));
    const left = Math.min(longest * 7.2 + 14, width * 0.36);
    const most = Math.max(...data.answers, ...data.labels, ...(data.truth || [0]), 0.01) * 1.05;
    const x = (v) => left + (v / most) * (width - left - 8);
    const height = n * row + foot;
    const inside = [];
    const tick = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5].find((t) => most / t <= 5) || 0.5;
    for (let v = 0; v <= most; v += tick) {
      inside.push(
        svg("line", { class: v ? "rule" : "axis", x1: x(v), x2: x(v), y1: 0, y2: n * row }),
        svg("text", { x: x(v), y: height - 5, "text-anchor": "middle" }, percent(v)),
      );
    }
    DATA.classes.forEach((name, k) => {
      const y = k * row + row / 2;
      const tip = `${name}\n${percent(data.answers[k], 1)} of answers\n${percent(data.labels[k], 1)} of labels` +
        (data.truth ? `\n${percent(data.truth[k], 1)} of known classes` : "");
      inside.push(
        svg("text", { x: left - 12, y: y + 4, "text-anchor": "end", class: "name" }, cut(name, 16)),
        svg("line", { class: "thin", x1: x(data.answers[k]), x2: x(data.labels[k]), y1: y, y2: y }),
        data.truth && svg("line", { class: "true", x1: x(data.truth[k]), x2: x(data.truth[k]), y1: y - 9, y2: y + 9 }),
        svg("circle", { class: "before", cx: x(data.answers[k]), cy: y, r: 4.5 }),
        svg("circle", { class: "after", cx: x(data.labels[k]), cy: y, r: 5 }),
        svg("rect", { class: "hit", x: 0, y: k * row, width, height: row, "data-tip": tip }),
      );
    });
    const drawn = svg("svg", { width, height, role: "img", "aria-label": "Share of each class among answers and labels" }, inside);
    return [key.cloneNode(true), n > 18 ? el("div", { class: "chart tall", tabindex: 0, role: "region", "aria-label": "Balance of classes" }, drawn) : drawn];
  };
}

// Cells are [label, answer, count, ...]; classes are those shown, in order.
function matrix(cells, classes, whose) {
  return (width) => {
    const n = classes.length;
    const place = new Map(classes.map((k, i) => [k, i]));
    const sums = new Map();
    for (let i = 0; i < cells.length; i += 3) sums.set(cells[i], (sums.get(cells[i]) || 0) + cells[i + 2]);
    const letters = Math.min(Math.max(...classes.map((k) => DATA.classes[k].length), 1), width < 480 ? 9 : 13);
    let left = Math.min(letters * 7 + 12, width * 0.3);
    // The last name leans over the edge.
    const lean = 4.8 * Math.min(DATA.classes[classes[n - 1]].length, letters) - 6;
    let side = Math.min((width - left - Math.max(lean, 2)) / n, n > 4 ? 52 : 84);
    const names = side >= 11;
    if (!names) [left, side] = [0, (width - 2) / n];
    const upright = letters * 7 < side - 4;
    const head = !names ? 4 : upright ? 22 : Math.min(letters * 5.6 + 14, 96);
    const inside = [];
    const numbers = side >= 27;
    for (let r = 0; r < n; r++) {
      inside.push(svg("rect", { class: "none", x: left, y: head + r * side, width: n * side - 1, height: Math.max(side - 1, 1), rx: 2 }));
      if (!names) continue;
      const name = cut(DATA.classes[classes[r]], letters);
      const x = left + r * side + side / 2;
      inside.push(
        svg("text", { x: left - 8, y: head + r * side + side / 2 + 4, "text-anchor": "end" }, name),
        upright
          ? svg("text", { x, y: head - 8, "text-anchor": "middle" }, name)
          : svg("text", { x: x + 3, y: head - 6, transform: `rotate(-52 ${x + 3} ${head - 6})` }, name),
      );
    }
    for (let i = 0; i < cells.length; i += 3) {
      const r = place.get(cells[i]), c = place.get(cells[i + 1]);
      if (r === undefined || c === undefined) continue;
      const share = cells[i + 2] / sums.get(cells[i]);
      const x = left + c * side, y = head + r * side;
      const tip = `${DATA.classes[cells[i]]} called ${DATA.classes[cells[i + 1]]}\n${whole.format(cells[i + 2])} of ${whole.format(sums.get(cells[i]))} answers (${percent(share)})`;
      inside.push(svg("rect", { class: "cell", x, y, width: Math.max(side - 1, 1), height: Math.max(side - 1, 1), rx: 2, "fill-opacity": (0.04 + 0.96 * share ** 0.6).toFixed(3), "data-tip": tip }));
      if (numbers && share >= 0.005) {
        inside.push(svg("text", { class: share > 0.5 ? "on" : "off", x: x + side / 2, y: y + side / 2 + 4, "text-anchor": "middle", "pointer-events": "none", "font-size": 11 }, Math.round(100 * share)));
      }
    }
    return svg("svg", { width, height: head + n * side, role: "img", "aria-label": `Confusion of ${whose}: rows are labels, columns answers, in percent of the row` }, inside);
  };
}

function between(table, strategies) {
  const low = Math.min(...table.flat().filter((v) => !missing(v)), 1);
  return () => el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Agreement between strategies" },
    el("table", {},
      el("thead", {}, el("tr", {}, el("td", {}), strategies.map((_, i) => el("th", { scope: "col", class: "mid" }, String(i + 1))))),
      el("tbody", {}, table.map((row, i) => el("tr", { class: i === DATA.main ? "main" : null },
        el("th", { scope: "row" }, `${i + 1} ${strategies[i].name}`),
        row.map((v, j) => {
          const cell = el("td", { class: "tint", "data-tip": `${strategies[i].name} and ${strategies[j].name}: ${percent(v, 1)}` }, i === j ? "" : percent(v, v > 0.995 && v < 1 ? 1 : 0));
          const depth = i === j || missing(v) ? 0 : 4 + 36 * ((v - low) / (1 - low || 1));
          cell.style.background = `color-mix(in srgb, var(--accent) ${depth.toFixed(0)}%, var(--faint))`;
          return cell;
        }))))));
}
