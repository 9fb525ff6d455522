"""``peerannot datasets``: the catalogue, and installs from a local mirror, as a user runs them."""

from __future__ import annotations

import hashlib
import json
import threading
import tomllib
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from helpers.local_mirror import Mirror, handler
from helpers.small_archives import table, zipped
from peerannot.cli._main import main, peerannot
from peerannot.dataset import Dataset, Remote, catalogue, public_set
from peerannot.errors import DataError, DownloadError, ParameterError

ROOT = Path(__file__).resolve().parents[2]
# fmt: off
ASKED = [
    "cifar10H", "cifar10N", "cifar10S", "labelme", "music", "bluebirds", "rte", "trec", "web",
    "dog", "face", "product", "sentiment", "adult", "relevance", "weather", "fact", "zencrowd",
    "NetEaseCrowd", "Pl@ntNet-CrowdSWE", "dopanim",
]
# fmt: on
LABEL = table(
    ["item", "worker", "label"],
    [(10, 7, 1), (2, 7, 0), (2, 9, 1), (2, 9, 0), (10, "w", 1)],
)
TRUTH = table(["item", "truth"], [(2, 0), (99, 1)])


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    state = Mirror(tmp_path / "mirror")
    state.folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(state))
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setenv("PEERANNOT_MIRROR", state.url)
    monkeypatch.setenv("PEERANNOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("peerannot.dataset._download._PAUSE", 0.001)
    monkeypatch.chdir(tmp_path)
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def small(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, bytes], None]:
    """Put two small tables in the place of bluebirds, with their own checksums."""

    def put(label: bytes = LABEL, truth: bytes = TRUTH) -> None:
        entry = public_set("bluebirds")
        tables = []
        for remote, content in zip(entry.tables, (label, truth), strict=True):
            mirror.put(f"bluebirds/{remote.name}", content)
            digest = hashlib.sha256(content).hexdigest()
            tables.append(Remote(remote.name, remote.url, digest))
        # Slots and frozen: the field is set the way dataclasses set it.
        old = entry.tables
        object.__setattr__(entry, "tables", tuple(tables))
        undo.append(lambda: object.__setattr__(entry, "tables", old))

    undo: list[Callable[[], None]] = []
    yield put
    for step in reversed(undo):
        step()


def run(*args: str) -> Result:
    return CliRunner().invoke(peerannot, ["datasets", *args], standalone_mode=False)


def test_every_wanted_set_is_there():
    for name in ASKED:
        assert public_set(name).name in catalogue()


def test_facts_are_of_one_form():
    for entry in catalogue().values():
        assert entry.source.startswith(("https://", "http://"))
        assert entry.tables or entry.recipe or entry.by_hand
        for count in (entry.tasks, entry.workers, entry.classes, entry.answers, entry.truth):
            assert count is None or count > 0
        for remote in entry.tables:
            assert remote.checksum is None or len(remote.checksum) == 64
        if entry.tables:
            assert entry.classes is not None


def test_names_do_not_clash():
    names = [n for e in catalogue().values() for n in (e.name, *e.aliases)]
    assert len({n.replace("-", "").replace("_", "").casefold() for n in names}) == len(names)


def test_recipes_are_in_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    inside = project["tool"]["scikit-build"]["wheel"]["force-include"]
    wanted = {e.recipe for e in catalogue().values() if e.recipe}
    assert inside == {f"datasets/{r}": f"peerannot/dataset/recipes/{r}" for r in wanted}
    for file in inside:
        assert (ROOT / file).is_file()


def test_list_and_info():
    listed = json.loads(run("list", "--json").stdout)
    assert listed["schema"] == "peerannot/datasets-list/1"
    assert {row["name"] for row in listed["datasets"]} == set(catalogue())
    assert "bluebirds" in run("list").stdout
    facts = json.loads(run("info", "BlueBird", "--json").stdout)
    assert (facts["name"], facts["tasks"], facts["workers"]) == ("bluebirds", 108, 39)
    assert "4,212" in run("info", "bluebirds").stdout


def test_a_wrong_name_gets_the_near_one():
    with pytest.raises(ParameterError, match="did you mean 'bluebirds'"):
        raise run("info", "bluebrids").exception


