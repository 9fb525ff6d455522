"""Frames and matrices go in as they are, and come back as the same kind."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import polars as pl
import pytest

from peerannot import Answers, aggregate
from peerannot.aggregation import (
    GLAD,
    DawidSkene,
    MajorityVote,
    NaiveSoft,
    bootstrap,
    build,
    label_quality,
    with_intervals,
)
from peerannot.aggregation.passes.known_confusions import posterior_of_confusions
from peerannot.errors import DataError, DataWarning, MissingDependencyError, ParameterError
from peerannot.selection import compare

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

ROWS = {
    "task": ["t2", "t2", "t2", "t1", "t1", "t1"],
    "worker": ["a", "b", "c", "a", "b", "c"],
    "label": ["dog", "dog", "cat", "cat", "cat", "cat"],
}
ROWS_FRAME = pd.DataFrame(ROWS)
NUMBERS = {"task": [12, 12, 12, 7, 7, 7], "worker": [1, 2, 3] * 2, "label": [2, 2, 1, 1, 1, 1]}


class TestSnippets:
    """What users of peers type, with only the import changed."""

    def test_crowd_kit(self):
        df = pd.DataFrame(ROWS)
        labels = DawidSkene(n_iter=100).fit_predict(df)
        assert isinstance(labels, pd.Series)
        assert labels.name == "agg_label"
        assert labels.index.name == "task"
        assert labels.to_dict() == {"t1": "cat", "t2": "dog"}

    def test_polars(self):
        labels = DawidSkene().fit_predict(pl.DataFrame(ROWS))
        assert isinstance(labels, pl.DataFrame)
        assert labels.rows() == [("t1", "cat"), ("t2", "dog")]
        lazy = DawidSkene().fit_predict(pl.LazyFrame(ROWS))
        assert lazy.collect().equals(labels)

    def test_pyarrow(self):
        labels = DawidSkene().fit_predict(pa.table(ROWS))
        assert labels.to_pydict() == {"task": ["t1", "t2"], "agg_label": ["cat", "dog"]}

    def test_duckdb(self):
        duckdb = pytest.importorskip("duckdb")
        votes = pa.table(ROWS)  # noqa: F841 - DuckDB finds it by its name
        labels = DawidSkene().fit_predict(duckdb.sql("select * from votes"))
        assert labels.fetchall() == [("t1", "cat"), ("t2", "dog")]

    @pytest.mark.parametrize("missing", [np.nan, None, -1, "none"])
    def test_skactiveml(self, missing):
        y = [[0, 1, missing, 0], [1, missing, 1, 1], [missing] * 4]
        options = {} if missing is None or missing != missing else {"missing_label": missing}
        got = MajorityVote().fit_predict(np.array(y, dtype=None if missing else object), **options)
        if missing == "none":
            assert got.tolist() == ["0", "1", "none"]
        else:
            assert got[:2].tolist() == [0, 1]
            assert got[2] is None if missing is None else np.isnan(got[2]) or got[2] == missing

    def test_cleanlab(self):
        labels = pd.DataFrame([[1, 0, np.nan], [np.nan, 2, 2], [np.nan] * 3, [0, 0, 1]])
        got = MajorityVote(ties="first").fit_predict(labels)
        assert got[[0, 1, 3]].tolist() == [0, 2, 0]
        assert np.isnan(got[2])


def test_what_is_given_by_position_follows_the_rows():
    wide = pd.DataFrame({"b": [0, 1, 0], "a": [1, 0, 1]}, index=["i2", "i10", "i1"])
    start = np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])
    result = DawidSkene(max_iter=1, tol=0).fit(wide, init=start)
    assert list(result.tasks) == ["i2", "i10", "i1"]
    assert list(result.workers) == ["b", "a"]
    array = DawidSkene(max_iter=1, tol=0).fit(wide.to_numpy(), init=start)
    assert array.posterior.tolist() == result.posterior.tolist()


def test_values_come_back_as_they_were():
    df = pd.DataFrame(NUMBERS)
    result = DawidSkene().fit(df)
    assert result.origin.labels(result).to_dict() == {7: 1, 12: 2}
    shares = NaiveSoft().fit_predict_proba(df)
    assert shares.loc[12].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert list(shares.columns) == [1, 2]
    assert shares.index.name == "task"
    got = NaiveSoft().fit_predict_proba(pl.DataFrame(NUMBERS))
    assert got.columns == ["task", "1", "2"]
    assert got["task"].to_list() == [7, 12]


def test_a_class_may_be_called_task():
    rows = {**ROWS, "label": ["task"] * 6}
    for frame in (pd.DataFrame(rows), pl.DataFrame(rows)):
        assert NaiveSoft().fit_predict_proba(frame)["task"].to_list() == [1, 1]
        assert NaiveSoft().fit(frame).to_frame("posterior")["task"].to_list() == [1, 1]


def test_missing_labels_of_every_kind():
    y = np.array([[1, pd.NA, None], [np.nan, 2, pd.NA]], dtype=object)
    assert MajorityVote().fit_predict(y).tolist() == [1, 2]
    frame = pd.DataFrame({**NUMBERS, "label": [2.0, 2, -1, 1, 1, -1]})
    got = MajorityVote().fit(frame, missing_label=-1.0)
    assert (list(got.classes), got.n_answers.tolist()) == (["1", "2"], [2, 2])


def test_other_names_of_columns():
    df = pd.DataFrame(ROWS).rename(columns={"task": "x", "worker": "y", "label": "z"})
    with pytest.raises(DataError, match="column"):
        MajorityVote().fit(df)
    got = MajorityVote().fit(df, task="x", worker="y", label="z")
    assert got.label_names() == ["cat", "dog"]
    df["weight"] = [1, 1, 9, 1, 1, 1]
    got = NaiveSoft().fit(df, task="x", worker="y", label="z", weight="weight")
    assert got.label_names() == ["cat", "cat"]


def test_the_tasks_may_be_the_index():
    df = pd.DataFrame(ROWS).set_index("task")
    assert MajorityVote().fit_predict(df).to_dict() == {"t1": "cat", "t2": "dog"}
    wide = pd.DataFrame({"a": ["x", None], "b": ["x", "y"]}, index=["i2", "i1"])
    assert MajorityVote().fit_predict(wide).to_dict() == {"i2": "x", "i1": "y"}
    kept = pd.DataFrame(ROWS)[lambda d: d["task"] == "t2"]
    assert MajorityVote().fit_predict(kept).to_dict() == {"t2": "dog"}


def test_gold_is_in_the_values_of_the_frame():
    df = pd.DataFrame(NUMBERS)
    for gold in (pd.Series({12: 1}), {12: 1}, pd.Series({12: 1.0, 7: None})):
        assert DawidSkene().fit_predict(df, gold)[12] == 1
    for gold in (pd.Series([2, 1], index=[12, 12]), {12: [2, 1]}, {12: (1, 2.0, None)}):
        with pytest.warns(DataWarning, match="1 tasks have several labels"):
            assert DawidSkene().fit_predict(df, gold)[12] == 2
    answers = Answers.from_arrays(**ROWS)
    got = DawidSkene().fit(answers, gold=pd.Series({"t2": "cat"}))
    assert got.label_names() == ["cat", "cat"]


@pytest.mark.parametrize("form", ["long", "wide", "pandas", "matrix", "mapping"])
def test_labels_are_positions_or_names_as_is_said(form):
    """Of classes "1" and "0" the label 0 is the second by name, and the first by position."""
    long = pl.DataFrame({"task": [1, 1, 2], "worker": ["a", "b", "a"], "label": [0, 0, 1]})
    data = {
        "long": long,
        "wide": long.pivot("worker", index="task", values="label"),
        "pandas": long.to_pandas(),
        "matrix": np.array([[0, 0], [1, np.nan]]),
        "mapping": {"1": {"a": 0, "b": 0}, "2": {"a": 1}},
    }[form]
    for labels, found in (("codes", ["1", "0"]), ("names", ["0", "1"])):
        for fit in (MajorityVote().fit, partial(aggregate, strategy="MV")):
            assert fit(data, classes=["1", "0"], labels=labels).label_names() == found
        predicted = MajorityVote().fit_predict(data, classes=["1", "0"], labels=labels)
        values = predicted["agg_label"] if isinstance(predicted, pl.DataFrame) else predicted
        assert [str(value) for value in values] == found
    assert MajorityVote().fit(data, classes=["cat", "dog"], labels="codes").label_names() == [
        "cat", "dog",
    ]  # fmt: skip
    for fit in (MajorityVote().fit, partial(aggregate, strategy="MV")):
        with pytest.raises(ParameterError, match="labels must be codes or names, not 'code'"):
            fit(data, labels="code")


def test_truth_values():
    df = pd.DataFrame({**ROWS, "label": [True, True, False, False, False, False]})
    got = MajorityVote().fit_predict(df)
    assert got.to_dict() == {"t1": False, "t2": True}
    assert got.dtype == bool
    assert MajorityVote().fit_predict(np.array([[True, True], [False, False]])).dtype == bool


def test_anything_else():
    answers = Answers.from_arrays(**ROWS)
    assert MajorityVote().fit_predict(answers).tolist() == ["cat", "dog"]
    assert MajorityVote().fit_predict_proba(answers).tolist() == [[1, 0], [0, 1]]
    assert MajorityVote().fit({"t": {"w": "x"}}).label_names() == ["x"]
    votes = {0: {0: 1, 1: 1}, 1: {0: 0}}
    assert MajorityVote().fit_predict(votes, classes=2).tolist() == [1, 0]
    assert MajorityVote().fit_predict(votes, classes=["no", "yes"]).tolist() == ["yes", "no"]
    with pytest.raises(ParameterError, match="classes and labels alone"):
        MajorityVote().fit(votes, task="task")


def test_answers_that_keep_coming():
    state = DawidSkene().partial_fit(pd.DataFrame(ROWS))
    state = DawidSkene().partial_fit(
        pl.DataFrame({"task": ["t3"], "worker": ["a"], "label": ["dog"]}), state
    )
    assert state.result().label_names() == ["cat", "dog", "dog"]


def test_bootstrap_and_comparison_take_frames():
    df = pd.DataFrame(NUMBERS)
    drawn = bootstrap("DS", df, 3, gold={12: 2})
    assert drawn.accuracy is not None
    assert {row.strategy for row in compare(df, ["MV", "DS"], folds=2)} == {"MV", "DS"}


def test_a_path(tmp_path):
    pd.DataFrame(ROWS).to_csv(tmp_path / "votes.csv", index=False)
    assert aggregate(str(tmp_path / "votes.csv"), "DS").label_names() == ["cat", "dog"]
    assert aggregate(tmp_path / "votes.csv", DawidSkene()).label_names() == ["cat", "dog"]


@pytest.mark.parametrize(
    "data", [3, None, object(), np.zeros(3), np.zeros((2, 2, 2)), [[1], [1, 2]]]
)
def test_what_is_no_data_is_said(data):
    with pytest.raises(DataError, match="answers: expected") as caught:
        MajorityVote().fit(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_misuse_is_said():
    df = pd.DataFrame(ROWS)
    with pytest.raises(ParameterError, match="strategy must be a name or a strategy"):
        aggregate(df, df)
    with pytest.raises(ParameterError, match="strategy must be a name or a strategy"):
        aggregate(df, DawidSkene)
    with pytest.raises(ParameterError, match="not the class DawidSkene"):
        aggregate(df, DawidSkene)
    with pytest.raises(ParameterError, match="must be a name such as"):
        build(DawidSkene())
    with pytest.raises(DataError, match="gold: expected a Series"):
        DawidSkene().fit(df, gold=df)
    with pytest.raises(DataError, match="init: expected a posterior"):
        DawidSkene().fit(df, init="x")
    with pytest.raises(DataError, match="expected Answers, not a DataFrame"):
        with_intervals(DawidSkene().fit(df), df)
    with pytest.raises(ParameterError, match="no option 'tsk'"):
        MajorityVote().fit(df, tsk="x")
    with pytest.raises(ParameterError, match="for frames"):
        MajorityVote().fit(Answers.from_arrays(**ROWS), task="task")
    with pytest.raises(DataError, match=r"(?i)duplicate|unique|twice"):
        MajorityVote().fit(pd.DataFrame([["t", "w", "l"]], columns=["task", "task", "label"]))


def test_tables_as_frames():
    result = DawidSkene().fit(pd.DataFrame(ROWS))
    tasks = result.to_frame()
    assert tasks.index.tolist() == ["t1", "t2"]
    assert tasks["label"].tolist() == ["cat", "dog"]
    assert result.to_frame("workers").index.name == "worker"
    assert result.to_frame("posterior", "polars").columns == ["task", "cat", "dog"]
    assert result.to_frame(kind="pyarrow").column_names[0] == "task"
    assert isinstance(DawidSkene().fit(Answers.from_arrays(**ROWS)).to_frame(), pl.DataFrame)
    with pytest.raises(ParameterError, match="tasks, workers or posterior"):
        result.to_frame("task")
    with pytest.raises(ParameterError, match="pandas, polars, pyarrow"):
        result.to_frame(kind="excel")


def test_a_library_that_is_not_here_is_named(monkeypatch):
    result = MajorityVote().fit(Answers.from_arrays(**ROWS))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match="pip install pyarrow"):
        result.to_frame(kind="pyarrow")


def test_ids_of_a_table_are_those_of_the_frame():
    result = MajorityVote().fit(pd.DataFrame(NUMBERS))
    assert result.to_frame().loc[12, "label"] == 2
    assert result.to_frame("workers").index.tolist() == [1, 2, 3]


def test_one_worker():
    result = DawidSkene().fit(pd.DataFrame(ROWS))
    view = result.worker("c")
    assert view.confusion.tolist() == result.confusion[2].tolist()
    assert view.n_answers == 2
    assert DawidSkene().fit(pd.DataFrame(NUMBERS)).worker(1).id == "1"
    with pytest.raises(DataError, match="no worker 'd'"):
        result.worker("d")


class TestOptions:
    def test_numpy_scalars(self):
        result = DawidSkene(max_iter=np.int64(3), tol=np.float32(0), seed=np.uint8(1)).fit(
            pd.DataFrame(ROWS)
        )
        assert result.diagnostics.n_iter == 3
        assert {type(v) for v in result.options.values()} <= {int, float, str, bool}
        with pytest.raises(ParameterError, match="max_iter must be int"):
            DawidSkene(max_iter=np.float64(3.5)).fit(pd.DataFrame(ROWS))

    def test_n_iter_is_max_iter(self):
        assert DawidSkene(n_iter=7) == DawidSkene(max_iter=7)
        assert GLAD(n_iter=7).max_iter == 7
        with pytest.raises(ParameterError, match="max_iter must be at least 1"):
            DawidSkene(n_iter=0).fit(pd.DataFrame(ROWS))

    def test_params(self):
        model = DawidSkene()
        assert model.get_params()["max_iter"] == model.max_iter
        assert model.set_params(max_iter=np.int64(5)) is model
        assert model == DawidSkene(max_iter=5)
        with pytest.raises(ParameterError, match="did you mean 'max_iter'"):
            model.set_params(max_itr=6)
        with pytest.raises(ParameterError, match="at least 1"):
            model.set_params(seed=3, max_iter=0)
        assert model == DawidSkene(max_iter=5)

    def test_clone(self):
        base = pytest.importorskip("sklearn.base")
        model = DawidSkene(max_iter=5, ties="first")
        copy = base.clone(model)
        assert copy == model
        assert copy is not model
        from peerannot.identification.registry import METHODS

        method = METHODS["entropy"]()
        assert base.clone(method) == method


class TestKnownConfusions:
    def test_probabilities_are_one_step(self):
        answers = Answers.from_arrays(**ROWS)
        known = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.3, 0.7]], [[0.5, 0.5]] * 2])
        share = np.array([[1, 0], [1 / 3, 2 / 3]])
        expected = np.tile(share.mean(0), (2, 1))
        for task, votes in enumerate(([0, 0, 0], [1, 1, 0])):
            for worker, label in enumerate(votes):
                expected[task] *= known[worker, :, label]
        expected /= expected.sum(1, keepdims=True)
        by_worker = dict(zip("abc", known, strict=True))
        for form in (known, by_worker, by_worker | {"absent": known[0]}):
            assert posterior_of_confusions(answers, form) == pytest.approx(expected)
        frame = pd.DataFrame(
            [known[w, :, y] for w in range(3) for y in range(2)],
            index=pd.MultiIndex.from_product([list("abc"), ["cat", "dog"]]),
            columns=["cat", "dog"],
        )
        assert posterior_of_confusions(answers, frame[["dog", "cat"]]) == pytest.approx(expected)
        same = DawidSkene().fit(answers, init=expected)
        assert np.allclose(DawidSkene().fit(ROWS_FRAME, init=frame).posterior, same.posterior)

    def test_counts_are_added(self):
        answers = Answers.from_arrays(**ROWS)
        none = posterior_of_confusions(answers, {"a": np.zeros((2, 2))})
        expert = {"c": np.diag([1000, 1000])}
        assert none[1, 1] > 0.5
        assert posterior_of_confusions(answers, expert)[1, 1] < 0.5

    def test_faults(self):
        answers = Answers.from_arrays(**ROWS)
        for known, why in (
            ({"q": np.eye(2)}, "none of its workers"), ({"a": np.eye(3)}, "worker a are of shape"),
            (np.ones((1, 2, 2)), "shape"), ({"a": -np.eye(2)}, "not negative"),
            (pd.DataFrame([[1, 2]], index=pd.MultiIndex.from_tuples([("a", "cow")])), "classes"),
        ):  # fmt: skip
            with pytest.raises(DataError, match=why):
                DawidSkene().fit(answers, init=known)


class TestLabelQuality:
    """Numbers of cleanlab 2.9 (`get_label_quality_multiannotator`) on a small crowd."""

    LABELS = pd.DataFrame(
        {"a": [0, 1, np.nan, 2, 0], "b": [0, 1, 2, np.nan, 1], "c": [1, np.nan, 2, 2, 0]},
        index=["t10", "t9", "t8", "t7", "t6"],
    )
    CHANCE = np.array(
        [[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1]]
    )

    @pytest.mark.parametrize(
        ("consensus", "tasks", "workers"),
        [
            ("best_quality", [
                ["t10", 0, 0.616712, 0.666667, 3],
                ["t9", 1, 0.728288, 1.0, 2],
                ["t8", 2, 0.717707, 1.0, 2],
                ["t7", 2, 0.513153, 1.0, 2],
                ["t6", 1, 0.616165, 0.333333, 3],
            ], [
                ["c", 0.463968, 0.5, 1, 4],
                ["a", 0.596963, 0.75, 0, 4],
                ["b", 0.764361, 1.0, 1, 4],
            ]),
            ("majority_vote", [
                ["t10", 0, 0.640912, 0.666667, 3],
                ["t9", 1, 0.761957, 1.0, 2],
                ["t8", 2, 0.740666, 1.0, 2],
                ["t7", 2, 0.57348, 1.0, 2],
                ["t6", 0, 0.3557, 0.666667, 3],
            ], [
                ["c", 0.585137, 0.75, 1, 4],
                ["b", 0.703533, 0.75, 1, 4],
                ["a", 0.739783, 1.0, 0, 4],
            ]),
        ],
    )  # fmt: skip
    def test_equals_cleanlab(self, consensus, tasks, workers):
        found = label_quality(self.LABELS, self.CHANCE, consensus=consensus)
        quality, stats = found["label_quality"], found["annotator_stats"]
        assert list(quality.columns) == [
            "consensus_label", "consensus_quality_score", "annotator_agreement", "num_annotations",
        ]  # fmt: skip
        assert list(stats.columns) == [
            "annotator_quality", "agreement_with_consensus", "worst_class", "num_examples_labeled",
        ]  # fmt: skip
        for frame, rows in ((quality, tasks), (stats, workers)):
            assert frame.index.tolist() == [row[0] for row in rows]
            assert np.allclose(frame.to_numpy(float), [row[1:] for row in rows], atol=1e-6)

    @pytest.mark.parametrize(
        ("calibrate_probs", "scores"),
        [
            (False, [
                [0.616712, 0.616712, 0.283288],
                [0.728288, 0.728288, np.nan],
                [np.nan, 0.717707, 0.717707],
                [0.513153, np.nan, 0.513153],
                [0.283835, 0.616165, 0.283835],
            ]),
            # With cleanlab's counts of labels put right, which it takes for those of the first
            # classes; the temperature is 0.9.
            (True, [
                [0.633482, 0.633482, 0.276246],
                [0.752180, 0.752180, np.nan],
                [np.nan, 0.745124, 0.745124],
                [0.518671, np.nan, 0.518671],
                [0.272374, 0.639086, 0.272374],
            ]),
        ],
    )  # fmt: skip
    def test_each_label_as_in_cleanlab(self, calibrate_probs, scores):
        found = label_quality(self.LABELS, self.CHANCE, calibrate_probs=calibrate_probs)
        detailed = found["detailed_label_quality"]
        assert list(detailed.columns) == [f"quality_annotator_{w}" for w in "abc"]
        assert detailed.index.tolist() == self.LABELS.index.tolist()
        assert np.allclose(detailed.to_numpy(), scores, atol=1e-6, equal_nan=True)

    def test_each_label_of_a_long_frame_is_a_row(self):
        detailed = label_quality(ROWS_FRAME, np.array([[0.9, 0.1], [0.4, 0.6]]))
        detailed = detailed["detailed_label_quality"]
        assert list(detailed.columns) == ["worker", "label", "label_quality"]
        assert detailed.index.tolist() == ["t1"] * 3 + ["t2"] * 3
        assert detailed["label"].tolist() == ["cat", "cat", "cat", "dog", "dog", "cat"]
        assert detailed["label_quality"].iloc[3] == detailed["label_quality"].iloc[4]
        assert detailed["label_quality"].iloc[4:6].sum() == pytest.approx(1.0)

    def test_probabilities_that_cannot_be_calibrated(self):
        for wrong in (self.CHANCE[:3], -self.CHANCE, self.CHANCE * 0, self.CHANCE * np.nan):
            with pytest.raises(DataError, match="probabilities: expected"):
                label_quality(self.LABELS, wrong, calibrate_probs=True)

    def test_other_kinds(self):
        assert label_quality(self.LABELS.to_numpy(), self.CHANCE)["label_quality"]["task"][0] == 0
        table = pl.DataFrame(ROWS)
        got = label_quality(table, np.array([[0.9, 0.1], [0.4, 0.6]]))["label_quality"]
        assert got["consensus_label"].to_list() == ["cat", "dog"]
        with pytest.raises(DataError, match="posterior of shape"):
            label_quality(table, np.ones((3, 2)))
