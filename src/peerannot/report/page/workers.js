// The workers: scatter, card, table, and the choice of a confusion matrix.
const W = DATA.workers;
const FLAGS = [[1, "near chance"], [2, "always one class"], [4, "straight-lining"]];
const flagNames = (w) => FLAGS.filter(([bit]) => W.flag[w] & bit).map(([, name]) => name);
const workers = { chosen: 0, redraw: [] };

function chooseWorker(w, move) {
  workers.chosen = w;
  for (const run of workers.redraw) run();
  if (move) $("card").scrollIntoView({ block: "center" });
}

// Where all workers gave the same number of answers, their agreement is all that differs.
function dotPlot(width) {
  const bins = new Map(), edge = 14, foot = 24;
  const x = (v) => edge + v * (width - 2 * edge);
  const ws = [...W.id.keys()].filter((w) => W.n[w] > 0 && !missing(W.agree[w])).slice(0, 1500);
  for (const w of ws) {
    const bin = Math.round(W.agree[w] * 50);
    bins.set(bin, [...(bins.get(bin) || []), w]);
  }
  const tallest = Math.max(...[...bins.values()].map((b) => b.length), 1);
  const height = 330, step = Math.min(11, (height - foot - 20) / tallest);
  const inside = [svg("line", { class: "axis", x1: 0, x2: width, y1: height - foot, y2: height - foot })];
  for (const v of [0, 0.25, 0.5, 0.75, 1]) {
    inside.push(svg("text", { x: x(v), y: height - 6, "text-anchor": v === 1 ? "end" : v ? "middle" : "start" }, percent(v)));
  }
  const chance = x(1 / DATA.classes.length);
  inside.push(
    svg("line", { class: "rule", x1: chance, x2: chance, y1: 20, y2: height - foot }),
    svg("text", { x: chance + 6, y: 30 }, "chance"));
  for (const [bin, members] of bins) {
    members.forEach((w, i) => inside.push(dot(w, x(bin / 50), height - foot - step * (i + 0.5), Math.min(4.5, step * 0.42))));
  }
  return svg("svg", { width, height, role: "img", "aria-label": "Workers by agreement; the table below has the same numbers" }, inside);
}

function dot(w, cx, cy, r) {
  return svg("circle", {
    class: "dot" + (W.flag[w] ? " flag" : "") + (w === workers.chosen ? " chosen" : ""), cx, cy, r,
    "data-tip": `${W.id[w]}\n${count(W.n[w], "answer")}, ${percent(W.agree[w])} as the label`,
    on: { click: () => chooseWorker(w, innerWidth < 832) },
  });
}

function evenly(most) {
  const rough = Math.max(most / 4, 1), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough * 0.8);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
}

