"""Exports of labelling platforms: each trap that they hold is read, refused or said."""

from __future__ import annotations

import json

import pytest

from helpers.exports import (
    appen,
    choice_of,
    consolidation,
    extract,
    labelbox,
    labelbox_label,
    lines,
    response,
    table,
    toloka,
    zooniverse,
)
from helpers.files import load, put, votes
from peerannot.aggregation import build
from peerannot.errors import DataError
from peerannot.io import read


class TestToloka:
    def test_rejected_and_skipped(self, tmp_path):
        rows = [toloka("1", "a", "cat"),
                toloka("1", "b", "dog", **{"ASSIGNMENT:status": "REJECTED"}),
                toloka("1", "c", None, **{"ASSIGNMENT:status": "SKIPPED"})]  # fmt: skip
        got = load(tmp_path, table(*rows, separator="\t"))
        assert votes(got) == {("1", "a"): "cat"}
        assert got.report.dropped == {"rejected by the requester": 1, "no answer given": 1}
        assert got.abstained.rows() == [("1", "c")]
        kept = load(tmp_path, table(*rows, separator="\t"), rejected="keep")
        assert votes(kept)["1", "b"] == "dog"

    def test_control_tasks_are_gold_and_training_is_said(self, tmp_path):
        got = load(tmp_path, table(
            toloka("1", "a", "cat", **{"GOLDEN:result": "dog"}),
            toloka("1", "b", "dog", **{"GOLDEN:result": "dog"}),
            toloka("2", "b", "dog", **{"HINT:text": "look at the ears"}), separator="\t",
        ))  # fmt: skip
        assert dict(got.gold) == {"1": "dog"}
        assert len(votes(got)) == 3
        assert got.report.notes == ("1 answers are of training tasks, which have a hint",)

    def test_blank_lines_between_suites(self, tmp_path):
        content = table(toloka("1", "a", "cat"), toloka("2", "a", "dog"), separator="\t")
        head, one, two = content.splitlines()
        blank = b"\t" * head.count(b"\t")
        assert len(votes(load(tmp_path, b"\n".join([head, one, b"", blank, two])))) == 2

    def test_several_inputs_and_outputs(self, tmp_path):
        row = toloka("1", "a", "cat", **{"INPUT:text": "x", "OUTPUT:comment": "hm"})
        content = table(row, separator="\t")
        with pytest.raises(DataError, match="is the label: OUTPUT:result, OUTPUT:comment"):
            load(tmp_path, content)
        got = load(tmp_path, content, label_col="result")
        assert votes(got) == {("id-1", "a"): "cat"}
        assert got.report.guessed == {
            "task": "ASSIGNMENT:task_id", "image": "INPUT:image",
        }  # fmt: skip
        named = load(tmp_path, content, label_col="result", task_col="INPUT:image")
        assert votes(named) == {("1", "a"): "cat"}

    def test_no_ids_of_workers(self, tmp_path):
        row = {k: v for k, v in toloka("1", "a", "cat").items() if "worker" not in k}
        with pytest.raises(DataError, match="does not say who answered"):
            load(tmp_path, table(row, separator="\t"))


