"""One eye: every picture is the same to the network and to the person."""

from __future__ import annotations

import io
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from peerannot.dataset import UnreadableImageError, read_picture
from peerannot.report._thumbs import thumbnails

RAMP = np.linspace(0, 65535, 60 * 40).reshape(40, 60)
WHITE_TOP = np.zeros((40, 60, 3), np.uint8)
WHITE_TOP[:20] = 255


def turned(path: Path) -> None:
    image = Image.fromarray(WHITE_TOP)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif, quality=95)


def seen(path: Path) -> np.ndarray:
    """The thumbnail of a report, as an array of float (height, width, 3)."""
    (uri,), lost = thumbnails([path], 10**6)
    assert lost == []
    image = Image.open(io.BytesIO(b64decode(uri.split(",")[1]))).convert("RGB")
    return np.asarray(image).astype(float)


def learned(path: Path, side: int = 64) -> np.ndarray:
    image = read_picture(path, side).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image).astype(float)


@pytest.mark.parametrize(
    ("name", "array", "mean"),
    [
        ("grad16.png", RAMP.astype(np.uint16), 127),
        ("gradf.tif", np.linspace(0, 1, 2400).reshape(40, 60).astype(np.float32), 127),
        ("gradf255.tif", np.linspace(0, 255, 2400).reshape(40, 60).astype(np.float32), 127),
        ("grad10bit.tif", (RAMP // 64).astype(np.uint16), 127),
        ("grad12bit.png", (RAMP // 16).astype(np.uint16), 127),
        ("int32.tif", RAMP.astype(np.int32), 127),
        ("negative.tif", (RAMP / 65535 - 2).astype(np.float32), 0),
    ],
)
def test_ramps_of_every_depth(tmp_path, name, array, mean):
    Image.fromarray(array).save(tmp_path / name)
    for pixels in (seen(tmp_path / name), learned(tmp_path / name)):
        assert abs(pixels.mean() - mean) < 3
        assert (pixels > 250).mean() < 0.05


def test_nan_is_black(tmp_path):
    Image.fromarray(np.array([[np.nan, 1.0]], np.float32)).save(tmp_path / "x.tif")
    assert np.asarray(read_picture(tmp_path / "x.tif"))[0, :, 0].tolist() == [0, 255]


def test_the_stated_largest_value_counts(tmp_path):
    dark = np.full((4, 4), 1000, np.uint16)
    Image.fromarray(dark).save(tmp_path / "x.tif", tiffinfo={281: 4095})
    assert np.asarray(read_picture(tmp_path / "x.tif")).max() == round(1000 / 4095 * 255)


def test_exif_turns_the_picture(tmp_path):
    turned(tmp_path / "x.jpg")
    pixels = seen(tmp_path / "x.jpg")
    assert pixels.shape == (60, 40, 3)
    for array in (pixels, learned(tmp_path / "x.jpg")):
        assert array[:, :10].mean() < 10 and array[:, -10:].mean() > 245


def test_colour_spaces_palettes_and_what_is_transparent(tmp_path):
    red = Image.new("RGB", (20, 20), (255, 0, 0))
    red.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    red.convert("P").save(tmp_path / "palette.png")
    for name in ("cmyk.jpg", "palette.png"):
        for pixels in (seen(tmp_path / name), learned(tmp_path / name)):
            np.testing.assert_allclose(pixels.mean((0, 1)), (255, 0, 0), atol=6)
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    clear.save(tmp_path / "clear.png")
    clear.convert("LA").save(tmp_path / "la.png")
    half = Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    half.save(tmp_path / "half.png")
    for name, value in (("clear.png", 255), ("la.png", 255), ("half.png", 127)):
        for pixels in (seen(tmp_path / name), learned(tmp_path / name)):
            np.testing.assert_allclose(pixels.mean((0, 1)), value, atol=3)


def test_the_network_and_the_page_use_this_eye(tmp_path):
    read_image = pytest.importorskip("peerannot.learning.data.images").read_image
    turned(tmp_path / "x.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "x.jpg", 64), learned(tmp_path / "x.jpg"))


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_picture(tmp_path, content):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"x\.png: cannot be read as an image") as caught:
        read_picture(path)
    assert (caught.value.path, bool(caught.value.why)) == (path, True)
    assert thumbnails([path, None], 1000) == (["", ""], [(path, caught.value.why)])
