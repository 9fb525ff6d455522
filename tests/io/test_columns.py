"""Columns are known by content: what fits is taken and said, what may be two things is asked."""

from __future__ import annotations

import json

import polars as pl
import pytest

from helpers.exports import parquet
from helpers.files import load, votes
from peerannot.aggregation.partitions.out_of_core import fit_shards
from peerannot.errors import DataError, ParameterError
from peerannot.io import read


def table(*rows: str) -> bytes:
    return ("\n".join(rows) + "\n").encode()


LONGQ = table(
    "item_id,question,worker,answer", "a,species,ann,lion", "a,quality,ann,good",
    "a,species,bob,lion", "a,quality,bob,bad", "b,species,ann,zebra", "b,quality,ann,good",
)  # fmt: skip
SX = table(
    "classification_id,user_name,user_id,workflow_id,task,created_at,subject_id,extractor,choice",
    "1,ann,11,1,T0,2024-05-01,101,survey,lion", "2,bob,12,1,T0,2024-05-01,101,survey,lion",
    "3,ann,11,1,T0,2024-05-01,102,survey,zebra", "4,bob,12,1,T0,2024-05-01,102,survey,zebra",
)  # fmt: skip


class TestGold:
    ROWS = ("1,a,cat,false", "1,b,dog,false", "2,a,dog,true", "2,b,dog,true", "3,a,cat,false")

    def test_a_flag_is_no_gold(self, tmp_path):
        got = load(tmp_path, table("task,worker,label,gold", *self.ROWS))
        assert list(got.answers.classes) == ["cat", "dog"]
        assert not got.gold
        assert got.report.guessed["gold"] == "none"
        assert got.report.ignored == ("gold",)
        assert "--gold-col gold" in got.report.notes[0]

    def test_nor_in_ndjson(self, tmp_path):
        rows = [{"task": 1, "worker": w, "label": y, "ground_truth": g}
                for w, y, g in (("a", "cat", False), ("b", "dog", True))]  # fmt: skip
        got = load(tmp_path, "".join(json.dumps(r) + "\n" for r in rows).encode())
        assert list(got.answers.classes) == ["cat", "dog"]
        assert not got.gold

    def test_named_or_switched_off(self, tmp_path):
        text = table("task,worker,label,gold", "1,a,cat,cat", "1,b,dog,cat")
        assert dict(load(tmp_path, text).gold) == {"1": "cat"}
        assert not load(tmp_path, text, gold_col="none").gold
        with pytest.raises(DataError, match=r"no column 'golf'.*did you mean 'gold'"):
            load(tmp_path, text, gold_col="golf")
        # A column of that name is a column; NONE is none in any case.
        named = text.replace(b"gold", b"none")
        assert dict(load(tmp_path, named, gold_col="none").gold) == {"1": "cat"}
        assert not load(tmp_path, named, gold_col="NONE").gold

    def test_a_flag_among_labels_of_yes_and_no_is_asked(self, tmp_path):
        flagged = [f"{t},{w},{'true' if (t + w) % 2 else 'false'},{'true' if t < 2 else 'false'}"
                   for t in range(8) for w in range(4)]  # fmt: skip
        with pytest.raises(DataError, match="known labels, or marks test questions"):
            load(tmp_path, table("task,worker,label,gold", *flagged))
        known = [f"{t},{w},{t % 2 if w else 1 - t % 2},{t % 2}" for t in range(8) for w in range(4)]
        assert load(tmp_path, table("task,worker,label,gold", *known)).report.gold == 8

    def test_gold_late_in_a_file(self, tmp_path):
        rows = [f"{i},a,{'cat' if i % 2 else 'dog'}," for i in range(12_000)]
        for late, gold in (("cat", 1), ("true", 0)):
            got = load(tmp_path, table("task,worker,label,gold", *rows, f"x,a,cat,{late}"))
            assert got.report.gold == gold
            assert list(got.answers.classes) == ["cat", "dog"]


