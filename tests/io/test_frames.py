"""Frames use the door of files, and workbooks and other encodings too: the same answers."""

from __future__ import annotations

import io
import json
import zipfile
from xml.sax.saxutils import escape

import numpy as np
import polars as pl
import pytest

from helpers.exports import CASES
from helpers.files import load, put, votes
from peerannot.errors import DataError, MissingDependencyError, ParameterError
from peerannot.io import read, read_answers

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

ROWS = {"task": ["1", "1", "2"], "worker": ["a", "b", "a"], "label": ["x", "y", "x"]}


def tables():
    """Cases of one file that a user would load as a frame, and what is loaded."""
    for name, case in CASES.items():
        if len(case.files) != 1:
            continue
        content = next(iter(case.files.values()))
        if content.startswith(b"PAR1"):
            yield name, case, "parquet"
        elif content.startswith((b"[", b"{")):
            try:
                records = json.loads(content)
            except json.JSONDecodeError:
                yield name, case, "ndjson"
                continue
            if isinstance(records, list):
                yield name, case, "json"
        elif b"," in content.partition(b"\n")[0] and not content.startswith((b"PK", b"<", b"\x93")):
            yield name, case, "csv"


def frames(content: bytes, kind: str):
    if kind == "parquet":
        return [pl.read_parquet(content), pd.read_parquet(io.BytesIO(content)),
                pl.read_parquet(content).to_arrow()]  # fmt: skip
    if kind == "csv":
        tab = content.partition(b"\n")[0].count(b"\t") > 1
        mark = "\t" if tab else ","
        return [pl.read_csv(content, separator=mark), pd.read_csv(io.BytesIO(content), sep=mark)]
    records = json.loads(content) if kind == "json" else [*map(json.loads, content.splitlines())]
    return [pd.DataFrame(records), pl.DataFrame(records, strict=False, infer_schema_length=None)]


@pytest.mark.parametrize("name", [name for name, _, _ in tables()])
def test_every_fixture_reads_as_its_frame_does(tmp_path, name):
    case, kind = next((c, k) for n, c, k in tables() if n == name)
    put(tmp_path, case.files)
    of_file = read(f"{tmp_path}/{case.source}", **case.options)
    for frame in frames(next(iter(case.files.values())), kind):
        got = read(frame, **case.options)
        assert got.report.format == of_file.report.format
        if name == "huggingface":
            # The names of classes are metadata of the file, which no frame holds.
            assert got.answers.label.tolist() == of_file.answers.label.tolist()
            continue
        assert got.answers == of_file.answers
        assert got.gold == of_file.gold
        assert got.abstained.equals(of_file.abstained)
        assert got.report.dropped == of_file.report.dropped


@pytest.mark.parametrize("kind", ["polars", "lazy", "arrow", "object", "string", "category"])
def test_every_kind_of_frame(kind):
    frame = {
        "polars": lambda: pl.DataFrame(ROWS),
        "lazy": lambda: pl.LazyFrame(ROWS),
        "arrow": lambda: pa.table(ROWS),
        "object": lambda: pd.DataFrame(ROWS, dtype=object),
        "string": lambda: pd.DataFrame(ROWS, dtype="string"),
        "category": lambda: pd.DataFrame(ROWS, dtype="category"),
    }[kind]()
    assert votes(read(frame)) == {("1", "a"): "x", ("1", "b"): "y", ("2", "a"): "x"}
    assert read_answers(frame).n_answers == 3


def test_numbers_of_pandas():
    frame = pd.DataFrame({"task": [1, 1, 2], "worker": pd.array([7, 8, 7], dtype="Int64"),
                          "label": [0, np.nan, 2], "truth": pd.array([0, 0, None], dtype="Int64"),
                          "w": [0.5, 1, 2]})  # fmt: skip
    got = read(frame, weight_col="w")
    assert votes(got) == {("1", "7"): "0", ("2", "7"): "2"}
    assert got.gold == {"1": "0"}
    assert got.answers.weight.tolist() == [0.5, 2]
    assert got.abstained.rows() == [("1", "8")]
    frame["label"] = pd.array([True, False, None], dtype="boolean")
    assert list(read(frame).answers.classes) == ["false", "true"]
    frame["label"] = pd.Series([1, "x", None], dtype=object)
    assert votes(read(frame)) == {("1", "7"): "1", ("1", "8"): "x"}


