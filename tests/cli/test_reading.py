"""What every command that reads a file of votes shares: its options, and what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from peerannot.cli._main import peerannot
from peerannot.cli._votes import reading_options

READING = ("import", "aggregate", "evaluate", "compare", "export", "identify", "report")
SOURCES = Path(__file__).resolve().parents[2] / "src" / "peerannot"
DUP = """subject_id,user_name,value,created_at
602944,djs,Spiral,2015-08-12 10:05:00 UTC
602944,djs,Elliptical,2015-08-11 09:00:00 UTC
602944,amy,Spiral,2015-08-10 09:00:00 UTC
602944,amy,Spiral,2015-08-10 08:00:00 UTC
602945,amy,Elliptical,2015-08-10 08:00:00 UTC
"""
LONG = """item_id,question,worker,answer
a,species,ann,lion
a,quality,ann,good
a,species,bob,lion
a,quality,bob,bad
b,species,ann,zebra
b,quality,ann,good
"""


def options_of(name: str) -> set[str]:
    command = peerannot.get_command(click.Context(peerannot), name)
    assert command is not None
    return {opt for p in command.params for opt in p.opts}


@pytest.mark.parametrize("name", READING)
def test_every_reading_command_has_every_reading_option(name):
    @reading_options()
    def command() -> None: ...

    wanted = {opt for p in click.command(command).params for opt in p.opts}
    assert wanted <= options_of(name)


def advice() -> list[tuple[str, str]]:
    """Options that messages about files of votes tell of, with their module."""
    found = []
    for path in sorted([*(SOURCES / "io").rglob("*.py"), *(SOURCES / "answers").rglob("*.py")]):
        if path.parent.name == "writers" or path.name in ("_write.py", "_output.py", "_folder.py"):
            continue
        text = re.sub(r'""".*?"""|^\s*#.*?$', "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
        for said in re.findall(r"(?<![\w-])(-P|--[a-z]+(?:-[a-z]+)*)(?![\w-])", text):
            found.append((said, f"{path.parent.name}/{path.name}"))
    return found


def test_messages_tell_only_of_options_that_every_reading_command_has():
    told = advice()
    assert {"--format", "--read", "--control", "--worker"} <= {option for option, _ in told}
    # {what}-col is --task-col, --worker-col, --label-col, ...
    for option, where in told:
        for name in READING:
            assert option in options_of(name), f"{where} tells of {option}, {name} has none"


FLAT = """image,id,sentiment,annotator,annotation_id,created_at,updated_at,lead_time
/d/a.jpg,1,Positive,1,10,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z,3.1
/d/a.jpg,1,Negative,2,11,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z,3.1
/d/b.jpg,2,"{""choices"": [""Positive"", ""Neutral""]}",2,12,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z,3.1
"""  # noqa: E501
TWO = """annotation_id,annotator,created_at,id,image,lead_time,sentiment,quality,updated_at
10,1,2024-01-01T00:00:00Z,1,/d/a.jpg,3.1,Positive,4,2024-01-01T00:00:00Z
11,2,2024-01-01T00:00:00Z,1,/d/a.jpg,3.1,Negative,5,2024-01-01T00:00:00Z
"""


@pytest.mark.parametrize("content, advised", [(FLAT, "--read multiple=drop"), (TWO, "--control")])
def test_advice_works_in_the_command_that_gave_it(run, tmp_path, content, advised):
    path = tmp_path / "ls.csv"
    path.write_text(content)
    refused = run("aggregate", path, code=None)
    assert refused.returncode != 0
    assert advised in refused.stderr
    words = advised.split() if "=" in advised else [advised, "sentiment"]
    table = run("aggregate", path, *words).stdout
    assert table.splitlines()[1].startswith("1,")


def test_aggregate_says_what_was_dropped(run, tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(LONG)
    item = ("--task-col", "item_id")
    for command in (("aggregate",), ("compare", "-s", "MV")):
        done = run(*command, path, *item, "--json")
        reading = json.loads(done.stdout)["reading"]
        assert (reading["rows"], reading["kept"], reading["contradicting"]) == (6, 3, 3)
        assert "3 dropped: contradicts a later answer of the same worker" in done.stderr
    refused = run("aggregate", path, *item, "--duplicates", "error", code=3)
    assert "worker 'ann' gave 'good' to task 'a', but 'lion' at" in refused.stderr
    kept = run("aggregate", path, *item, "--duplicates", "all", "--json")
    assert kept.stdout.count('"kept": 6') == 1


def test_last_means_in_time(run, tmp_path):
    path = tmp_path / "dup.csv"
    path.write_text(DUP)
    columns = ("--task-col", "subject_id", "--worker-col", "user_name", "--label-col", "value")
    done = run("aggregate", path, *columns, "--time-col", "created_at")
    assert done.stdout.splitlines()[1].startswith("602944,Spiral,1.0,2")
    assert "1 dropped: the same answer of the same worker again" in done.stderr
    assert "1 dropped: contradicts a newer answer of the same worker" in done.stderr


def test_nothing_kept_is_no_success(run, tmp_path):
    path = tmp_path / "e.json"
    path.write_text(json.dumps([{"id": 1, "data": {}, "annotations": [
        {"completed_by": 1, "result": [], "was_cancelled": True}]}]))  # fmt: skip
    for command in (("aggregate", path), ("import", path, "--to", tmp_path / "d")):
        done = run(*command, code=3)
        assert re.search(r"no answers in it \(1 left out: no answer given", done.stderr)
    assert not (tmp_path / "d").exists()


def test_the_table_of_truth_has_the_column_of_the_votes(run, tmp_path):
    votes, truth = tmp_path / "v.csv", tmp_path / "t.csv"
    votes.write_text("filename,rater,rating\na.jpg,r1,1\na.jpg,r2,1\nb.jpg,r1,2\nb.jpg,r2,2\n")
    truth.write_text("filename,label\na.jpg,1\nb.jpg,2\n")
    done = run("evaluate", votes, "--task-col", "filename", "--truth", truth, "-s", "MV", "--json")
    assert json.loads(done.stdout)["results"][0]["accuracy"] == 1.0


def test_identify_and_report_take_a_file(run, tmp_path):
    (tmp_path / "v.csv").write_text("task,worker,label,w\n1,a,x,0.5\n1,b,y,1\n2,a,x,1\n2,b,x,1\n")
    done = run("identify", "v.csv", "-s", "entropy", "--weight-col", "w", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["reading"]["kept"] == 4
    assert "entropy takes every answer alike: the weights do not count" in done.stderr
    assert (tmp_path / "identification" / "entropy.csv").exists()
    assert "make a data set of it" in run("identify", "v.csv", code=2, cwd=tmp_path).stderr
    run("identify", "v.csv", "-s", "entropy", "--labels", "other.json", code=2, cwd=tmp_path)
    done = run("report", "v.csv", "-s", "MV", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["reading"]["rows"] == 4
    assert (tmp_path / "v-report.html").exists()
    assert "is for a file of votes" in run("report", tmp_path / "d", "--task-col", "x", code=2,
                                           cwd=dataset(tmp_path / "d")).stderr  # fmt: skip


def dataset(folder: Path) -> Path:
    folder.mkdir()
    (folder / "answers.json").write_text('{"0": {"0": 1}}')
    (folder / "metadata.json").write_text('{"name": "d", "n_classes": 2}')
    return folder
