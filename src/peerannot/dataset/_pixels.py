"""One eye for every picture: what a network learns from is what a person is shown.

Whatever the file, a picture becomes upright RGB of 8 bits:

* turned as its EXIF tag says; of an animation the first frame;
* whole numbers of more than 8 bits, and floats: black is 0 and white the largest value of the
  picture's depth, which is that of the TIFF tag MaxSampleValue where there is one, else the
  smallest of 8, 10, 12, 14, 16, 24 and 32 bits that holds its largest value (so a camera's 10 bits
  in a 16-bit file are not black); floats up to 1 have white at 1. Below 0 and NaN are black;
* CMYK, palettes and grey converted;
* what is transparent lies on white.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from peerannot.errors import DataError

__all__ = ["UnreadableImageError", "bad_images", "read_picture"]

_DEPTHS = (8, 10, 12, 14, 16, 24, 32)
_MAX_SAMPLE_VALUE = 281


class UnreadableImageError(DataError):
    """A file is no picture, or a damaged one.

    Attributes
    ----------
    path : Path
    why : str
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: cannot be read as an image: {why}")
        self.path, self.why = path, why


def read_picture(path: Path, side: int | None = None) -> Any:
    """Read a picture as a Pillow image in mode RGB, see above.

    Parameters
    ----------
    path
        The file.
    side
        The least side that is needed: a JPEG may be read at less than its full size then.

    Raises
    ------
    UnreadableImageError
        The file is missing, no picture, or damaged.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            if side is not None:
                opened.draft("RGB", (side, side))
            opened.load()
            image: Any = ImageOps.exif_transpose(opened)
            if image.mode.startswith(("I", "F")):
                tags: Any = getattr(opened, "tag_v2", {})
                image = _eight_bits(image, tags.get(_MAX_SAMPLE_VALUE))
            elif image.has_transparency_data:
                image = image.convert("RGBA")
                below = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(below, image)
            return image.convert("RGB")
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything
        why = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImageError(path, why) from error


def _eight_bits(image: Any, stated: Any) -> Any:
    """Values of 16 and 32 bits on the scale of 8 bits; Pillow's own conversion would clip them."""
    from PIL import Image

    values = np.nan_to_num(np.asarray(image, np.float64), nan=0, posinf=0, neginf=0)
    largest = values.max(initial=0)
    if isinstance(stated, tuple):
        stated = max(stated, default=None)
    if isinstance(stated, int | float) and stated >= largest > 0:
        top = float(stated)
    elif image.mode == "F" and largest <= 1:
        top = 1.0
    else:
        top = next((2.0**b - 1 for b in _DEPTHS if largest <= 2.0**b - 1), largest)
    return Image.fromarray((values.clip(0, top) / top * 255).round().astype(np.uint8))


def bad_images(bad: Iterable[tuple[Path, str]]) -> dict[str, list[dict[str, str]]]:
    """Images that cannot be read, and why, as JSON documents have them."""
    return {"bad_images": [{"image": str(path), "why": why} for path, why in bad]}
