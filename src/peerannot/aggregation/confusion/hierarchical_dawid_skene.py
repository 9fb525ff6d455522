"""Hierarchical Dawid-Skene: confusions are drawn from types of workers, which are learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.aggregation.base import Fit
from peerannot.aggregation.confusion.ibcc import off_diagonal_of
from peerannot.aggregation.confusion.model import confusions_of, ds_skill
from peerannot.aggregation.confusion.received_types import ReceivedTypesModel
from peerannot.aggregation.drawing.confusions import Confusions
from peerannot.aggregation.partitions.confusions import CommonPairs, em_of
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.received import MANY
from peerannot.aggregation.partitions.rounds import Model, Rounds, Settling
from peerannot.aggregation.passes.worker_types import WorkerTypes, begun_cells
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Result
from peerannot.answers import Answers

__all__ = ["HierarchicalDawidSkene", "types_model"]


@STRATEGIES.register("hierarchical-dawid-skene")
@dataclass(frozen=True, kw_only=True)
class HierarchicalDawidSkene(Rounds):
    r"""Dawid-Skene whose prior is learnt: workers are of types, types are what the crowd shows.

    .. math::
        P(z_i = k) = \rho_k, \qquad P(c_j = t) = \tau_t, \qquad
        \pi^j_k \mid c_j = t \sim Dir(\beta^t_k), \qquad P(y_{ij} = l \mid z_i = k) = \pi^j_{kl}

    Worker j is of one of ``types`` types, and each row of their confusion matrix :math:`\pi^j` is
    drawn from the Dirichlet distribution that the type has for it. With :math:`C^j_{kl} = \sum_i
    z_{ik} 1[y_{ij} = l]`,

    .. math::
        r_{jt} \propto \tau_t \prod_k \frac{B(\beta^t_k + C^j_k)}{B(\beta^t_k)}, \qquad
        z_{ik} \propto \rho_k \prod_j \sum_t r_{jt} \frac{\beta^t_{k y_{ij}} + C^j_{k y_{ij}} -
        z_{ik}}{\sum_l \beta^t_{kl} + C^j_{kl} - z_{ik}}

    where :math:`z_{ik}` on the right is that of the iteration before: a task is judged by what its
    workers did in all *other* tasks, so none confirms itself. From the sixth iteration on, or
    once a task moves by less than .01 on average, :math:`\beta` is learnt by one step of Minka's
    fixed point an iteration, under a Gamma prior whose mode is where it begins, :math:`b`:

    .. math::
        \beta^t_{kl} \leftarrow \frac{\beta^t_{kl} \sum_j r_{jt} (\psi(\beta^t_{kl} + C^j_{kl}) -
        \psi(\beta^t_{kl})) + a b^t_{kl}}{\sum_j r_{jt} (\psi(\sum_l \beta^t_{kl} + C^j_{kl}) -
        \psi(\sum_l \beta^t_{kl})) + a}

    A worker of few answers is taken for what such workers are in this crowd, not for what a fixed
    prior says.

    Parameters
    ----------
    types
        Number of types of workers.
    prior
        ``estimated`` (:math:`\rho \sim Dir(1)`) or ``uniform`` frequencies of the classes.
    diagonal, off_diagonal
        Pseudo-answers that types begin with: as many in a row as these are together (of more than
        ten classes, at most 9 off the diagonal). The types differ in how many of them are right,
        in equal steps from chance to always; a single one has them as they are.
    pull
        :math:`a`, strength of the prior of :math:`\beta`, in workers.

    Notes
    -----
    Log-probabilities without a task's own counts are taken on the straight line between none of
    its answer left out and all of it, which is exact where there is no doubt. Confusions are
    posterior means. Worker column ``type`` is the most probable one, and ``extra`` has
    ``type_concentration`` (types, true, answered), :math:`\beta`, and ``membership`` (n_workers,
    types), :math:`r`.

    Of more than 64 classes, the candidates of a task are the labels that it received, and all rows
    of a type have one number for a right answer and one for each wrong label; there are no
    confusion matrices, and ``type_concentration`` is (types, 2).

    Cost: O(answers x distinct labels of a task) an iteration there, whatever the number of classes;
    else O(answers x K) and O(pairs x K x types) an iteration, where pairs are the (worker,
    label) that occur; the posterior is kept between iterations.

    References
    ----------
    Paun, S., Carpenter, B., Chamberlain, J., Hovy, D., Kruschwitz, U. and Poesio, M. (2018).
    Comparing Bayesian models of annotation. TACL 6 (hierarchical Dawid-Skene).

    Venanzi, M., Guiver, J., Kazai, G., Kohli, P. and Shokouhi, M. (2014). Community-based
    Bayesian aggregation models for crowdsourcing. WWW (types of workers).

    Minka, T. (2000). Estimating a Dirichlet distribution, equation 55.

    Asuncion, A., Welling, M., Smyth, P. and Teh, Y. W. (2009). On smoothing and inference for
    topic models. UAI, equation 17 (counts without one's own).
    """

    relaxed_by: ClassVar[Mapping[str, str]] = {
        "difficulty": "ebcc", "skill": "dawid-skene", "dependence": "ebcc",
    }  # fmt: skip

    types: int = option(4, at_least=1, help="number of types of workers")
    prior: Literal["uniform", "estimated"] = option("estimated", help="frequencies of the classes")
    diagonal: float = option(4.0, above=0.0, help="first pseudo-count of right answers")
    off_diagonal: float = option(1.0, above=0.0, help="first pseudo-count of each wrong answer")
    pull: float = option(1.0, above=0.0, help="strength of the prior of what is learnt, in workers")

    def models(self, parts: Parts) -> Sequence[Model]:
        many = len(parts.shape.classes) > MANY
        common = CommonPairs.of(parts, model=self.name, columns=1 if many else None)
        return [types_model(self, common, parts)]

    def answer_model(self, answers: Answers, result: Result) -> Confusions:
        return confusions_of(self.name, answers, result)


def types_model(rule: HierarchicalDawidSkene, common: CommonPairs, parts: Parts) -> Model:
    """The model of a rule, as the number of classes asks for."""
    k = len(parts.shape.classes)
    if k <= MANY:
        return TypesModel(rule, common, k)
    off = off_diagonal_of(rule.off_diagonal, k)
    begun = begun_cells(rule.types, k, rule.diagonal, off)
    return ReceivedTypesModel(common, parts, begun, rule.pull, uniform=rule.prior == "uniform")


class TypesModel:
    """Hierarchical Dawid-Skene between rounds.

    Parameters
    ----------
    rule
        Its options.
    common
        The pairs that occur.
    n_classes
    """

    n_sums, is_joint = 3, True

    def __init__(self, rule: HierarchicalDawidSkene, common: CommonPairs, n_classes: int) -> None:
        self._rule, self._pairs, self._keys = rule, common.pairs, common.keys
        self.begin, self.step, self.write = _begin, _step, _write
        off = off_diagonal_of(rule.off_diagonal, n_classes)
        self._types = WorkerTypes.begun(rule.types, n_classes, rule.diagonal, off, rule.pull)
        self._settling = Settling()
        self._counts = np.zeros((len(self._pairs), n_classes))
        self._mass = np.zeros(n_classes)
        self._membership = np.zeros((self._pairs.ptr.size - 1, rule.types))

    def first(self) -> tuple[Any, ...]:
        return (self._keys,)

    def given(self) -> tuple[Any, ...]:
        table, slope = self._types.tables(self._pairs, self._counts, self._membership)
        return table, slope, np.log(self._frequency()), self._keys

    def take(self, sums: tuple[Any, ...]) -> float:
        self._counts, self._mass, change = sums
        moved = self._settling.after(float(change) / max(float(self._mass.sum()), 1.0))
        self._membership, self._types = self._types.membership(
            self._pairs, self._counts, learns=self._settling.learns
        )
        return moved

    def state(self) -> dict[str, Any]:
        return {
            "counts": self._counts, "mass": self._mass, "rows": self._types.rows,
            "share": self._types.share, "membership": self._membership, **self._settling.state(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        self._counts, self._mass = state["counts"], state["mass"]
        self._types = replace(self._types, rows=state["rows"], share=state["share"])
        self._membership, self._settling = state["membership"], Settling.of(state)

    def fit(self) -> Fit:
        frequency = self._frequency()
        confusion = self._types.means(self._pairs, self._counts, self._membership)
        return Fit(
            None,
            skill=None if confusion is None else ds_skill(confusion, frequency),
            confusion=confusion,
            prior=frequency,
            worker_columns={"type": self._membership.argmax(1).astype(np.int32)},
            extra={
                "type_concentration": self._types.rows.transpose(0, 2, 1),
                "membership": self._membership,
            },
        )

    def _frequency(self) -> NDArray[np.float64]:
        """Expected frequencies of the classes."""
        seen = np.ones(self._mass.size) if self._rule.prior == "uniform" else self._mass + 1.0
        return np.asarray(seen / seen.sum())


def _begin(part: Part, keys: NDArray[np.int64] | None) -> tuple[Any, tuple[Any, ...]]:
    counts, mass, posterior = em_of(part, keys=keys).begun()
    return posterior, (counts, mass, 0.0)


def _step(
    part: Part, owns: Sequence[NDArray[np.float64]], given: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, tuple[Any, ...]]]:
    return [
        (posterior, tuple(sums)) for posterior, *sums in _passes(part, owns, given, over=part.alone)
    ]


def _write(part: Part, own: NDArray[np.float64], *given: Any) -> Any:
    return _passes(part, [own], [given], counted=False)[0][0]


def _passes(
    part: Part, owns: Sequence[NDArray[np.float64]], given: Sequence[tuple[Any, ...]],
    *, counted: bool = True, over: bool = False,
) -> list[tuple[Any, ...]]:  # fmt: skip
    tables, slopes, priors, keys = zip(*given, strict=True)
    em = em_of(part, keys=keys[0])
    return em.step_apart(tables, slopes, priors, owns, counted=counted, over=over)
