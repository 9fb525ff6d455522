"""``peerannot doctor``."""

from __future__ import annotations

import json
from importlib import metadata

import pytest
from click.testing import CliRunner

from peerannot import __version__
from peerannot.cli import doctor as module
from peerannot.cli._main import peerannot


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PEERANNOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def facts() -> dict:
    done = CliRunner().invoke(peerannot, ["doctor", "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.stdout)


def test_facts(cache):
    got = facts()
    assert got["schema"] == "peerannot/doctor/1"
    assert got["peerannot"] == __version__
    assert got["packages"]["numpy"] == metadata.version("numpy")
    assert {"deep", "report", "cluster"} <= set(got["extras"])
    assert got["threads"]["cores"] >= 1
    assert got["threads"]["loops"] >= 1
    assert got["instructions"]["used"] in got["instructions"]["known"]
    assert got["caches"]["downloads"] == {"folder": str(cache), "writable": True, "size_mb": 0.0}
    assert not cache.exists()
    assert got["environment"]["PEERANNOT_CACHE"] == str(cache)


def test_text_names_every_package(cache):
    done = CliRunner().invoke(peerannot, ["doctor"], catch_exceptions=False)
    for name in ("numpy", "torch", "downloads", "instructions", "advice"):
        assert name in done.stdout


def test_an_absent_package_is_told_with_the_way_out(cache, monkeypatch):
    def version(name: str) -> str:
        if name == "timm":
            raise metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(module.metadata, "version", version)
    got = facts()
    assert got["extras"]["deep"]["timm"] is None
    assert "deep: timm not installed: pip install 'peerannot[deep]'" in got["advice"]


def test_folders_that_cannot_be_written(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("PEERANNOT_CACHE", str(blocked / "cache"))
    got = facts()
    assert not got["caches"]["downloads"]["writable"]
    assert any("PEERANNOT_CACHE" in line for line in got["advice"])
