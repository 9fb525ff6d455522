"""Texts of other people: shown on a terminal, never sent to it; no formulas in spreadsheets."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.waiting import PATIENCE

EVIL = "a\x1b]0;PWN\x07\x1b[31m\x9b31m\u202egpj"
# What rich itself draws with: colours and styles.
OWN = re.compile(r"\x1b\[[0-9;?]*[mhlKAJ]")

Run = Callable[..., subprocess.CompletedProcess[str]]


def on_a_terminal(*args: object) -> str:
    """What a command sends to a terminal, stdout and stderr."""
    ours, theirs = pty.openpty()
    got = bytearray()

    def listen() -> None:
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:
                return
            if not part:
                return
            got.extend(part)

    listener = threading.Thread(target=listen)
    listener.start()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "PYTHONUTF8": "1"}
    subprocess.run(
        [sys.executable, "-m", "peerannot", *map(str, args)],
        stdin=theirs, stdout=theirs, stderr=theirs, env=env, timeout=PATIENCE,
    )  # fmt: skip
    os.close(theirs)
    listener.join(PATIENCE)
    os.close(ours)
    return bytes(got).decode()


def harmless(shown: str) -> bool:
    rest = OWN.sub("", shown)
    return not re.search("[\x00-\x06\x07\x0e-\x1f\x7f-\x9f\u202a-\u202e]", rest)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "evil.csv"
    with path.open("w", newline="", encoding="utf-8") as handle:
        rows = csv.writer(handle)
        rows.writerow(["task", "worker", "label"])
        for task in range(6):
            for worker in range(3):
                rows.writerow([f"{EVIL}{task}", f"w{EVIL}{worker}", f"{EVIL}{(task + worker) % 2}"])
    return path


def test_messages_tables_and_data_on_a_terminal(table, tmp_path):
    header = tmp_path / "header.csv"
    header.write_text(f"{EVIL},b\n1,2\n", encoding="utf-8")
    for args in (
        ("aggregate", header),
        ("aggregate", table, "-s", "MV"),
        ("aggregate", table, "-s", EVIL.replace("]", "")),
        ("aggregate", tmp_path / EVIL),
        ("aggregate", table, f"--{EVIL}"),
        ("import", table, "--to", tmp_path / f"d{EVIL}"),
        ("compare", table, "-s", "MV", "-s", "DS"),
        ("report", tmp_path / EVIL),
        ("install", tmp_path / f"{EVIL}.py"),
    ):
        shown = on_a_terminal(*args)
        assert harmless(shown), (args, shown)
        assert "\\x1b" in shown or "compare" in args, (args, shown)


def test_lines_for_people_are_escaped_in_a_pipe_too(tmp_path, run):
    header = tmp_path / "header.csv"
    header.write_text(f"{EVIL},b\n1,2\n", encoding="utf-8")
    done = run("aggregate", header, code=3)
    assert harmless(done.stderr) and "a\\x1b]0;PWN\\x07" in done.stderr


def test_data_in_a_pipe_are_exact(table, run):
    done = run("aggregate", table, "-s", "MV", PYTHONUTF8="1")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert {row["task"] for row in rows} == {f"{EVIL}{i}" for i in range(6)}
    document = json.loads(run("aggregate", table, "-s", "MV", "--json").stdout)
    assert {row["task"] for row in document["rows"]} == {f"{EVIL}{i}" for i in range(6)}


def test_all_text_of_commands_goes_through_one_door():
    home = Path(__file__).resolve().parents[2] / "src" / "peerannot" / "cli"
    others = [
        f"{path.name}: {line.strip()}"
        for path in sorted(home.glob("*.py"))
        for line in path.read_text().splitlines()
        if re.search(r"click\.echo\(|\bprint\(|sys\.std(out|err)\.write\(", line)
        and path.name != "_terminal.py"
    ]
    # A table is drawn before it leaves.
    assert others == ["_table.py: console.print(table)"]


FORMULA = 'task,worker,label\n=cmd|calc,@SUM(1),+1\n-2+3,w2,+1\n"\t=x",＝w,b\nplain,w2,b\n'
STARTS = tuple("=+-@\t\r＝＋－＠")


def cells(text: str) -> list[str]:
    """Every text of a CSV that is no number."""
    found = []
    for row in csv.reader(text.splitlines()):
        for cell in row:
            try:
                float(cell)
            except ValueError:
                found.append(cell)
    return found


@pytest.fixture
def formulas(tmp_path: Path) -> Path:
    path = tmp_path / "inj.csv"
    path.write_text(FORMULA, encoding="utf-8")
    return path


def test_formulas_stay_as_they_are_without_the_option(formulas, run):
    done = run("aggregate", formulas, "-s", "MV")
    assert {"=cmd|calc", "-2+3", "+1"} <= set(cells(done.stdout) + done.stdout.split(","))


def test_formulas_are_guarded_in_every_table_of_a_data_set(formulas, tmp_path, run):
    root = tmp_path / "set"
    run("import", formulas, "--to", root)
    run("aggregate", root, "-s", "DS", "--spreadsheet-safe")
    run("identify", root, "-s", "entropy", "--spreadsheet-safe")
    tables = [p for p in root.rglob("*.csv") if p.name != "tasks.csv"]
    assert len(tables) >= 3
    for path in tables:
        assert not [c for c in cells(path.read_text()) if c.startswith(STARTS)], path
    assert any("'=cmd|calc" in path.read_text() for path in tables)
    assert any("'@SUM(1)" in path.read_text() for path in tables)


def test_formulas_are_guarded_on_stdout_and_in_outputs(formulas, tmp_path, run):
    done = run("aggregate", formulas, "-s", "MV", "--spreadsheet-safe")
    assert not [c for c in cells(done.stdout) if c.startswith(STARTS)]
    assert "'=cmd|calc,'+1" in done.stdout
    out, workers = tmp_path / "o.tsv", tmp_path / "w.csv"
    args = ("-o", out, "--workers-output", workers)
    run("aggregate", formulas, "-s", "DS", *args, "--spreadsheet-safe")
    assert "'=cmd|calc\t'+1" in out.read_text() and "'@SUM(1)" in workers.read_text()
    for form in ("crowdkit", "cleanlab"):
        to = tmp_path / f"{form}.csv"
        run("export", formulas, "--to", form, "-o", to, "--spreadsheet-safe")
        assert not [c for c in cells(to.read_text()) if c.startswith(STARTS)]
    assert "'@SUM(1)" in (tmp_path / "cleanlab.csv").read_text().splitlines()[0]


@pytest.mark.parametrize(
    "args", [("aggregate", "-o", "x.parquet"), ("aggregate", "--json"),
             ("export", "--to", "worker-first", "-o", "x.json")],
)  # fmt: skip
def test_the_option_is_refused_where_it_would_not_act(formulas, tmp_path, run, args):
    command, *others = args
    done = run(command, formulas, *others, "--spreadsheet-safe", cwd=tmp_path, code=2)
    assert "--spreadsheet-safe is for tables of CSV" in done.stderr
    assert not (tmp_path / "x.parquet").exists()
