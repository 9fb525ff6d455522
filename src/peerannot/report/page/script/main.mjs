// The page: each part is given what it needs, here and nowhere else.
import { agreementTable } from "./charts/agreement.mjs";
import { alphaLine } from "./charts/alpha.mjs";
import { balance } from "./charts/balance.mjs";
import { checkStrips } from "./charts/check.mjs";
import { histogram } from "./charts/histogram.mjs";
import { togetherTable } from "./charts/together.mjs";
import { byId, drawIn } from "./dom.mjs";
import { startLive } from "./live.mjs";
import { readReport } from "./report.mjs";
import { corrections as makeCorrections } from "./tasks/corrections.mjs";
import { taskDialog } from "./tasks/dialog.mjs";
import { statuses as makeStatuses } from "./tasks/filters.mjs";
import { taskGrid } from "./tasks/grid.mjs";
import { orders } from "./tasks/orders.mjs";
import { startUnsaved } from "./tasks/unsaved.mjs";
import { startTheme } from "./theme.mjs";
import { startTip } from "./tip.mjs";
import { startCard } from "./workers/card.mjs";
import { workerChoice } from "./workers/choice.mjs";
import { startConfusion } from "./workers/confusion.mjs";
import { startScatter } from "./workers/scatter.mjs";
import { startWorkerTable } from "./workers/table.mjs";

function startFigures({ bars, alpha, classes, strategies, main, ...report }) {
  const draw = (id, figure) => drawIn(byId(id), figure);
  draw("per-task", histogram(bars.answersPerTask, "task", "answers", false));
  draw("per-worker", histogram(bars.answersPerWorker, "worker", "answers", false));
  draw("alpha", alphaLine(alpha));
  draw("entropy", histogram(bars.votesEntropy, "task", "of the largest entropy", true));
  draw("confidence", histogram(bars.confidence, "task", "probability", true));
  draw("balance", balance(report.balance, classes));
  if (byId("between")) {
    draw("between", () => agreementTable(report.strategyAgreement, strategies, main));
  }
  if (byId("check")) draw("check", checkStrips(report.check));
  if (byId("together")) draw("together", () => togetherTable(report.together));
}

function startTasks(report, token, chooseWorker) {
  const corrections = report.editable ? makeCorrections(report, token) : null;
  const statuses = makeStatuses(report);
  const open = (position) => dialog.open(position);
  const grid = taskGrid(report, { orders: orders(report), statuses, corrections, open });
  const dialog = taskDialog(report, { grid, statuses, corrections, chooseWorker });
  grid.start();
  dialog.start();
  if (corrections) {
    corrections.listen(grid.redraw);
    startUnsaved(corrections);
    corrections.remember();
    corrections.read().then((changed) => changed && grid.draw());
  }
  return grid;
}

// Names in what Python wrote lead to the worker or the task.
function startNames(report, choice, grid) {
  for (const name of document.querySelectorAll("[data-worker].link")) {
    name.addEventListener("click", () => choice.choose(Number(name.dataset.worker), true));
  }
  for (const name of document.querySelectorAll("[data-task].link")) {
    name.addEventListener("click", () => grid.showTask(report.tasks[name.dataset.task]));
  }
}

function start() {
  const report = readReport(JSON.parse(byId("data").textContent));
  startTheme();
  startTip();
  startFigures(report);
  startConfusion(report);
  const choice = workerChoice();
  const token = new URLSearchParams(location.search).get("token") || "";
  const grid = startTasks(report, token, (w) => choice.choose(w, true));
  startNames(report, choice, grid);
  startScatter(report, choice);
  startCard(report, choice, grid.showTasksOf);
  startWorkerTable(report, choice);
  if (report.live !== null) startLive(report.live, token);
}

start();
