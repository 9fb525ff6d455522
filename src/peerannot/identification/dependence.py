"""Whether workers err together, and how many independent votes theirs are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.aggregation import Result
from peerannot.agreement import ExcessAgreement
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.identification.base import Evidence, Findings, Method, worst_first
from peerannot.identification.registry import METHODS

__all__ = ["Dependence", "SharedErrors", "effective_votes", "shared_errors"]

FEW_KNOWN = 20  # known tasks that a pair shares at least


def effective_votes(n: int, correlation: float) -> float:
    r"""Independent votes that n votes of mean correlation r are worth, n / (1 + (n - 1) r).

    Never more than n: a correlation below 0 counts as 0.

    References
    ----------
    Kish, L. (1965). Survey Sampling, section 8.2.
    """
    return n / (1 + (n - 1) * max(correlation, 0.0))


@dataclass(frozen=True)
class SharedErrors:
    """Correlations of errors of pairs of workers.

    Attributes
    ----------
    first, second : int64 arrays (n_pairs,)
        Positions of workers.
    shared, agreement : float64 arrays (n_pairs,)
        Tasks that both answered, and the share of them where they agree.
    correlation : float64 array (n_pairs,)
        Of being wrong.
    explained : float64 array (n_pairs,)
        What of it the confusions explain: both are wrong more often where the class is hard.
    known : bool
        Whether known labels say who is wrong.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    shared: NDArray[np.float64]
    agreement: NDArray[np.float64]
    correlation: NDArray[np.float64]
    explained: NDArray[np.float64]
    known: bool

    @property
    def beyond(self) -> NDArray[np.float64]:
        """Correlation of errors that confusions do not explain."""
        return self.correlation - self.explained

    def among(self, members: NDArray[np.bool_]) -> tuple[int, int, float, float]:
        """Workers, pairs, mean correlation and effective votes of some of the workers.

        Only workers with a pair among them count; pairs weigh by the tasks shared. NaN without
        any pair.
        """
        inside = members[self.first] & members[self.second]
        met = np.unique(np.concatenate((self.first[inside], self.second[inside])))
        if not met.size:
            return int(members.sum()), 0, np.nan, np.nan
        mean = float(np.average(self.beyond[inside], weights=self.shared[inside]))
        return int(met.size), int(inside.sum()), mean, effective_votes(met.size, mean)


