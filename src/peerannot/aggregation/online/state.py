r"""Learning from answers that keep coming: a state that batches of answers are added to.

>>> from peerannot.aggregation import MajorityVote
>>> from peerannot.answers import Answers
>>> rule = MajorityVote()
>>> state = rule.partial_fit(Answers.from_arrays(["a", "a"], ["u", "v"], [0, 1], classes=2))
>>> state = rule.partial_fit(Answers.from_arrays(["a", "b"], ["w", "u"], [1, 0], classes=2), state)
>>> state.result().label_names()
['1', '0']

Three kinds of strategies are additive:

* Rules that a pass over the votes settles (majority vote, vote shares, two thirds, weighted and
  gold votes, Wawa). Any split of the answers into batches gives the very bytes of the fit.
* LA in one and two passes: each answer is weighed once, when it comes. Batches of whole tasks in
  the order of their ids give the very bytes of the fit with ``order="given"``.
* Dawid-Skene, its MAP form, and IBCC, by EM with decaying steps. They come near the fit; one
  batch under ``begin="fit"`` is the fit, one iteration on.

**Decaying steps.** EM needs only the sums of the E-step: the confusion counts :math:`C^j` and
the class sums. A batch reads the tasks that it touches again (all their answers, also older
ones), gives :math:`\hat C^j` over :math:`m_j` answers of worker j, and moves the mean count:

.. math::
    \frac{C^j}{n_j} \leftarrow (1 - \gamma_j) \frac{C^j}{n_j'} + \gamma_j \frac{\hat C^j}{m_j},
    \qquad \gamma_j = \left(\frac{m_j}{n_j}\right)^\kappa

with :math:`n_j` (:math:`n_j'`) the worker's answers after (before) the batch, and the class
frequencies alike with tasks in place of answers. Batches of equal size on new tasks have
:math:`\gamma = t^{-\kappa}`, the step of Cappé and Moulines, whose sums diverge and squares
converge for :math:`1/2 < \kappa \le 1`. With :math:`\kappa = 1` all answers weigh the same
(incremental EM of Neal and Hinton without withdrawal); less forgets early counts, which were
made with poor parameters. A batch that touches every task has :math:`\gamma = 1`: plain EM.
Each batch is read ``passes`` times, each time with the counts that the last reading gave.

References
----------
Cappé, O. and Moulines, E. (2009). On-line expectation-maximization algorithm for latent data
models. JRSS-B 71(3), 593-613, equation 15.

Neal, R. M. and Hinton, G. E. (1998). A view of the EM algorithm that justifies incremental,
sparse, and other variants. Learning in Graphical Models.

Liang, P. and Klein, D. (2009). Online EM for unsupervised models. NAACL, section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, cast, get_args

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.fit import Fit
from peerannot.aggregation.online.files import write_state
from peerannot.aggregation.online.memory import KeptCounts, KeptRows
from peerannot.aggregation.online.models import Batch, Sums
from peerannot.aggregation.result import Result
from peerannot.aggregation.uncertainty.calibration import Calibration, calibrated_result
from peerannot.answers import Answers, DuplicatePolicy, gold_labels
from peerannot.errors import DataError, ParameterError

__all__ = ["Additive", "OnlineState", "add_answers"]

Begin = Literal["read", "fit"]


class Additive(Protocol):
    """What a state asks of its strategy, see `peerannot.aggregation.base.Strategy`."""

    name: ClassVar[str]
    counts_votes: ClassVar[bool]
    takes_gold: ClassVar[bool]

    def with_files(self) -> Self: ...

    def grow(self, sums: Sums, batch: Batch) -> Sums:
        """The sums with a batch in them."""

    def read(self, answers: Answers, sums: Sums, gold: NDArray[np.int32]) -> Fit:
        """What the sums say of all tasks."""

    def result_of(self, answers: Answers, fit: Fit) -> Result: ...


@dataclass(frozen=True, eq=False, repr=False)
class OnlineState:
    """What a strategy knows after some batches of answers. Nothing changes it.

    Attributes
    ----------
    strategy : Strategy
    memory : KeptRows or Counts
        The answers; for rules that only count votes, under ``duplicates="all"``, counts by task
        and label.
    gold : int32 array (n_tasks,)
        Known classes, -1 for unknown.
    sums : mapping of name to array
        What the model has added up.
    updates : int
        Batches so far.
    duplicates
        What a second answer of a worker to a task does, within and across batches: it is the
        ``"last"`` (default) or ``"first"`` that counts, ``"all"`` count, or it is an
        ``"error"`` if it differs. Under all but ``"all"``, an answer sent again changes nothing.
    decay : float
        Exponent of the steps of EM, in (1/2, 1].
    passes : int
        Times that EM reads each batch.
    begin
        What EM does with the first batch: ``"read"`` it like any other, which is safe for small
        ones; or ``"fit"`` it to convergence, for a first batch that is most of the data.
    calibration : Calibration or None
        How the probabilities of a result are changed.
    """

    strategy: Additive
    memory: KeptRows | KeptCounts
    gold: NDArray[np.int32]
    sums: Sums
    updates: int = 0
    duplicates: DuplicatePolicy = "last"
    decay: float = 0.8
    passes: int = 1
    begin: Begin = "read"
    calibration: Calibration | None = None

    @property
    def n_answers(self) -> int:
        """Answers that count."""
        if isinstance(self.memory, KeptCounts):
            return int(self.memory.count.sum())
        return self.memory.answers.n_answers

    def result(self) -> Result:
        """Labels of all tasks by what is known now: one pass over the answers."""
        answers = self.memory.answers
        rule = self.strategy.with_files()
        result = rule.result_of(answers, rule.read(answers, self.sums, self.gold))
        if isinstance(self.memory, KeptCounts):
            result = replace(
                result,
                worker_answers=self.memory.worker_answers,
                input_sha256=self.memory.digest,
            )
        if self.calibration is None:
            return result
        return calibrated_result(result, self.calibration, answers.weight_per_task, self.known)

    @property
    def known(self) -> NDArray[np.bool_] | None:
        """Tasks whose class is known, bool (n_tasks,), where the strategy holds it fixed."""
        return self.gold >= 0 if self.strategy.takes_gold else None

    def save(self, folder: str | Path) -> Path:
        """Write the state into a folder; `load_state` reads it back.

        ``manifest.json`` is replaced last, and names the file of arrays; whatever happens on
        the way, the folder holds the old state or the new one.

        Raises
        ------
        StorageError
            A file cannot be written; the old state stays.
        """
        facts = {
            "strategy": self.strategy.name,
            "options": asdict(cast(Any, self.strategy)),
            "duplicates": self.duplicates,
            "decay": self.decay,
            "passes": self.passes,
            "begin": self.begin,
            "updates": self.updates,
            "n_answers": self.n_answers,
            "keeps": "counts" if isinstance(self.memory, KeptCounts) else "rows",
        }
        if self.calibration is not None:
            facts["calibration"] = self.calibration.as_dict()
        arrays = {f"memory.{k}": v for k, v in self.memory.arrays().items()}
        arrays |= {f"sums.{k}": v for k, v in self.sums.items()}
        arrays["gold"] = self.gold
        vocabularies = {n: getattr(self.memory, n) for n in ("tasks", "workers", "classes")}
        return write_state(Path(folder), facts, arrays, vocabularies)

    def __repr__(self) -> str:
        m = self.memory
        return (
            f"OnlineState({self.strategy.name}, {self.updates} batches, {len(m.tasks)} tasks,"
            f" {len(m.workers)} workers, {self.n_answers} answers)"
        )


def add_answers(
    strategy: Additive,
    answers: Answers,
    state: OnlineState | None = None,
    *,
    gold: Mapping[str, Any] | None = None,
    **options: Any,
) -> OnlineState:
    """Add answers to a state; see `Strategy.partial_fit`.

    A batch that brings nothing new, as when it is sent again, leaves the state as it is.

    Cost: a merge of the batch with the answers kept, O(answers kept) copies but no arithmetic,
    then the touched tasks only.
    """
    if state is None:
        state = _new(strategy, answers, **options)
    elif options:
        raise ParameterError(f"{', '.join(options)}: a state keeps the options that it began with")
    elif state.strategy != strategy:
        raise ParameterError(
            f"the state is of {state.strategy!r}, not of {strategy!r}; begin a new one"
        )
    memory, change = state.memory.add(answers)
    known = np.full(len(memory.tasks), -1, np.int32)
    known[change.task] = state.gold
    if gold is not None:
        given = gold_labels(memory.answers, gold)
        known = np.where(given >= 0, given, known)
    if state.updates and _is_same(state, memory, known):
        return state
    sums: Sums = {}
    if isinstance(memory, KeptRows) and isinstance(state.memory, KeptRows):
        batch = Batch(
            memory,
            state.memory,
            change,
            known,
            state.updates,
            state.decay,
            state.passes,
            state.begin,
        )
        sums = strategy.grow(state.sums, batch)
    return replace(state, memory=memory, gold=known, sums=sums, updates=state.updates + 1)


def _is_same(state: OnlineState, memory: KeptRows | KeptCounts, gold: NDArray[np.int32]) -> bool:
    """Whether a batch brought nothing: no id, no answer and no known label that is not there."""
    before, after = state.memory.arrays(), memory.arrays()
    return (
        state.memory.tasks == memory.tasks
        and state.memory.workers == memory.workers
        and before.keys() == after.keys()
        and all(np.array_equal(before[name], after[name]) for name in before)
        and np.array_equal(state.gold, gold)
    )


def _new(
    strategy: Additive,
    answers: Answers,
    *,
    duplicates: DuplicatePolicy = "last",
    decay: float = 0.8,
    passes: int = 1,
    begin: Begin = "read",
) -> OnlineState:
    """A state without answers."""
    if duplicates not in get_args(DuplicatePolicy):
        raise ParameterError(f"duplicates must be last, first, all or error, not {duplicates!r}")
    if not 0.5 < decay <= 1:
        raise ParameterError(f"decay must be above 0.5 and at most 1, not {decay!r}")
    if passes < 1:
        raise ParameterError(f"passes must be at least 1, not {passes!r}")
    if begin not in get_args(Begin):
        raise ParameterError(f"begin must be read or fit, not {begin!r}")
    if answers.n_classes == 0:
        raise DataError("answers: there are no answers and no classes; nothing to aggregate")
    counted = strategy.counts_votes and duplicates == "all" and answers.weight is None
    memory: KeptRows | KeptCounts = (
        KeptCounts.empty(answers.classes)
        if counted
        else KeptRows.empty(answers.classes, duplicates)
    )
    none = np.empty(0, np.int32)
    return OnlineState(strategy, memory, none, {}, 0, duplicates, float(decay), int(passes), begin)
