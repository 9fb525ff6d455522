"""``peerannot report`` and ``peerannot explore`` as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from helpers.waiting import PATIENCE


def test_report_writes_one_file(crowd_folder, run, run_process, tmp_path):
    root = crowd_folder(images=True)
    before = {p.name for p in root.iterdir()}
    done = run("report", root, "-s", "MV", "-s", "DS")
    assert done.stdout == f"{root}/report.html\n"
    assert {p.name for p in root.iterdir()} == before | {"report.html"}
    again = tmp_path / "again.html"
    made = run_process("report", root, "-s", "MV", "-s", "DS", "-o", again, "--json")
    facts = json.loads(made.stdout)
    assert facts["schema"] == "peerannot/report/1"
    assert facts["bytes"] == again.stat().st_size
    assert facts["strategies"] == ["MV", "DS"]
    assert again.read_bytes() == (root / "report.html").read_bytes()


def test_options_act(crowd_folder, run, tmp_path):
    root = crowd_folder(images=True)
    small = tmp_path / "small.html"
    run(
        "report", root, "-s", "MV", "--main", "naive-soft", "--tasks", 3, "--no-images", "-o", small
    )
    page = small.read_bytes()
    assert b"data:image" not in page
    assert b"The 3 most uncertain of 30 tasks" in page
    assert b"The labels shown are those of Naive soft." in page


def test_faults_are_one_line(crowd_folder, run, tmp_path):
    root = crowd_folder()
    assert "unknown strategy" in run("report", root, "-s", "MVV", code=2).stderr
    (root / "gold.json").write_text("[]")
    done = run("report", root, code=3)
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert not (root / "report.html").exists()
    (root / "gold.json").unlink()
    (tmp_path / "file").write_text("")
    done = run("report", root, "-s", "MV", "-o", tmp_path / "file" / "report.html", code=1)
    assert "a part of the path is a file" in done.stderr


def test_explore_serves_until_interrupted(crowd_folder):
    root = crowd_folder()
    command = [sys.executable, "-m", "peerannot", "explore", str(root), "--no-browser", "-s", "MV"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(address, timeout=PATIENCE) as reply:
                assert b"crowd report" in reply.read()
        finally:
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "Stopped" in err


@pytest.mark.parametrize("command", ["report", "explore"])
def test_help_is_light(command):
    code = (
        "import sys\n"
        f"sys.argv = ['peerannot', {command!r}, '--help']\n"
        "from peerannot.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'jinja2', 'numpy', 'numba', 'PIL', 'polars', 'scipy', 'matplotlib', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_images_that_cannot_be_read_are_told(crowd_folder, run):
    root = crowd_folder(images=True)
    broken = sorted((root / "train").rglob("*.png"))[0]
    broken.write_bytes(b"not an image")
    facts = json.loads(run("report", root, "-s", "MV", "--json").stdout)
    assert [bad["image"] for bad in facts["bad_images"]] == [str(broken)]
    assert facts["bad_images"][0]["why"]
    assert any("1 images cannot be read" in note for note in facts["notes"])
    assert f"the first is {broken.name}" in run("report", root, "-s", "MV").stderr
