// The tasks as a grid: sort, filter, move, open.
const T = DATA.tasks;
const grid = { order: [], drawn: 0, at: 0 };
const PAGE = 120;

const differs = (i) => new Set(T.by[i]).size > 1;
const known = (i) => (T.truth && T.truth[i] >= 0 ? T.truth[i] : -1);
const SORTS = [
  ["ent", "posterior entropy", (i) => -T.ent[i], (i) => decimal(T.ent[i])],
  ["vent", "vote entropy", (i) => (missing(T.vent[i]) ? 1 : -T.vent[i]), (i) => decimal(T.vent[i])],
  ["conf", "lowest confidence", (i) => T.conf[i], (i) => percent(T.conf[i])],
  ["sure", "highest confidence", (i) => -T.conf[i], (i) => percent(T.conf[i])],
  DATA.strategies.length > 1 && ["dis", "disagreement of strategies", (i) => -T.dis[i], (i) => percent(T.dis[i])],
  T.waum && ["waum", "lowest WAUM", (i) => (missing(T.waum[i]) ? Infinity : T.waum[i]), (i) => decimal(T.waum[i])],
  ["few", "fewest answers", (i) => T.n[i], (i) => whole.format(T.n[i])],
  ["id", "task id", null, (i) => percent(T.conf[i])],
].filter(Boolean);

const first = DATA.strategies.findIndex((s) => s.kind === "majority-vote");
const STATUSES = [
  ["", "any", () => true],
  ["ambiguous", `ambiguous (under ${percent(DATA.limit)})`, (i) => T.n[i] > 0 && T.conf[i] < DATA.limit],
  ["unanimous", "unanimous", (i) => T.n[i] > 1 && T.counts[i].length === 2],
  ["split", "votes split", (i) => T.counts[i].length > 2],
  DATA.strategies.length > 1 && ["differ", "strategies differ", differs],
  first >= 0 && first !== DATA.main && ["changed", "changed from the majority", (i) => T.by[i][first] !== T.label[i]],
  DATA.strategies.some((s) => s.undecided) && ["undecided", "undecided", (i) => T.n[i] > 0 && T.label[i] < 0],
  DATA.totals.unanswered > 0 && ["none", "without answers", (i) => T.n[i] === 0],
  T.truth && ["wrong", "label is not the truth", (i) => known(i) >= 0 && known(i) !== T.label[i]],
  (DATA.edit || T.gold.some((g) => g >= 0)) && ["gold", "corrected by a person", (i) => T.gold[i] >= 0],
  DATA.edit && ["open", "not corrected yet", (i) => T.gold[i] < 0],
].filter(Boolean);

function split(i) {
  const pairs = [];
  for (let j = 0; j < T.counts[i].length; j += 2) pairs.push([T.counts[i][j], T.counts[i][j + 1]]);
  pairs.sort((a, b) => (b[0] === T.label[i]) - (a[0] === T.label[i]) || b[1] - a[1]);
  return pairs;
}

function splitBar(i) {
  return el("span", { class: "split", "aria-hidden": "true" },
    split(i).map(([k, n]) => el("i", { class: k === T.label[i] ? "won" : null, "width%": (100 * n) / T.n[i] })));
}

function picture(i, large) {
  const source = DATA.pictures && DATA.pictures[i];
  if (!source) return el("span", { class: "pic text" }, cut(T.id[i], 40));
  const image = el("img", { src: source, alt: large ? "Task " + T.id[i] : "", loading: "lazy", decoding: "async" });
  const frame = el("span", { class: "pic" }, image);
  if (large) image.addEventListener("load", () => frame.classList.toggle("small", image.naturalWidth < 64));
  return frame;
}

function tile(position) {
  const i = grid.order[position];
  const sort = SORTS.find(([key]) => key === $("sort").value);
  const marks = [
    T.gold[i] >= 0 && el("i", { class: "gold" }, "✓ " + cut(className(T.gold[i]), 9)),
    DATA.edit && unsaved.has(i) && el("i", { class: "unsaved" }, "not saved"),
    differs(i) && el("i", {}, "≠"),
  ].filter(Boolean);
  const spoken = `Task ${T.id[i]}: ${className(T.label[i])}, confidence ${percent(T.conf[i])}, ${count(T.n[i], "answer")}` +
    (differs(i) ? ", strategies differ" : "") + (T.gold[i] >= 0 ? ", corrected to " + className(T.gold[i]) : "") +
    (DATA.edit && unsaved.has(i) ? ", a correction is not saved" : "");
  return el("li", {}, el("button", {
    class: "tile", type: "button", tabindex: position === grid.at ? 0 : -1, "aria-label": spoken,
    "data-position": position, on: { click: () => openTask(position) },
  }, picture(i, false), splitBar(i),
  el("span", { class: "cap" }, el("b", {}, className(T.label[i])), el("span", {}, sort[3](i))),
  marks.length ? el("span", { class: "mark", "aria-hidden": "true" }, marks) : null));
}