class TestSecondKey:
    def test_two_tasks_by_name_are_asked(self, tmp_path):
        with pytest.raises(DataError, match=r"'item_id' or 'question'\? .*--where question=sp"):
            load(tmp_path, LONGQ)
        got = load(tmp_path, LONGQ, task_col="item_id", where=["question=species"])
        assert votes(got) == {("a", "ann"): "lion", ("a", "bob"): "lion", ("b", "ann"): "zebra"}
        got = load(tmp_path, LONGQ, task_col="item_id")
        assert "--where question=species" in got.report.notes[0]

    def test_one_by_content(self, tmp_path):
        text = LONGQ.replace(b"question", b"aspect")
        with pytest.raises(DataError, match="told apart by the column 'aspect'; give --where aspe"):
            load(tmp_path, text)
        assert load(tmp_path, text, where="aspect=quality").report.kept == 3

    def test_the_question_is_not_the_task(self, tmp_path):
        got = load(tmp_path, SX, format="table", worker_col="user_name", label_col="choice")
        assert votes(got) == {
            ("101", "ann"): "lion", ("101", "bob"): "lion",
            ("102", "ann"): "zebra", ("102", "bob"): "zebra",
        }  # fmt: skip
        assert got.report.guessed == {"task": "subject_id", "gold": "none"}

    def test_one_task_for_all_rows_and_files_that_say_more(self, tmp_path):
        rows = [f"T0,{i}.jpg,{'ann' if i % 2 else 'bob'},{'cat' if i % 3 else 'dog'}"
                for i in range(30)]  # fmt: skip
        got = load(tmp_path, table("task,filename,worker,label", *rows), task_col="filename")
        assert got.answers.n_tasks == 30
        with pytest.raises(DataError, match="--task-col filename"):
            load(tmp_path, table("task,filename,worker,label", *rows))

    def test_answers_given_again_are_no_second_key(self, tmp_path):
        text = table("task,worker,label,created_at", "1,a,x,2020-01-02", "1,a,y,2020-01-01",
                     "2,a,x,2020-01-02", "2,a,y,2020-01-01")  # fmt: skip
        assert load(tmp_path, text).report.kept == 2
        got = load(tmp_path, text, time_col="created_at")
        assert set(votes(got).values()) == {"x"}


class TestRoles:
    def test_two_labels_are_asked(self, tmp_path):
        text = table("task,worker,label,response", "1,a,x,y", "2,b,x,x", "3,a,y,x")
        with pytest.raises(DataError, match=r"is the label 'label' or 'response'\? give --label"):
            load(tmp_path, text)
        assert load(tmp_path, text, label_col="response").report.kept == 3

    def test_names_and_numbers_of_one_thing_are_one(self, tmp_path):
        text = table("task,user_id,user_name,label", "1,7,ann,x", "2,8,bob,y", "2,,eve,y")
        got = load(tmp_path, text)
        # Who was not logged in has a name and no number.
        assert sorted(got.answers.workers) == ["ann", "bob", "eve"]
        assert got.report.guessed["worker"] == "user_name"

    def test_a_column_of_distinct_values_is_no_label(self, tmp_path):
        rows = [f"{i % 5},{i % 3},id{i},{'x' if i % 2 else 'y'}" for i in range(30)]
        with pytest.raises(DataError, match="'label' has 30 different values in 30 rows"):
            load(tmp_path, table("task,worker,label,mine", *rows))
        got = load(tmp_path, table("task,worker,label,rating", *rows))
        assert got.report.guessed["label"] == "rating"
        # Who names it gets it.
        rows = [row.rpartition(",")[0] for row in rows]
        assert load(tmp_path, table("task,worker,label", *rows), label_col="label").report.kept

    def test_measures_are_no_labels(self, tmp_path):
        rows = [f"{i},{i % 3},{(i * 37 % 400) / 7:.2f}" for i in range(400)]
        with pytest.raises(DataError, match="'rating' h"):
            load(tmp_path, table("task,worker,rating", *rows))
        halves = [f"{i},{i % 3},{(i % 10) / 2}" for i in range(400)]
        assert load(tmp_path, table("task,worker,rating", *halves)).answers.n_classes == 10

    def test_weights_are_proposed_and_never_taken(self, tmp_path):
        got = load(tmp_path, table("task,worker,label,confidence", "1,a,x,.5", "1,b,y,.9"))
        assert got.answers.weight is None
        assert "--weight-col confidence" in got.report.notes[0]

    def test_lists_are_no_workers(self, tmp_path):
        frame = pl.DataFrame({"task": [1], "worker": [["a"]], "user": ["b"], "label": ["x"]})
        with pytest.raises(DataError, match="'worker' holds lists"):
            load(tmp_path, parquet(frame.drop("user")), format="table")

    @pytest.mark.parametrize("text", [
        b"image,label\na,x\nb,y\n", b"a\n1\n", b"t\xc3\xa2che,annotateur,\xc3\xa9tiquette\n1,a,x\n",
        b"task,worker\n1,2\n", b"name,age\nx,3\ny,4\n", b"q1,q2,q3\nyes,no,\nno,yes,no\n",
    ])  # fmt: skip
    def test_what_is_no_crowd_is_refused(self, tmp_path, text):
        with pytest.raises(DataError, match=r"no column for the .*; there are "):
            load(tmp_path, text)