@pytest.mark.parametrize("categories", [["low", "mid", "high"], [3, 1, 2], [2.5, 0.5, 1.0]])
def test_an_ordered_categorical_keeps_its_order(categories):
    names = ["3" if c == 3 else str(c).removesuffix(".0") for c in categories]
    at = [0, 1, None, 1]
    labels = pd.Categorical.from_codes(
        [-1 if i is None else i for i in at], categories=categories, ordered=True
    )
    frame = pd.DataFrame({"task": [1, 1, 2, 2], "worker": [1, 2, 1, 2], "label": labels})
    assert list(read_answers(frame).classes) == names
    assert read_answers(frame).label.tolist() == [0, 1, 1]
    known = pl.DataFrame(
        {"label": [None if i is None else names[i] for i in at]}, schema={"label": pl.Enum(names)}
    )
    same = pl.DataFrame({"task": [1, 1, 2, 2], "worker": [1, 2, 1, 2]}).hstack(known)
    assert read_answers(same) == read_answers(frame)
    assert list(read_answers(frame, classes=sorted(names)).classes) == sorted(names)
    frame["label"] = frame["label"].cat.as_unordered()
    assert read_answers(frame).n_classes == 2


def test_ordered_columns_of_a_wide_frame_keep_their_order():
    levels = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    values = {"a": ["low", "high", None, "low"], "b": ["low", "high", "low", "high"]}
    wide = pd.DataFrame(values, index=["t1", "t2", "t3", "t4"])
    got = read_answers(wide.astype(levels), format="wide")
    assert list(got.classes) == ["low", "mid", "high"]
    assert got.label.tolist() == [0, 0, 2, 2, 0, 0, 2]
    assert read_answers(wide, format="wide").n_classes == 2


def test_an_index_holds_the_tasks():
    wide = pd.DataFrame({"r1": ["x", "y"], "r2": ["x", None]}, index=["a.png", "b.png"])
    assert votes(read(wide)) == {("a.png", "r1"): "x", ("a.png", "r2"): "x", ("b.png", "r1"): "y"}
    long = pd.DataFrame(ROWS).set_index("task")
    assert read_answers(long) == read_answers(pd.DataFrame(ROWS))
    # What is left of a filter has gaps in its index, which means nothing in a long table.
    part = pd.DataFrame(ROWS)[1:]
    assert votes(read(part)) == {("1", "b"): "y", ("2", "a"): "x"}
    numbered = pd.DataFrame([[0, 1, np.nan], [1, 1, 1]])
    assert votes(read(numbered))[("1", "2")] == "1"


def test_faults_name_the_row():
    frame = pd.DataFrame({**ROWS, "worker": ["a", None, "b"]})
    with pytest.raises(DataError, match="the frame row 2: the worker is missing"):
        read(frame)
    with pytest.raises(DataError, match="no column for the worker"):
        read(pd.DataFrame({"task": [1]}))
    with pytest.raises(DataError, match=r"task.*rename one"):
        read(pd.DataFrame([[1, 2, 3]], columns=["task", "task", "label"]))
    with pytest.raises(ParameterError, match="not a path"):
        read(3)


def test_several_frames_are_one_crowd():
    one, two = pd.DataFrame(ROWS), pl.DataFrame({**ROWS, "worker": ["c", "d", "c"]})
    assert read([one, two]).answers.n_workers == 4


