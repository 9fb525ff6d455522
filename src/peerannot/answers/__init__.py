"""The votes: who answered what about which task, validated once."""

from peerannot.answers._answers import Answers, DuplicatePolicy
from peerannot.answers._gold import gold_labels
from peerannot.answers._ids import Ids

__all__ = ["Answers", "DuplicatePolicy", "Ids", "gold_labels"]
