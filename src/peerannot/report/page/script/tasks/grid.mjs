// The tasks as a grid: sort, filter, move, open.
import { byId, el, setOptions } from "../dom.mjs";
import { count, counted } from "../format.mjs";
import { passes } from "./filters.mjs";
import { compareBy } from "./orders.mjs";
import { tile } from "./tile.mjs";

const PAGE = 120; // tiles that are drawn at once

// Where a key goes from `at`, in rows of `across`.
const STEPS = {
  ArrowRight: (at) => at + 1,
  ArrowLeft: (at) => at - 1,
  ArrowDown: (at, across) => at + across,
  ArrowUp: (at, across) => at - across,
  Home: () => 0,
  End: (_at, _across, last) => last,
};

// `corrections` may be null; `open` is called with the position of a task in the order shown.
export function taskGrid(report, { orders, statuses, corrections, open }) {
  const grid = byId("grid");
  let shown = [];
  let drawn = 0;
  let at = 0;
  const order = () => orders.find(({ key }) => key === byId("sort").value);

  const tileAt = (position) =>
    tile(shown[position], report.nameOf, {
      number: order().show(shown[position]),
      unsaved: corrections?.isUnsaved(shown[position]),
      tabindex: position === at ? 0 : -1,
      "data-position": position,
      on: { click: () => open(position) },
    });

  function drawMore() {
    const until = Math.min(drawn + PAGE, shown.length);
    const fresh = document.createDocumentFragment();
    for (; drawn < until; drawn++) fresh.append(tileAt(drawn));
    grid.append(fresh);
    byId("more").hidden = drawn >= shown.length;
  }

  function draw() {
    const wanted = passes({
      label: byId("by-class").value,
      worker: byId("by-worker").value,
      status: statuses.find(({ key }) => key === byId("by-status").value),
      id: byId("by-id").value,
    });
    shown = report.tasks.filter(wanted).sort(compareBy(order()));
    drawn = 0;
    at = 0;
    grid.replaceChildren();
    drawMore();
    if (!shown.length) {
      grid.append(el("li", { class: "empty" }, "No task is like that. Loosen a filter."));
    }
    const all = counted(report.tasks.length, "task");
    byId("count").textContent =
      shown.length === report.tasks.length ? all : `${count(shown.length)} of ${all}`;
  }

  function focus(position) {
    while (position >= drawn && drawn < shown.length) drawMore();
    const tiles = grid.querySelectorAll(".tile");
    if (!tiles[position]) return;
    if (tiles[at]) tiles[at].tabIndex = -1;
    at = position;
    tiles[position].tabIndex = 0;
    tiles[position].focus();
  }

  function move(event) {
    const target = event.target.closest(".tile");
    const step = STEPS[event.key];
    if (!target || !step || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = shown.length - 1;
    const across = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const to = step(Number(target.dataset.position), across, last);
    event.preventDefault();
    if (to >= 0 && to <= last) focus(to);
  }

  function fillControls() {
    const byName = (a, b) => a.id.localeCompare(b.id, "en", { numeric: true });
    const seen = new Set(report.tasks.flatMap(({ votes }) => votes.map(({ worker }) => worker)));
    const workers = report.workers.filter(({ index }) => seen.has(index)).sort(byName);
    const named = ({ key, name }) => [key, name];
    setOptions(byId("sort"), orders.map(named));
    setOptions(byId("by-status"), statuses.map(named));
    setOptions(byId("by-class"), [
      ["", "any"],
      ...report.classes.map((name, k) => [k, name]),
      ["-1", "undecided"],
    ]);
    setOptions(byId("by-worker"), [["", "anyone"], ...workers.map(({ index, id }) => [index, id])]);
  }

  return {
    draw,
    focus,
    get length() {
      return shown.length;
    },
    // The task at a position, drawn if it was not yet.
    task(position) {
      if (position >= drawn) drawMore();
      return shown[position];
    },
    redraw(task) {
      const position = shown.indexOf(task);
      if (position >= 0 && position < drawn) grid.children[position].replaceWith(tileAt(position));
    },
    showTasksOf(worker) {
      byId("controls").reset();
      byId("by-worker").value = String(worker.index);
      draw();
      byId("explorer").scrollIntoView();
    },
    showTask(task) {
      byId("controls").reset();
      draw();
      open(shown.indexOf(task));
    },
    start() {
      grid.classList.toggle("worded", !report.hasPictures);
      fillControls();
      const controls = byId("controls");
      controls.addEventListener("submit", (event) => event.preventDefault());
      for (const select of controls.querySelectorAll("select")) {
        select.addEventListener("change", draw);
      }
      byId("by-id").addEventListener("input", draw);
      grid.addEventListener("keydown", move);
      byId("more").addEventListener("click", drawMore);
      new IntersectionObserver(
        (entries) => {
          if (entries[0].isIntersecting && drawn < shown.length) drawMore();
        },
        { rootMargin: "600px" },
      ).observe(byId("more"));
      draw();
    },
  };
}
