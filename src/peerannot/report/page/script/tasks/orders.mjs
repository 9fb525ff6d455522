// The orders of the tasks: by what, and the number of a task that is shown for it.
import { count, missing, score, share } from "../format.mjs";

const known = (x, otherwise) => (missing(x) ? otherwise : x);

// Where keys are equal, tasks stay in the order of the document.
export function orders({ strategies, hasWaum }) {
  return [
    {
      key: "entropy",
      name: "posterior entropy",
      value: (task) => -task.entropy,
      show: (task) => score(task.entropy),
    },
    {
      key: "votes-entropy",
      name: "vote entropy",
      value: (task) => -known(task.votesEntropy, -1),
      show: (task) => score(task.votesEntropy),
    },
    {
      key: "least-confidence",
      name: "lowest confidence",
      value: (task) => task.confidence,
      show: (task) => share(task.confidence),
    },
    {
      key: "most-confidence",
      name: "highest confidence",
      value: (task) => -task.confidence,
      show: (task) => share(task.confidence),
    },
    strategies.length > 1 && {
      key: "disagreement",
      name: "disagreement of strategies",
      value: (task) => -task.disagreement,
      show: (task) => share(task.disagreement),
    },
    hasWaum && {
      key: "waum",
      name: "lowest WAUM",
      value: (task) => known(task.waum, Infinity),
      show: (task) => score(task.waum),
    },
    {
      key: "answers",
      name: "fewest answers",
      value: (task) => task.answers,
      show: (task) => count(task.answers),
    },
    { key: "id", name: "task id", show: (task) => share(task.confidence) },
  ].filter(Boolean);
}

export function compareBy({ value }) {
  if (!value) return (a, b) => a.id.localeCompare(b.id, "en", { numeric: true });
  return (a, b) => {
    const [p, q] = [value(a), value(b)];
    return p < q ? -1 : p > q ? 1 : a.index - b.index;
  };
}
