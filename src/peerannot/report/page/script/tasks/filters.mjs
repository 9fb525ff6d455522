// Which tasks are shown: the kinds of tasks that a status names, and the other filters.
import { share } from "../format.mjs";

export const strategiesDiffer = (task) => new Set(task.byStrategy).size > 1;

// `tag` says whether the opened task wears the name.
export function statuses(report) {
  const { strategies, main, tasks, editable, ambiguousBelow } = report;
  const majority = strategies.findIndex(({ kind }) => kind === "majority-vote");
  return [
    { key: "", name: "any", test: () => true },
    {
      key: "ambiguous",
      name: `ambiguous (under ${share(ambiguousBelow)})`,
      test: (task) => task.answers > 0 && task.confidence < ambiguousBelow,
      tag: true,
    },
    {
      key: "unanimous",
      name: "unanimous",
      test: (task) => task.answers > 1 && task.counts.length === 1,
      tag: true,
    },
    { key: "split", name: "votes split", test: (task) => task.counts.length > 1 },
    strategies.length > 1 && {
      key: "differ",
      name: "strategies differ",
      test: strategiesDiffer,
      tag: true,
    },
    majority >= 0 &&
      majority !== main && {
        key: "changed",
        name: "changed from the majority",
        test: (task) => task.byStrategy[majority] !== task.label,
        tag: true,
      },
    strategies.some(({ undecided }) => undecided) && {
      key: "undecided",
      name: "undecided",
      test: (task) => task.answers > 0 && task.label < 0,
    },
    report.unanswered > 0 && {
      key: "none",
      name: "without answers",
      test: (task) => task.answers === 0,
      tag: true,
    },
    report.hasTruth && {
      key: "wrong",
      name: "label is not the truth",
      test: (task) => task.truth >= 0 && task.truth !== task.label,
      tag: true,
    },
    (editable || tasks.some(({ gold }) => gold >= 0)) && {
      key: "gold",
      name: "corrected by a person",
      test: (task) => task.gold >= 0,
    },
    editable && { key: "open", name: "not corrected yet", test: (task) => task.gold < 0 },
  ].filter(Boolean);
}

// An empty text lets every task through; `label` and `worker` are positions as texts.
export function passes({ label, worker, status, id }) {
  const part = id.trim().toLowerCase();
  return (task) =>
    (label === "" || task.label === Number(label)) &&
    (worker === "" || task.votes.some((vote) => vote.worker === Number(worker))) &&
    status.test(task) &&
    (part === "" || task.id.toLowerCase().includes(part));
}
