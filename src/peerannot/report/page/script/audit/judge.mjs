// One task to judge: its picture, the classes, and that it cannot be said.
import { byId, el } from "../dom.mjs";
import { count } from "../format.mjs";
import { classOfKey } from "../tasks/correction.mjs";
import { picture } from "../tasks/picture.mjs";

const MOST_BUTTONS = 12; // classes; with more of them the choice is a list
const MOST_KEYS = 9;

// The first task from `at` on, and round, that is not judged; -1 where all are.
export function nextOpen(judged, at) {
  const order = judged.map((_, i) => (at + i) % judged.length);
  return order.find((i) => !judged[i]) ?? -1;
}

// `said` are corrections whose last class is that it cannot be said. Returns what draws again.
export function judge(tasks, classes, said) {
  const cannot = classes.length;
  let at = 0;
  let fault = "";
  const isJudged = (task) => said.chosen(task) >= 0;
  const openFrom = (i) => nextOpen(tasks.map(isJudged), i);

  function go(to) {
    if (to < 0 || to >= tasks.length) return;
    at = to;
    fault = "";
    draw();
  }

  // What is chosen and saved is taken back by choosing it again.
  async function choose(k) {
    const task = tasks[at];
    const back = !said.isUnsaved(task) && task.gold === k;
    const problem = await said.send(task, back ? -1 : k);
    if (tasks[at] !== task) return draw();
    const next = openFrom(at);
    if (!problem && !back && next >= 0) return go(next);
    fault = problem;
    return draw();
  }

  function choice(name, k, key) {
    const chosen = said.chosen(tasks[at]) === k;
    const press = { click: () => choose(k) };
    return el(
      "button",
      {
        class: "plain",
        type: "button",
        "aria-pressed": String(chosen),
        "data-class": k,
        on: press,
      },
      key && el("kbd", { "aria-hidden": "true" }, key),
      name,
    );
  }

  function list() {
    const chosen = said.chosen(tasks[at]);
    const change = ({ target }) => target.value !== "" && choose(Number(target.value));
    return el(
      "select",
      { "aria-label": "Class", on: { change } },
      el("option", { value: "" }, "choose the class"),
      classes.map((name, k) => el("option", { value: k, selected: chosen === k }, name)),
    );
  }

  function choices() {
    const few = classes.length <= MOST_BUTTONS;
    const keyOf = (k) => (k < MOST_KEYS ? String(k + 1) : "");
    const buttons = () =>
      el(
        "div",
        { class: "choices" },
        classes.map((name, k) => choice(name, k, keyOf(k))),
      );
    return [
      few ? buttons() : list(),
      el("div", { class: "choices" }, choice("Cannot say", cannot, "0")),
    ];
  }

  function words(task) {
    if (fault) return `Not saved: ${fault}. It is kept here: choose it again.`;
    if (said.isUnsaved(task)) return "Not saved yet.";
    if (!tasks.some((one) => !isJudged(one)))
      return "All are judged and saved. You can close this.";
    return isJudged(task) ? "Saved in the sheet. Choose it again to take it back." : "";
  }

  function turns() {
    const button = (text, to, disabled) =>
      el(
        "button",
        { class: "plain", type: "button", disabled, on: { click: () => go(to()) } },
        text,
      );
    return el(
      "p",
      { class: "turns" },
      button("← Before", () => at - 1, at === 0),
      button("Next →", () => at + 1, at === tasks.length - 1),
      button("Next to judge", () => openFrom(at + 1), openFrom(at) < 0),
    );
  }

  function draw() {
    const task = tasks[at];
    const done = tasks.filter(isJudged).length;
    byId("count").textContent = `${count(done)} of ${count(tasks.length)} judged`;
    byId("meter").firstElementChild.style.width = `${(100 * done) / tasks.length}%`;
    byId("judge").replaceChildren(
      picture(task, true),
      el(
        "div",
        { class: "told" },
        el("p", { class: "eyebrow" }, `Task ${count(at + 1)} of ${count(tasks.length)}`),
        el("h1", {}, task.id),
        el("h2", {}, "Which class is it?"),
        choices(),
        el("p", { class: "said", id: "said", role: "status" }, words(task)),
        turns(),
      ),
    );
  }

  function press(event) {
    const typing = event.target.closest("select, input");
    if (event.altKey || event.ctrlKey || event.metaKey || typing) return;
    const k = event.key === "0" ? cannot : classOfKey(event.key, classes.length);
    if (event.key === "ArrowRight") go(at + 1);
    else if (event.key === "ArrowLeft") go(at - 1);
    else if (k >= 0) choose(k);
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", press);
  // Where the expert stopped; what came from the server meanwhile counts.
  return () => go(Math.max(openFrom(0), 0));
}
