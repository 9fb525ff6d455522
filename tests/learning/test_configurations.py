"""The commands of docs/configurations are those of this version; they are read, not run."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

pytest.importorskip("torch")

from peerannot.cli._main import peerannot
from peerannot.cli._training import take_options
from peerannot.errors import PeerannotError
from peerannot.learning import list_models
from peerannot.learning.strategies.base import make_strategy

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "configurations").glob("*.md"))


def commands(text: str) -> Iterator[str]:
    """Every command of a page, with the loops around it unrolled."""
    for script in re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.M):
        loops: list[tuple[str, list[str]]] = []
        for line in script.splitlines():
            head = re.fullmatch(r"for (\w+) in (.*); do", line)
            if head:
                loops.append((head[1], shlex.split(head[2])))
            elif line == "done":
                loops.pop()
            else:
                for values in itertools.product(*(values for _, values in loops)):
                    command = line
                    for (name, _), value in zip(loops, values, strict=True):
                        command = command.replace("${" + name + "}", value)
                    yield command


def read(command: str, tmp_path: Path) -> click.Context:
    """What the command line makes of it; folders that it names are there."""
    first, verb, *arguments = shlex.split(command)
    assert first == "peerannot"
    for argument in arguments:
        if argument.startswith("datasets/") and not Path(argument).suffix:
            (tmp_path / argument).mkdir(parents=True, exist_ok=True)
    group = click.Context(peerannot)
    found = peerannot.get_command(group, verb)
    assert found is not None, verb
    return found.make_context(verb, arguments, parent=group)


def check(command: str, tmp_path: Path) -> None:
    values = read(command, tmp_path).params
    if "n_epochs" in values and "optimizer" in values:
        options = take_options(dict(values))
        assert options.model in list_models()
    if "aggregate-deep" in command:
        make_strategy(values["strategy"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_is_understood(page, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = list(commands(page.read_text()))
    assert len(found) > 20 and not any("$" in command for command in found)
    for command in found:
        check(command, tmp_path)
    recipes = [shlex.split(command)[2] for command in found if " install " in command]
    assert recipes and all((ROOT / recipe).is_file() for recipe in recipes)


def test_the_page_on_training_is_understood(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "cifar10s/best_models/resnet18/ds.safetensors"
    model.parent.mkdir(parents=True)
    model.touch()
    (tmp_path / "photos").mkdir()
    text = (ROOT / "docs" / "training.md").read_text()
    scripts = "".join(re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.M))
    # Environment and launcher stand before it.
    found = re.findall(r"peerannot (?:train|predict|export-model) .*", scripts.replace("\\\n", " "))
    assert len(found) >= 6
    for command in found:
        check(command, tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        "peerannot train datasets/x --labels a.npy --epochs 3",
        "peerannot train datasets/x --labels a.npy --lr -1",
        "peerannot aggregate-deep datasets/x -s CoNAL[scal=1]",
        "peerannot aggregate-deep datasets/x --optimizer sgdd",
        "peerannot identify datasets/x --metod WAUM",
    ],
)
def test_a_command_that_is_wrong_is_seen(command, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((click.UsageError, PeerannotError)):
        check(command, tmp_path)


def test_there_are_both() -> None:
    assert [page.stem for page in PAGES] == ["cifar10h", "labelme"]