function drawMore() {
  const until = Math.min(grid.drawn + PAGE, grid.order.length);
  const fresh = document.createDocumentFragment();
  for (; grid.drawn < until; grid.drawn++) fresh.append(tile(grid.drawn));
  $("grid").append(fresh);
  $("more").hidden = grid.drawn >= grid.order.length;
}

function drawGrid() {
  const chosen = {
    sort: SORTS.find(([key]) => key === $("sort").value),
    label: $("by-class").value, worker: $("by-worker").value,
    status: STATUSES.find(([key]) => key === $("by-status").value)[2],
    id: $("by-id").value.trim().toLowerCase(),
  };
  const answered = (i) => {
    for (let j = 0; j < T.votes[i].length; j += 2) if (T.votes[i][j] === Number(chosen.worker)) return true;
    return false;
  };
  grid.order = [...T.id.keys()].filter((i) =>
    (chosen.label === "" || T.label[i] === Number(chosen.label)) &&
    (chosen.worker === "" || answered(i)) && chosen.status(i) &&
    (chosen.id === "" || T.id[i].toLowerCase().includes(chosen.id)));
  const key = chosen.sort[2];
  if (key) grid.order.sort((a, b) => key(a) - key(b) || a - b);
  else grid.order.sort((a, b) => T.id[a].localeCompare(T.id[b], "en", { numeric: true }));
  grid.drawn = 0;
  grid.at = 0;
  $("grid").replaceChildren();
  drawMore();
  if (!grid.order.length) $("grid").append(el("li", { class: "empty" }, "No task is like that. Loosen a filter."));
  $("count").textContent = grid.order.length === T.id.length
    ? count(T.id.length, "task")
    : `${whole.format(grid.order.length)} of ${count(T.id.length, "task")}`;
}

function focusTile(position) {
  while (position >= grid.drawn && grid.drawn < grid.order.length) drawMore();
  const tiles = $("grid").querySelectorAll(".tile");
  if (!tiles[position]) return;
  if (tiles[grid.at]) tiles[grid.at].tabIndex = -1;
  grid.at = position;
  tiles[position].tabIndex = 0;
  tiles[position].focus();
}

function redrawTile(position) {
  const old = $("grid").children[position];
  if (old) old.replaceWith(tile(position));
}

function moveInGrid(event) {
  const target = event.target.closest(".tile");
  if (!target) return;
  const at = Number(target.dataset.position), last = grid.order.length - 1;
  const across = getComputedStyle($("grid")).gridTemplateColumns.split(" ").length;
  const to = {
    ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + across, ArrowUp: at - across, Home: 0, End: last,
  }[event.key];
  if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  if (to >= 0 && to <= last) focusTile(to);
}

function showTasksOf(w) {
  $("controls").reset();
  $("by-worker").value = String(w);
  drawGrid();
  $("explorer").scrollIntoView();
}

function startExplorer() {
  $("grid").classList.toggle("worded", !DATA.pictures);
  options($("sort"), SORTS.map(([key, name]) => [key, name]));
  options($("by-class"), [["", "any"], ...DATA.classes.map((name, k) => [k, name]), ["-1", "undecided"]]);
  const seen = new Set();
  for (const votes of T.votes) for (let j = 0; j < votes.length; j += 2) seen.add(votes[j]);
  const named = [...seen].sort((a, b) => W.id[a].localeCompare(W.id[b], "en", { numeric: true }));
  options($("by-worker"), [["", "anyone"], ...named.map((w) => [w, W.id[w]])]);
  options($("by-status"), STATUSES.map(([key, name]) => [key, name]));
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  for (const select of $("controls").querySelectorAll("select")) select.addEventListener("change", drawGrid);
  $("by-id").addEventListener("input", drawGrid);
  $("grid").addEventListener("keydown", moveInGrid);
  $("more").addEventListener("click", drawMore);
  new IntersectionObserver((entries) => {
    if (entries[0].isIntersecting && grid.drawn < grid.order.length) drawMore();
  }, { rootMargin: "600px" }).observe($("more"));
  drawGrid();
}
