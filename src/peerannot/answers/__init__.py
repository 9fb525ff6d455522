"""The votes: who answered what about which task, validated once."""

from peerannot.answers._answers import Answers
from peerannot.answers._check import check_answers
from peerannot.answers._duplicates import DuplicatePolicy
from peerannot.answers._gold import (
    by_task,
    gold_classes,
    gold_labels,
    gold_names,
    labels_in,
    only_class,
    say_several,
    table_of,
)
from peerannot.answers.ids import Ids
from peerannot.answers.labels import Meaning, check_meaning
from peerannot.answers.places import random_places

__all__ = [
    "Answers",
    "DuplicatePolicy",
    "Ids",
    "Meaning",
    "by_task",
    "check_answers",
    "check_meaning",
    "gold_classes",
    "gold_labels",
    "gold_names",
    "labels_in",
    "only_class",
    "random_places",
    "say_several",
    "table_of",
]
