"""Times of answers, by which the last of several is told."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from peerannot.errors import DataError, ParameterError
from peerannot.io import read
from peerannot.io._times import seconds

AT = datetime(2015, 8, 12, 10, 5, tzinfo=UTC).timestamp()


def times(*texts, pattern=None):
    column = pl.Series(texts)
    return seconds(column, lambda row: f"a.csv line {row + 2}", "at", pattern).to_list()


@pytest.mark.parametrize(
    "text",
    ["2015-08-12 10:05:00 UTC", "2015-08-12T10:05:00Z", "2015-08-12T12:05:00+02:00",
     "2015-08-12 10:05:00", str(AT), f"{AT:.0f}", f"{AT * 1000:.0f}", f"{AT * 1e6:.0f}",
     "8/12/2015 10:05:00 AM", "8/12/15 10:05"],
)  # fmt: skip
def test_every_form_is_the_same_moment(text):
    # A second time shows which part of a date is the day.
    other = "1/31/2015 0:00" if "/" in text else text
    assert times(text, other)[0] == AT


def test_times_of_a_parquet_file_and_empty_cells():
    assert times(datetime(2015, 8, 12, 10, 5), None) == [AT, None]
    assert times("2015-08-12 10:05", "", None) == [AT, None, None]


def test_day_and_month_are_told_by_content_or_asked_for():
    april = datetime(2016, 4, 3, tzinfo=UTC).timestamp()
    assert times("3/4/2016", "31/1/2016")[0] == april
    assert times("3.4.2016", "4.5.2016")[0] == april
    # Either reading puts them in the same order, and the order is all that is wanted.
    first, second = times("3/2/2016 10:00", "3/2/2016 11:00")
    assert first < second
    with pytest.raises(DataError, match="line 2: at: '3/2/2016' may have the month first"):
        times("3/2/2016", "2/4/2016")
    assert times("3/4/2016", "4/2/2016", pattern="dmy")[0] == april
    with pytest.raises(DataError, match="line 3: at: '1/31/2016' has the month first, '31/1/2016'"):
        times("31/1/2016", "1/31/2016")


def test_what_is_no_time_is_an_error_with_its_place():
    with pytest.raises(DataError, match=r"line 3: at: 'soon' is not a time; .*time_format="):
        times("2015-08-12", "soon")
    assert times("12 Aug 2015 10:05", pattern="%d %b %Y %H:%M") == [AT]
    with pytest.raises(DataError, match="line 2: at: 'x' does not have the form %Y"):
        times("x", pattern="%Y")
    with pytest.raises(ParameterError, match="time_format must be mdy, dmy or a pattern"):
        times("x", pattern="us")


def test_last_and_first_go_by_time(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("task,worker,label,at\na,x,new,2015-02-01\na,x,old,2015-01-01\na,y,new,\n")
    label = {p: read(path, time_col="at", duplicates=p).answers for p in ("last", "first")}
    assert [label["last"].classes[c] for c in label["last"].label] == ["new", "new"]
    assert [label["first"].classes[c] for c in label["first"].label] == ["old", "new"]
    assert read(path).answers.classes[int(read(path).answers.label[0])] == "old"
    dropped = read(path, time_col="at").report.dropped
    assert dropped == {"contradicts a newer answer of the same worker": 1}
