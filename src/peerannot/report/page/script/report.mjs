// The document that Python wrote, as the other modules see it. This is the only module that knows
// how it is packed; document.schema.json describes every key.

// A list of numbers in groups: [a, b, c, d] in twos is [[a, b], [c, d]].
function groups(flat, size) {
  return Array.from({ length: flat.length / size }, (_, i) => flat.slice(i * size, (i + 1) * size));
}

function taskRows(table, pictures) {
  const { id, label, confidence, entropy, votes_entropy, disagreement, waum, truth, gold } = table;
  const { answers, counts, votes, posterior, by_strategy } = table;
  return id.map((name, i) => ({
    index: i,
    id: name,
    label: label[i],
    confidence: confidence[i],
    entropy: entropy[i],
    votesEntropy: votes_entropy[i],
    disagreement: disagreement[i],
    waum: waum ? waum[i] : null,
    truth: truth ? truth[i] : -1,
    gold: gold ? gold[i] : -1,
    answers: answers[i],
    counts: groups(counts[i], 2).map(([k, n]) => ({ label: k, count: n })),
    votes: groups(votes[i], 2).map(([w, k]) => ({ worker: w, label: k })),
    posterior: groups(posterior[i], 2).map(([k, p]) => ({ label: k, probability: p })),
    byStrategy: by_strategy[i],
    picture: pictures?.[i] || null,
  }));
}

const cells = (flat) => groups(flat, 3).map(([k, answer, n]) => ({ label: k, answer, count: n }));

function workerRows(table) {
  const { id, answers, agreement, low, high, favourite, favourite_share, flags } = table;
  const { skill, spam_score, confusion } = table;
  return id.map((name, w) => ({
    index: w,
    id: name,
    answers: answers[w],
    agreement: agreement[w],
    low: low[w],
    high: high[w],
    favourite: favourite[w],
    favouriteShare: favourite_share[w],
    flags: flags[w],
    skill: skill ? skill[w] : null,
    spamScore: spam_score ? spam_score[w] : null,
    confusion: w < confusion.length ? cells(confusion[w]) : null,
  }));
}

const statistics = (check) =>
  check
    ? check.statistics.map(({ name, meaning, observed, drawn, p_value, rejected }) => ({
        name,
        meaning,
        observed,
        drawn,
        pValue: p_value,
        rejected,
      }))
    : null;

const together = (judges) =>
  judges
    ? {
        names: judges.together.names,
        cells: judges.together.cells.map(([first, second, value]) => ({ first, second, value })),
      }
    : null;

const histogram = (bars) => bars.map(([from, to, n]) => ({ from, to, count: n }));

export function readReport(document) {
  const { classes, main, ambiguous_below, alpha, bars, balance, confusion } = document;
  const { strategies, strategy_agreement, workers, tasks, editable, totals, pictures } = document;
  const { check, judges, live } = document;
  return {
    classes,
    nameOf: (k) => (k < 0 ? "undecided" : classes[k]),
    main,
    strategies: strategies.map(({ name, kind, undecided }) => ({ name, kind, undecided })),
    strategyAgreement: strategy_agreement,
    ambiguousBelow: ambiguous_below,
    unanswered: totals.unanswered,
    alpha: { value: alpha.value, low: alpha.low, high: alpha.high },
    bars: {
      answersPerTask: histogram(bars.answers_per_task),
      answersPerWorker: histogram(bars.answers_per_worker),
      confidence: histogram(bars.confidence),
      votesEntropy: histogram(bars.votes_entropy),
    },
    balance: { answers: balance.answers, labels: balance.labels, truth: balance.truth },
    confusion: { classes: confusion.classes, cells: cells(confusion.cells) },
    check: statistics(check),
    together: together(judges),
    workers: workerRows(workers),
    totalWorkers: workers.total,
    skillBy: workers.skill_by,
    spamScoreBy: workers.spam_score_by,
    tasks: taskRows(tasks, pictures),
    hasWaum: Boolean(tasks.waum),
    hasTruth: Boolean(tasks.truth),
    hasPictures: Boolean(pictures),
    editable,
    live,
  };
}