def test_tables_become_a_dataset(small, tmp_path):
    small()
    done = run("install", "bluebirds", "--json")
    assert done.exception is None, done.exception
    assert json.loads(done.stdout)["folder"] == str(tmp_path / "bluebirds")
    assert "1 answers repeat a worker and a task" in done.stderr
    assert "1 known labels are of tasks without answers" in done.stderr
    dataset = Dataset.open(tmp_path / "bluebirds")
    answers = dataset.answers()
    assert (answers.n_tasks, answers.n_workers, answers.n_classes) == (2, 3, 2)
    votes = json.loads((tmp_path / "bluebirds/answers.json").read_text())
    assert votes == {"2": {"7": 0, "9": 0}, "10": {"7": 1, "w": 1}}
    # In the order of the answers' tasks: 2, 10.
    assert np.load(tmp_path / "bluebirds/ground_truth.npy").tolist() == [0, -1]


def test_installing_twice_is_the_same_and_needs_no_network(small, mirror, tmp_path):
    small()
    run("install", "bluebirds")
    first = {p.name: p.read_bytes() for p in (tmp_path / "bluebirds").iterdir()}
    asked = len(mirror.asked)
    assert run("install", "bluebirds").exception is None
    assert {p.name: p.read_bytes() for p in (tmp_path / "bluebirds").iterdir()} == first
    assert len(mirror.asked) == asked


def test_a_broken_transfer_goes_on(small, mirror, tmp_path):
    long = table(["item", "worker", "label"], [(i, w, 1) for i in range(900) for w in range(5)])
    small(label=long)
    mirror.cut = [20_000]
    assert run("install", "bluebirds", "--to", "there").exception is None
    assert "bytes=" in str(mirror.asked[1][1])
    assert Dataset.open(tmp_path / "there").answers().n_tasks == 900


@pytest.mark.parametrize(
    ("label", "what"),
    [
        (table(["item", "worker", "label"], [(1, 1, 2)]), "line 2: label 2 is not one of the 2"),
        (table(["item", "worker", "vote"], [(1, 1, 0)]), "no column 'label'"),
        (table(["item", "worker", "label"], [(1, 1, "x")]), "must be a whole number"),
        (table(["item", "worker", "label"], []), "no answers"),
    ],
)
def test_tables_of_another_form_are_refused(small, tmp_path, label, what):
    small(label=label)
    error = run("install", "bluebirds").exception
    assert isinstance(error, DataError)
    assert what in str(error)
    assert not (tmp_path / "bluebirds/answers.json").exists()


def test_a_wrong_checksum_is_refused(mirror, tmp_path):
    mirror.put("bluebirds/label.csv", LABEL)
    error = run("install", "bluebirds").exception
    assert isinstance(error, DownloadError)
    assert "checksum is wrong" in str(error)


def test_a_recipe_of_the_package_runs_in_the_folder(mirror, tmp_path):
    base = "bird_sound_training_data"
    files = {
        f"{base}/letters/annotations.tsv": table(
            ["candidate_id", "user_id", "annotation"], [("a", "u", 1), ("b", "u", 0)], "\t"
        ),
        f"{base}/users.tsv": table(["user_id", "birdwatching_activity_level"], [("u", 4)], "\t"),
    }
    mirror.put(f"bird_audio/{base}.zip", zipped(files))
    done = run("install", "bird-audio", "--to", "birds")
    assert done.exception is None, done.exception
    assert Dataset.open(tmp_path / "birds").answers().n_tasks == 2


def test_what_a_person_must_do_is_one_line(mirror, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["peerannot", "datasets", "install", "music"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "download it by hand from https://www.kaggle.com" in err
    assert not (tmp_path / "music" / "train").exists()


def test_real_tables_have_the_counts_of_the_catalogue(real_data):
    """The counts here are of the source, before repeated answers are dropped."""
    for name, folder in {"bluebirds": "bluebird", "rte": "rte", "weather-amt": "CF_amt"}.items():
        facts = json.loads((real_data / "answers" / folder / "metadata.json").read_text())
        entry = public_set(name)
        assert (entry.tasks, entry.workers, entry.classes, entry.answers) == (
            facts["n_task"],
            facts["n_workers"],
            facts["n_classes"],
            facts["n_answers"],
        )
