"""Every format: found by content, read alike, and each trap that its exports hold."""

from __future__ import annotations

import json
from typing import ClassVar

import polars as pl
import pytest

from helpers.exports import (
    CASES,
    MTURK,
    PARALLEL,
    Case,
    annotation,
    cvat,
    labelme,
    lines,
    mturk,
    parquet,
    prodigy,
    zipped,
)
from helpers.files import load, put, votes
from peerannot.errors import DataError, ParameterError
from peerannot.io import FORMATS, Source, read


@pytest.mark.parametrize("name", CASES)
def test_found_by_content_and_read_alike(tmp_path, name):
    case = CASES[name]
    put(tmp_path, case.files)
    imported = read(f"{tmp_path}/{case.source}", **case.options)
    (one, two), (ann, bob), (cat, dog) = case.tasks, case.workers, case.classes
    assert votes(imported) == {
        (one, ann): cat, (one, bob): dog, (two, ann): dog, (two, bob): dog,
    }  # fmt: skip
    assert imported.report.format == case.format
    assert imported.report.rows == imported.report.kept == 4
    assert not imported.report.dropped
    named = {k: v for k, v in case.options.items() if k != "format"}
    again = read(f"{tmp_path}/{case.source}", format=case.format, **named)
    assert again.answers == imported.answers


# What each export leaves open, and must therefore be told of.
OPEN = {
    "label-studio": {"label", "image"}, "label-studio-min": {"label", "image"},
    "label-studio-csv": {"label", "image"}, "argilla": {"task", "label"},
    "argilla-1": {"task", "label"}, "huggingface": {"task", "worker", "label"},
    "doccano": {"worker", "label"}, "doccano-csv": {"worker", "label"}, "cvat": {"worker"},
    "mturk": {"task", "worker", "label"}, "prodigy": {"worker"}, "labelme": set(),
    "toloka": {"task", "label", "image"}, "appen": {"label", "gold", "image"},
    "zooniverse": {"label", "image"}, "panoptes-survey": {"label"},
    "panoptes-question": {"label"}, "labelbox": {"label"}, "sagemaker": {"task", "label"},
    "sagemaker-requests": {"label"}, "sagemaker-manifest": {"label"}, "answers-json": set(),
    "worker-first": set(), "text-matrix": set(),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN)
def test_what_was_found_is_said(tmp_path, name):
    case = CASES[name]
    put(tmp_path, case.files)
    assert set(read(f"{tmp_path}/{case.source}", **case.options).report.guessed) == OPEN[name]


def test_every_format_has_a_case():
    assert {case.format for case in CASES.values()} == set(FORMATS)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if len(c.files) == 1])
def test_the_name_of_a_file_means_nothing(tmp_path, name):
    case = CASES[name]
    (tmp_path / "data").write_bytes(next(iter(case.files.values())))
    assert read(tmp_path / "data", **case.options).report.format == case.format


