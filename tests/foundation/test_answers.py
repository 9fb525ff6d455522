"""`Answers`: whatever the order, the types and the gaps of the input, one content."""

from __future__ import annotations

import pickle

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerannot import read_answers
from peerannot.answers import Answers, Ids, gold_classes, gold_labels
from peerannot.errors import DataError, DataWarning, ParameterError

rows = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(0, 3)),
    max_size=60,
    unique_by=lambda row: row[:2],
)


def build(table: list[tuple[int, int, int]], **options: object) -> Answers:
    task, worker, label = zip(*table, strict=True) if table else ((), (), ())
    return Answers.from_arrays(list(task), list(worker), list(label), classes=4, **options)  # type: ignore[arg-type]


@given(rows, st.randoms(use_true_random=False))
def test_row_order_and_id_types_do_not_matter(table, random):
    shuffled = list(table)
    random.shuffle(shuffled)
    texts = [(str(t), str(w), label) for t, w, label in shuffled]
    arrays = [np.array(c) for c in zip(*table, strict=True)] if table else [[], [], []]
    assert build(table) == build(shuffled) == build(texts)
    assert build(table) == Answers.from_arrays(*arrays, classes=4)


@given(rows)
def test_mapping_and_arrays_agree(table):
    votes: dict[str, dict[str, int]] = {}
    for task, worker, label in table:
        votes.setdefault(str(task), {})[str(worker)] = label
    assert Answers.from_mapping(votes, classes=4) == build(table)


@given(rows)
def test_rows_are_sorted_and_pointers_are_right(table):
    answers = build(table)
    key = answers.task.astype(np.int64) * 1000 + answers.worker
    assert (np.diff(key) > 0).all()
    for i in range(answers.n_tasks):
        own = slice(answers.task_ptr[i], answers.task_ptr[i + 1])
        assert (answers.task[own] == i).all()
    assert answers.answers_per_task.sum() == answers.answers_per_worker.sum() == len(table)


def test_integer_like_ids_sort_by_value_and_keep_their_spelling():
    answers = Answers.from_mapping(
        {"10": {"2": 0}, "9": {"10": 1}, "x": {}, "01": {"2": 0}}, classes=2
    )
    assert list(answers.tasks) == ["01", "9", "10", "x"]
    assert list(answers.workers) == ["2", "10"]
    assert answers.answers_per_task.tolist() == [1, 1, 1, 0]


def test_arrays_are_read_only_and_the_callers_are_not():
    mine = np.array([0, 1], dtype=np.int32)
    answers = Answers.from_arrays(mine, mine, mine, classes=2)
    with pytest.raises(ValueError, match="read-only"):
        answers.label[0] = 1
    mine[0] = 1


@pytest.mark.parametrize(
    ("policy", "kept"), [("last", [1, 0]), ("first", [0, 0]), ("all", [0, 0, 0, 1])]
)
def test_duplicates(policy, kept):
    columns = (["t", "t", "t", "u"], ["w", "w", "w", "w"], [0, 0, 1, 0])
    if policy != "all":
        with pytest.warns(DataWarning, match="1 answers replaced"):
            answers = Answers.from_arrays(*columns, classes=2, duplicates=policy)
    else:
        answers = Answers.from_arrays(*columns, classes=2, duplicates=policy)
        kept = [0, 0, 1, 0]
    assert answers.label.tolist() == kept


