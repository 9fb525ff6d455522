"""The dataset folder: metadata, votes, images, and how to install one."""

from peerannot.dataset._folder import Dataset, read_removed
from peerannot.dataset._images import SPLITS, Image, list_images, match_tasks

__all__ = ["SPLITS", "Dataset", "Image", "list_images", "match_tasks", "read_removed"]
