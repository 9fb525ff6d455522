// Why a worker should be looked at: the name for a tag, and a sentence.
const FLAGS = {
  "one-class": ["always one class", "Gives nearly always the same class."],
  "straight-lining": ["straight-lining", "Repeats the same answer more than the tasks explain."],
  "near-chance": ["near chance", "Nearer to chance than to the crowd."],
};

const of = (worker, part) => worker.flags.map((flag) => FLAGS[flag][part]);

export const flagNames = (worker) => of(worker, 0);
export const flagSentences = (worker) => of(worker, 1);