def test_exact_repeats_are_dropped_in_silence_and_contradictions_can_be_errors():
    assert len(Answers.from_arrays("tt", "ww", [1, 1], classes=2, duplicates="error")) == 1
    with pytest.raises(DataError, match="worker 'w' gave different answers to task 't'"):
        Answers.from_arrays("tt", "ww", [0, 1], classes=2, duplicates="error")
    with pytest.raises(ParameterError, match="last, first, all, error"):
        Answers.from_arrays("tt", "ww", [0, 1], classes=2, duplicates="never")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ({"5": {"a": 4}}, "task '5', worker 'a': label 4 is not in 0..2"),
        ({"5": {"a": -1}}, "label -1 is not in 0..2"),
        ({"5": {"a": 1.5}}, "label '1.5' is not one of"),
        ({"5": {"a": True}}, "not a truth value"),
        ({"5": {"a": [1]}}, "not a list"),
        ({"5": 1}, "task '5' has 1 instead of"),
        ([1], "expected {task: {worker: label}}"),
    ],
)
def test_wrong_labels_name_their_place(votes, message):
    with pytest.raises(DataError) as caught:
        Answers.from_mapping(votes, classes=3, where="answers.json")
    assert str(caught.value).startswith("answers.json: ")
    assert message in str(caught.value)


def test_class_names_in_the_votes_and_a_near_match():
    answers = Answers.from_mapping({"1": {"a": "dog"}}, classes=["cat", "dog"])
    assert answers.label.tolist() == [1]
    with pytest.raises(DataError, match="label 'dgo' is not one of cat, dog; did you mean 'dog'"):
        Answers.from_mapping({"1": {"a": "dgo"}}, classes=["cat", "dog"])


def test_whole_floats_are_whole_numbers():
    assert Answers.from_mapping({"1": {"a": 1.0}}, classes=2).label.tolist() == [1]


def test_without_tasks_keeps_workers_and_classes():
    answers = build([(1, 0, 0), (2, 1, 1), (3, 0, 2)])
    left = answers.without_tasks(["2"])
    assert list(left.tasks) == ["1", "3"]
    assert left.workers == answers.workers
    assert left.label.tolist() == [0, 2]
    with pytest.raises(DataError, match="7, 8"):
        answers.without_tasks(["7", "8"])


def test_gold():
    answers = Answers.from_mapping({"1": {"a": 0}, "2": {"a": 1}}, classes=["cat", "dog"])
    assert gold_labels(answers, {"2": "cat"}).tolist() == [-1, 0]
    assert gold_labels(answers, np.array([1, -1])).tolist() == [1, -1]
    for wrong in ({"9": "cat"}, {"1": "cta"}, np.array([0]), np.array([0, 2])):
        with pytest.raises(DataError, match="gold"):
            gold_labels(answers, wrong)


def test_ids():
    assert Ids.sorted(["2", "0", "1"]) == Ids(3) == Ids(["0", "1", "2"])
    assert Ids(["b", "a"]).codes(["a", "z", "b"]).tolist() == [1, -1, 0]
    assert pickle.loads(pickle.dumps(Ids(["b", "a"]))) == Ids(["b", "a"])
    with pytest.raises(ValueError, match="distinct"):
        Ids(["a", "a"])


def test_pickle_and_repr():
    answers = build([(1, 0, 0)])
    assert pickle.loads(pickle.dumps(answers)) == answers
    assert repr(answers) == "Answers(1 tasks, 1 workers, 4 classes, 1 answers)"


def test_read_finds_the_form_of_a_file(tmp_path):
    (tmp_path / "votes.csv").write_text("task,worker,label\n1,a,cat\n2,a,dog\n")
    assert list(read_answers(tmp_path / "votes.csv").classes) == ["cat", "dog"]


def test_truth_values_are_names():
    for label in ([True, False, True], np.array([True, False, True])):
        answers = Answers.from_arrays("aab", "uvu", label)
        assert list(answers.classes) == ["false", "true"]
        assert answers.label.tolist() == [1, 0, 1]
    given = Answers.from_arrays("aab", "uvu", [True, False, True], classes=[True, False])
    assert list(given.classes) == ["true", "false"]
    assert gold_labels(given, {"b": False}).tolist() == [-1, 1]
    with pytest.raises(DataError, match="not a truth value"):
        Answers.from_arrays("aa", "uv", [True, 3])


