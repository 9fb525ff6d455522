// The card of the chosen worker.
import { matrix } from "../charts/matrix.mjs";
import { byId, drawIn, el, tag } from "../dom.mjs";
import { count, counted, missing, score, share } from "../format.mjs";
import { classesOf } from "./confusion.mjs";
import { flagNames, flagSentences } from "./flags.mjs";

// The class that the worker most often called something else.
function worstMistake(cells, nameOf) {
  const wrong = (cells || []).filter(({ label, answer }) => label !== answer);
  if (!wrong.length) return [];
  const worst = wrong.reduce((a, b) => (b.count > a.count ? b : a));
  const tasks = cells
    .filter(({ label }) => label === worst.label)
    .reduce((sum, cell) => sum + cell.count, 0);
  return [
    `Calls ${nameOf(worst.label)} ${nameOf(worst.answer)} in ${count(worst.count)}` +
      ` of ${counted(tasks, "such task")}.`,
  ];
}

function sentences(worker, nameOf) {
  const interval = `${share(worker.low)} to ${share(worker.high)}`;
  return [
    ...flagSentences(worker),
    `Answers ${nameOf(worker.favourite)} most often (${share(worker.favouriteShare)}).`,
    ...worstMistake(worker.confusion, nameOf),
    ...(missing(worker.low) ? [] : [`95% interval of the agreement (${interval}).`]),
  ].join(" ");
}

export function startCard(report, choice, showTasksOf) {
  const draw = () => {
    const worker = report.workers[choice.index];
    if (!worker) {
      byId("card").replaceChildren(el("p", {}, "No worker has answered yet."));
      return;
    }
    const plot = el("div", { class: "chart" });
    const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
    const left =
      "Its confusion matrix is left out: only those of the most active workers are kept.";
    const show = { class: "plain", type: "button", on: { click: () => showTasksOf(worker) } };
    byId("card").replaceChildren(
      el("h3", {}, `Worker ${worker.id}`),
      el("p", { class: "tags" }, flagNames(worker).map(tag)),
      el(
        "dl",
        { class: "facts" },
        fact("Answers", count(worker.answers)),
        fact("As the label", share(worker.agreement)),
        report.skillBy && fact("Skill", share(worker.skill)),
        report.spamScoreBy && fact("Spam score", score(worker.spamScore)),
      ),
      el("p", {}, sentences(worker, report.nameOf)),
      worker.confusion ? plot : el("p", {}, left),
      el("button", show, "Show the tasks"),
    );
    if (worker.confusion) {
      const shown = classesOf(report, worker);
      drawIn(plot, matrix(worker.confusion, shown, report.nameOf, `worker ${worker.id}`));
    }
  };
  choice.listen(draw);
  draw();
}