class TestWhere:
    def test_rows_of_any_table(self, tmp_path):
        frame = pl.DataFrame({"task": [1, 2, 3], "worker": ["a", "b", "c"], "label": ["x", "y", ""],
                              "round": [1, 2, 1]})  # fmt: skip
        for content in (frame.write_csv().encode(), frame.write_ndjson().encode(),
                        parquet(frame), json.dumps(frame.to_dicts()).encode()):  # fmt: skip
            got = load(tmp_path, content, where=["round=1"])
            assert votes(got) == {("1", "a"): "x"}
            assert got.report.dropped == {"no answer given": 1}

    def test_places_are_those_of_the_file(self, tmp_path):
        text = table("task,worker,label,kind", "1,a,x,p", "2,b,x,q", "3,,y,q")
        with pytest.raises(DataError, match="line 4: the worker is missing"):
            load(tmp_path, text, where="kind=q")

    def test_faults(self, tmp_path):
        text = table("task,worker,label", "1,a,x")
        with pytest.raises(DataError, match="--where: no column 'kind'"):
            load(tmp_path, text, where="kind=q")
        with pytest.raises(DataError, match="no row has label=q"):
            load(tmp_path, text, where="label=q")
        with pytest.raises(ParameterError, match="expected COLUMN=VALUE"):
            load(tmp_path, text, where="kind")
        with pytest.raises(DataError, match="--where is for tables"):
            load(tmp_path, b"0 1\n", where="kind=q")
        with pytest.raises(DataError, match="--where is for tables"):
            load(tmp_path, {"1": {"a": "x"}}, where="kind=q")