def test_gold_as_a_series():
    pd = pytest.importorskip("pandas")
    answers = Answers.from_arrays("aabb", "uvuv", [1, 2, 2, 2])
    for series in (pd.Series({"a": 2}), pd.Series({"a": 2.0, "b": None}), pd.Series({"a": "2"})):
        assert gold_labels(answers, series).tolist() == [1, -1]
    with pytest.raises(DataError, match="label '3' of task 'a' is not one of 1, 2"):
        gold_labels(answers, pd.Series({"a": 3}))
    twice = pd.Series([1, 2], index=["a", "a"])
    with pytest.warns(DataWarning, match="gold: 1 tasks have several labels"):
        assert gold_labels(answers, twice).tolist() == [-1, -1]
    assert gold_labels(answers, pd.Series([2, 2], index=["a", "a"])).tolist() == [1, -1]


def test_without_workers():
    answers = Answers.from_arrays("aabb", "uvuw", ["x", "y", "x", "z"], weight=[1, 2, 3, 4])
    left = answers.without_workers(["u"])
    assert list(left.workers) == ["v", "w"]
    assert (list(left.tasks), list(left.classes)) == (list("ab"), list("xyz"))
    assert left.task.tolist() == [0, 1]
    assert left.worker.tolist() == [0, 1]
    assert left.weight.tolist() == [2, 4]
    with pytest.raises(DataError, match="workers to remove that have no entry in the answers: q"):
        answers.without_workers(["q"])


@pytest.mark.parametrize("nothing", [None, float("nan"), "", "NA", "NaN", " null "])
def test_a_missing_label_is_left_out_and_its_task_stays(nothing):
    columns = (["1", "1", "2"], ["a", "b", "c"], ["x", nothing, nothing], [1, 2, 3])
    with pytest.warns(DataWarning, match="2 of 3 labels are missing"):
        answers = Answers.from_arrays(*columns)
    assert (list(answers.tasks), list(answers.workers)) == (["1", "2"], ["a"])
    assert list(answers.classes) == ["x"] and answers.weight.tolist() == [1]
    votes = {"1": {"a": "x", "b": nothing}, "2": {"c": nothing}}
    with pytest.warns(DataWarning, match="2 of 3 labels are missing"):
        assert Answers.from_mapping(votes) == Answers.from_mapping({"1": {"a": "x"}, "2": {}})
    if isinstance(nothing, str):
        named = Answers.from_arrays(*columns[:3], classes=["x", nothing])
        assert named.n_answers == 3
    with pytest.warns(DataWarning), pytest.raises(DataError, match="worker 'd': label 'y' is not"):
        Answers.from_mapping({"1": {"b": None, "c": "x"}, "2": {"d": "y"}}, classes=["x"])


@pytest.mark.parametrize("vocabulary", ["tasks", "workers", "classes"])
def test_an_id_given_twice_is_named(vocabulary):
    with pytest.raises(DataError, match=rf"answers: {vocabulary}: .*'a' is there twice"):
        Answers.from_arrays(["a"], ["a"], ["a"], **{vocabulary: ["a", "b", "a"]})


def weighted_table() -> Answers:
    return Answers.from_arrays(
        ["x", "x", "y", "z", "z", "z"], list("uvuvwu"), [0, 1, 1, 0, 1, 1],
        [2.0, 0.5, 1.0, 3.0, 0.25, 4.0], classes=2, workers=["u", "v", "w", "idle"],
    )  # fmt: skip


def test_rows_keep_vocabularies_and_weights():
    answers = weighted_table()
    mark = answers.label == 1
    for some in (answers.rows(mark), answers.rows(np.flatnonzero(mark))):
        assert (some.tasks, some.workers, some.classes) == (
            answers.tasks, answers.workers, answers.classes,
        )  # fmt: skip
        assert some.task.tolist() == answers.task[mark].tolist()
        assert some.worker.tolist() == answers.worker[mark].tolist()
        assert some.weight is not None
        assert some.weight.tolist() == answers.weight[mark].tolist()
    assert answers.rows(slice(2, 4)) == answers.rows(np.array([2, 3]))
    assert answers.weighted(None).rows(mark).weight is None