def shared_errors(
    answers: Answers,
    result: Result,
    *,
    labels: NDArray[np.integer[Any]] | None = None,
    min_shared: int = 100,
) -> SharedErrors:
    r"""Correlation of the errors of each pair of workers.

    With known labels errors are counted, on the tasks that have one. Without,

    .. math::
        P(\text{both wrong}) = \frac{P(\text{agree}) - 1 + e_a + e_b}{1 + \tau}

    where the agreement is observed, the error rates :math:`e` are the mean of those of the result
    and of those that agreements between groups give (`ExcessAgreement.accuracy`, where there are
    three groups), and :math:`\tau`, how often two wrong answers are one class, is read off the
    posterior. So the posterior, which takes what everybody says for true, does not decide who
    errs together. What
    *all* workers get wrong in the same tasks still passes for the truth: without known labels
    the correlation is too low there, and the effective votes are too many.

    Parameters
    ----------
    result
        An aggregation of these answers that has skills and confusions, best `LatentFactor`.
    labels
        Known classes, (n_tasks,), -1 for unknown.
    min_shared
        Fewest tasks that a pair shares; of known ones 20 are enough.

    Raises
    ------
    DataError
        The result is not one of these answers, or no pair shares enough tasks.

    Notes
    -----
    Weights of answers do not count. Cost O(K x sum over tasks of answers squared).
    """
    if result.tasks != answers.tasks or result.classes != answers.classes:
        raise DataError("dependence: the result is not one of these answers")
    if result.confusion is None or result.skill is None or result.prior is None:
        raise DataError("dependence: the result has no confusion matrices")
    posterior, least = result.dense_posterior(), min_shared
    known = labels is not None
    if labels is not None:
        told = np.flatnonzero(labels >= 0)
        answers, least = answers.of_tasks(told), min(min_shared, FEW_KNOWN)
        posterior = np.eye(answers.n_classes)[labels[told]]
    pairs = ExcessAgreement.of(answers, least)
    if not len(pairs):
        tasks = "known tasks" if known else "tasks"
        raise DataError(
            f"dependence: no two workers answered the same {least} {tasks}; lower min_shared"
        )
    both, same, wrong = _joint(answers, posterior, pairs)
    a, b, confusion = pairs.first, pairs.second, result.confusion
    if known:
        e_a, e_b = wrong
    else:
        column = result.worker_columns.get("group", np.arange(answers.n_workers))
        group = np.asarray(column, dtype=np.int64)
        alike = group[a] == group[b]
        tau = np.empty(len(pairs))
        for part in (alike, ~alike):
            of_wrong = same[part].sum() / max(float(both[part].sum()), 1e-12)
            tau[part] = np.clip(of_wrong, 1 / max(answers.n_classes - 1, 1), 1.0)
        miss = _error_rates(pairs, 1 - result.skill, group, tau[~alike])
        e_a, e_b = miss[a], miss[b]
        both = (pairs.agreement - 1 + e_a + e_b) / (1 + tau)
        both = np.clip(both, 0.0, np.minimum(e_a, e_b))
    spread = np.sqrt(e_a * (1 - e_a) * e_b * (1 - e_b))
    hard = 1 - np.einsum("jkk->jk", confusion)
    mean = hard @ result.prior
    given = (hard - mean[:, None]) * np.sqrt(result.prior)
    explained = (given[a] * given[b]).sum(1)

    def scaled(value: NDArray[np.float64]) -> NDArray[np.float64]:
        share = np.divide(value, spread, out=np.zeros(len(pairs)), where=spread > 1e-9)
        return np.asarray(np.clip(share, -1.0, 1.0))

    return SharedErrors(
        a, b, pairs.shared, pairs.agreement, scaled(both - e_a * e_b), scaled(explained), known
    )


