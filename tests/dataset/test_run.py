"""Users' own recipes run as they are, and fail with one line that has the place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from peerannot.dataset import Recipe, run_recipe, staged
from peerannot.errors import (
    DataError,
    ExitCode,
    MissingDependencyError,
    PeerannotError,
    StorageError,
)

# A recipe as the published package's users write theirs.
PUBLISHED = """
import json
from collections import OrderedDict
from pathlib import Path


class MyDataset:
    name = "mydataset"

    def __init__(self):
        self.DIR = Path(__file__).parent.resolve()

    def setfolders(self):
        print(f"Loading data folders at {self.DIR}")
        for split in ("train", "val", "test"):
            (self.DIR / split / "cat").mkdir(parents=True, exist_ok=True)
        CALL

    def get_crowd_labels(self):
        with open(self.DIR / "log.txt", "a") as log:
            log.write("labels\\n")
        with open(self.DIR / "answers.json", "w") as answ:
            json.dump({0: {0: 1}}, answ, ensure_ascii=False, indent=3)


class Helper:
    pass
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(text: str, name: str = "recipe.py") -> Path:
        path = tmp_path / "set" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize("call", ["self.get_crowd_labels()", "pass"])
def test_labels_are_made_once(write, call: str) -> None:
    path = write(PUBLISHED.replace("CALL", call))
    done = run_recipe(path)
    assert (done.recipe, done.folder) == ("MyDataset", path.parent)
    assert (path.parent / "log.txt").read_text() == "labels\n"
    assert json.loads((path.parent / "answers.json").read_text()) == {"0": {"0": 1}}
    assert (path.parent / "test/cat").is_dir()


def test_a_relative_path_from_elsewhere(write, run, tmp_path: Path) -> None:
    path = write(PUBLISHED.replace("CALL", "pass"))
    done = run("install", "./set/recipe.py", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        f"Loading data folders at {path.parent}",
        f"MyDataset is installed in {path.parent}",
    ]
    assert done.stderr == ""
    done = run("install", "--json", "set/recipe.py", cwd=tmp_path)
    assert json.loads(done.stdout) == {
        "schema": "peerannot/install/1",
        "recipe": "MyDataset",
        "folder": str(path.parent),
    }
    assert "Loading data" in done.stderr


def test_the_constructor_may_do_the_work(write) -> None:
    text = PUBLISHED.replace("CALL", "pass")
    text = text.replace(".resolve()\n", ".resolve()\n        self.get_crowd_labels()\n", 1)
    path = write(text)
    run_recipe(path)
    assert (path.parent / "log.txt").read_text() == "labels\n"