def test_answers_of_tasks_in_any_order_and_more_than_once():
    answers = weighted_table()
    turned = answers.of_tasks(np.array([2, 0]))
    assert list(turned.tasks) == ["z", "x"]
    assert turned.workers == answers.workers
    assert turned.task.tolist() == [0, 0, 0, 1, 1]
    assert turned.weight.tolist() == [4.0, 3.0, 0.25, 2.0, 0.5]
    drawn = answers.of_tasks(np.array([1, 1, 0]))
    assert list(drawn.tasks) == ["0", "1", "2"]
    assert drawn.answers_per_task.tolist() == [1, 1, 2]
    assert answers.of_tasks(np.array([], int)).n_answers == 0


def test_weights_are_ones_without_memory_where_none_are_given():
    answers = weighted_table()
    assert answers.weights is answers.weight
    assert answers.weight_per_worker.tolist() == [7.0, 3.5, 0.25, 0.0]
    assert answers.weight_per_task.tolist() == [2.5, 1.0, 7.25]
    assert answers.total_weight == 10.75
    plain = answers.weighted(None)
    assert plain.weights.tolist() == [1.0] * 6
    assert plain.weights.strides == (0,)
    assert plain.weight_per_worker.tolist() == [3.0, 2.0, 1.0, 0.0]
    assert plain.weight_per_worker.dtype == np.float64
    assert plain.total_weight == 6.0


def test_no_answers_of_some_vocabularies():
    answers = weighted_table()
    none = Answers.empty(answers.tasks, answers.workers, answers.classes)
    assert (none.n_tasks, none.n_workers, none.n_answers) == (3, 4, 0)
    assert none.weight_per_task.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "ids",
    [
        Ids(3),
        Ids(["b", "01", "é"]),
        Ids([]),
        Ids.of_column(np.array([-4, 7, 10**12])),
        Ids.of_column(pl.Series(["x", "y"])),
    ],
)
def test_ids_as_a_column_of_texts(ids):
    texts = ids.texts()
    assert texts.dtype == pl.String
    assert texts.to_list() == list(ids)


@pytest.mark.parametrize(
    "gold",
    [
        {"2": ["dog", "cat"], "1": "dog"},
        {"2": {"cat", "dog"}, "1": ("dog", "dog", None)},
        {"2": np.array([0, 1]), "1": [1]},
        np.array([[1, -1], [1, 0], [-1, -1]]),
        np.array([[-1, 1, 1], [0, 0, 1], [-1, -1, -1]]),
    ],
)
def test_gold_of_several_labels(gold):
    answers = Answers.from_mapping({"1": {"a": 0}, "2": {"a": 1}, "3": {}}, classes=["cat", "dog"])
    known = gold_classes(answers, gold)
    assert known.dtype == np.int32
    assert known.tolist() == [[1, -1], [0, 1], [-1, -1]]
    with pytest.warns(DataWarning, match="gold: 1 tasks have several labels"):
        assert gold_labels(answers, gold).tolist() == [1, -1, -1]


def test_gold_of_one_label_each_has_one_column():
    answers = weighted_table()
    assert gold_classes(answers, None).tolist() == [[-1]] * 3
    assert gold_classes(answers, {"y": ["1", "1"]}).tolist() == [[-1], [1], [-1]]
    assert gold_classes(answers, np.array([[0, 0], [-1, 1], [-1, -1]])).tolist() == [[0], [1], [-1]]
    with pytest.raises(DataError, match="label 'cta' of task 'y'"):
        gold_classes(answers, {"y": ["1", "cta"]})
    for wrong in (np.zeros((3, 1, 1), int), np.zeros((2, 2), int), np.zeros((3, 2))):
        with pytest.raises(DataError, match="gold: expected 3 whole numbers"):
            gold_classes(answers, wrong)
