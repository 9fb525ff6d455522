"""Options: typed by the dataclass, bounded, never evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerannot._options import check, describe, from_text, option, parse_pairs, parse_spec
from peerannot._registry import Registry
from peerannot.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class Sample:
    count: int = option(3, at_least=1, at_most=10, help="a count")
    rate: float = option(0.5, above=0.0, below=1.0, help="a rate")
    mode: Literal["soft", "hard"] = option("soft", help="a mode")
    flag: bool = option(False, help="a flag")
    path: str | None = option(None, help="a path")
    limit: int | None = option(None, at_least=0, help="a limit")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("DS", ("DS", {})),
        (" DS[max_iter=50, tol=1e-6] ", ("DS", {"max_iter": "50", "tol": "1e-6"})),
        ("P[f='a,b]']", ("P", {"f": "a,b]"})),
        ('P[f="/a/b.txt"]', ("P", {"f": "/a/b.txt"})),
        ("P[f=/a/b.txt]", ("P", {"f": "/a/b.txt"})),
        ("P[]", ("P", {})),
    ],
)
def test_brackets(spec, expected):
    assert parse_spec(spec) == expected


@pytest.mark.parametrize(
    "spec", ["DS[", "DS]", "DS[a]", "DS[a=1][b=2]", "DS[a=1,a=2]", "P[f='x]", "D[=1]"]
)
def test_broken_brackets(spec):
    with pytest.raises(ParameterError):
        parse_spec(spec)


def test_values_are_typed_by_the_dataclass():
    sample = from_text(
        Sample,
        {
            "count": "1e1",
            "rate": "1e-3",
            "mode": "HARD",
            "flag": "True",
            "path": "none",
            "LIMIT": "4",
        },
    )
    assert sample == Sample(count=10, rate=1e-3, mode="hard", flag=True, path=None, limit=4)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"count": "0"}, "count must be at least 1, not 0"),
        ({"count": "11"}, "at most 10"),
        ({"count": "2.5"}, "count must be int"),
        ({"rate": "1"}, "below 1"),
        ({"rate": "nan"}, "rate must be a number"),
        ({"mode": "firm"}, "soft|hard"),
        ({"flag": "perhaps"}, "flag must be bool"),
        ({"cuont": "1"}, "did you mean 'count'"),
        ({"count": "__import__('os')"}, "count must be int"),
    ],
)
def test_wrong_values_say_what_is_right(raw, message):
    with pytest.raises(ParameterError) as caught:
        from_text(Sample, raw)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_check_finds_wrong_types_given_in_python():
    for wrong in (Sample(count=True), Sample(rate="1"), Sample(limit=-1)):  # type: ignore[arg-type]
        with pytest.raises(ParameterError):
            check(wrong)


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text):
    try:
        name, options = parse_spec(text)
    except ParameterError:
        return
    assert isinstance(name, str)
    assert all(isinstance(v, str) for v in options.values())


def test_pairs_and_descriptions():
    assert parse_pairs(["a=1", "b = x"]) == {"a": "1", "b": "x"}
    assert [row[0] for row in describe(Sample)] == [
        "count",
        "rate",
        "mode",
        "flag",
        "path",
        "limit",
    ]


def test_registry_is_blind_to_spelling_and_names_near_matches():
    things: Registry[type] = Registry("thing")

    @things.register("big-thing", "BT")
    class BigThing: ...

    assert things["Big_Thing"] is things["bigthing"] is things["bt"] is BigThing
    assert list(things) == ["big-thing"]
    with pytest.raises(ParameterError, match="unknown thing 'bgthing'; did you mean 'big-thing'"):
        things["bgthing"]
    with pytest.raises(ValueError, match="already belongs"):
        things.register("other", "bt")(type("Other", (), {}))


def test_options_given_apart_go_over_those_in_brackets() -> None:
    from peerannot import aggregation, identification, simulation

    built = [
        (aggregation.build("DS[max_iter=3,tol=0.5]", {"max-iter": "7"}), "max_iter", 7),
        (identification.build("workers[max_iter=3]", {"max_iter": "7"}), "max_iter", 7),
        (simulation.build("glad[ability_mean=3]", {"ability_mean": "7"}), "ability_mean", 7),
    ]
    for thing, name, value in built:
        assert getattr(thing, name) == value, thing
    assert aggregation.STRATEGIES.build("DS[tol=0.5]") == aggregation.build("DS", {"tol": "0.5"})
