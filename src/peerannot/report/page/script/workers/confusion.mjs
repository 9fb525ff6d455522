// The confusion matrix of the crowd, or of a worker who is chosen for it.
import { matrix, NUMBERED } from "../charts/matrix.mjs";
import { byId, drawIn, el, setOptions } from "../dom.mjs";
import { count } from "../format.mjs";

// The classes that a worker met or named, at most as many as can be read.
export function classesOf(report, worker) {
  const crowd = report.confusion.classes;
  if (report.classes.length <= crowd.length) return crowd;
  const weight = new Map();
  for (const { label, answer, count: n } of worker.confusion) {
    for (const k of [label, answer]) weight.set(k, (weight.get(k) || 0) + n);
  }
  const best = [...weight.keys()].sort((p, q) => weight.get(q) - weight.get(p) || p - q);
  return best.slice(0, 24).sort((p, q) => p - q);
}

export function startConfusion(report) {
  const crowd = { ...report.confusion, whose: "the crowd" };
  let shown = crowd;
  const tell = () => {
    const n = shown.classes.length;
    const all = report.classes.length;
    byId("confusion-note").textContent =
      (n < all ? `The ${n} of ${count(all)} classes confused most. ` : "") +
      (n <= NUMBERED ? "Numbers are whole percent of the row." : "");
  };
  const again = drawIn(byId("confusion"), (width) =>
    shown.classes.length
      ? matrix(shown.cells, shown.classes, report.nameOf, shown.whose)(width)
      : el("p", { class: "under" }, "Nothing to show."),
  );
  const select = byId("confusion-of");
  const named = report.workers.filter((worker) => worker.confusion);
  setOptions(select, [
    ["", "the whole crowd"],
    ...named.map((worker) => [worker.index, `worker ${worker.id}`]),
  ]);
  select.addEventListener("change", () => {
    const worker = report.workers[select.value];
    shown =
      select.value === ""
        ? crowd
        : {
            cells: worker.confusion,
            classes: classesOf(report, worker),
            whose: `worker ${worker.id}`,
          };
    tell();
    again();
  });
  tell();
}