@pytest.mark.parametrize(
    "body",
    [
        "class A:\n    def setfolders(self): open(MARK, 'w')",
        "import dataclasses\n@dataclasses.dataclass(slots=True)\nclass A:\n    x: int = 1\n"
        "    def setfolders(self): open(MARK, 'w')\n    def get_crowd_labels(self): pass",
        "from pathlib import Path\nfrom collections import Counter\nclass A:\n"
        "    setfolders = staticmethod(lambda: open(MARK, 'w'))\n"
        "    @classmethod\n    def get_crowd_labels(cls): assert cls.__name__ == 'A'",
        "class Base:\n    def setfolders(self): super_made = open(MARK, 'w')\n"
        "class B(Base):\n    def get_crowd_labels(self): raise AssertionError('not the first')",
        "class Meta(type): pass\nclass A(metaclass=Meta):\n"
        "    def __init__(self): super().__init__()\n    def setfolders(self): open(MARK, 'w')",
        "class Config: pass\nclass A:\n    def setfolders(self): open(MARK, 'w')",
        "class A:\n    def setfolders(self): open(MARK, 'w')\n"
        "    def get_crowd_labels(self, which): raise AssertionError('for the class itself')",
        "import beside\nclass A(beside.Parent): pass",
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_forms_of_classes(write, tmp_path: Path, body: str) -> None:
    mark = tmp_path / "mark"
    head = f"MARK = {str(mark)!r}\n"
    write(head + "class Parent:\n    def setfolders(self): open(MARK, 'w')", "beside.py")
    before = list(sys.path)
    try:
        run_recipe(write(head + body))
    finally:
        sys.modules.pop("beside", None)
    assert mark.exists()
    assert sys.path == before
    assert "peerannot_recipe" not in sys.modules


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("x = 1\n", DataError, "recipe.py: no class in it"),
        ("from pathlib import Path\n", DataError, "recipe.py: no class in it"),
        ("class A:\n    pass\n", DataError, "class A has no method setfolders()"),
        ("class A:\n  def setfolders(self)\n", DataError, "recipe.py:2: not Python: expected ':'"),
        ("import nothing_such\nclass A: pass\n", MissingDependencyError, "recipe.py:1: the recipe"
         " needs the module 'nothing_such': pip install nothing_such"),
        ("class A:\n  def setfolders(self):\n    return 1 / 0\n", PeerannotError,
         "recipe.py:3: ZeroDivisionError: division by zero"),
        ("import json\nclass A:\n  def setfolders(self):\n    json.loads('{')\n", PeerannotError,
         "recipe.py:4: JSONDecodeError"),
        ("class A:\n  def __init__(self):\n    assert 0, 'download\\nit'\n  setfolders = id",
         PeerannotError, "recipe.py:3: AssertionError: download it"),
        ("class A:\n  def setfolders(self):\n    open('/no/such')\n", PeerannotError,
         "recipe.py:3: FileNotFoundError"),
        ("import sys\nclass A:\n  def setfolders(self):\n    sys.exit(3)\n", PeerannotError,
         "recipe.py:4: the recipe exits before it is done: 3"),
        ("class A:\n  def setfolders(self, x): pass\n", PeerannotError, "missing a required arg"),
        ("class A:\n  def setfolders(self): pass\n  def get_crowd_labels(self):\n    [][1]\n",
         PeerannotError, "recipe.py:4: IndexError"),
        ("\0", DataError, "not Python"),
    ],
)  # fmt: skip
def test_faults(write, run, text: str, error: type[PeerannotError], said: str) -> None:
    path = write(text)
    with pytest.raises(error) as caught:
        run_recipe(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    if "AssertionError" in said or "ZeroDivision" in said:
        done = run("install", path, code=int(error.exit_code))
        assert done.stderr.splitlines() == [f"Error: {path.parent}/{said}"]


def test_paths_that_are_no_recipe(run, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x")
    for path, said in {
        "absent.py": "absent.py: no such file",
        ".": ".: is a folder, give the .py file in it",
        "data.csv": "data.csv: a recipe is a .py file",
    }.items():
        done = run("install", path, cwd=tmp_path, code=int(ExitCode.DATA))
        assert done.stderr == f"Error: {said}\n"


def test_custom_options_need_the_custom_recipe(write, run) -> None:
    path = write(PUBLISHED.replace("CALL", "pass"))
    for option in (["--no-task"], ["--answers", "x"], ["--answers-format", "0"]):
        done = run("install", path, *option, code=int(ExitCode.USAGE))
        assert f"{option[0]} is for customDataset.py only" in done.stderr
    assert not (path.parent / "answers.json").exists()


def test_a_published_custom_recipe_gets_its_arguments(write, run) -> None:
    names = (
        "no_task, answers_format, answers, metadata, label_names, files_path, train_path,"
        " test_ground_truth_format, test_ground_truth, test_path, val_path"
    )
    path = write(
        f"class C:\n  def setfolders(self, {names}):\n    print([{names}])\n", "customDataset.py"
    )
    done = run("install", path, "--answers", "a.txt", "--answers-format", 2, "--val-path", "v")
    expected = "[False, 2, 'a.txt', '', '', '', '', -1, '', '', 'v']"
    assert done.stdout.splitlines()[0] == expected


SLOW = """
import time
from peerannot.dataset import Recipe

class Slow(Recipe):
    name = "slow"

    def setfolders(self):
        with self.building(whole=True) as stage:
            for split in ("train", "val"):
                (stage.path / split).mkdir()
                (stage.path / split / "new").write_text("new")
            (self.DIR / "ready").touch()
            while (self.DIR / "ready").exists():
                time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("kill", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)], ids=["ctrl-c", "kill"]
)
def test_interrupted(write, kill: signal.Signals, code: int) -> None:
    path = write(SLOW)
    folder = path.parent
    (folder / "train").mkdir()
    (folder / "train/mine").write_text("mine")
    process = subprocess.Popen(
        [sys.executable, "-m", "peerannot", "install", str(path)],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (folder / "ready").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, kill)
    error = process.communicate()[1]
    assert process.returncode == code
    assert "Traceback" not in error
    (folder / "ready").unlink()

    def visible() -> list[str]:
        return sorted(p.name for p in folder.iterdir() if p.name[0] != "_")

    if code == 130:
        assert visible() == ["recipe.py", "train"]
    assert (folder / "train/mine").read_text() == "mine"
    path.write_text(SLOW.replace('(self.DIR / "ready").touch()', ""))
    run_recipe(path)
    # What no install made is kept, and what the kill left behind is gone.
    assert visible() == [".install.json", "recipe.py", "train", "train.bak", "val"]
    assert (folder / "train.bak/mine").read_text() == "mine"
    run_recipe(path)
    assert visible() == [".install.json", "recipe.py", "train", "train.bak", "val"]


def test_progress_reaches_our_recipes(write) -> None:
    told = []
    head = "from peerannot.dataset import Recipe\n"
    text = "class A(Recipe):\n  name = 'a'\n  def setfolders(self): self.progress(1, 2, 'three')\n"
    run_recipe(write(head + text), progress=lambda *args: told.append(args))
    assert told == [(1, 2, "three")]


def build(folder: Path, whole: bool = True, **texts: str) -> None:
    with staged(folder, whole=whole) as stage:
        for name, text in texts.items():
            (stage.path / name).mkdir()
            (stage.path / name / "file").write_text(text)


def test_whole_builds_remove_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    build(tmp_path, train="1", val="1")
    build(tmp_path, whole=False, answers="2")
    assert (tmp_path / "val/file").read_text() == "1"
    build(tmp_path, train="3")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".install.json", "labels", "train"]
    assert (tmp_path / "train/file").read_text() == "3"


@pytest.mark.parametrize("step", range(1, 12))
def test_a_move_that_breaks_off_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Break the moving into place at each of its renames; the next install ends well."""
    build(tmp_path, train="old", val="old", test="old")
    calls = 0
    for name in ("rename", "replace"):
        real = getattr(Path, name)

        def broken(self: Path, target: Path, real=real) -> Path:
            nonlocal calls
            if ".install" in str(self) or ".install" in str(target):
                calls += 1
                if calls == step:
                    raise OSError(5, "broken")
            return real(self, target)

        monkeypatch.setattr(Path, name, broken)
    try:
        build(tmp_path, train="new", val="new")
    except StorageError:
        pass
    else:
        assert calls < step
    monkeypatch.undo()
    build(tmp_path, whole=False)
    state = {p.name: (p / "file").read_text() for p in tmp_path.iterdir() if p.is_dir()}
    assert state in ({"train": "new", "val": "new"}, {"train": "old", "val": "old", "test": "old"})
    assert not [p for p in tmp_path.iterdir() if p.name.endswith((".bak", ".old", ".complete"))]


def test_a_failed_build_changes_nothing(tmp_path: Path) -> None:
    build(tmp_path, train="old")
    with pytest.raises(ValueError, match="no"), staged(tmp_path, whole=True) as stage:
        (stage.path / "train").mkdir()
        raise ValueError("no")
    assert (tmp_path / "train/file").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".install.json", "train"]


def test_a_linked_folder_is_moved_not_emptied(tmp_path: Path) -> None:
    elsewhere = tmp_path / "big disk"
    elsewhere.mkdir()
    (elsewhere / "image").write_text("x")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train").symlink_to(elsewhere)
    build(folder, train="new")
    assert (folder / "train.bak").is_symlink()
    assert (elsewhere / "image").exists()


def test_building_inside_building_is_one(tmp_path: Path, write) -> None:
    class Nested(Recipe):
        name = "nested"

        def __init__(self) -> None:
            super().__init__()
            self.DIR = tmp_path

    recipe = Nested()
    with recipe.building(whole=True) as outer, recipe.building() as inner:
        assert outer is inner
        (inner.path / "answers.json").write_text("{}")
        assert not (tmp_path / "answers.json").exists()
    assert (tmp_path / "answers.json").exists()