class TestAppen:
    # Three judgments, one tainted; a test question with two right labels.
    ROWS = (
        appen("1", "w1", "beef"),
        appen("1", "w2", "chicken", _trust="0.6"),
        appen("1", "w3", "chicken", _trust="0.2", _tainted="true"),
        appen("2", "w1", "beef", _golden="true", kind_gold="beef\nveggie"),
        appen("2", "w2", "chicken", _golden="true", _missed="true", kind_gold="beef\nveggie"),
        appen("3", "w2", "veggie", _trust="0.6", _golden="true", kind_gold="veggie"),
    )

    def test_trust_is_a_weight_where_asked(self, tmp_path):
        got = load(tmp_path, table(*self.ROWS), weight_col="_trust")
        share = build("WMV").fit(got.answers).dense_posterior()[0]
        assert share[0] == pytest.approx(0.9 / 1.7)
        with pytest.raises(DataError, match=r"line 2: the weight 'much' is not a number >= 0"):
            load(tmp_path, table(appen("1", "a", "x", _trust="much")), weight_col="_trust")

    def test_without_it_trust_is_said(self, tmp_path):
        got = load(tmp_path, table(*self.ROWS))
        assert got.answers.weight is None
        assert got.report.notes == (
            "1 judgments are tainted; --read tainted=drop leaves them out",
            "1 test questions have several right labels, which are not kept",
            "answers count alike; --weight-col _trust weights them by trust",
        )
        assert got.report.guessed == {"label": "kind", "gold": "kind_gold", "image": "image_url"}

    def test_gold(self, tmp_path):
        assert dict(load(tmp_path, table(*self.ROWS)).gold) == {"3": "veggie"}
        off = load(tmp_path, table(*self.ROWS), gold_col="none")
        assert dict(off.gold) == {}
        assert "gold" not in off.report.guessed
        with pytest.raises(DataError, match=r"no column 'kind_old'.*did you mean 'kind_gold'"):
            load(tmp_path, table(*self.ROWS), gold_col="kind_old")

    def test_tainted_by_option(self, tmp_path):
        got = load(tmp_path, table(*self.ROWS), tainted="drop")
        assert got.report.dropped == {"tainted": 1}
        assert ("1", "w3") not in votes(got)

    def test_several_questions_need_a_choice(self, tmp_path):
        two = [{**row, "mood": "good", "mood_gold": None} for row in self.ROWS]
        with pytest.raises(DataError, match=r"is the label: kind, mood\? give --label-col"):
            load(tmp_path, table(*two))
        assert load(tmp_path, table(*two), label_col="mood").answers.n_classes == 1

    def test_without_gold_the_question_is_what_varies_in_a_unit(self, tmp_path):
        bare = [{k: v for k, v in row.items() if k != "kind_gold"} for row in self.ROWS]
        got = load(tmp_path, table(*bare))
        assert got.report.guessed["label"] == "kind"
        with pytest.raises(DataError, match=r"is the label: kind, image_url\?"):
            load(tmp_path, table(bare[0]))

    def test_several_labels_and_none(self, tmp_path):
        rows = [appen("1", "a", "x\ny"), appen("1", "b", None), appen("1", "c", "x")]
        with pytest.raises(DataError, match=r"line 2: several labels in one answer \(x, y\)"):
            load(tmp_path, table(*rows))
        got = load(tmp_path, table(*rows), multiple="drop")
        assert votes(got) == {("1", "c"): "x"}
        assert got.abstained.rows() == [("1", "b")]

    def test_an_aggregated_report_is_refused(self, tmp_path):
        row = {"_unit_id": "1", "_golden": "false", "_trusted_judgments": "3", "kind": "cat",
               "kind:confidence": "0.7"}  # fmt: skip
        with pytest.raises(DataError, match="aggregated report does not say who answered"):
            load(tmp_path, table(row))


