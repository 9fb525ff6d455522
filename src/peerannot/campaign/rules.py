"""What a campaign is after: how labels are found, what is asked, and when it is over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from peerannot._options import check
from peerannot.aggregation import Strategy, build
from peerannot.allocation import Policy, Stop
from peerannot.allocation import build as build_policy
from peerannot.errors import ParameterError

__all__ = ["Rules"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Settings of a campaign; another run of it may have others.

    Attributes
    ----------
    strategy : Strategy or str
    policy : Policy or str
    stop : Stop or mapping
        When a task is done, see `Stop`.
    least : int
        Answers that a task has at least before it is done: what fewer say is not believed, as a
        model has no errors to learn from where nobody was asked after another.
    batch : int
        Pairs of task and worker to ask next.
    per_worker : int or None
        Most of them for one worker.
    workers : sequence of str or None
        Who can be asked; None for whom the tool names, else who has answered.
    cost : mapping of worker to float, or None
        Cost of an answer; None for 1.
    budget : float or None
        What answers may cost in all from the campaign's first round on.
    target_accuracy : float or None
        Over once the expected share of right labels is as high. It needs a tool that knows all its
        tasks, as does the end where all are done.
    per_task : int or None
        Answers to each task that would be asked for otherwise, to say how many are saved.
    online : bool
        Whether new answers are added to what the strategy learned, instead of a fit of all.
    checks : bool
        Whether the strategy's model is checked now and then.

    Raises
    ------
    ParameterError
        A setting is out of range, or does not exist.
    """

    strategy: Any = "one-coin"
    policy: Any = "mutual-information"
    stop: Stop | Mapping[str, Any] | None = None
    least: int = 2
    batch: int = 100
    per_worker: int | None = None
    workers: Sequence[str] | None = None
    cost: Mapping[str, float] | None = field(default=None)
    budget: float | None = None
    target_accuracy: float | None = None
    per_task: int | None = None
    online: bool = False
    checks: bool = True

    def __post_init__(self) -> None:
        for name, make, kind in (
            ("strategy", build, Strategy), ("policy", build_policy, Policy),
        ):  # fmt: skip
            given = getattr(self, name)
            object.__setattr__(self, name, given if isinstance(given, kind) else make(given))
            check(getattr(self, name))
        object.__setattr__(self, "stop", Stop.of(self.stop))
        for name, least in (("least", 0), ("batch", 1), ("per_worker", 1), ("per_task", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ParameterError(f"{name} must be at least {least}, not {value!r}")
        if self.budget is not None and not (self.budget > 0 and math.isfinite(self.budget)):
            raise ParameterError(
                f"budget must be above 0 and finite, not {self.budget:g}: it is what the answers"
                " may cost"
            )
        if self.target_accuracy is not None and not 0 < self.target_accuracy < 1:
            raise ParameterError(
                f"target_accuracy must be between 0 and 1, not {self.target_accuracy:g}"
            )
        if self.online and not self.strategy.learns_online():
            raise ParameterError(
                f"{self.strategy.name} cannot learn from batches; leave online out, and it is"
                " fitted anew each round"
            )
