"""The loops in C++, see native/README.md. Arrays are contiguous, and never converted.

Where an array may be left out, it has no rows. Each function raises TypeError where an array has
another type or layout, ValueError where sizes differ or an index is out of range.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# --- instruction sets

def isa() -> str:
    """The instruction set in use."""

def isas() -> tuple[str, ...]:
    """Those that this processor has, least first."""

def use(isa: str) -> None:
    """Use another; ValueError where the processor lacks it."""

def interface() -> str:
    """SHA-256 of this file as it was when the module was compiled."""

# --- agreement: between workers; answers in order of task, and their rows in order of worker

def agreement_count_pairs(
    task_ptr: NDArray[np.int64],
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    order: NDArray[np.int64],
    worker_ptr: NDArray[np.int64],
    bounds: NDArray[np.int64],
    n_pairs: NDArray[np.int64],
    *,
    least: int,
    threads: int,
) -> None:
    """Set how many later workers share ``least`` tasks with each, over blocks of workers."""

def agreement_fill_pairs(
    task_ptr: NDArray[np.int64],
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    order: NDArray[np.int64],
    worker_ptr: NDArray[np.int64],
    bounds: NDArray[np.int64],
    ptr: NDArray[np.int64],
    second: NDArray[np.int32],
    shared: NDArray[np.int64],
    *,
    least: int,
    threads: int,
) -> None:
    """Set who they are, ascending, and how many tasks are shared."""

def agreement_cohen(
    task_ptr: NDArray[np.int64],
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    order: NDArray[np.int64],
    worker_ptr: NDArray[np.int64],
    bounds: NDArray[np.int64],
    ptr: NDArray[np.int64],
    second: NDArray[np.int32],
    agree: NDArray[np.int64],
    chance: NDArray[np.float64],
    *,
    n_classes: int,
    threads: int,
) -> None:
    """Set how many answers in common agree, and the products of counts, summed over classes."""

def agreement_counts(
    task_ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    place: NDArray[np.int32],
    ptr: NDArray[np.int64],
    labels: NDArray[np.int32],
    count: NDArray[np.int32],
    *,
    threads: int,
) -> None:
    """Set the distinct labels of each task and their counts, from what `order_distinct` sets."""

def agreement_keys(
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    count: NDArray[np.int32],
    draw: NDArray[np.uint64],
    key: NDArray[np.uint64],
    *,
    threads: int,
) -> None:
    """Set the sum of the numbers of a row's labels, one for each answer, modulo 2**64."""

def agreement_coincidences(
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    count: NDArray[np.int32],
    size: NDArray[np.int64],
    tasks: NDArray[np.int64],
    matrix: NDArray[np.float64],
) -> None:
    """Set Krippendorff's coincidences, each row counted ``tasks`` times."""