class TestZooniverse:
    def test_several_questions(self, tmp_path):
        both = [{"task": "T0", "value": "cat"}, {"task": "T1", "value": "2"}]
        row = zooniverse("1", "ann", None, annotations=json.dumps(both))
        with pytest.raises(DataError, match=r"several questions .*: T0, T1.*--control"):
            load(tmp_path, table(row))
        assert votes(load(tmp_path, table(row), control="T1")) == {("1", "ann"): "2"}
        with pytest.raises(DataError, match="is named 'T2'; there are T0, T1"):
            load(tmp_path, table(row), control="T2")

    def test_a_question_that_depends_on_another(self, tmp_path):
        rows = table(zooniverse("1", "ann", "cat"), zooniverse("1", "bob", "2", task="T1"),
                     zooniverse("1", "eve", None, task="T1"))  # fmt: skip
        got = load(tmp_path, rows, control="T1")
        assert votes(got) == {("1", "bob"): "2"}
        # Who was not asked has not abstained.
        assert got.report.dropped["the question was not asked"] == 1
        assert got.abstained.rows() == [("1", "eve")]

    @pytest.mark.parametrize(
        ("value", "label"),
        [("Yes, *really*", "Yes, *really*"), (["cat"], "cat"), (3, "3"), (True, "true"),
         ([{"choice": "LION", "answers": {"HOWMANY": "1"}, "filters": {}}], "LION"),
         ([{"value": "b7", "option": True, "label": "Oak"}], "Oak"),
         ({"selection": 0, "option": True, "label": "Oak"}, "Oak"),
         ([{"task": "T0", "value": "inner"}], "inner")],
    )  # fmt: skip
    def test_kinds_of_answers(self, tmp_path, value, label):
        assert votes(load(tmp_path, table(zooniverse("1", "ann", value)))) == {("1", "ann"): label}

    def test_other_kinds_are_refused_by_name(self, tmp_path):
        mark = [{"tool": 0, "frame": 0, "x": 1.5, "y": 2.5, "details": []}]
        with pytest.raises(DataError, match=r"no question .*; found drawing 'T0'"):
            load(tmp_path, table(zooniverse("1", "ann", mark)))

    def test_several_choices_and_none(self, tmp_path):
        rows = table(zooniverse("1", "ann", ["cat", "dog"]), zooniverse("1", "bob", None),
                     zooniverse("1", "eve", []), zooniverse("1", "joe", "cat"))  # fmt: skip
        with pytest.raises(DataError, match="line 2: several labels"):
            load(tmp_path, rows)
        got = load(tmp_path, rows, multiple="drop")
        assert votes(got) == {("1", "joe"): "cat"}
        assert sorted(got.abstained.rows()) == [("1", "bob"), ("1", "eve")]

    def test_several_workflows_and_versions(self, tmp_path):
        rows = table(zooniverse("1", "ann", "cat"), zooniverse("1", "bob", "dog",
                     workflow_version="13.1"), zooniverse("1", "eve", "owl", workflow_id="8",
                     workflow_name="Birds"))  # fmt: skip
        with pytest.raises(
            DataError, match=r"workflows: 7 'Pets', 8 'Birds'; .*--read workflow=ID"
        ):
            load(tmp_path, rows)
        got = load(tmp_path, rows, workflow="7")
        assert votes(got) == {("1", "ann"): "cat", ("1", "bob"): "dog"}
        assert "2 versions of the workflow (12.34, 13.1)" in got.report.notes[0]
        got = load(tmp_path, rows, workflow="7", version="13")
        assert votes(got) == {("1", "bob"): "dog"}
        with pytest.raises(DataError, match="no classification of version '14'"):
            load(tmp_path, rows, workflow="7", version="14")

    def test_who_is_not_logged_in_is_said(self, tmp_path):
        got = load(tmp_path, table(zooniverse("1", "not-logged-in-ab12", "cat")))
        assert votes(got) == {("1", "not-logged-in-ab12"): "cat"}
        assert "1 classifications are of users who were not logged in" in got.report.notes[0]

    def test_the_latest_of_a_user_counts(self, tmp_path):
        rows = table(zooniverse("1", "a", "dog", created_at="2015-08-12 10:05:00 UTC"),
                     zooniverse("1", "a", "cat", created_at="2015-08-11 09:00:00 UTC"))  # fmt: skip
        assert votes(load(tmp_path, rows)) == {("1", "a"): "dog"}

    def test_images_come_from_the_subject(self, tmp_path):
        got = load(tmp_path, table(zooniverse("1", "ann", "cat")))
        assert dict(got.images) == {"1": "1.jpg"}

    def test_faults(self, tmp_path):
        with pytest.raises(DataError, match="line 2: annotations are not JSON"):
            load(tmp_path, table(zooniverse("1", "a", "x", annotations="[{")))
        with pytest.raises(DataError, match="line 2: an annotation without its task"):
            load(tmp_path, table(zooniverse("1", "a", "x", annotations='[{"value": 1}]')))


