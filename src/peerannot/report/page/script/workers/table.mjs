// The table of workers, sorted by the column whose head is pressed.
import { byId, el, meter, tag } from "../dom.mjs";
import { count, counted, missing, score, share } from "../format.mjs";
import { flagNames } from "./flags.mjs";

// Name, what to sort by, what to show, class of the cells, and whether large comes first.
function columns({ nameOf, skillBy, spamScoreBy }, choice) {
  const link = (worker) => {
    const choose = () => choice.choose(worker.index, true);
    return el("button", { class: "link", type: "button", on: { click: choose } }, worker.id);
  };
  return [
    { name: "Worker", key: (w) => w.id, show: link },
    {
      name: "Answers",
      key: (w) => w.answers,
      show: (w) => count(w.answers),
      kind: "num",
      down: true,
    },
    {
      name: "As the label",
      key: (w) => w.agreement,
      show: (w) => [meter(w.agreement), share(w.agreement)],
    },
    skillBy && {
      name: "Skill",
      key: (w) => w.skill,
      show: (w) => share(w.skill),
      kind: "num",
      down: true,
    },
    spamScoreBy && {
      name: "Spam score",
      key: (w) => w.spamScore,
      show: (w) => score(w.spamScore),
      kind: "num",
    },
    {
      name: "Favourite",
      key: (w) => nameOf(w.favourite),
      show: (w) => `${nameOf(w.favourite)}, ${share(w.favouriteShare)}`,
      kind: "narrow",
    },
    {
      name: "Flags",
      key: (w) => -w.flags.length,
      show: (w) => flagNames(w).map((name) => [tag(name), " "]),
    },
  ].filter(Boolean);
}

// Unknown stands last, whichever way is sorted.
function compare(a, b, up) {
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  return up ? order : -order;
}

function words({ totalWorkers, spamScoreBy, skillBy }, listed) {
  const all =
    listed < totalWorkers
      ? `The ${count(listed)} of ${counted(totalWorkers, "worker")} to look at first: flagged, then those who answered most.`
      : `${counted(totalWorkers, "worker")}, those to look at first.`;
  const spam =
    spamScoreBy &&
    `Spam score: 0 answers whatever the task, 1 never errs (confusion by ${spamScoreBy}).`;
  const skill = skillBy && `Skill: probability of being right by ${skillBy}.`;
  return [all, spam, skill].filter(Boolean).join(" ");
}

export function startWorkerTable(report, choice) {
  const listed = report.workers.filter((worker) => worker.confusion);
  const shown = columns(report, choice);
  const body = el("tbody");
  let sorted = null;
  let up = true;

  const row = (worker) =>
    el(
      "tr",
      { class: choice.is(worker.index) ? "chosen" : null, "data-worker": worker.index },
      shown.map(({ show, kind }, i) =>
        el(i ? "td" : "th", { class: kind, scope: i ? null : "row" }, show(worker)),
      ),
    );
  const fill = () => {
    heads.forEach((head, i) => {
      if (shown[i] === sorted) head.setAttribute("aria-sort", up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    body.replaceChildren(...listed.map(row));
  };
  const sortBy = (column) => {
    up = sorted === column ? !up : !column.down;
    sorted = column;
    listed.sort((p, q) => compare(column.key(p), column.key(q), up) || p.index - q.index);
    fill();
  };
  const heads = shown.map((column) => {
    const press = { class: "sorter", type: "button", on: { click: () => sortBy(column) } };
    return el("th", { scope: "col", class: column.kind }, el("button", press, column.name));
  });
  choice.listen(() => {
    for (const line of body.children) {
      line.classList.toggle("chosen", choice.is(Number(line.dataset.worker)));
    }
  });
  fill();
  const region = { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of workers" };
  byId("worker-table").replaceChildren(
    el("figcaption", {}, el("h3", {}, "All workers"), el("p", {}, words(report, listed.length))),
    el("div", region, el("table", {}, el("thead", {}, el("tr", {}, heads)), body)),
  );
}