function scatter(width) {
  if (W.id.length > 1 && new Set(W.n).size === 1) return dotPlot(width);
  const height = 330, left = 40, foot = 40, top = 10;
  const n = W.id.length;
  const most = Math.max(...W.n, 1), least = Math.min(...W.n);
  const log = most / Math.max(least, 1) > 30;
  const scale = (v) => (log ? Math.log10(v) : v);
  const a = log ? scale(least) : 0, b = scale(most) || 1;
  const x = (v) => left + 8 + ((scale(v) - a) / (b - a || 1)) * (width - left - 20);
  const y = (v) => top + (1 - v) * (height - foot - top);
  const inside = [];
  for (const v of [0, 0.25, 0.5, 0.75, 1]) {
    inside.push(
      svg("line", { class: v ? "rule" : "axis", x1: left, x2: width, y1: y(v), y2: y(v) }),
      svg("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, percent(v)),
    );
  }
  const chance = 1 / DATA.classes.length;
  inside.push(
    svg("line", { class: "thin", x1: left, x2: width, y1: y(chance), y2: y(chance) }),
    svg("text", { x: width, y: y(chance) - 6, "text-anchor": "end" }, "chance"),
  );
  const ticks = log
    ? [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6].filter((t) => t >= least && t <= most)
    : evenly(most);
  for (const t of ticks) {
    inside.push(svg("text", { x: x(t), y: height - 22, "text-anchor": "middle" }, short(t)));
  }
  inside.push(svg("text", { x: width, y: height - 4, "text-anchor": "end" }, log ? "answers (log scale)" : "answers"));
  const dots = [...Array(n).keys()].filter((w) => W.n[w] > 0 && !missing(W.agree[w])).slice(0, 1500);
  dots.sort((p, q) => (p === workers.chosen) - (q === workers.chosen) || W.flag[p] - W.flag[q]);
  for (const w of dots) inside.push(dot(w, x(W.n[w]), y(W.agree[w]), 5));
  return svg("svg", { width, height, role: "img", "aria-label": "Workers by answers and agreement; the table below has the same numbers" }, inside);
}

function inWords(w) {
  const cells = W.cells[w] || [];
  const rows = new Map();
  for (let i = 0; i < cells.length; i += 3) rows.set(cells[i], (rows.get(cells[i]) || 0) + cells[i + 2]);
  let worst = null;
  for (let i = 0; i < cells.length; i += 3) {
    if (cells[i] !== cells[i + 1] && (!worst || cells[i + 2] > worst[2])) worst = cells.slice(i, i + 3);
  }
  const parts = [`Answers ${className(W.top[w])} most often (${percent(W.share[w])}).`];
  if (worst) parts.push(`Calls ${className(worst[0])} ${className(worst[1])} in ${whole.format(worst[2])} of ${count(rows.get(worst[0]), "such task")}.`);
  if (W.flag[w] & 1) parts.unshift("Nearer to chance than to the crowd.");
  if (W.flag[w] & 4) parts.unshift("Repeats the same answer more than the tasks explain.");
  if (W.flag[w] & 2) parts.unshift("Gives nearly always the same class.");
  return parts.join(" ");
}

// The classes that a worker met or named, at most as many as can be read.
function classesOf(cells) {
  if (DATA.classes.length <= DATA.confusion.classes.length) return DATA.confusion.classes;
  const weight = new Map();
  for (let i = 0; i < cells.length; i += 3) {
    for (const k of [cells[i], cells[i + 1]]) weight.set(k, (weight.get(k) || 0) + cells[i + 2]);
  }
  const best = [...weight.keys()].sort((p, q) => weight.get(q) - weight.get(p) || p - q);
  return best.slice(0, 24).sort((p, q) => p - q);
}

function drawCard() {
  const w = workers.chosen, host = $("card");
  if (w >= W.id.length) {
    host.replaceChildren(el("p", {}, "No worker has answered yet."));
    return;
  }
  const cells = W.cells[w];
  const plot = el("div", { class: "chart" });
  const between95 = missing(W.low[w]) ? "" : ` (${percent(W.low[w])} to ${percent(W.high[w])})`;
  const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  host.replaceChildren(
    el("h3", {}, "Worker " + W.id[w]),
    el("p", { class: "tags" }, flagNames(w).map((name) => el("span", { class: "tag" }, name))),
    el("dl", { class: "facts" },
      fact("Answers", whole.format(W.n[w])),
      fact("As the label", percent(W.agree[w])),
      W.skill && fact("Skill", percent(W.skill[w])),
      W.spam && fact("Spam score", decimal(W.spam[w]))),
    el("p", {}, inWords(w) + (between95 ? ` 95% interval of the agreement${between95}.` : "")),
    cells ? plot : el("p", {}, "Its confusion matrix is left out: only those of the most active workers are kept."),
    el("button", { class: "plain", type: "button", on: { click: () => showTasksOf(w) } }, "Show the tasks"),
  );
  if (cells) chart(plot, matrix(cells, classesOf(cells), "worker " + W.id[w]));
}

const COLUMNS = [
  ["Worker", (w) => W.id[w], (w) => el("button", { class: "link", type: "button", on: { click: () => chooseWorker(w, true) } }, W.id[w]), ""],
  ["Answers", (w) => W.n[w], (w) => whole.format(W.n[w]), "num"],
  ["As the label", (w) => W.agree[w], (w) => [meter(W.agree[w]), percent(W.agree[w])], ""],
  W.skill && ["Skill", (w) => W.skill[w], (w) => percent(W.skill[w]), "num"],
  W.spam && ["Spam score", (w) => W.spam[w], (w) => decimal(W.spam[w]), "num"],
  ["Favourite", (w) => className(W.top[w]), (w) => `${className(W.top[w])}, ${percent(W.share[w])}`, "narrow"],
  ["Flags", (w) => -W.flag[w], (w) => flagNames(w).map((name) => [el("span", { class: "tag" }, name), " "]), ""],
].filter(Boolean);

function startWorkerTable() {
  const rows = [...Array(W.cards).keys()];
  let column = -1, up = true;
  const body = el("tbody");
  const heads = COLUMNS.map(([name, value, , kind], i) => el("th", { scope: "col", class: kind },
    el("button", { class: "sorter", type: "button", on: { click: () => {
      up = column === i ? !up : kind !== "num" || name === "Spam score";
      column = i;
      rows.sort((p, q) => {
        const [a, b] = [value(p), value(q)];
        if (missing(a) || missing(b)) return missing(a) - missing(b);
        const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
        return (up ? order : -order) || p - q;
      });
      fill();
    } } }, name)));
  const fill = () => {
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    body.replaceChildren(...rows.map((w) => el("tr", { class: w === workers.chosen ? "chosen" : null, "data-worker": w },
      COLUMNS.map(([, , show, kind], i) => el(i ? "td" : "th", { class: kind || null, scope: i ? null : "row" }, show(w))))));
  };
  workers.redraw.push(() => {
    for (const row of body.children) row.classList.toggle("chosen", Number(row.dataset.worker) === workers.chosen);
  });
  fill();
  const all = W.cards < W.total
    ? `The ${whole.format(W.cards)} of ${count(W.total, "worker")} to look at first: flagged, then those who answered most.`
    : `${count(W.total, "worker")}, those to look at first.`;
  $("worker-table").replaceChildren(
    el("figcaption", {}, el("h3", {}, "All workers"), el("p", {}, all +
      (W.spamBy ? ` Spam score: 0 answers whatever the task, 1 never errs (confusion by ${W.spamBy}).` : "") +
      (W.skillBy ? ` Skill: probability of being right by ${W.skillBy}.` : ""))),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of workers" },
      el("table", {}, el("thead", {}, el("tr", {}, heads)), body)));
}

function startWorkers() {
  workers.redraw.push(chart("scatter", scatter), drawCard);
  startWorkerTable();
  drawCard();
}

function startConfusion() {
  const select = $("confusion-of"), note = $("confusion-note");
  const crowd = DATA.confusion;
  options(select, [["", "the whole crowd"], ...[...Array(W.cards).keys()].map((w) => [w, "worker " + W.id[w]])]);
  let cells = crowd.cells, classes = crowd.classes, whose = "the crowd";
  const tell = () => {
    const part = classes.length < DATA.classes.length;
    note.textContent = (part ? `The ${classes.length} of ${whole.format(DATA.classes.length)} classes confused most. ` : "") +
      (classes.length <= 14 ? "Numbers are percent of the row." : "");
  };
  const again = chart("confusion", (width) => (classes.length ? matrix(cells, classes, whose)(width) : el("p", { class: "under" }, "Nothing to show.")));
  select.addEventListener("change", () => {
    const w = select.value;
    [cells, classes, whose] = w === ""
      ? [crowd.cells, crowd.classes, "the crowd"]
      : [W.cells[w], classesOf(W.cells[w]), "worker " + W.id[w]];
    tell();
    again();
  });
  tell();
}
