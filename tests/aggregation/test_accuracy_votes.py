"""Accuracy of vote-like strategies on real answers, against published and reference figures.

Exact repeats of a row are dropped, contradictions kept; ties count by their shares. The figures
were made by implementations that take the first of tied classes in the order of the file. With
``ties="first"`` ours must equal them. The default depends on no order; where that costs more
than the tolerance, the figure it gives stands in ``SYMMETRIC``. The order alone moves the
reference as far: with classes in reverse order Wawa falls from .8168 to .7648 on web, PM from
.8828 to .8740 on ZenCrowd_us, CATD from .7377 to .7128 on web.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.real_crowds import SETS, accuracy, real_crowd
from peerannot.aggregation import build
from peerannot.answers import DuplicatePolicy

TARGETS = {
    "MV": ".8533 .7042 .8859 .8615 .8966 .6367 .7583 .7593 .8969 .6514 .7307",
    "Wawa": ".8567 .7986 .8950 .8657 .8966 .6301 .7628 .7593 .9213 .6457 .8168",
    "IWMV": ".8567 .8000 .9052 .8706 .9274 .6301 .7658 .7222 .9275 .5912 .8496",
    "LA1": ".8533 .8014 .8950 .8632 .9155 .6301 .7628 .7593 .9250 .6440 .8232",
    "LA2": ".8533 .7957 .9036 .8686 .9268 .6301 .7658 .7593 .9263 .6321 .8391",
    "PM": ".8500 .7986 .9122 .8828 .9263 .6079 .7628 .7870 .9225 .6229 .8504",
    "CATD": ".8600 .8014 .9120 .9078 .9245 .6147 .7508 .7778 .9187 .6185 .7377",
    "BWA": ".8600 .7857 .9170 .9108 .9194 .6182 .7417 .7593 .9275 .6044 .8225",
}
# The first of tied classes, as the reference took them; LA read the tasks in this order.
AS_REFERENCE = {
    "MV": "MV",
    "Wawa": "Wawa[ties=first]",
    "IWMV": "IWMV[ties=first]",
    "LA1": "LA1[seed=1]",
    "LA2": "LA2[seed=1]",
    "PM": "PM[ties=first]",
    "CATD": "CATD[ties=first]",
    "BWA": "BWA",
}
TOLERANCE = {"LA1": 0.01, "LA2": 0.01}

# Where the default is not within .002 of the reference.
SYMMETRIC = {
    ("Wawa", "ZenCrowd_us"): 0.8623,
    ("Wawa", "adult"): 0.7658,
    ("Wawa", "trec"): 0.6422,
    ("Wawa", "web"): 0.8119,
    ("IWMV", "web"): 0.8443,
    ("PM", "ZenCrowd_us"): 0.8740,
    ("PM", "rte"): 0.9200,
    ("PM", "web"): 0.8451,
    ("CATD", "CF_amt"): 0.8633,
    ("CATD", "trec"): 0.6154,
    ("CATD", "web"): 0.7343,
}

# The authors' code of BWA merges a worker's contradictory answers to a task (there are 116 here)
# into one answer for each class. Counted as answers they give .8838; by the default of readers,
# which keeps the last one, .9132.
REPEATS: dict[tuple[str, str], tuple[DuplicatePolicy, float]] = {
    ("BWA", "ZenCrowd_us"): ("last", 0.9132)
}


def fitted(spec: str, folder: Path, duplicates: DuplicatePolicy = "all") -> float:
    answers, truth = real_crowd(folder, duplicates)
    return accuracy(build(spec).fit(answers), truth)


@pytest.mark.filterwarnings("ignore::peerannot.errors.DataWarning")
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("strategy", TARGETS)
def test_equals_the_reference(strategy: str, name: str, real_data: Path) -> None:
    target = float(TARGETS[strategy].split()[SETS.index(name)])
    policy, target = REPEATS.get((strategy, name), ("all", target))
    got = fitted(AS_REFERENCE[strategy], real_data / "answers" / name, policy)
    assert got == pytest.approx(target, abs=TOLERANCE.get(strategy, 0.002))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("strategy", ["Wawa", "IWMV", "PM", "CATD"])
def test_without_an_order_of_classes(strategy: str, name: str, real_data: Path) -> None:
    target = float(TARGETS[strategy].split()[SETS.index(name)])
    got = fitted(strategy, real_data / "answers" / name)
    assert got == pytest.approx(SYMMETRIC.get((strategy, name), target), abs=0.002)


@pytest.mark.parametrize("strategy", ["LA1", "LA2"])
def test_other_orders_of_tasks_are_as_good_on_average(strategy: str, real_data: Path) -> None:
    for name in ("product", "web"):
        target = float(TARGETS[strategy].split()[SETS.index(name)])
        folder = real_data / "answers" / name
        runs = [fitted(f"{strategy}[seed={s}]", folder) for s in range(8)]
        assert np.mean(runs) == pytest.approx(target, abs=0.01)
