// One task, opened: picture, label, posterior, votes, strategies; and the correction of its label.
import { byId, el, tag } from "../dom.mjs";
import { count, counted, share } from "../format.mjs";
import { classOfKey, correctionForm } from "./correction.mjs";
import { labelsByStrategy, measures, probabilities, voteTable } from "./details.mjs";
import { picture } from "./picture.mjs";

// `corrections` may be null; `chooseWorker` is called with the position of a worker.
export function taskDialog(report, { grid, statuses, corrections, chooseWorker }) {
  const dialog = byId("task");
  const { nameOf } = report;
  let at = 0;

  function open(position) {
    at = position;
    draw();
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  function turn(step) {
    const to = at + step;
    if (to >= 0 && to < grid.length) open(to);
  }

  function openWorker(worker) {
    dialog.close();
    chooseWorker(worker.index);
  }

  async function send(task, k) {
    const fault = await corrections.send(task, k);
    if (grid.task(at) !== task || !dialog.open) return;
    draw();
    if (fault) byId("said").textContent = `Not saved: ${fault}. It is kept here: send it again.`;
    dialog.querySelector(`[data-class="${k}"]`)?.focus();
  }

  // What is chosen and saved is taken back by choosing it again.
  function choose(task, k) {
    return send(task, !corrections.isUnsaved(task) && task.gold === k ? -1 : k);
  }

  function bar() {
    const button = (text, label, step, disabled) => {
      const press = { click: () => turn(step) };
      return el(
        "button",
        { class: "plain", type: "button", disabled, "aria-label": label, on: press },
        text,
      );
    };
    const close = { class: "plain", type: "button", id: "close", autofocus: true };
    return el(
      "div",
      { class: "top" },
      el("span", { class: "where" }, `${count(at + 1)} of ${count(grid.length)}`),
      button("←", "Previous task", -1, at === 0),
      button("→", "Next task", 1, at === grid.length - 1),
      el("button", { ...close, on: { click: () => dialog.close() } }, "Close"),
    );
  }

  function correction(task) {
    if (corrections) {
      return correctionForm(task, report, corrections, {
        choose: (k) => choose(task, k),
        send: (k) => send(task, k),
      });
    }
    const words = `A person corrected it to ${nameOf(task.gold)}.`;
    return task.gold >= 0 && el("p", { class: "sub" }, words);
  }

  function votes(task) {
    const shown = task.votes.length;
    const part = shown < task.answers ? `, the first ${count(shown)}` : "";
    const none = () => el("p", { class: "sub" }, "Nobody has answered yet.");
    return el(
      "div",
      { class: "block" },
      el("h3", {}, counted(task.answers, "answer") + part),
      task.answers ? voteTable(task, report, openWorker) : none(),
    );
  }

  function body(task) {
    const sure = `${share(task.confidence)} sure by ${report.strategies[report.main].name}`;
    const truth = task.truth >= 0 ? `; the truth is ${nameOf(task.truth)}` : "";
    const tags = statuses.filter((status) => status.tag && status.test(task));
    return el(
      "div",
      { class: "body" },
      picture(task, true),
      el(
        "div",
        { class: "strategies" },
        el("h3", {}, "By strategy"),
        labelsByStrategy(task, report),
      ),
      el(
        "div",
        { class: "told" },
        el("p", { class: "eyebrow" }, `Task ${task.id}`),
        el("h2", { id: "task-title" }, nameOf(task.label)),
        el("p", { class: "sub" }, sure + truth),
        el(
          "p",
          { class: "tags" },
          tags.map(({ name }) => tag(name)),
        ),
        correction(task),
        el(
          "div",
          { class: "block" },
          el("h3", {}, "Probability of each class"),
          probabilities(task, nameOf),
        ),
        votes(task),
        measures(task),
      ),
    );
  }

  function draw() {
    const task = grid.task(at);
    const active = document.activeElement;
    const held = dialog.contains(active) ? active.getAttribute("aria-label") : null;
    dialog.replaceChildren(bar(), body(task));
    if (!dialog.open) return;
    // What had the focus is gone; without it no key would reach the dialog.
    const same = [...dialog.querySelectorAll(".top button")].find(
      (button) => held && !button.disabled && button.getAttribute("aria-label") === held,
    );
    (same || byId("close")).focus();
  }

  function press(event) {
    const typing = event.target.closest("select, input");
    if (event.altKey || event.ctrlKey || event.metaKey || typing) return;
    const k = corrections ? classOfKey(event.key, report.classes.length) : -1;
    if (event.key === "ArrowRight") turn(1);
    else if (event.key === "ArrowLeft") turn(-1);
    else if (k >= 0) choose(grid.task(at), k);
    else return;
    event.preventDefault();
  }

  return {
    open,
    start() {
      dialog.addEventListener("close", () => grid.focus(at));
      dialog.addEventListener("click", (event) => {
        if (event.target === dialog) dialog.close();
      });
      dialog.addEventListener("keydown", press);
    },
  };
}