def workbook(**sheets):
    """A workbook with text in cells, as Excel writes it in short."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    listed = "".join(
        f'<sheet name="{n}" sheetId="{i}" r:id="r{i}"/>' for i, n in enumerate(sheets, 1)
    )
    links = "".join(
        f'<Relationship Id="r{i}" Type="{rel}/worksheet" Target="worksheets/s{i}.xml"/>'
        for i in range(1, len(sheets) + 1)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r"'
        f' Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {space} xmlns:r="{rel}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">{links}'
        "</Relationships>",
    }
    for i, rows in enumerate(sheets.values(), 1):
        lines = [[cell(c, r, v) for c, v in enumerate(row)] for r, row in enumerate(rows, 1)]
        body = "".join(f'<row r="{r}">{"".join(line)}</row>' for r, line in enumerate(lines, 1))
        parts[f"xl/worksheets/s{i}.xml"] = (
            f"<worksheet {space}><sheetData>{body}</sheetData></worksheet>"
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return buffer.getvalue()


def cell(column, row, value):
    at = f"{'ABCDEFGH'[column]}{row}"
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{at}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{at}"><v>{value}</v></c>'


class TestExcel:
    LONG = (
        ("task", "worker", "label", "w"),
        (1, "a", "café", 0.9),
        (1, "b", "猫", 0.5),
        (2, "a", None, 1),
    )
    WIDE = (("image", "Anna", "Bob"), ("1.jpg", "cat", "cat"), ("2.jpg", "dog", None))

    @pytest.fixture(autouse=True)
    def _reader(self):
        pytest.importorskip("fastexcel")

    def test_a_sheet(self, tmp_path):
        got = load(tmp_path, workbook(votes=self.LONG), weight_col="w")
        assert votes(got) == {("1", "a"): "café", ("1", "b"): "猫"}
        assert got.answers.weight.tolist() == [0.9, 0.5]
        assert got.report.dropped == {"no answer given": 1}
        got = load(tmp_path, workbook(Sheet1=self.WIDE))
        assert votes(got) == {("1.jpg", "Anna"): "cat", ("1.jpg", "Bob"): "cat",
                              ("2.jpg", "Anna"): "dog"}  # fmt: skip

    def test_several_sheets(self, tmp_path):
        book = workbook(votes=self.LONG, wide=self.WIDE, empty=())
        with pytest.raises(
            DataError, match=r"several sheets \(votes, wide\); say which with --sheet"
        ):
            load(tmp_path, book)
        assert load(tmp_path, book, sheet="wide").answers.n_workers == 2
        assert load(tmp_path, book, sheet="1").answers.n_answers == 2
        with pytest.raises(DataError, match=r"no sheet 'vote'.*did you mean 'votes'"):
            load(tmp_path, book, sheet="vote")
        with pytest.raises(DataError, match="--sheet is for workbooks"):
            load(tmp_path, b"task,worker,label\n1,a,x\n", sheet="votes")

    def test_faults(self, tmp_path):
        rows = [list(row) for row in self.LONG]
        rows[2][1] = None
        with pytest.raises(DataError, match="x row 3: the worker is missing"):
            load(tmp_path, workbook(votes=rows))
        with pytest.raises(DataError, match="the sheet is empty"):
            load(tmp_path, workbook(votes=()))
        book = workbook(votes=self.LONG)
        for cut in range(1, len(book), 97):
            with pytest.raises(DataError):
                load(tmp_path, book[:cut])

    def test_without_the_extra(self, tmp_path, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "fastexcel", None)
        with pytest.raises(MissingDependencyError, match=r"pip install 'peerannot\[excel\]'"):
            load(tmp_path, workbook(votes=self.LONG))


class TestEncodings:
    TEXT = "task;worker;label;conf\r\n1;a;café;0,9\r\n1;b;café;0,7\r\n2;a;猫;0,5\r\n2;b;猫;1\r\n"

    @pytest.mark.parametrize(
        "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"]
    )
    def test_read_alike(self, tmp_path, encoding):
        text = self.TEXT if encoding != "utf-16-be" else "\ufeff" + self.TEXT
        got = load(tmp_path, text.encode(encoding), weight_col="conf")
        assert list(got.answers.classes) == ["café", "猫"]
        assert got.answers.weight.tolist() == [0.9, 0.7, 0.5, 1]

    @pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\r\n', "\ufeffsep=;\n", "SEP=;\r\n"])
    def test_the_line_of_excel(self, tmp_path, first):
        got = load(tmp_path, (first + self.TEXT).encode())
        assert got.answers.n_answers == 4
        broken = self.TEXT.replace("2;a", "2;")
        with pytest.raises(DataError, match="line 5: the worker is missing"):
            load(tmp_path, (first + broken).encode())
        pipes = first.replace(";", "|") + self.TEXT.replace(";", "|")
        assert load(tmp_path, pipes.encode()).answers.n_answers == 4

    def test_a_comma_is_no_decimal_mark_among_commas(self, tmp_path):
        text = 'task,worker,label,w\n1,a,x,"1,234"\n'
        with pytest.raises(DataError, match="the weight '1,234' is not a number"):
            load(tmp_path, text.encode(), weight_col="w")

    def test_latin_1_names_the_line(self, tmp_path):
        with pytest.raises(DataError, match="line 2: not UTF-8"):
            load(tmp_path, self.TEXT.replace("猫", "x").encode("latin-1"))