def _error_rates(
    pairs: ExcessAgreement, told: NDArray[np.float64], group: NDArray[np.int64],
    tau: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """The mean of what a model says and of what pairs of different groups do.

    Pairs tell accuracies where there are three groups or more; wrong answers that are one class
    with probability tau are like those of 1 + 1 / tau classes.
    """
    if not tau.size or np.unique(group[np.concatenate((pairs.first, pairs.second))]).size < 3:
        return told
    read = 1 - replace(pairs, n_classes=1 + 1 / float(tau[0])).accuracy(group)
    met = np.zeros(told.size, np.bool_)
    met[pairs.first] = met[pairs.second] = True
    return np.where(met, (told + read) / 2, told)


def _joint(
    answers: Answers, posterior: NDArray[np.float64], pairs: ExcessAgreement
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[Any, Any]]:
    """Shares of the shared tasks where both are wrong, wrong alike, and each is."""
    from scipy.sparse import csr_array

    met, place = np.unique(np.concatenate((pairs.first, pairs.second)), return_inverse=True)
    a, b = place[: len(pairs)], place[len(pairs) :]
    row = np.full(answers.n_workers, -1)
    row[met] = np.arange(met.size)
    judged = row[answers.worker] >= 0
    worker, task = row[answers.worker[judged]], answers.task[judged]
    label = answers.label[judged]

    def table(value: NDArray[Any]) -> Any:
        return csr_array((value.astype(np.float64), (worker, task)), (met.size, answers.n_tasks))

    def of_pairs(left: Any, right: Any) -> NDArray[np.float64]:
        return np.asarray((left @ right.T).tocsr()[a, b]).ravel() / pairs.shared

    both, same = np.zeros(len(pairs)), np.zeros(len(pairs))
    for k in range(answers.n_classes):
        off, z = label != k, posterior[task, k]
        both += of_pairs(table(off * z), table(off))
        same += of_pairs(table(~off * (1 - z)), table(~off))
    error, seen = table(1 - posterior[task, label]), table(np.ones(task.size))
    return both, same, (of_pairs(error, seen), of_pairs(seen, error))


@METHODS.register("dependence")
@dataclass(frozen=True, kw_only=True)
class Dependence(Method):
    """Do judges err together, and how many independent votes are they worth?

    `latent-factor` is fitted, with the groups of ``workers.csv`` where it has some, else with
    those that it finds. Known labels, ``--hard-labels`` with -1 for unknown, say who is wrong;
    without them errors of all groups together pass for the truth. See `shared_errors`.

    Files: ``dependence.csv``, a row a pair, the most dependent first: first, second, shared,
    agreement, correlation, explained, beyond, same_group; ``dependence_groups.csv``: group,
    n_workers, n_pairs, correlation, effective_votes of all, of each kind of workers and of each
    group of two or more; ``dependence_workers.csv``: worker, kind, group.

    Parameters
    ----------
    min_shared
        Fewest tasks that a pair shares.
    max_iter
        Most iterations of a fit.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    takes_weights: ClassVar[bool] = False

    min_shared: int = option(100, at_least=2, help="fewest tasks that a pair shares")
    max_iter: int = option(200, at_least=1, help="most iterations of a fit")

    def _run(self, evidence: Evidence) -> Findings:
        from peerannot.aggregation.confusion.latent_factor import LatentFactor
        from peerannot.identification.aum import hard_labels

        answers = evidence.answers
        labels = None if evidence.labels is None else hard_labels(evidence)
        rule = LatentFactor(
            groups=dict(evidence.groups) or None, min_shared=self.min_shared,
            max_iter=self.max_iter,
        )  # fmt: skip
        result = rule.fit(answers, gold=labels, progress=evidence.progress)
        found = shared_errors(answers, result, labels=labels, min_shared=self.min_shared)
        group = np.asarray(result.worker_columns["group"], dtype=np.int64)
        names = _names(answers, group, evidence.groups)
        order = worst_first(found.beyond, high_is_bad=True)
        first, second = found.first[order], found.second[order]
        table = {
            "first": [answers.workers[int(j)] for j in first],
            "second": [answers.workers[int(j)] for j in second],
            "shared": found.shared[order].astype(np.int64),
            "agreement": found.agreement[order],
            "correlation": found.correlation[order],
            "explained": found.explained[order],
            "beyond": found.beyond[order],
            "same_group": group[first] == group[second],
        }
        groups = _groups(found, group, names, np.array(evidence.kind_of_workers()))
        return Findings(
            table,
            "identification/dependence.csv",
            "beyond",
            "pair",
            files={
                "identification/dependence_groups.csv": groups,
                "identification/dependence_workers.csv": {
                    "worker": list(answers.workers),
                    "kind": evidence.kind_of_workers(),
                    "group": [names.get(int(g), "") for g in group],
                },
            },
            summary={
                "n_workers": groups["n_workers"][0],
                "effective_votes": groups["effective_votes"][0],
                "mean_correlation": groups["correlation"][0],
                "n_groups": len(names),
                "known_labels": int((labels >= 0).sum()) if labels is not None else 0,
            },
            axis="correlation of errors beyond confusions",
        )


def _names(answers: Answers, group: NDArray[np.int64], given: Mapping[str, str]) -> dict[int, str]:
    """Name of each group of two or more: as given, else its first member's with a plus."""
    names = {}
    for g in np.flatnonzero(np.bincount(group) > 1):
        head = answers.workers[int(np.flatnonzero(group == g)[0])]
        names[int(g)] = given.get(head, f"{head}+")
    return names


def _groups(
    found: SharedErrors, group: NDArray[np.int64], names: Mapping[int, str], kinds: NDArray[Any]
) -> dict[str, list[Any]]:
    """The table of groups: all, each kind, each group."""
    rows = {"all": np.ones(group.size, np.bool_)}
    if len(set(kinds.tolist())) > 1:
        rows |= {f"kind {kind}": kinds == kind for kind in sorted(set(kinds.tolist()))}
    rows |= {name: group == g for g, name in names.items()}
    cells = [found.among(members) for members in rows.values()]
    columns = list(map(list, zip(*cells, strict=True)))
    heads = ("n_workers", "n_pairs", "correlation", "effective_votes")
    return {"group": list(rows), **dict(zip(heads, columns, strict=True))}
