"""What every format promises; the promises are `peerannot.checks.formats`, for anyone to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers.exports import CASES, Case
from helpers.files import put
from peerannot.checks import check_format, checks_of
from peerannot.checks.formats import PROMISES
from peerannot.errors import DataError, PluginWarning
from peerannot.io import CERTAIN, FORMATS, NO, Row, RowFormat, Source, read, text_id

# One export for each format; the fuzz tests go through all of them.
ONE: dict[str, Case] = {}
for case in CASES.values():
    ONE.setdefault(case.format, case)


@pytest.mark.parametrize("check", PROMISES)
@pytest.mark.parametrize("name", FORMATS)
def test_promise(tmp_path: Path, name: str, check: str) -> None:
    case = ONE[name]
    put(tmp_path, case.files)
    options = {key: text for key, text in case.options.items() if key != "format"}
    path = tmp_path / (next(iter(case.files)) if "*" in case.source else case.source)
    (one,) = [c for c in checks_of(FORMATS[name], path, **options) if c.name == check]
    if check == "is_found_by_content" and "format" in case.options:
        pytest.skip("this export must be named")
    one()


EXPORT = b'[{"tool": "mine", "item": 1, "by": "ann", "says": "cat"},' + (
    b'{"tool": "mine", "item": 1, "by": "bob", "says": "dog"}]'
)


@dataclass(frozen=True, kw_only=True)
class Careful(RowFormat):
    """Exports of my tool."""

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        first = source.first
        return CERTAIN if isinstance(first, dict) and first.get("tool") == "mine" else NO

    def rows(self, source: Source) -> Iterator[Any]:
        for place, record in source.records():
            label = record.get("says")
            yield Row(
                text_id(record.get("item"), place, "item"),
                text_id(record.get("by"), place, "by"),
                None if label is None else text_id(label, place, "label"),
                place,
            )


class Careless(Careful):
    def rows(self, source: Source) -> Iterator[Any]:
        for place, record in source.records():
            yield Row(str(record["item"]), record["by"], record["says"], place)


class Nosy(Careful):
    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        return CERTAIN if source.document[0]["tool"] else NO


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "export.json").write_bytes(EXPORT)
    return tmp_path / "export.json"


def test_a_careful_reader_passes_and_careless_ones_are_told_of(export: Path) -> None:
    check_format(Careful, export)
    with pytest.raises(AssertionError) as told:
        check_format(Careless, export)
    assert "Careless does not keep 3 of 8 promises" in str(told.value)
    for what in ("says_what_is_damaged: KeyError", "is_documented: there is no docstring"):
        assert what in str(told.value)
    with pytest.raises(AssertionError, match="leaves_the_files_of_others: sniff of an empty obj"):
        check_format(Nosy, export)
    with pytest.raises(TypeError, match="need an export"):
        list(checks_of(Careful))


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Enter a format under a name for one test."""

    def offer(cls: type[Careful], name: str) -> None:
        FORMATS["table"]
        monkeypatch.setattr(FORMATS, "_entries", {**FORMATS._entries, name: cls})
        monkeypatch.setattr(FORMATS, "_names", {**FORMATS._names, name: name})
        monkeypatch.setattr(cls, "name", name)

    return offer


def test_what_a_careless_reader_raises_is_one_line_with_format_and_place(
    export: Path, offered: Any, run: Any
) -> None:
    offered(Careless, "careless")
    assert read(export).report.format == "careless"
    export.write_bytes(EXPORT.replace(b'"by": "bob", ', b""))
    with pytest.raises(DataError) as error:
        read(export)
    line = str(error.value)
    assert line.startswith(
        f"{export} entry 2: the reader of careless stopped with KeyError: 'by' ("
    )
    assert f"{Path(__file__).name} line" in line and "\n" not in line
    assert isinstance(error.value.__cause__, KeyError)
    with pytest.raises(DataError, match="entry 2: the reader of careless"):
        read([export, export.with_name("other")])


def test_a_format_that_cannot_look_at_a_file_is_left_out(
    export: Path, offered: Any, tmp_path: Path
) -> None:
    offered(Nosy, "nosy")
    case = CASES["records"]
    put(tmp_path, case.files)
    with pytest.warns(PluginWarning, match="format 'nosy' cannot look at it"):
        assert read(tmp_path / case.source).report.format == case.format
    export.write_text("task,worker,label\n1,ann,cat\n1,bob,dog\n")
    assert read(export).report.format == "table"  # it is no JSON, which its sniff says itself