class TestPanoptes:
    def test_the_question_is_not_the_task(self, tmp_path):
        rows = table(*(extract(t, w, **{"data.choice": y}) for t, w, y in [
            ("101", "ann", "lion"), ("101", "bob", "lion"),
            ("102", "ann", "zebra"), ("102", "bob", "zebra")]))  # fmt: skip
        for options in ({}, {"worker_col": "user_name", "label_col": "data.choice"}):
            got = load(tmp_path, rows, **options)
            assert votes(got) == {
                ("101", "ann"): "lion", ("101", "bob"): "lion",
                ("102", "ann"): "zebra", ("102", "bob"): "zebra",
            }  # fmt: skip

    def test_several_species_of_one_classification(self, tmp_path):
        rows = table(extract("1", "ann", **{"data.choice": "lion"}),
                     extract("1", "ann", **{"data.choice": "zebra"}),
                     extract("2", "ann", **{"data.choice": "lion"}))  # fmt: skip
        with pytest.raises(DataError, match=r"line 2: several labels .*lion, zebra"):
            load(tmp_path, rows)
        assert votes(load(tmp_path, rows, multiple="drop")) == {("2", "ann"): "lion"}

    def test_none_is_an_abstention(self, tmp_path):
        rows = table(extract("1", "ann", "question_extractor", **{"data.yes": "1"}),
                     extract("1", "bob", "question_extractor", **{"data.None": "1.0"}))  # fmt: skip
        got = load(tmp_path, rows)
        assert votes(got) == {("1", "ann"): "yes"}
        assert got.abstained.rows() == [("1", "bob")]

    def test_reductions_are_refused(self, tmp_path):
        row = {"subject_id": "1", "workflow_id": "7", "task": "T0", "reducer": "question_reducer",
               "data.yes": "3", "data.no": "1"}  # fmt: skip
        with pytest.raises(DataError, match="reductions hold counts and do not say who answered"):
            load(tmp_path, table(row))

    def test_other_extractors_are_refused_by_name(self, tmp_path):
        row = extract("1", "ann", "point_extractor_by_frame", **{"data.frame0.T0_tool0_x": "[1.5]"})
        with pytest.raises(DataError, match="found point_extractor_by_frame 'T0'"):
            load(tmp_path, table(row))

    def test_several_questions_and_workflows(self, tmp_path):
        rows = [extract("1", "ann", **{"data.choice": "lion"}),
                extract("1", "ann", **{"data.choice": "two", "task": "T1"}),
                extract("1", "ann", **{"data.choice": "owl", "workflow_id": "8"})]  # fmt: skip
        with pytest.raises(DataError, match=r"several workflows: 7, 8"):
            load(tmp_path, table(*rows))
        with pytest.raises(DataError, match=r"several questions .*: T0, T1"):
            load(tmp_path, table(*rows), workflow="7")
        got = load(tmp_path, table(*rows), workflow="7", control="T1")
        assert votes(got) == {("1", "ann"): "two"}


class TestLabelbox:
    def test_several_classifications(self, tmp_path):
        label = labelbox_label("ann", "cat")
        other = {"name": "mood", "radio_answer": {"name": "calm"}}
        label["annotations"]["classifications"].append(other)
        with pytest.raises(DataError, match=r"several classifications .*: kind, mood.*--control"):
            load(tmp_path, [labelbox("1", label)])
        got = load(tmp_path, [labelbox("1", label)], control="mood")
        assert votes(got) == {("1", "ann"): "calm"}

    def test_checklist(self, tmp_path):
        def ticked(*names):
            label = labelbox_label("ann", None)
            item = {"name": "kind", "checklist_answers": [{"name": n} for n in names]}
            label["annotations"]["classifications"] = [item]
            return [labelbox("1", label)]

        assert votes(load(tmp_path, ticked("cat"))) == {("1", "ann"): "cat"}
        with pytest.raises(DataError, match=r"entry 1 label 1: several labels .*cat, dog"):
            load(tmp_path, ticked("cat", "dog"))

    def test_boxes_and_texts_are_refused_by_name(self, tmp_path):
        label = labelbox_label("ann", None)
        label["annotations"]["objects"] = [{"name": "box", "bounding_box": {}}]
        label["annotations"]["classifications"] = [{"name": "why", "text_answer": {"content": "x"}}]
        with pytest.raises(DataError, match="found text 'why', object 'box'"):
            load(tmp_path, [labelbox("1", label)])

    def test_skipped_and_empty_are_abstentions(self, tmp_path):
        skipped = labelbox_label("bob", "cat", performance_details={"skipped": True})
        rows = labelbox("1", labelbox_label("ann", None), labelbox_label("eve", "cat"), skipped)
        got = load(tmp_path, [rows])
        assert votes(got) == {("1", "eve"): "cat"}
        assert sorted(got.abstained.rows()) == [("1", "ann"), ("1", "bob")]

    def test_the_reference_of_a_benchmark_is_gold(self, tmp_path):
        rows = [labelbox("1", labelbox_label("boss", "dog", id="ref"), labelbox_label(
            "ann", "cat", performance_details={"benchmark_reference_label": "ref"}))]  # fmt: skip
        got = load(tmp_path, rows)
        assert votes(got) == {("1", "ann"): "cat"}
        assert dict(got.gold) == {"1": "dog"}

    def test_labels_without_an_id_are_no_references(self, tmp_path):
        label = labelbox_label(
            "ann", "cat", performance_details={"benchmark_reference_label": None}
        )
        del label["id"]
        got = load(tmp_path, [labelbox("1", label, labelbox_label("bob", "dog", id=None))])
        assert votes(got) == {("1", "ann"): "cat", ("1", "bob"): "dog"}
        assert not got.gold

    def test_several_projects_and_names_of_tasks(self, tmp_path):
        row = labelbox("1", labelbox_label("ann", "cat"))
        row["projects"]["q"] = {"name": "More", "labels": [labelbox_label("bob", "dog")]}
        with pytest.raises(DataError, match=r"several projects: p 'Pets', q 'More'"):
            load(tmp_path, [row])
        assert votes(load(tmp_path, [row], project="q")) == {("1", "bob"): "dog"}
        got = load(tmp_path, [row], project="p", task="global_key")
        assert votes(got) == {("key-1", "ann"): "cat"}

    def test_without_label_details_nobody_is_named(self, tmp_path):
        with pytest.raises(DataError, match="export with label details"):
            load(tmp_path, [labelbox("1", labelbox_label("a", "cat", label_details={}))])

    def test_a_row_without_labels_stays_a_task(self, tmp_path):
        got = load(tmp_path, lines(labelbox("1"), labelbox("2", labelbox_label("ann", "cat"))))
        assert list(got.answers.tasks) == ["1", "2"]
        assert dict(got.images) == {"1": "https://x/1.jpg", "2": "https://x/2.jpg"}


