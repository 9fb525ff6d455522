"""Crowds with known truth: models of workers and tasks, and files to try methods on.

>>> from peerannot.simulation import simulate
>>> drawn = simulate("independent-confusion", n_worker=30, n_task=200, n_classes=5, feedback=10)
>>> drawn.answers
Answers(200 tasks, 30 workers, 5 classes, 2000 answers)
>>> drawn.truth.shape, drawn.matrices.shape
((200,), (30, 5, 5))

The models of the published package (hammer-spammer, student-teacher, independent-confusion,
discrete-difficulty) keep its random stream: the same options and seed give the same answers,
up to a million of them; past that, and for the other models, a vectorised stream is used
(option ``stream``). Class prior, activity, drift, copying and abstention go with every model
(see `Crowd`). Images need the extra ``demo``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peerannot._lazy import resolve
from peerannot._options import option
from peerannot._progress import Progress, silent
from peerannot._text import did_you_mean
from peerannot.errors import ParameterError
from peerannot.simulation.base import SIMULATIONS, Simulation, Simulator
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.plan import Plan
from peerannot.simulation.write import save, write_parquet

if TYPE_CHECKING:
    from peerannot.simulation.images import digits, save_with_images

__all__ = [
    "SIMULATIONS",
    "Crowd",
    "Plan",
    "Simulation",
    "Simulator",
    "build",
    "digits",
    "option",
    "save",
    "save_with_images",
    "simulate",
    "write_parquet",
]


def build(spec: str, options: Mapping[str, str] | None = None) -> Simulator:
    """A simulator from what a user types: ``"glad[ability_mean=2]"``, and options given apart.

    Raises
    ------
    ParameterError
        The name or an option is unknown, or a value is out of its range.
    """
    return SIMULATIONS.build(spec, options)


def simulate(
    model: str = "hammer-spammer",
    *,
    truth: NDArray[np.integer[Any]] | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Simulation:
    """Simulate a crowd; options of `Crowd` and of the model go side by side.

    Parameters
    ----------
    model
        Name of a model, see `SIMULATIONS`.
    truth
        True classes, int (n_task,), where they are known; drawn otherwise.
    progress
        Told about the tasks done.

    Raises
    ------
    ParameterError
        The model or an option is unknown, out of range, or contradicts another.
    """
    cls = SIMULATIONS[model]
    of_crowd = {f.name for f in dataclasses.fields(Crowd)}
    of_model = {f.name for f in dataclasses.fields(cls)}
    for key in options:
        if key not in of_crowd | of_model:
            raise ParameterError(
                f"{cls.name} has no option {key!r}" + did_you_mean(key, of_crowd | of_model)
            )
    crowd = Crowd(**{k: v for k, v in options.items() if k in of_crowd})
    simulator = cls(**{k: v for k, v in options.items() if k in of_model})
    return simulator.draw(crowd, truth=truth, progress=progress)


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, {"digits": "images", "save_with_images": "images"})