class TestWide:
    WIDE = "image,Anna,Bob,Chloé\nimg 01.jpg,cat,cat,dog\nimg-02.jpg,dog,,dog\nsub/img03.jpg,cat,dog,\nimg04.jpg,dog,dog,dog\n"  # noqa: E501

    def test_text_labels(self, tmp_path):
        got = load(tmp_path, self.WIDE.encode())
        assert list(got.answers.classes) == ["cat", "dog"]
        assert (got.answers.n_tasks, got.answers.n_workers, got.report.kept) == (4, 3, 10)
        workers = "Anna, Bob, Chloé"
        assert got.report.guessed == {"task": "image", "workers": workers, "gold": "none"}

    def test_a_column_of_names_is_no_worker(self, tmp_path):
        got = load(tmp_path, b"filename,rater1,rater2,rater3\na.jpg,1,2,2\nb.jpg,3,3,\n")
        assert list(got.answers.tasks) == ["a.jpg", "b.jpg"]
        assert list(got.answers.classes) == ["1", "2", "3"]
        assert (got.report.kept, got.answers.n_workers) == (5, 3)

    def test_nor_is_age(self, tmp_path):
        text = table(
            "id,age,r1,r2,comment", "1,31,cat,dog,ok", "2,28,cat,cat,bad", "3,55,dog,dog,x"
        )
        got = load(tmp_path, text)
        assert list(got.answers.workers) == ["r1", "r2"]
        assert got.report.ignored == ("age", "comment")
        assert "'age', 'comment' are no workers" in got.report.notes[0]
        got = load(tmp_path, text, worker_col="r2,r1")
        assert list(got.answers.workers) == ["r1", "r2"]

    def test_known_labels(self, tmp_path):
        text = self.WIDE.replace("Chloé", "truth").encode()
        got = load(tmp_path, text)
        assert list(got.answers.workers) == ["Anna", "Bob"]
        assert got.gold == {"img 01.jpg": "dog", "img-02.jpg": "dog", "img04.jpg": "dog"}
        got = load(tmp_path, text, gold_col="none", worker_col="Anna,Bob,truth")
        assert got.answers.n_workers == 3

    @pytest.mark.parametrize("name", ["consensus", "final", "prediction"])
    def test_results_are_asked(self, tmp_path, name):
        text = self.WIDE.replace("Chloé", name).encode()
        with pytest.raises(DataError, match=f"is '{name}' a worker, .*--worker-col Anna,Bob"):
            load(tmp_path, text)
        assert load(tmp_path, text, worker_col="Anna,Bob").answers.n_workers == 2

    def test_two_groups_are_asked(self, tmp_path):
        text = table("id,a,b,width,height", "1,cat,dog,640,480", "2,cat,cat,480,640",
                     "3,dog,dog,640,640")  # fmt: skip
        with pytest.raises(DataError, match=r"which columns are workers: a, b; or width, height\?"):
            load(tmp_path, text)

    def test_a_worker_of_one_answer_is_asked(self, tmp_path):
        text = table("id,a,b,c", "1,cat,dog,", "2,cat,cat,bird", "3,dog,dog,")
        with pytest.raises(DataError, match=r"is 'c' a worker\? it holds bird"):
            load(tmp_path, text)
        assert load(tmp_path, text, worker_col="a,b,c").answers.n_classes == 3

    def test_in_parquet_with_nan(self, tmp_path):
        frame = pl.DataFrame({"name": ["p", "q", "s"], "r1": [1.0, None, 2.0], "r2": [1, 2, 2]})
        got = load(tmp_path, parquet(frame))
        assert list(got.answers.tasks) == ["p", "q", "s"]
        assert list(got.answers.classes) == ["1", "2"]


class TestShards:
    """Fits of shards go by the same rules as files."""

    def fit(self, frame, tmp_path, **options):
        path = tmp_path / "votes.parquet"
        frame.write_parquet(path)
        return fit_shards(path, "MV", output=tmp_path / "out", **options)

    def test_columns(self, tmp_path):
        frame = pl.read_csv(LONGQ)
        with pytest.raises(DataError, match="is the task 'item_id' or 'question'"):
            self.fit(frame, tmp_path)
        frame = frame.rename({"question": "aspect"})
        with pytest.raises(DataError, match="told apart by the column 'aspect'"):
            self.fit(frame, tmp_path)

    def test_no_answer(self, tmp_path):
        rows = {"task": ["1", "2"], "worker": ["a", "a"], "label": ["x", "NA"]}
        with pytest.raises(DataError, match="label 'NA' stands for no answer"):
            self.fit(pl.DataFrame(rows), tmp_path)
        assert self.fit(pl.DataFrame(rows), tmp_path, classes=["x", "NA"])


def test_a_column_of_times_is_proposed_where_the_last_row_counts(tmp_path):
    rows = "1,ann,cat,2024-01-02 10:00:00,.9\n1,ann,dog,2024-01-01 10:00:00,.2\n2,ann,dog,,1\n"
    path = tmp_path / "votes.csv"
    path.write_text("task,worker,label,created_at,confidence\n" + rows)
    notes = read(path).report.notes
    assert any("--time-col created_at makes the newest count" in note for note in notes)
    assert any("--weight-col confidence" in note for note in notes)
    named = read(path, time_col="created_at", weight_col="confidence").report
    assert not any("created_at" in note or "confidence" in note for note in named.notes)
    path.write_text("task,worker,label,created_at\n1,ann,cat,2024-01-02\n2,ann,dog,2024-01-01\n")
    assert not any("--time-col" in note for note in read(path).report.notes)


def test_bars_between_cells(tmp_path):
    got = load(tmp_path, table("task|worker|label", "1|ann|a,b", "2|bob|c;d"))
    assert votes(got) == {("1", "ann"): "a,b", ("2", "bob"): "c;d"}
    got = load(tmp_path, table("task,worker,label,why|how|who", "1,ann,a,x|y"))
    assert votes(got) == {("1", "ann"): "a"}