class TestSageMaker:
    REQUEST = "annotations/consolidated-annotation/consolidation-request/iteration-1/a.json"
    RESPONSE = "annotations/worker-response/iteration-1/{}/{}.json"

    def test_a_whole_job_counts_answers_once(self, tmp_path):
        request = {"datasetObjectId": "0", "dataObject": {"s3Uri": "s3://x/0.jpg"},
                   "annotations": consolidation(("ann", choice_of("cat")))}  # fmt: skip
        put(tmp_path, {
            self.REQUEST: json.dumps([request]).encode(),
            self.REQUEST.replace("request", "response"): b'[{"datasetObjectId": "0"}]',
            self.RESPONSE.format(0, "t"): response(("ann", choice_of("cat"))),
            "manifests/output/output.manifest": b"{}",
        })  # fmt: skip
        got = read(tmp_path)
        assert votes(got) == {("0", "ann"): "cat"}
        assert got.report.rows == 1
        assert dict(got.images) == {"0": "s3://x/0.jpg"}
        assert got.report.guessed == {
            "task": "folder of the file", "label": "crowd-image-classifier",
        }  # fmt: skip

    def test_files_in_one_folder_are_tasks_by_name(self, tmp_path):
        put(tmp_path, {"in/cat.json": response(("ann", choice_of("cat"))),
                       "in/dog.json": response(("ann", choice_of("dog")))})  # fmt: skip
        got = read(tmp_path / "in")
        assert votes(got) == {("cat", "ann"): "cat", ("dog", "ann"): "dog"}
        assert got.report.guessed["task"] == "name of the file"

    @pytest.mark.parametrize(
        ("content", "label"),
        [({"choice": {"cat": True, "dog": False}}, "cat"), ({"choice": "cat"}, "cat"),
         ({"crowd-classifier": {"labels": ["cat"]}}, "cat"), ({"choice": {"on": True}}, "on")],
    )  # fmt: skip
    def test_forms(self, tmp_path, content, label):
        got = load(tmp_path, response(("ann", content)), name="1.json")
        assert votes(got) == {("1", "ann"): label}

    def test_several_elements_labels_and_none(self, tmp_path):
        both = {**choice_of("cat"), "why": "it has ears"}
        with pytest.raises(DataError, match=r"several elements .*: crowd-image-classifier, why"):
            load(tmp_path, response(("ann", both)))
        got = load(tmp_path, response(("ann", both), ("bob", {"why": ""})),
                   control="crowd-image-classifier")  # fmt: skip
        assert votes(got) == {("x", "ann"): "cat"}
        assert got.abstained.rows() == [("x", "bob")]
        with pytest.raises(DataError, match="answer 1: several labels"):
            load(tmp_path, response(("ann", {"q": {"labels": ["cat", "dog"]}})))

    def test_boxes_are_refused_by_name(self, tmp_path):
        box = {"boundingBox": {"boundingBoxes": [{"label": "cat", "left": 1}]}}
        with pytest.raises(DataError, match=r"no element .*; found 'boundingBox'"):
            load(tmp_path, response(("ann", box)))

    def test_an_output_manifest_is_refused(self, tmp_path):
        about = {"class-name": "football", "human-annotated": "yes"}
        record = {"source-ref": "s3://x/1.jpg", "sport": 0, "sport-metadata": about}
        with pytest.raises(DataError, match="consolidated labels and does not say who answered"):
            load(tmp_path, lines(record, record))