def test_unknown_content(tmp_path):
    with pytest.raises(DataError, match=r"JSON of no known format; say which with --format"):
        load(tmp_path, [1, 2, 3])
    with pytest.raises(DataError, match="a zip archive of no known format"):
        load(tmp_path, zipped(a__txt=b"x"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="a folder of no known format"):
        read(tmp_path / "empty")


def test_ambiguous_content_names_the_candidates(tmp_path):
    # Parallel lists and Argilla's columns in one record are certain for Argilla; two formats
    # that are equally sure are an error.
    row = {"id": 1, "annotator": "a", "annotation_id": 1, "task": 1, "worker": 1, "label": 1}
    with pytest.raises(ParameterError, match="label-studio-flat or table; say which"):
        load(tmp_path, [row])
    assert load(tmp_path, [row], format="table").report.kept == 1


class TestLabelStudio:
    def task(self, *annotations, **more):
        return [{"id": 1, "data": {"image": "a.png"}, "annotations": list(annotations), **more}]

    def test_who_is_a_number_or_an_object(self, tmp_path):
        who = {"id": 7, "email": "a@b.c"}
        got = load(tmp_path, self.task(annotation(7, "cat"), annotation({"email": "x@y.z"}, "dog")))
        assert votes(got) == {("1", "7"): "cat", ("1", "x@y.z"): "dog"}
        assert votes(load(tmp_path, self.task(annotation(who, "cat")))) == {("1", "7"): "cat"}

    def test_cancelled_drafts_and_predictions_are_no_answers(self, tmp_path):
        got = load(
            tmp_path,
            self.task(
                annotation(1, "cat"), annotation(2, "dog", was_cancelled=True),
                predictions=[{"result": annotation(9, "dog")["result"]}],
                drafts=[annotation(8, "dog")],
            ),
        )  # fmt: skip
        assert votes(got) == {("1", "1"): "cat"}
        assert got.report.rows == 2
        assert got.report.dropped == {"no answer given": 1}
        assert got.abstained.rows() == [("1", "2")]

    def test_old_names(self, tmp_path):
        old = [{"id": 1, "data": {}, "completions": [
            annotation(1, "cat"), {**annotation(2, "dog"), "skipped": True}]}]  # fmt: skip
        assert votes(load(tmp_path, old)) == {("1", "1"): "cat"}

    def test_gold_is_apart(self, tmp_path):
        got = load(
            tmp_path, self.task(annotation(1, "cat"), annotation(2, "dog", ground_truth=True))
        )
        assert votes(got) == {("1", "1"): "cat"}
        assert dict(got.gold) == {"1": "dog"}
        assert list(got.answers.classes) == ["cat", "dog"]
        with pytest.raises(DataError, match="gold label 'cat', but 'dog' at"):
            load(tmp_path, self.task(annotation(1, "dog", ground_truth=True),
                                     annotation(2, "cat", ground_truth=True)))  # fmt: skip

    def test_several_controls(self, tmp_path):
        both = annotation(1, "cat")
        both["result"].append({**both["result"][0], "from_name": "mood"})
        with pytest.raises(DataError, match=r"several controls .*: choice, mood; .*--control"):
            load(tmp_path, self.task(both))
        assert votes(load(tmp_path, self.task(both), control="mood")) == {("1", "1"): "cat"}
        # A name that no control has is no reason to take every task for unanswered.
        with pytest.raises(DataError, match=r"is named 'moood'.*did you mean 'mood'"):
            load(tmp_path, self.task(both), control="moood")

    def test_taxonomy_is_a_path(self, tmp_path):
        def paths(who, *chosen):
            result = {"from_name": "tax", "type": "taxonomy", "value": {"taxonomy": list(chosen)}}
            return {"completed_by": who, "result": [result]}

        dog, cat = ["Animal", "Dog"], ["Animal", "Cat"]
        got = load(tmp_path, [
            {"id": 1, "data": {}, "annotations": [paths(1, dog), paths(2, dog)]},
            {"id": 2, "data": {}, "annotations": [paths(1, cat), paths(2, dog)]},
        ])  # fmt: skip
        assert votes(got) == {
            ("1", "1"): "Animal/Dog", ("1", "2"): "Animal/Dog",
            ("2", "1"): "Animal/Cat", ("2", "2"): "Animal/Dog",
        }  # fmt: skip
        assert got.report.guessed == {"label": "tax"}
        with pytest.raises(DataError, match=r"several labels in one answer \(Animal/Dog, Animal/C"):
            load(tmp_path, self.task(paths(1, dog, cat)))

    def test_rating(self, tmp_path):
        def stars(who, n):
            return {"completed_by": who, "result": [
                {"from_name": "q", "type": "rating", "value": {"rating": n}}]}  # fmt: skip

        assert votes(load(tmp_path, self.task(stars(1, 4), stars(2, 5), stars(3, 0.5)))) == {
            ("1", "1"): "4", ("1", "2"): "5", ("1", "3"): "0.5",
        }  # fmt: skip

    def test_other_controls_are_refused_by_name(self, tmp_path):
        pair = {"from_name": "x", "type": "pairwise", "value": {"selected": "left"}}
        with pytest.raises(DataError, match=r"no control of one label a task .*found pairwise 'x'"):
            load(tmp_path, self.task({"completed_by": 1, "result": [pair]}))

    def test_a_server_export(self, tmp_path):
        who = {"id": 3, "email": "a@b.c", "first_name": "", "last_name": ""}
        server = {
            "id": 9, "unique_id": "6f1c", "last_action": "submitted", "task": 1, "project": 2,
            "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:01.5Z",
            "draft_created_at": None, "lead_time": 3.25, "prediction": {}, "result_count": 1,
            "import_id": None, "parent_annotation": None, "last_created_by": None,
        }  # fmt: skip
        got = load(tmp_path, self.task(
            {**annotation(who, "cat"), **server}, {**annotation(4, "dog"), **server, "draft": True},
            {**annotation(5, "dog"), **server, "was_cancelled": True}, file_upload="1-a.png",
            inner_id=1, total_annotations=2, cancelled_annotations=1,
        ))  # fmt: skip
        assert votes(got) == {("1", "3"): "cat"}
        assert got.report.dropped == {"a draft": 1, "no answer given": 1}
        assert got.abstained.rows() == [("1", "5")]

    def test_other_kinds_of_result_are_passed_over(self, tmp_path):
        mixed = annotation(1, "cat")
        mixed["result"].insert(0, {"type": "rectanglelabels", "from_name": "box", "value": {}})
        assert votes(load(tmp_path, self.task(mixed))) == {("1", "1"): "cat"}

    def test_several_choices(self, tmp_path):
        with pytest.raises(
            DataError, match=r"entry 1 annotation 1: several labels .*multiple=drop"
        ):
            load(tmp_path, self.task(annotation(1, "cat", "dog")))
        got = load(tmp_path, self.task(annotation(1, "cat", "dog"), annotation(2, "cat")),
                   multiple="drop")  # fmt: skip
        assert got.report.dropped == {"several labels": 1}

    def test_the_newest_of_a_worker_counts(self, tmp_path):
        twice = self.task(
            annotation(1, "dog", created_at="2024-03-01T10:00:00.5Z"),
            annotation(1, "cat", created_at="2024-03-01T09:59:00+00:00"),
        )
        got = load(tmp_path, twice)
        assert votes(got) == {("1", "1"): "dog"}
        assert got.report.dropped == {"contradicts a newer answer of the same worker": 1}
        first = load(tmp_path, twice, duplicates="first")
        assert votes(first) == {("1", "1"): "cat"}
        assert first.report.dropped == {"contradicts an older answer of the same worker": 1}
        twice[0]["annotations"].append(annotation(2, "cat", created_at="yesterday"))
        said = load(tmp_path, twice).report.notes
        assert said == ("1 of 3 answers have no time that can be read; they count as the oldest",)

    def test_abstention_keeps_the_task(self, tmp_path):
        got = load(tmp_path, [*self.task(annotation(1, "cat")),
                              {"id": 2, "data": {}, "annotations": [annotation(1)]},
                              {"id": 3, "data": {}, "annotations": []}])  # fmt: skip
        assert list(got.answers.tasks) == ["1", "2", "3"]
        assert got.report.dropped == {"no answer given": 1}
        assert got.abstained.rows() == [("2", "1")]
        assert dict(got.images) == {"1": "a.png"}

    def test_flat_several_choices_and_control(self, tmp_path):
        row = {"image": "a.png", "id": 1, "choice": {"choices": ["a", "b"]}, "annotator": 3,
               "annotation_id": 1}  # fmt: skip
        with pytest.raises(DataError, match="entry 1: several labels"):
            load(tmp_path, [row])
        row = {"id": 1, "choice": "a", "mood": "b", "annotator": 3, "annotation_id": 1}
        with pytest.raises(DataError, match=r"which column holds the choice: choice, mood\?"):
            load(tmp_path, [row])
        assert votes(load(tmp_path, [row], control="mood")) == {("1", "3"): "b"}
        with pytest.raises(DataError, match=r"no column 'moood'.*did you mean 'mood'"):
            load(tmp_path, [row], control="moood")

    def test_flat_a_control_left_empty_at_first_is_still_a_column(self, tmp_path):
        empty = {"image": "a.png", "id": 1, "annotator": 1, "annotation_id": 1}
        filled = {"image": "b.png", "id": 2, "flags": "dog", "annotator": 1, "annotation_id": 2}
        for content in ([empty, filled], lines(empty, filled)):
            for options in ({}, {"control": "flags"}):
                got = load(tmp_path, content, **options)
                assert votes(got) == {("2", "1"): "dog"}
                assert got.abstained.rows() == [("1", "1")]
                assert dict(got.images) == {"1": "a.png", "2": "b.png"}

    @pytest.mark.parametrize(
        ("cell", "label"),
        [([{"rating": 4}], "4"), ([{"taxonomy": [["Animal", "Dog"]]}], "Animal/Dog"), (4, "4"),
         ({"choices": ["a"]}, "a")],
    )  # fmt: skip
    def test_flat_rating_and_taxonomy(self, tmp_path, cell, label):
        row = {"id": 1, "q": cell, "annotator": 3, "annotation_id": 1}
        assert votes(load(tmp_path, [row])) == {("1", "3"): label}
        text = json.dumps(cell).replace('"', '""')
        table = f'id,q,annotator,annotation_id\n1,"{text}",3,1\n'.encode()
        assert votes(load(tmp_path, table)) == {("1", "3"): label}

    def test_flat_csv_several_choices_as_json_text_and_renamed_data(self, tmp_path):
        text = (
            "id,_data_choice,annotator,annotation_id,choice\n"
            '1,x,ann,1,"{""choices"": [""a"", ""b""]}"\n2,x,ann,2,a\n3,x,ann,3,\n'
        )
        got = load(tmp_path, text.encode(), multiple="drop", control="choice")
        assert votes(got) == {("2", "ann"): "a"}
        assert got.report.dropped == {"several labels": 1, "no answer given": 1}
        with pytest.raises(DataError, match="line 2: several labels"):
            load(tmp_path, text.encode())


class TestLists:
    def test_argilla_keeps_submitted_only(self, tmp_path):
        rows = lines({"id": "1", "q.responses.users": ["a", "b", "c"],
                      "q.responses": ["x", "y", "z"],
                      "q.responses.status": ["submitted", "draft", "discarded"]})  # fmt: skip
        got = load(tmp_path, rows)
        assert votes(got) == {("1", "a"): "x"}
        assert got.report.dropped == {"response draft": 1, "no answer given": 1}
        assert got.abstained.rows() == [("1", "c")]
        assert got.report.guessed == {"task": "id", "label": "q"}

    def test_argilla_a_question_that_is_empty_at_first(self, tmp_path):
        rows = [{"id": "1", "q": []}, {"id": "2", "q": [{"user_id": "a", "value": "x"}]}]
        got = load(tmp_path, rows, format="argilla")
        assert votes(got) == {("2", "a"): "x"}
        assert list(got.answers.tasks) == ["1", "2"]

    def test_argilla_ids_are_of_one_kind(self, tmp_path):
        row = {"q.responses.users": ["a"], "q.responses": ["x"]}
        got = load(tmp_path, [{**row, "id": "1"}, {**row, "id": None}, {**row, "id": "2"}])
        # The second record is no task "1" because it stands at place 1.
        assert list(got.answers.tasks) == ["0", "1", "2"]
        assert got.report.guessed["task"] == "number of the row"

    def test_argilla_several_questions_and_multilabel(self, tmp_path):
        row = {"_server_id": "s", "id": None}
        for q in ("p", "q"):
            row |= {f"{q}.responses.users": ["a"], f"{q}.responses": [["x", "y"]]}
        with pytest.raises(DataError, match="are p, q; say which"):
            load(tmp_path, [row])
        with pytest.raises(DataError, match="several labels"):
            load(tmp_path, [row], question="p")
        row["p.responses"] = [["x"]]
        assert votes(load(tmp_path, [row], question="p")) == {("s", "a"): "x"}
        row["p.responses"] = []
        with pytest.raises(DataError, match="differ in length"):
            load(tmp_path, [row], question="p")

    def test_argilla_parquet(self, tmp_path):
        frame = pl.DataFrame({"id": ["1"], "q.responses.users": [["a"]], "q.responses": [["x"]]})
        assert votes(load(tmp_path, parquet(frame))) == {("1", "a"): "x"}

    def test_names_of_classes_come_from_the_features(self, tmp_path):
        got = load(tmp_path, parquet(PARALLEL))
        assert list(got.answers.classes) == ["0", "1"]
        features = {"info": {"features": {"human_labels": [{"names": ["cat", "dog", "bird"]}]}}}
        got = load(tmp_path, parquet(PARALLEL, huggingface=json.dumps(features)))
        assert list(got.answers.classes) == ["cat", "dog", "bird"]
        short = {"info": {"features": {"human_labels": [{"names": ["cat"]}]}}}
        with pytest.raises(DataError, match=r"row 1: label 1 is not in 0\.\.0"):
            load(tmp_path, parquet(PARALLEL, huggingface=json.dumps(short)))

    def test_mapped_columns_lengths_and_rows_as_tasks(self, tmp_path):
        rows = [{"who": [1, 2], "what": ["x", "y"]}, {"who": [], "what": []}]
        got = load(tmp_path, rows, format="huggingface", worker_col="who", label_col="what")
        assert votes(got) == {("0", "1"): "x", ("0", "2"): "y"}
        assert list(got.answers.tasks) == ["0", "1"]
        with pytest.raises(DataError, match="entry 1: 2 workers but 1 labels"):
            load(tmp_path, [{"annotators": [1, 2], "labels": ["x"]}])

    def test_a_table_with_lists_points_here(self, tmp_path):
        frame = pl.DataFrame({"task": [1], "worker": [[1]], "label": [[1]]})
        with pytest.raises(DataError, match="--format huggingface"):
            load(tmp_path, parquet(frame), format="table")


class TestDoccano:
    ROW: ClassVar = {"id": 1, "filename": "a.png", "label": ["x"], "Comments": []}

    def test_shared_project_is_refused(self, tmp_path):
        content = zipped(all__jsonl=lines(self.ROW))
        with pytest.raises(DataError, match="does not say who gave them"):
            load(tmp_path, content)
        assert votes(load(tmp_path, content, worker="ann")) == {("1", "ann"): "x"}

    def test_users_whose_names_are_alike(self, tmp_path):
        content = zipped(**{"ann.a__jsonl": lines(self.ROW), "ann.b__jsonl": lines(self.ROW)})
        got = load(tmp_path, content)
        assert votes(got) == {("1", "ann.a"): "x", ("1", "ann.b"): "x"}
        assert got.report.guessed == {"worker": "name of the file", "label": "label"}
        put(tmp_path, {"p/ann.jsonl": lines(self.ROW), "q/ann.jsonl": lines({**self.ROW, "id": 2})})
        assert votes(read(f"{tmp_path}/[pq]/*.jsonl")) == {("1", "ann"): "x", ("2", "ann"): "x"}

    def test_standard_input_has_no_name(self, tmp_path):
        piped = Source("standard input", content=lines(self.ROW))
        with pytest.raises(DataError, match="the name of the file says who answered"):
            FORMATS["doccano"]().read(piped)
        assert FORMATS["doccano"](worker="ann").read(piped).frame["worker"].to_list() == ["ann"]

    def test_empty_and_several_labels(self, tmp_path):
        rows = lines({**self.ROW, "label": []}, {**self.ROW, "id": 2, "label": ["x", "y"]},
                     {**self.ROW, "id": 3})  # fmt: skip
        with pytest.raises(DataError, match=r"ann\.jsonl line 2: several labels"):
            load(tmp_path, rows, name="ann.jsonl")
        got = load(tmp_path, rows, name="ann.jsonl", multiple="drop")
        assert votes(got) == {("3", "ann"): "x"}
        assert got.report.dropped == {"no label": 1, "several labels": 1}
        assert dict(got.images) == dict.fromkeys("123", "a.png")

    def test_a_hash_in_csv_cannot_be_told_from_two_labels(self, tmp_path):
        content = zipped(ann__csv=b"id,label,Comments\n1,C#,\n")
        with pytest.raises(DataError, match=r"ann\.csv line 2: several labels"):
            load(tmp_path, content)

    def test_intent_detection_and_meta(self, tmp_path):
        row = {"id": 1, "filename": "a", "cats": ["x"], "entities": [], "batch": 3, "Comments": []}
        assert votes(load(tmp_path, lines(row, row), name="bob.jsonl")) == {("1", "bob"): "x"}


class TestCvat:
    def test_no_worker_is_asked_for(self, tmp_path):
        with pytest.raises(DataError, match=r"does not say who set a tag.*--worker"):
            load(tmp_path, cvat("", ("a.png", "cat")))
        got = load(tmp_path, cvat("", ("a.png", "cat")), worker="ann")
        assert votes(got) == {("a.png", "ann"): "cat"}

    def test_owner_of_the_task(self, tmp_path):
        owner = "<task><owner><username>eve</username></owner></task>"
        got = load(tmp_path, cvat("", ("a", "cat"), assignee=owner))
        assert votes(got) == {("a", "eve"): "cat"}

    def test_replicas_that_nobody_is_assigned_to(self, tmp_path):
        # Both are the owner's by name; taken so, the second would replace the first.
        owner = "<task><owner><username>eve</username></owner></task>"
        job = "<job><id>{}</id><type>consensus_replica</type></job>"
        for name, number, label in (("a.xml", 7, "cat"), ("b.xml", 8, "dog")):
            content = cvat("", ("a", label), assignee=job.format(number) + owner)
            put(tmp_path, {name: content})
        with pytest.raises(DataError, match=r"no assignee.*--worker-from job"):
            read(f"{tmp_path}/*.xml")
        got = read(f"{tmp_path}/*.xml", worker_from="job")
        assert votes(got) == {("a", "7"): "cat", ("a", "8"): "dog"}
        got = read(f"{tmp_path}/*.xml", worker_from="file")
        assert votes(got) == {("a", "a"): "cat", ("a", "b"): "dog"}
        assert got.report.guessed == {"worker": "name of the file"}

    def test_an_image_without_a_tag(self, tmp_path):
        content = cvat("ann", ("a", "cat"), ("b", "X")).replace(
            b'<tag label="X" source="manual"/>', b""
        )
        got = load(tmp_path, content)
        assert got.report.dropped == {"no tag": 1}
        assert got.abstained.height == 0
        assert list(got.answers.tasks) == ["a", "b"]

    def test_several_people_in_one_file(self, tmp_path):
        people = "".join(f"<segment><assignee>{p}</assignee></segment>" for p in ("ann", "bob"))
        task = f"<task><segments>{people}</segments></task>"
        with pytest.raises(DataError, match=r"several people worked on this task \(ann, bob\)"):
            load(tmp_path, cvat("", ("a", "cat"), assignee=task))

    def test_tags_of_a_merge_and_video(self, tmp_path):
        merged = cvat("ann", ("a", "cat"), ("b", "dog")).replace(b"manual", b"consensus", 1)
        got = load(tmp_path, merged)
        assert votes(got) == {("b", "ann"): "dog"}
        assert got.report.dropped == {"merged of several workers' tags": 1}
        with pytest.raises(DataError, match="CVAT for video; export as CVAT for images"):
            load(tmp_path, b"<annotations><meta/><track id='0'/></annotations>")

    def test_zip_archive(self, tmp_path):
        content = zipped(annotations__xml=cvat("ann", ("a", "cat")))
        assert votes(load(tmp_path, content)) == {("a", "ann"): "cat"}

    @pytest.mark.parametrize("word", ["DOCTYPE", "doctype"])
    def test_doctype_is_refused(self, tmp_path, word):
        bomb = f'<!{word} x [<!ENTITY a "b">]>'.encode()
        content = cvat("ann", ("a", "cat")).replace(b"<annotations>", bomb + b"<annotations>")
        with pytest.raises(DataError, match="DOCTYPE is refused"):
            load(tmp_path, content)

    def test_shapes_models_and_several_tags(self, tmp_path):
        content = cvat("ann", ("a", "cat"), ("b", "dog"))
        boxes = b'<box label="dog" source="manual"/><tag label="dog" source="auto"/><tag '
        got = load(tmp_path, content.replace(b"<tag ", boxes, 1))
        assert votes(got) == {("a", "ann"): "cat", ("b", "ann"): "dog"}
        assert got.report.dropped == {"set by a model": 1}
        with pytest.raises(DataError, match="image 1: several labels"):
            load(tmp_path, content.replace(b"<tag ", b'<tag label="dog"/><tag ', 1))

    def test_attribute_of_the_tag(self, tmp_path):
        tag = b'<tag label="kind" source="manual"><attribute name="breed">pug</attribute></tag>'
        content = cvat("ann", ("a", "X")).replace(b'<tag label="X" source="manual"/>', tag)
        assert votes(load(tmp_path, content, attribute="breed")) == {("a", "ann"): "pug"}
        with pytest.raises(DataError, match="has no attribute 'bread'"):
            load(tmp_path, content, attribute="bread")


class TestMTurk:
    def test_options_ticked(self, tmp_path):
        header = MTURK.format("Answer.kind.cat,Answer.kind.dog")
        got = load(tmp_path, mturk(header, "H,a,Approved,1,u,true,false,,",
                                   "H,b,Approved,1,u,false,false,,"))  # fmt: skip
        assert votes(got) == {("u", "a"): "cat"}
        assert got.report.dropped == {"no answer given": 1}
        assert got.abstained.rows() == [("u", "b")]
        with pytest.raises(DataError, match=r"line 2: several labels in one answer \(cat, dog\)"):
            load(tmp_path, mturk(header, "H,a,Approved,1,u,true,true,,"))

    def test_rejected_by_option(self, tmp_path):
        rows = mturk(
            MTURK.format("Answer.kind"), "H,a,Approved,1,u,cat,,", "H,b,Rejected,1,u,dog,,no"
        )
        kept = load(tmp_path, rows).report
        assert kept.kept == 2
        assert kept.notes == ("1 answers were rejected; --read rejected=drop leaves them out",)
        assert kept.guessed == {
            "worker": "WorkerId", "task": "Input.image_url", "label": "Answer.kind",
        }  # fmt: skip
        got = load(tmp_path, rows, rejected="drop")
        assert got.report.dropped == {"rejected by the requester": 1}

    def test_several_fields_need_a_choice(self, tmp_path):
        rows = mturk(MTURK.format("Answer.kind,Answer.comment"), "H,a,Approved,1,u,cat,nice,,")
        with pytest.raises(DataError, match=r"which field is the label: kind, comment\?"):
            load(tmp_path, rows)
        assert votes(load(tmp_path, rows, label_col="Answer.kind")) == {("u", "a"): "cat"}
        with pytest.raises(DataError, match=r"no answer 'kinds'.*did you mean 'kind'"):
            load(tmp_path, rows, label_col="kinds")

    def test_numbers_that_mean_two_fields_are_no_pairs(self, tmp_path):
        header = "HITId,WorkerId,Input.a1,Input.a2,Answer.kind1,Answer.kind2,Answer.why1"
        with pytest.raises(DataError, match="which column is the task"):
            load(tmp_path, mturk(header, "H,a,u1,u2,cat,dog,ears"))

    def test_several_tasks_a_row(self, tmp_path):
        header = "HITId,WorkerId,Input.image1,Input.image2,Answer.choice1,Answer.choice2"
        got = load(tmp_path, mturk(header, "H,a,u1,u2,cat,dog", "H2,a,u3,,cat,"))
        assert votes(got) == {("u1", "a"): "cat", ("u2", "a"): "dog", ("u3", "a"): "cat"}

    def test_the_id_of_a_hit_may_come_again(self, tmp_path):
        rows = mturk(MTURK.format("Answer.category.label"), "H,a,Approved,1,u1,cat,,",
                     "H,a,Approved,1,u2,dog,,", "H,b,Approved,1,u2,cat,,")  # fmt: skip
        assert votes(load(tmp_path, rows)) == {
            ("u1", "a"): "cat", ("u2", "a"): "dog", ("u2", "b"): "cat"
        }  # fmt: skip

    def test_newer_answers_as_json_and_hit_as_task(self, tmp_path):
        header = "HITId,WorkerId,Answer.taskAnswers"
        rows = mturk(header, 'H1,a,"[{""category"":{""label"":""Cat""}}]"',
                     'H2,a,"[{""kind"":{""cat"":false,""dog"":true}}]"')  # fmt: skip
        assert votes(load(tmp_path, rows)) == {("H1", "a"): "Cat", ("H2", "a"): "dog"}

    def test_turkle(self, tmp_path):
        rows = mturk("HITId,Input.image,Turkle.Username,Answer.kind", "H,u,ann,cat")
        assert votes(load(tmp_path, rows)) == {("u", "ann"): "cat"}

    def test_which_input(self, tmp_path):
        rows = mturk("HITId,WorkerId,Input.a,Input.b,Answer.kind", "H,w,1,2,cat")
        with pytest.raises(DataError, match=r"which column is the task: Input\.a, Input\.b\?"):
            load(tmp_path, rows)
        assert votes(load(tmp_path, rows, task_col="b")) == {("2", "w"): "cat"}


class TestProdigy:
    def test_ignore_and_reject(self, tmp_path):
        got = load(tmp_path, lines(
            prodigy(1, "a", accept=["cat"]), prodigy(2, "a", accept=[], answer="ignore"),
            prodigy(1, "b", accept=["cat"], answer="reject")))  # fmt: skip
        assert votes(got) == {("1", "a"): "cat"}
        assert got.report.dropped == {"no answer given": 2}
        assert got.abstained.rows() == [("2", "a"), ("1", "b")]
        assert list(got.answers.tasks) == ["1", "2"]

    def test_binary_view(self, tmp_path):
        row = {"_input_hash": -5, "label": "cat", "_session_id": "set-ann", "image": "data:abc"}
        other = {**row, "answer": "reject", "_session_id": "set-bob"}
        got = load(tmp_path, lines({**row, "answer": "accept"}, other))
        assert votes(got) == {("-5", "set-ann"): "cat", ("-5", "set-bob"): "not cat"}
        # A data URI holds the whole image: it is never an id or a name.
        assert dict(got.images) == {}

    def test_the_latest_counts(self, tmp_path):
        got = load(tmp_path, lines(prodigy(1, "a", accept=["dog"], _timestamp=20),
                                   prodigy(1, "a", accept=["cat"], _timestamp=10)))  # fmt: skip
        assert votes(got) == {("1", "a"): "dog"}

    def test_several_nobody_and_nonsense(self, tmp_path):
        with pytest.raises(DataError, match="several labels"):
            load(tmp_path, lines(prodigy(1, "a", accept=["cat", "dog"])))
        nobody = {k: v for k, v in prodigy(1, "a", accept=["x"]).items() if k != "_annotator_id"}
        with pytest.raises(DataError, match="neither _annotator_id nor _session_id"):
            load(tmp_path, lines(nobody))
        assert votes(load(tmp_path, lines(nobody), worker="w")) == {("1", "w"): "x"}
        with pytest.raises(DataError, match="answer is 'maybe'"):
            load(tmp_path, lines(prodigy(1, "a", answer="maybe")))


class TestLabelMe:
    def test_no_worker_is_asked_for(self, tmp_path):
        with pytest.raises(DataError, match="--worker NAME, or --worker-from dir"):
            load(tmp_path, labelme("a.png", cat=True))

    def test_flags(self, tmp_path):
        load_one = lambda **f: load(tmp_path, labelme("..\\in\\a.png", **f), worker="w")  # noqa: E731
        assert votes(load_one(cat=True, dog=False)) == {("../in/a.png", "w"): "cat"}
        for nothing in ({"cat": False}, {"cat": True, "__ignore__": True}):
            with pytest.raises(DataError, match=r"no answers in it \(1 left out: no answer"):
                load_one(**nothing)
        with pytest.raises(DataError, match="several labels"):
            load_one(cat=True, dog=True)

    def test_shapes(self, tmp_path):
        document = json.loads(labelme("a"))
        document["shapes"] = [{"label": "cat"}, {"label": "cat"}]
        got = load(tmp_path, document, worker="w", level="shapes")
        assert votes(got) == {("a", "w"): "cat"}


class TestWideAndDense:
    def test_strings_ints_and_tasks_without_answers(self, tmp_path):
        got = load(tmp_path, b"task,a,b\nt1,cat,\nt2,,\nt3,dog,nan\n", format="cleanlab")
        assert votes(got) == {("t1", "a"): "cat", ("t3", "a"): "dog"}
        assert list(got.answers.tasks) == ["t1", "t2", "t3"]
        with pytest.raises(DataError, match="the task 't1' has two rows"):
            load(tmp_path, b"task,a\nt1,1\nt1,\n", format="cleanlab")

    def test_a_long_table_of_numbers_is_not_taken_for_a_matrix(self, tmp_path):
        with pytest.raises(DataError, match="no column for the"):
            load(tmp_path, b"x,y,z\n1,2,0\n1,3,1\n")

    def test_text_matrix_faults(self, tmp_path):
        with pytest.raises(DataError, match="line 2: 1 cells, the first row has 2"):
            load(tmp_path, b"0 1\n1\n", format="text-matrix")
        with pytest.raises(DataError, match="line 1: 'x' is not a whole number"):
            load(tmp_path, b"0 x\n", format="text-matrix")
        with pytest.raises(DataError, match="line 1: labels must be -1"):
            load(tmp_path, b"0 -2\n", format="text-matrix")

    def test_mapping_faults(self, tmp_path):
        for document, message in (
            ({"1": {"a": 1.5}}, "1.5 is no name or number"),
            ({"1": [0]}, "task '1' has list"),
        ):
            with pytest.raises(DataError, match=message):
                load(tmp_path, document, format="answers-json")


def test_workers_by_folder(tmp_path, monkeypatch):
    case: Case = CASES["labelme"]
    put(tmp_path, case.files)
    monkeypatch.chdir(tmp_path / "in" / "ann")
    assert list(read(".", worker_from="dir").answers.workers) == ["ann"]
