// What is told of an opened task: probabilities, votes, strategies and measures.
import { el, meter, tag } from "../dom.mjs";
import { missing, score, share } from "../format.mjs";
import { flagNames } from "../workers/flags.mjs";

export function probabilities({ posterior, label }, nameOf) {
  const rows = posterior.map((part) => [
    el("dt", {}, nameOf(part.label)),
    el("dd", {}, meter(part.probability, part.label === label ? "" : "grey")),
    el("dd", { class: "num" }, share(part.probability)),
  ]);
  return el("dl", { class: "odds" }, rows);
}

// Votes for the label of the task are first; then by class, and the best worker before others.
export function voteTable(task, { workers, nameOf, skillBy }, openWorker) {
  const trust = (worker) => (skillBy ? worker.skill : worker.agreement);
  const won = (vote) => vote.label === task.label;
  const votes = task.votes
    .map(({ worker, label }) => ({ worker: workers[worker], label }))
    .sort(
      (a, b) => won(b) - won(a) || a.label - b.label || b.worker.agreement - a.worker.agreement,
    );
  const row = ({ worker, label }) => {
    const open = { class: "link", type: "button", on: { click: () => openWorker(worker) } };
    return el(
      "tr",
      { class: label === task.label ? null : "differs" },
      el(
        "th",
        { scope: "row" },
        el("button", open, worker.id),
        flagNames(worker).map((name) => [" ", tag(name)]),
      ),
      el("td", {}, nameOf(label)),
      el("td", {}, meter(trust(worker), "grey"), share(trust(worker))),
    );
  };
  const heads = ["Worker", "Answer", skillBy ? "Skill" : "As the label"];
  return el(
    "table",
    { class: "votes" },
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        heads.map((name) => el("th", { scope: "col" }, name)),
      ),
    ),
    el("tbody", {}, votes.map(row)),
  );
}

export function labelsByStrategy({ byStrategy, label }, { strategies, nameOf }) {
  const rows = strategies.map(({ name }, j) =>
    el(
      "li",
      { class: byStrategy[j] === label ? "same" : null },
      el("span", {}, name),
      el("b", {}, nameOf(byStrategy[j])),
    ),
  );
  return el("ul", { class: "by" }, rows);
}

export function measures({ votesEntropy, entropy, waum }) {
  const words = [`vote entropy ${score(votesEntropy)}`, `posterior entropy ${score(entropy)}`];
  if (!missing(waum)) words.push(`WAUM ${score(waum)}`);
  return el("p", { class: "said" }, words.join(" · "));
}
