"""The dataset folder: metadata, votes, images, and how to install one."""

from typing import TYPE_CHECKING, Any

from peerannot._lazy import resolve

if TYPE_CHECKING:
    from peerannot.dataset._archive import Limits, unpack
    from peerannot.dataset._catalogue import PublicSet, catalogue, install_public, public_set
    from peerannot.dataset._cifar import CIFAR10_NAMES, read_batch, read_label_arrays
    from peerannot.dataset._custom import CustomOptions, install_custom
    from peerannot.dataset._doctor import Health, Wrong, examine
    from peerannot.dataset._download import Remote, cache_folder, fetch
    from peerannot.dataset._folder import Dataset, read_removed
    from peerannot.dataset._pixels import UnreadableImageError, bad_images, read_picture
    from peerannot.dataset._recipe import Recipe, write_votes
    from peerannot.dataset._run import CUSTOM, Installed, run_recipe
    from peerannot.dataset._stage import Stage, staged
    from peerannot.dataset.features import Features, read_features, write_features
    from peerannot.dataset.images import SPLITS, Image, list_images, match_tasks

__all__ = [
    "CIFAR10_NAMES",
    "CUSTOM",
    "SPLITS",
    "CustomOptions",
    "Dataset",
    "Features",
    "Health",
    "Image",
    "Installed",
    "Limits",
    "PublicSet",
    "Recipe",
    "Remote",
    "Stage",
    "UnreadableImageError",
    "Wrong",
    "bad_images",
    "cache_folder",
    "catalogue",
    "examine",
    "fetch",
    "install_custom",
    "install_public",
    "list_images",
    "match_tasks",
    "public_set",
    "read_batch",
    "read_features",
    "read_label_arrays",
    "read_picture",
    "read_removed",
    "run_recipe",
    "staged",
    "unpack",
    "write_features",
    "write_votes",
]

_HOMES = {
    **dict.fromkeys(("Limits", "unpack"), "_archive"),
    **dict.fromkeys(("PublicSet", "catalogue", "install_public", "public_set"), "_catalogue"),
    **dict.fromkeys(("CIFAR10_NAMES", "read_batch", "read_label_arrays"), "_cifar"),
    **dict.fromkeys(("CustomOptions", "install_custom"), "_custom"),
    **dict.fromkeys(("Health", "Wrong", "examine"), "_doctor"),
    **dict.fromkeys(("Remote", "cache_folder", "fetch"), "_download"),
    **dict.fromkeys(("Dataset", "read_removed"), "_folder"),
    **dict.fromkeys(("UnreadableImageError", "bad_images", "read_picture"), "_pixels"),
    **dict.fromkeys(("Recipe", "write_votes"), "_recipe"),
    **dict.fromkeys(("CUSTOM", "Installed", "run_recipe"), "_run"),
    **dict.fromkeys(("Stage", "staged"), "_stage"),
    **dict.fromkeys(("Features", "read_features", "write_features"), "features"),
    **dict.fromkeys(("SPLITS", "Image", "list_images", "match_tasks"), "images"),
}


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
