"""One rule for "no answer": what stands where a worker gave no label, in every format."""

from __future__ import annotations

__all__ = ["NO_ANSWER", "WIDE_BLANK", "is_no_answer"]

# As pandas and R write them, exactly; "none" in small letters is a word that a class may have.
NO_ANSWER = frozenset(
    {
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
        "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "NaT", "n/a", "nan", "null",
    }
)  # fmt: skip

# In a wide table every worker has a cell for every task: there these are no answer in any case.
WIDE_BLANK = frozenset({"nan", "none"})


def is_no_answer(value: object) -> bool:
    """Whether a cell stands for no answer: None, NaN, or a text of `NO_ANSWER` (spaces aside)."""
    if value is None or value != value:
        return True
    return isinstance(value, str) and value.strip() in NO_ANSWER
