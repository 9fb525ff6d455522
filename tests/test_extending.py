"""docs/extending.md and CONTRIBUTING.md say the truth: what they name is enough."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import peerannot
from helpers.distributions import install

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text()
BLOCK = r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```"
FILES = dict(re.findall(BLOCK, PAGE, flags=re.DOTALL | re.MULTILINE))
EXPORT = json.dumps(
    [
        {"tool": "my tool", "item": item, "by": worker, "says": label}
        for item, worker, label in [(1, "ann", "cat"), (1, "bob", "dog"), (2, "ann", "dog")]
    ]
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution of the page, as an installer leaves it, and one that is broken."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    groups = {
        group.removeprefix("peerannot."): entries
        for group, entries in project["entry-points"].items()
    }
    install(folder, project["name"], {**FILES, "crowd_extras/__init__.py": ""}, **groups)
    broken = {"crooked": "crooked_votes:Crooked", "majority-vote": "crooked_votes:Crooked"}
    files = {"crooked_votes.py": "import a_missing_module"}
    return install(folder, "crooked", files, strategies=broken)


def python(
    *arguments: str, path: Path, cwd: Path, code: int = 0, **env: str
) -> subprocess.CompletedProcess[str]:
    """A process that sees a folder before all others."""
    here = f"{path}{os.pathsep}{Path(peerannot.__file__).parents[1]}"
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": here, "OMP_NUM_THREADS": "1", **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def commands_know_all_four(path: Path, cwd: Path) -> str:
    """Lists, one strategy's card, a fit and a file; what lists say on stderr."""
    run = ["-m", "peerannot"]
    listed = python(*run, "agginfo", "--json", path=path, cwd=cwd)
    facts = json.loads(listed.stdout)
    assert "power-vote" in {entry["name"] for entry in facts["aggregation"]}
    assert "coin-net" in facts["end_to_end"]
    assert "power = 2.0" in python(*run, "agginfo", "PV", path=path, cwd=cwd).stdout
    (cwd / "export.json").write_text(EXPORT)
    asked = ["aggregate", "export.json", "-s", "PV[power=3]", "--json"]
    fitted = json.loads(python(*run, *asked, path=path, cwd=cwd).stdout)
    assert fitted["strategy"].startswith("PV") or fitted["strategy"] == "power-vote"
    asked = ["next", "export.json", "--budget", "1", "-p", "margin", "--json"]
    assert json.loads(python(*run, *asked, path=path, cwd=cwd).stdout)["policy"] == "margin"
    told = python(*run, "import", "--help", path=path, cwd=cwd).stdout
    assert "my-tool" in "".join(told.split())
    return listed.stderr


def test_another_distribution_is_in_lists_commands_and_completion(site, tmp_path) -> None:
    said = commands_know_all_four(site, tmp_path)
    crooked = [line for line in said.splitlines() if "crooked" in line]
    assert len(crooked) == 2
    assert any("cannot be loaded (ModuleNotFoundError: No module named" in line for line in crooked)
    assert any("'majority-vote' of crooked 1.0 is left out" in line for line in crooked)
    refused = python(
        "-m", "peerannot", "aggregate", "export.json", "-s", "crooked",
        path=site, cwd=tmp_path, code=2,
    )  # fmt: skip
    assert "'crooked' of crooked 1.0 cannot be loaded" in refused.stderr
    command = "import sys; sys.argv = ['peerannot']; from peerannot.cli import main; main()"
    offered = python(
        "-c", command, path=site, cwd=tmp_path, _PEERANNOT_COMPLETE="bash_complete",
        COMP_WORDS="peerannot aggregate export.json -s pow", COMP_CWORD="4",
    )  # fmt: skip
    assert "power-vote" in offered.stdout


def test_doctor_lists_what_was_found_and_whether_it_loads(site, tmp_path) -> None:
    run = ["-m", "peerannot", "doctor"]
    facts = json.loads(python(*run, "--json", path=site, cwd=tmp_path).stdout)
    found = {plugin["name"]: plugin for plugin in facts["plugins"]}
    entries = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"]
    for group, classes in entries.items():
        for name in classes:
            known = {"name": name, "group": group, "distribution": "crowd-extras 1.0"}
            assert known.items() <= found[name].items()
            assert found[name]["fault"] is None or name == "coin-net"  # which needs PyTorch
    assert "cannot be loaded (ModuleNotFoundError: No module" in found["crooked"]["fault"]
    assert found["majority-vote"]["fault"].startswith("left out: the name 'majority-vote' already")
    assert {found[name]["fault"] for name in ("crooked", "majority-vote")} <= {*facts["advice"]}
    text = python(*run, path=site, cwd=tmp_path).stdout
    assert "my-table             peerannot.writers of crowd-extras 1.0\n" in text


@pytest.mark.slow
def test_the_classes_of_the_page_pass_their_checks(site, tmp_path) -> None:
    pytest.importorskip("torch")
    python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", str(site / "test_contract.py"),
        path=site, cwd=tmp_path,
    )  # fmt: skip


def test_a_file_dropped_into_a_copy_of_the_package_is_enough_to_run(tmp_path) -> None:
    copy = tmp_path / "copy" / "peerannot"
    shutil.copytree(
        Path(peerannot.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__")
    )
    for home, name in (
        ("aggregation/votes", "power_vote.py"),
        ("io/formats", "my_tool.py"),
        ("allocation", "margin.py"),
        ("learning/strategies", "coin_net.py"),
    ):
        (copy / home / name).write_text(FILES[f"crowd_extras/{name}"])
    commands_know_all_four(copy.parent, tmp_path)
    code = "from peerannot.aggregation import PowerVote; print(PowerVote().name)"
    assert python("-c", code, path=copy.parent, cwd=tmp_path).stdout == "power-vote\n"


def test_the_groups_of_the_page_are_those_of_the_code() -> None:
    from peerannot._plugins import GROUPS

    assert set(re.findall(r"^\| `(peerannot\.\w+)` \|", PAGE, flags=re.MULTILINE)) == {
        *GROUPS.values()
    }


@pytest.mark.parametrize("name", ["checks", "cli", "aggregation"])
def test_checks_are_neither_loaded_nor_need_a_test_runner(name: str) -> None:
    code = (
        f"import sys, peerannot.{name}\n"
        "print('peerannot.checks.run' in sys.modules)\n"
        "from peerannot.checks import check_strategy\n"
        "import peerannot.checks.strategies, peerannot.checks.formats\n"
        "print({'pytest', 'hypothesis', 'torch'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["False", "set()"]


def test_the_files_that_contributing_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:src|docs|tests)/[\w/.-]+)`", text))
    assert len(named) > 10
    made_up = {name for name in named if "kebab" in name}
    assert all((ROOT / name).exists() for name in named - made_up)
    homes = {Path(name).parent.as_posix().replace("FAMILY", "votes") for name in made_up}
    assert all((ROOT / home).is_dir() for home in homes)