def test_a_matrix_of_numbers_with_numbered_columns(tmp_path):
    got = load(tmp_path, table("0,1,2", "0,1,-1", "1,1,0"))
    assert votes(got) == {
        ("0", "0"): "0", ("0", "1"): "1", ("1", "0"): "1", ("1", "1"): "1", ("1", "2"): "0",
    }  # fmt: skip
    assert got.report.guessed["workers"] == "0, 1, 2"


def test_known_labels_that_nobody_gave_are_said(tmp_path):
    flag = table("task,worker,label,is_gold", "1,ann,cat,0", "2,ann,dog,1")
    notes = load(tmp_path, flag, gold_col="is_gold").report.notes
    assert any("known labels hold '0', '1', which no worker gave" in note for note in notes)


def test_advice_names_the_option(tmp_path):
    with pytest.raises(DataError, match=r"did you mean 'wroker'\? give --worker-col"):
        load(tmp_path, table("task,wroker,label", "1,ann,cat"))
    ages = table("image,r1,r2,r3,age", "x,a,b,a,31", "y,b,b,,25", "z,a,a,b,44")
    notes = load(tmp_path, ages).report.notes
    assert any("--worker-col r1,r2,r3,age" in note for note in notes)


@pytest.mark.parametrize("name", ["count", "n", "labels", "row", "share", "index", "literal"])
def test_names_of_columns_clash_with_none_of_ours(tmp_path, name):
    wide = table(f"image,r1,r2,r3,{name}", "a,0,0,1,31", "b,1,,1,25", "c,0,0,0,47")
    assert sorted(load(tmp_path, wide).answers.workers) == ["r1", "r2", "r3"]
    rows = ("1,a,x,p", "1,a,y,q", "2,a,x,p", "2,a,y,p", "3,a,x,p")
    for role in ("task", "worker", "label", "extra"):
        columns = "task,worker,label,extra".replace(role, name)
        named = {f"{role}_col": name} if role != "extra" else {}
        assert load(tmp_path, table(columns, *rows), **named).report.kept == 3


@pytest.mark.parametrize("name", [
    "batch", "difficulty", "split", "n_labels", "sex", "model_pred", "agg", "label", "score", "zed",
])  # fmt: skip
def test_names_that_do_not_go_with_the_workers_are_asked(tmp_path, name):
    text = table(f"image,{name},r1,r2,r3", "a,1,1,2,1", "b,1,2,2,", "c,2,1,1,1", "d,2,2,2,1")
    with pytest.raises(DataError, match=f"is '{name}' a worker, .*: --worker-col r1,r2,r3$"):
        load(tmp_path, text)
    assert load(tmp_path, text, worker_col="r1,r2,r3").answers.n_workers == 3
    assert load(tmp_path, text, worker_col=f"{name},r1,r2,r3").answers.n_workers == 4


def test_names_of_people_are_no_stem(tmp_path):
    rows = ("a,x,y,x", "b,y,y,x")
    assert load(tmp_path, table("image,Anna,Bob,Zed", *rows)).answers.n_workers == 3
    assert load(tmp_path, table("image,score_1,score_2,score_3", *rows)).answers.n_workers == 3
    with pytest.raises(DataError, match=r"is 'sex' a worker, .*--worker-col Anna,Bob$"):
        load(tmp_path, table("image,Anna,Bob,sex", *rows))
    with pytest.raises(DataError, match=r"""--worker-col '"Roe, A",Bob'$"""):
        load(tmp_path, table('image,"Roe, A",Bob,sex', *rows))
    got = load(tmp_path, table('image,"Roe, A",Bob,sex', *rows), worker_col='"Roe, A",Bob')
    assert list(got.answers.workers) == ["Bob", "Roe, A"]


def test_flags_beside_workers_are_asked(tmp_path):
    text = table("id,r1,r2,r3,is_gold", "1,True,False,True,False", "2,False,False,,True",
                 "3,True,True,True,False")  # fmt: skip
    with pytest.raises(DataError, match=r"'is_gold' \(False, True\) holds known labels, or marks"):
        load(tmp_path, text)
    got = load(tmp_path, text, gold_col="none", worker_col="r1,r2,r3")
    assert (got.answers.n_workers, len(got.gold)) == (3, 0)
    assert len(load(tmp_path, text, gold_col="is_gold").gold) == 3


