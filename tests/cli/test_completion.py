"""What a shell offers, and that it costs no heavy import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from peerannot._registry import spellings
from peerannot.cli._complete import COMPLETERS, attach, network_names
from peerannot.cli._main import COMMANDS, peerannot


def offered(words: list[str], incomplete: str) -> list[str]:
    items = ShellComplete(peerannot, {}, "peerannot", "_PEERANNOT_COMPLETE").get_completions(
        words, incomplete
    )
    return [item.value for item in items]


@pytest.fixture(autouse=True)
def completing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_PEERANNOT_COMPLETE", "bash_complete")


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("STRATEGIES", "peerannot.aggregation"),
        ("METHODS", "peerannot.identification"),
        ("POLICIES", "peerannot.allocation"),
        ("SIMULATIONS", "peerannot.simulation"),
        ("FORMATS", "peerannot.io"),
        ("WRITERS", "peerannot.io"),
    ],
)
def test_names_read_off_the_files_are_those_of_the_classes(name, home):
    registry = getattr(__import__(home, fromlist=[name]), name)
    known = {n for key in registry for n in (key, *registry[key].aliases)}
    assert set(registry.spellings()) == known
    assert all(registry[key].name == key for key in registry)


def test_names_of_deep_strategies_are_those_of_the_registry():
    pytest.importorskip("torch")
    from peerannot.learning import STRATEGIES

    known = {n for key in STRATEGIES for n in (key, *STRATEGIES[key].aliases)}
    assert set(spellings("peerannot.learning.strategies")) == known


def test_networks_are_those_that_can_be_trained():
    pytest.importorskip("timm")
    from peerannot.learning import list_models

    names = set(list_models())
    assert len(names & set(network_names())) > 0.95 * len(names)


def test_every_completer_has_a_parameter():
    commands: dict[str, set[str | None]] = {}
    below = [peerannot.get_command(None, name) for name in COMMANDS]
    while below:
        command = below.pop()
        if isinstance(command, click.Group):
            below.extend(command.commands.values())
        commands.setdefault(command.name, set()).update(p.name for p in command.params)
    for name, param in COMPLETERS:
        assert param in commands[name], (name, param)


def test_strategies_and_methods():
    assert offered(["aggregate", "-s"], "dawid-skene-c") == ["dawid-skene-clust"]
    assert "DS" in offered(["evaluate", "-s"], "d")
    assert offered(["identify", "-s"], "waum-p") == ["waum-perworker"]
    assert offered(["datasets", "install"], "blue") == ["bluebirds"]
    assert offered([], "agg") == ["agginfo", "aggregate", "aggregate-deep"]


def test_dataset_folders_come_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one/two", "other"):
        Path(name).mkdir(parents=True)
    Path("one/two/metadata.json").write_text(json.dumps({}))
    Path("votes.csv").write_text("")
    assert offered(["aggregate"], "one/t") == ["one/two"]
    items = ShellComplete(peerannot, {}, "peerannot", "_X").get_completions(["aggregate"], "vo")
    assert [(item.value, item.type) for item in items] == [("vo", "file")]


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from click.shell_completion import ShellComplete as S;"
        "from peerannot.cli._main import peerannot as p;"
        "c = S(p, {}, 'peerannot', '_PEERANNOT_COMPLETE').get_completions;"
        "assert c(['aggregate', '-s'], 'da'); assert c(['train', '--model'], 'small');"
        "assert c(['identify', '-s'], 'wa'); assert c(['import', '--format'], 'l');"
        "heavy = {'torch', 'numba', 'scipy', 'timm', 'polars', 'matplotlib', 'PIL'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell, monkeypatch):
    monkeypatch.delenv("_PEERANNOT_COMPLETE")
    if shell == "bash" and os.name == "nt":
        pytest.skip("no bash")
    done = CliRunner().invoke(peerannot, ["completion", shell])
    assert done.exit_code == 0
    assert f"_PEERANNOT_COMPLETE={shell}_complete" in done.stdout


def test_attach_reaches_subcommands():
    group = peerannot.get_command(None, "datasets")
    attach(group)
    param = group.commands["info"].params[0]
    assert [item.value for item in param.shell_complete(None, "zencrowd-u")] == ["zencrowd-us"]
