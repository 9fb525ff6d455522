"""The order of ids on disk and on a cluster: that of a vocabulary, see `Ids.sorted`."""

from __future__ import annotations

import polars as pl

__all__ = ["WHOLE", "ends", "sort_key"]

WHOLE = r"^-?[0-9]+$"  # texts that sort by their value


def sort_key(ids: pl.Series) -> pl.Series:
    """What sorts, one by one, as the ids of a vocabulary do (`Ids.sorted`); of numbers themselves.

    Cost: some .1 s a million texts, most of it where texts are whole numbers.
    """
    if ids.dtype.is_integer():
        return ids
    whole, texts = ids.str.contains(WHOLE), pl.Series("", ["1"]) + ids
    if not whole.any():
        return texts
    numerals = ids.filter(whole)
    below = numerals.str.starts_with("-")
    digits = numerals.str.strip_chars_start("-").str.strip_chars_start("0")
    size = digits.str.len_bytes().cast(pl.Int64)
    # Of numbers below 0 the longer and the larger come first.
    turned = digits.str.replace_many(list("0123456789"), list("9876543210"))
    frame = pl.DataFrame({"below": below, "size": size, "digits": digits, "turned": turned})
    column = pl.col
    keys = frame.select(
        pl.when("below")
        .then(pl.format("0-{}{}", 2 * 10**9 - column("size"), "turned"))
        .otherwise(pl.format("0.{}{}", 10**9 + column("size"), "digits"))
        .alias("key")
    )["key"]
    keys = pl.select(pl.concat_str(keys, pl.lit(" "), numerals)).to_series()
    return texts.scatter(whole.arg_true(), keys)


def ends(ids: pl.Series, key: pl.Series) -> pl.Series:
    """The first and the last of ids by their keys (`sort_key`); the ids are not sorted."""
    low, high = key.arg_min(), key.arg_max()
    assert low is not None and high is not None
    return ids.gather([low, high])