def agreement_differences(
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    count: NDArray[np.int32],
    difference: NDArray[np.float64],
    sum: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set the sum of differences over ordered pairs of answers of each row."""

def agreement_ratio_differences(
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    count: NDArray[np.int32],
    number: NDArray[np.float64],
    sum: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """As `agreement_differences`, with the ratio differences of numbers."""

def agreement_ratio_margins(margin: NDArray[np.float64], number: NDArray[np.float64]) -> float:
    """The sum of ratio differences over ordered pairs of classes."""

# --- apart: passes in which no task meets its own counts

def apart_em(
    task_ptr: NDArray[np.int64],
    pair: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    table: NDArray[np.float64],
    slope: NDArray[np.float64],
    log_prior: NDArray[np.float64],
    own: NDArray[np.float64],
    own_too: NDArray[np.float64],
    bounds: NDArray[np.int64],
    counts: NDArray[np.float64],
    mass: NDArray[np.float64],
    posterior: NDArray[np.float64],
    posterior_too: NDArray[np.float64],
    change: NDArray[np.float64],
    *,
    single: bool,
    threads: int,
) -> None:
    """As `confusion_em`, of one or two models in one pass.

    ``table``, ``slope`` and ``counts`` are (n_models, n_pairs, K), ``log_prior`` and ``mass``
    (n_models, K); ``slope`` is what ``table`` changes by for each answer left out. ``own``, of the
    second model ``own_too``, has the posterior that counts are of; the new one, which is always
    set, may be written over it. ``change`` is set to half the sum of what they differ by.
    """

def apart_coin(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    slot_label: NDArray[np.int32],
    slot: NDArray[np.int32],
    label: NDArray[np.int32],
    unit: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    bonus: NDArray[np.float64],
    prior: NDArray[np.float64],
    log_prior: NDArray[np.float64],
    own: NDArray[np.float64],
    bounds: NDArray[np.int64],
    total: NDArray[np.float64],
    after: NDArray[np.float64],
    share: NDArray[np.float64],
    rest: NDArray[np.float64],
    posterior: NDArray[np.float64],
    *,
    threads: int,
) -> float:
    """As `coin_step`, with a bonus of three parts (n_units, 3); ``after`` is set to the
    probability of the label of each answer. Returns the sum of what it differs by from ``own``.
    """

# --- coin: models where all wrong classes of an answer are alike

def coin_start(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    slot_label: NDArray[np.int32],
    slot: NDArray[np.int32],
    unit: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    bounds: NDArray[np.int64],
    right: NDArray[np.float64],
    mass: NDArray[np.float64],
    own: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set the right answers of units by gold, else by the vote shares.

    So are ``mass``, sums of classes, and ``own``, the probability of the label of each answer,
    where they have rows.
    """

def coin_step(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    slot_label: NDArray[np.int32],
    slot: NDArray[np.int32],
    unit: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    label: NDArray[np.int32],
    bonus: NDArray[np.float64],
    prior: NDArray[np.float64],
    log_prior: NDArray[np.float64],
    bounds: NDArray[np.int64],
    total: NDArray[np.float64],
    share: NDArray[np.float64],
    rest: NDArray[np.float64],
    posterior: NDArray[np.float64],
    *,
    threads: int,
) -> float:
    """E and M; the log-likelihood. Sets ``total``: right answers of units, then class sums.

    ``share``, with ``rest``, and ``posterior`` are set where they have rows, of tasks that have
    answers; rows of ``posterior`` of others are the prior.
    """

def coin_entries(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    slot_label: NDArray[np.int32],
    slot: NDArray[np.int32],
    worker: NDArray[np.int32],
    entry: NDArray[np.int64],
    code: NDArray[np.int64],
    *,
    n_classes: int,
    threads: int,
) -> None:
    """Set worker * n_classes + class of each answer and slot of its task."""

def coin_class_step(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    slot_label: NDArray[np.int32],
    slot: NDArray[np.int32],
    entry: NDArray[np.int64],
    unit: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    hit: NDArray[np.float64],
    miss: NDArray[np.float64],
    log_prior: NDArray[np.float64],
    bounds: NDArray[np.int64],
    total: NDArray[np.float64],
    share: NDArray[np.float64],
    *,
    given: bool,
    threads: int,
) -> float:
    """E and M; the log-likelihood. Sets ``share``, where not ``given``, and ``total``.

    ``total``: right answers of units, answers of units, class sums.
    """

# --- confusion: models that give each worker a confusion matrix

def confusion_em(
    task_ptr: NDArray[np.int64],
    pair: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    table: NDArray[np.float64],
    log_prior: NDArray[np.float64],
    bounds: NDArray[np.int64],
    counts: NDArray[np.float64],
    mass: NDArray[np.float64],
    posterior: NDArray[np.float64],
    *,
    single: bool,
    hard: bool,
    parts: int,
    threads: int,
) -> float:
    """E and M over blocks of tasks; the log-likelihood. Sets counts, mass, posterior."""

def confusion_start(
    task_ptr: NDArray[np.int64],
    pair: NDArray[np.int32],
    label: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    given: NDArray[np.float64],
    bounds: NDArray[np.int64],
    counts: NDArray[np.float64],
    mass: NDArray[np.float64],
    posterior: NDArray[np.float64],
    *,
    n_pairs: int,
    threads: int,
) -> None:
    """The first M-step: from ``given``, else gold and vote shares. Sets counts, mass, posterior."""

def confusion_gather(
    order: NDArray[np.int32],
    order_ptr: NDArray[np.int64],
    task: NDArray[np.int32],
    weight: NDArray[np.float64],
    posterior: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set the counts of all pairs from a posterior; answers come in order of pair."""

def confusion_positions(
    code: NDArray[np.int32], order: NDArray[np.int32], ptr: NDArray[np.int64]
) -> None:
    """Set where each code is, in order, and where those of a code start."""

def confusion_expected(
    ptr: NDArray[np.int64],
    order: NDArray[np.int64],
    task: NDArray[np.int32],
    label: NDArray[np.int32],
    weight: NDArray[np.float64],
    posterior: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set expected counts (n, true, answered) of runs of answers."""

# --- glad: the ability of each worker against the difficulty of each task

def glad_step(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    slot_label: NDArray[np.int32],
    slot: NDArray[np.int32],
    worker: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    given: NDArray[np.float64],
    alpha: NDArray[np.float64],
    bounds: NDArray[np.int64],
    beta: NDArray[np.float64],
    total: NDArray[np.float64],
    share: NDArray[np.float64],
    rest: NDArray[np.float64],
    *,
    beta_mean: float,
    n_classes: int,
    steps: int,
    threads: int,
) -> float:
    """E-step, and Newton steps in ``beta``; the log-likelihood and log-prior of beta before them.

    Sets ``total`` (3, n_workers): gradient and curvature by alpha, and the largest easiness that
    each worker met. With no ``steps`` nothing moves: sets ``share``, ``rest`` (the posterior of
    each class that a task did not receive), and as the first row expected right answers.
    """

# --- identification: copied pairs and worker cards

def identification_evidence(
    task_ptr: NDArray[np.int64],
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    order: NDArray[np.int64],
    worker_ptr: NDArray[np.int64],
    bounds: NDArray[np.int64],
    ptr: NDArray[np.int64],
    second: NDArray[np.int32],
    log_prior: NDArray[np.float64],
    confusion: NDArray[np.float64],
    log_confusion: NDArray[np.float64],
    share: NDArray[np.float64],
    agreements: NDArray[np.int64],
    expected: NDArray[np.float64],
    log_ratio: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set, of each pair, agreements, how many are expected, log-likelihood ratios of shares."""

def identification_repeats(
    ptr: NDArray[np.int64],
    task: NDArray[np.int32],
    label: NDArray[np.int32],
    posterior: NDArray[np.float64],
    confusion: NDArray[np.float64],
    longest: NDArray[np.int64],
    repeats: NDArray[np.int64],
    expected: NDArray[np.float64],
    spread: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set, of each run of answers, the longest run of a label, repeats, their mean and variance."""

# --- ids: texts and numbers to codes

class _Column(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class Coder:
    """A table of ids: codes in order of first appearance. Columns are Polars Series of texts."""

    def __init__(self) -> None: ...
    def texts(self, column: _Column, code: NDArray[np.int32]) -> NDArray[np.int64]:
        """Set the code of each text; the rows of those that were not in the table before."""

    def find(self, column: _Column, code: NDArray[np.int32]) -> None:
        """Set the code of each text, -1 of those that are not in the table."""

    def numbers(self, number: NDArray[np.int64], code: NDArray[np.int32]) -> NDArray[np.int64]:
        """As `texts`; a table has either."""

def ids_replace(code: NDArray[np.int32], by: NDArray[np.int32], *, threads: int) -> None:
    """Let each code become what stands at its place."""

# --- order: answers in order of task and worker

def order_state(task: NDArray[np.int32], worker: NDArray[np.int32]) -> int:
    """1 where rows rise strictly by (task, worker), 0 where they rise but repeat, else -1."""

def order_starts(key: NDArray[np.int32], ptr: NDArray[np.int64]) -> None:
    """Set where the rows of each key start once they are in its order."""

def order_gather(
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    ptr: NDArray[np.int64],
    workers: NDArray[np.int32],
    labels: NDArray[np.int32],
    rows: NDArray[np.int64],
) -> None:
    """Set workers, labels and the rows they come from, in stable order of task."""

def order_sort(
    ptr: NDArray[np.int64],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    row: NDArray[np.int64],
    *,
    by_label: bool,
    threads: int,
) -> None:
    """Sort in place, stably, by worker (and label) within tasks of few answers."""

def order_repeats(
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    drop: NDArray[np.bool_],
    *,
    keep_last: bool,
    only_exact: bool,
) -> None:
    """Mark, in rows in order, labels said again, or all but one of each (task, worker)."""

def order_distinct(
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    size: NDArray[np.int64],
    slot: NDArray[np.int32],
    place: NDArray[np.int32],
    *,
    threads: int,
) -> None:
    """Set the distinct labels of each task, how many, and the place of each answer's label."""

# --- reliability: Pl@ntNet, KOS, BWA and M-MSR

def pairs_find(
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    place: NDArray[np.int32],
    of_answer: NDArray[np.int32],
    *,
    threads: int,
) -> int:
    """Set the pair of each answer and, in ``place`` (worker, label), its number or -1."""

def pairs_logarithms(
    counts: NDArray[np.float64],
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    table: NDArray[np.float64],
    *,
    diagonal: float,
    off_diagonal: float,
    least_probability: float,
    threads: int,
) -> None:
    """Set the logarithms of confusion rows of counts; classes that were not met are uniform."""

def reliability_support(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    label: NDArray[np.int32],
    score: NDArray[np.float64],
    winner: NDArray[np.float64],
    ai_label: NDArray[np.int32],
    conf: NDArray[np.float64],
    total: NDArray[np.float64],
    *,
    against: float,
    threads: int,
) -> None:
    """Set the winner's score of each task, and the sum; ``against`` is an AI's that disagrees."""

def reliability_seen(
    ptr: NDArray[np.int64],
    slot: NDArray[np.int32],
    task: NDArray[np.int32],
    pair: NDArray[np.int32],
    authored: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    right: NDArray[np.bool_],
    out: NDArray[np.int8],
) -> None:
    """Set 2 for pairs got right as author of a valid task, 1 for those got otherwise, or 0."""

def reliability_to_workers(
    ptr: NDArray[np.int64],
    slot: NDArray[np.int32],
    weight: NDArray[np.float64],
    message: NDArray[np.float64],
    out: NDArray[np.float64],
    *,
    chance: float,
    threads: int,
) -> None:
    """Set KOS's messages of tasks to the workers of their answers."""

def reliability_errors(
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    weight: NDArray[np.float64],
    score: NDArray[np.float64],
    bounds: NDArray[np.int64],
    out: NDArray[np.float64],
    *,
    c: int,
    threads: int,
) -> None:
    """Set each worker's sum of squared errors for class ``c``, those of blocks in order."""

def reliability_averages(
    ptr: NDArray[np.int64],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    weight: NDArray[np.float64],
    precision: NDArray[np.float64],
    out: NDArray[np.float64],
    *,
    c: int,
    pull: float,
    mean: float,
    threads: int,
) -> None:
    """Set BWA's score of each task for class ``c``."""

def reliability_sweep(
    ptr: NDArray[np.int64],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    precision: NDArray[np.float64],
    mean: NDArray[np.float64],
    given: NDArray[np.float64],
    bounds: NDArray[np.int64],
    wrong: NDArray[np.float64],
    mass: NDArray[np.float64],
    scores: NDArray[np.float64],
    *,
    pull: float,
    threads: int,
) -> None:
    """Normalised BWA: set scores of the tasks, unless these are ``given``, and the sums of them
    and of squared errors of workers.
    """

def reliability_agreements(
    ptr: NDArray[np.int64],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    weight: NDArray[np.float64],
    agree: NDArray[np.float64],
    common: NDArray[np.float64],
) -> None:
    """Set sums of products of weights of two workers' answers: of equal ones, and of all."""

def reliability_trimmed(
    centred: NDArray[np.float64],
    common: NDArray[np.float64],
    now: NDArray[np.float64],
    out: NDArray[np.float64],
    *,
    trim: float,
    threads: int,
) -> None:
    """Set the trimmed mean of each worker's ratios to the skills ``now`` of others."""

# --- simulation: who answers which task, and what

def simulation_uniform(
    wanted: NDArray[np.int64],
    uniform: NDArray[np.float64],
    worker: NDArray[np.int32],
    got: NDArray[np.int64],
    *,
    n_workers: int,
    load: int,
) -> int:
    """Set the workers of each task and how many; how many answers there are in all."""

def simulation_weighted(
    wanted: NDArray[np.int64],
    uniform: NDArray[np.float64],
    weight: NDArray[np.float64],
    worker: NDArray[np.int32],
    got: NDArray[np.int64],
    *,
    load: int,
) -> int:
    """As `simulation_uniform`, each next worker in proportion to the weights still there."""

def simulation_labels(
    cumulated: NDArray[np.float64],
    worker: NDArray[np.int32],
    truth: NDArray[np.int64],
    uniform: NDArray[np.float64],
    label: NDArray[np.int32],
    *,
    threads: int,
) -> None:
    """Set the label of each answer by row (worker, truth) of cumulated confusion matrices."""

# --- stream: LA, which reads tasks one after another

def stream_read(
    order: NDArray[np.int64],
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    worker: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    draw: NDArray[np.float64],
    fresh: NDArray[np.bool_],
    credit: NDArray[np.float64],
    hit: NDArray[np.float64],
    right: NDArray[np.float64],
    seen: NDArray[np.float64],
    *,
    n_classes: int,
    one: bool,
) -> None:
    """Read tasks in order: set credit and hit of fresh answers, go on with right and seen."""

# --- types: of workers whose confusion matrices have Dirichlet rows

def types_membership(
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    counts: NDArray[np.float64],
    rows: NDArray[np.float64],
    log_share: NDArray[np.float64],
    bounds: NDArray[np.int64],
    membership: NDArray[np.float64],
    met: NDArray[np.float64],
    spent: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set the probability of each worker to be of each type; and unless ``met`` has no rows, what
    the counts say of the pseudo-answers.
    """

def types_tables(
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    counts: NDArray[np.float64],
    rows: NDArray[np.float64],
    membership: NDArray[np.float64],
    table: NDArray[np.float64],
    slope: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set log-probabilities of the pairs by true class, and what an answer left out changes."""

# --- votes: weighted votes on the labels that each task received

def votes_vote(
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    worker: NDArray[np.int32],
    by_worker: NDArray[np.float64],
    by_answer: NDArray[np.float64],
    draw: NDArray[np.float64],
    posterior: NDArray[np.float64],
    labels: NDArray[np.int32],
    confidence: NDArray[np.float64],
    entropy: NDArray[np.float64],
    *,
    abstain: bool,
    hard: bool,
    decided: bool,
    threads: int,
) -> None:
    """Set posterior, label (-1: none), confidence and entropy of the votes on each task."""

def votes_scores(
    ptr: NDArray[np.int64],
    slot: NDArray[np.int32],
    worker: NDArray[np.int32],
    by_worker: NDArray[np.float64],
    by_answer: NDArray[np.float64],
    out: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set the sum of weights on each slot."""

def votes_winners(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    score: NDArray[np.float64],
    out: NDArray[np.float64],
    *,
    n_classes: int,
    zero: float,
    shares: bool,
    threads: int,
) -> None:
    """Set 1 / m on each of m tied winners, or with ``shares`` shares where a score is positive."""

def votes_one_hot(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    label: NDArray[np.int32],
    chosen: NDArray[np.int32],
    out: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set 1 on the slot of the chosen label, 0 elsewhere."""

def votes_values(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    label: NDArray[np.int32],
    posterior: NDArray[np.float64],
    out: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set the entries of a posterior on the slots."""

def votes_worker_sums(
    ptr: NDArray[np.int64],
    slot: NDArray[np.int32],
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    weight: NDArray[np.float64],
    value: NDArray[np.float64],
    bounds: NDArray[np.int64],
    out: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set each worker's sum of the values on the slots of answers, those of blocks in order."""

def votes_right(
    ptr: NDArray[np.int64],
    label: NDArray[np.int32],
    worker: NDArray[np.int32],
    by_worker: NDArray[np.float64],
    by_answer: NDArray[np.float64],
    draw: NDArray[np.float64],
    gold: NDArray[np.int32],
    bounds: NDArray[np.int64],
    out: NDArray[np.float64],
    *,
    n_classes: int,
    decided: bool,
    majority: bool,
    threads: int,
) -> None:
    """Set each worker's sum of the weights of answers that win, those of blocks in order."""

def votes_confidence(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    share: NDArray[np.float64],
    winner: NDArray[np.float64],
    confidence: NDArray[np.float64],
    entropy: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set the share of the winner, and the entropy of the shares."""

def votes_dense(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    label: NDArray[np.int32],
    share: NDArray[np.float64],
    rest: NDArray[np.float64],
    prior: NDArray[np.float64],
    out: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set rows of the shares, with ``rest`` times ``prior`` for classes not received."""

def votes_pick(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    label: NDArray[np.int32],
    score: NDArray[np.float64],
    draw: NDArray[np.float64],
    out: NDArray[np.int32],
    *,
    abstain: bool,
    threads: int,
) -> None:
    """Set the label of each row of scores, -1 for none; without ``ptr`` rows are equally long."""