def test_wide_tables_whose_ids_look_like_labels(tmp_path):
    got = load(tmp_path, table("task,a,b", "1,0,1", "2,,1"))
    assert votes(got) == {("1", "a"): "0", ("1", "b"): "1", ("2", "b"): "1"}
    rows = ("1,3,3,3,2", "2,2,1,2,2", "3,1,3,1,1")
    with pytest.raises(DataError, match=r"is 'age' a worker, .*--worker-col r1,r2,r3$"):
        load(tmp_path, table("id,age,r1,r2,r3", *rows))
    with pytest.raises(DataError, match=r"wide table.*--worker-col Anna,Bob --task-col image$"):
        load(tmp_path, table("image,Anna,Bob,label", "a,cat,cat,cat", "b,dog,,dog"))
    with pytest.raises(DataError, match=r"is 'group' a worker, .*--worker-col r1,r2$"):
        load(tmp_path, table("group,image,r1,r2", "1,a,0,1", "1,b,1,1"))


def test_nan_and_none_in_any_case_are_missing_in_wide_tables(tmp_path):
    got = load(tmp_path, table("id,r1,r2,r3", "1,mild,none,NONE", "2,NAN,mild,bad", "3,bad,bad,"))
    assert list(got.answers.classes) == ["bad", "mild"]
    assert got.report.kept == 5
    assert any("'NAN', 'NONE', 'none' is read as no answer" in n for n in got.report.notes)
    long = table("task,worker,label", "1,a,none", "1,b,mild")
    assert list(load(tmp_path, long).answers.classes) == ["mild", "none"]
    named = load(
        tmp_path, table("id,r1,r2", "1,mild,none", "2,none,mild"), classes=["none", "mild"]
    )
    assert named.report.kept == 4


def test_a_last_line_without_an_end_counts(tmp_path):
    got = load(tmp_path, b"image,r1,r2\nx,cat,\ny,dog,cat")
    assert list(got.answers.workers) == ["r1", "r2"]


def test_equal_answers_hide_no_second_key(tmp_path):
    text = table("image,question,worker,answer", "a,q1,u,yes", "a,q2,u,no", "b,q1,u,yes",
                 "b,q2,u,no")  # fmt: skip
    with pytest.raises(DataError, match="is the task 'question' or 'image'"):
        load(tmp_path, text)
    got = load(tmp_path, text, task_col="image", where=["question=q1"])
    assert votes(got) == {("a", "u"): "yes", ("b", "u"): "yes"}
    text = table("classification_id,user,task,subject,answer", "1,u,T0,5,cat", "2,u,T1,5,2",
                 "3,v,T0,5,cat", "4,v,T1,5,3")  # fmt: skip
    with pytest.raises(DataError, match=r"is the task 'task' or 'subject'\?"):
        load(tmp_path, text)
    text = table("image,attribute,worker,label", "a,wet,u,yes", "a,red,u,yes", "b,wet,u,no",
                 "b,red,u,no")  # fmt: skip
    with pytest.raises(DataError, match="told apart by the column 'attribute'; give --where attr"):
        load(tmp_path, text)
    got = load(tmp_path, text, task_col="image")
    assert "--where attribute=wet" in got.report.notes[0]


def test_batches_that_contradict_are_said(tmp_path):
    text = table("worker,task,batch,label", "u,1,b1,cat", "u,1,b2,dog", "v,1,b1,cat", "v,2,b2,dog")
    notes = load(tmp_path, text).report.notes
    assert any("told apart by the column 'batch'" in note for note in notes)


def test_another_column_of_labels_is_said(tmp_path):
    text = table("image,worker,label,category", "a,u,x,p", "a,v,x,q", "b,u,y,q")
    notes = load(tmp_path, text).report.notes
    assert [n for n in notes if "--label-col category" in n]
    assert not load(tmp_path, text, label_col="label").report.notes
    codes = table("image,worker,label,category", "a,u,x,1", "a,v,x,1", "b,u,y,2")
    assert not load(tmp_path, codes).report.notes
