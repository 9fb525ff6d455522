"""Every model on a real cluster: its works are sent, kept, cut off, and gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs the extra cluster")

from helpers.examples import part_of
from helpers.small_shards import assert_as_on_one_machine, shards
from peerannot.aggregation import STRATEGIES, build
from peerannot.distributed import fit

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*stopped after:peerannot.errors.ConvergenceWarning"
)

SPECS = ["TwoThird", "WMV", "LFC[max_iter=3]", "FDS[max_iter=3,ties=random]", "WDS[max_iter=3]"]
SPECS += ["IBCC[max_iter=3]", "one-coin[max_iter=3]", "MACE[restarts=2,max_iter=3]", "Wawa"]
SPECS += ["IWMV[max_iter=3]", "ZBS[max_iter=3]", "LA[order=given]", "LA2[order=given]"]
SPECS += ["GLAD[max_iter=3]", "PlantNet[theta_conf=0.5]", "MV", "NaiveSoft", "DS[max_iter=3]"]
SPECS += ["ZC[max_iter=3]", "hybrid-ds[max_iter=3]", "PM[ties=random]", "CRH", "CATD", "M-MSR"]
SPECS += ["BWA[max_iter=3]", "class-one-coin[max_iter=3]", "DSWC[max_iter=3]"]
SPECS += ["KOS[spread=1,max_iter=4]"]
SPECS += ["DS[accelerate=true,max_iter=9]", "GLAD[accelerate=true,max_iter=9]"]
SPECS += ["EBCC[subtypes=2,restarts=2,max_iter=3]", "crowdlab[probabilities=p.npy]"]
SPECS += ["hierarchical-dawid-skene[max_iter=3]", "hierarchical-mace[max_iter=3]"]
SPECS += ["bwa-normalised[max_iter=3]", "pool[max_iter=8]"]


def classifier(n_tasks: int) -> None:
    """Probabilities of three classes in the folder where one works, for what needs some."""
    np.save("p.npy", np.random.default_rng(0).uniform(0.1, 1.0, (n_tasks, 3)))


class Cut(Exception):
    """The run ends here."""


# With weights or without, and in order or shuffled between partitions, the models send the same
# works: each is tried in one of the four ways.
WAYS = [(weighted, order) for weighted in (False, True) for order in ("sorted", "shuffled")]
CASES = [(s, *way) for i, s in enumerate(SPECS) for way in part_of(WAYS, i % 4, 4)]


@pytest.mark.parametrize(("spec", "weighted", "order"), CASES)
def test_equals_one_machine(
    tmp_path: Path, client: Any, spec: str, weighted: bool, order: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pattern = shards(tmp_path / "in", n_tasks=40, weighted=weighted, order=order)
    weight = {"weight_col": "w"} if weighted else {}
    monkeypatch.chdir(tmp_path)
    classifier(40)
    fit(pattern, spec, output=tmp_path / "out", client=client, partitions=3, **weight)
    assert_as_on_one_machine(tmp_path / "out", pattern, spec, **weight)


def test_every_strategy_that_runs_on_partitions_is_tried_here() -> None:
    # Gold labels, and what needs them, are tried in test_engine.py.
    tried = {build(spec).name for spec in SPECS} | {"gold-majority-vote"}
    assert tried == {name for name in STRATEGIES if STRATEGIES[name].runs_on_partitions()}


@pytest.mark.parametrize(
    "spec",
    [
        "GLAD[max_iter=5]",
        "GLAD[accelerate=true,max_iter=9]",
        "IWMV",
        "MACE[restarts=2,max_iter=5]",
        "KOS[max_iter=4]",
        "BWA[max_iter=4]",
    ],
)
def test_what_partitions_keep_is_there_after_a_cut(tmp_path: Path, client: Any, spec: str) -> None:
    pattern = shards(tmp_path / "in", n_tasks=40)
    iterations: list[str] = []

    def cut(done: int, total: int | None = None, text: str = "") -> None:
        if any(word in text for word in ("log-", "objective", "change", "at rest")):
            iterations.append(text)
            if len(iterations) == 1:
                raise Cut

    options: dict[str, Any] = {"output": tmp_path / "out", "client": client, "partitions": 3}
    options["checkpoint_every"] = 1
    with pytest.raises(Cut):
        fit(pattern, spec, progress=cut, **options)
    iterations.append("the second run")
    assert fit(pattern, spec, progress=cut, resume=True, **options).resumed_at == 1
    assert_as_on_one_machine(tmp_path / "out", pattern, spec)
