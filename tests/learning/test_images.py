"""Reading, keeping and changing images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from peerannot.errors import DataError  # noqa: E402
from peerannot.learning.data.augment import apply_changes, draw_changes  # noqa: E402
from peerannot.learning.data.images import ImageStore, read_image  # noqa: E402

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def augment(images, generator):
    return apply_changes(images, draw_changes(len(images), generator))


@pytest.fixture
def mixed(tmp_path):
    """Images of every mode and shape, all of one colour."""
    red = Image.new("RGB", (20, 30), (255, 0, 0))
    paletted = red.convert("P")
    paletted.info["transparency"] = b"\x80"
    files = {
        "rgb.png": red,
        "wide.jpg": Image.new("RGB", (100, 9), (254, 0, 0)),
        "rgba.png": red.convert("RGBA"),
        "palette.png": paletted,
        "palette.gif": red.convert("P"),
        "grey.png": Image.new("L", (8, 8), 128),
        "deep.png": Image.fromarray(np.full((8, 8), 32896, np.uint16)),
        "one.bmp": Image.new("RGB", (1, 1), (255, 0, 0)),
    }
    for name, image in files.items():
        image.save(tmp_path / name)
    return [tmp_path / name for name in files]


def test_every_mode_and_size(mixed) -> None:
    for path in mixed:
        pixels = read_image(path, 12)
        assert pixels.shape == (12, 12, 3) and pixels.dtype == np.uint8
        want = 128 if path.stem in ("grey", "deep") else (255, 0, 0)
        np.testing.assert_allclose(pixels.astype(int), np.broadcast_to(want, (12, 12, 3)), atol=3)


def test_kept_and_unkept_images_are_the_same(mixed) -> None:
    rows = [torch.tensor([3, 0, 5]), torch.tensor([1]), torch.tensor([2, 2])]
    kept = ImageStore(mixed, 16, threads=3)
    lazy = ImageStore(mixed, 16, threads=3, keep=False)
    pairs = list(zip(kept.batches(rows), lazy.batches(rows), strict=True))
    assert [len(a) for a, _ in pairs] == [3, 1, 2]
    for a, b in pairs:
        assert torch.equal(a, b)
        assert a.is_contiguous(memory_format=torch.channels_last)
    pixel = pairs[0][0][1, :, 4, 4].numpy()
    np.testing.assert_allclose(pixel, (np.array([1, 0, 0]) - MEAN) / STD, atol=1e-5)
    assert list(lazy.batches([])) == []


@pytest.mark.parametrize("keep", [True, False])
def test_unreadable_images_are_told_together(mixed, tmp_path, keep) -> None:
    whole = mixed[1].read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").touch()
    paths = [*mixed, *(tmp_path / n for n in ("cut.jpg", "text.png", "empty.png"))]
    with pytest.raises(DataError, match=r"3 images cannot be read: .*cut.jpg.*empty.png.*text.png"):
        ImageStore(paths, 8, keep=keep)


def test_augmentation_does_its_three_things() -> None:
    generator = torch.Generator().manual_seed(0)
    size = 16
    ramp = torch.linspace(0.2, 1, size).expand(300, 3, size, size).contiguous()
    out = augment(ramp, generator)
    assert out.shape == ramp.shape
    flipped = torch.tensor(
        [torch.allclose(o, r.flip(2), atol=1e-4) for o, r in zip(out, ramp, strict=True)]
    )
    same = torch.tensor([torch.allclose(o, r, atol=1e-4) for o, r in zip(out, ramp, strict=True)])
    black = torch.tensor([bool((o == 0).any()) for o in out])
    # A third draws each; half of the mirrors mirror. Crops see a part of the ramp, no black.
    assert 30 < int(flipped.sum()) < 75 and 30 < int(same.sum()) < 80
    assert 25 < int(black.sum()) < 100
    crops = out[~flipped & ~same & ~black & (out.amin(dim=(1, 2, 3)) > 0.19)]
    assert 60 < len(crops) < 150
    assert float(crops.max()) <= 1.01
    again = augment(ramp, torch.Generator().manual_seed(0))
    assert torch.equal(out, again)


def test_augmentation_flips_and_keeps_pixels_exactly_enough() -> None:
    images = torch.rand(64, 3, 9, 9)
    out = augment(images, torch.Generator().manual_seed(1))
    near = [
        torch.allclose(o, i, atol=1e-5) or torch.allclose(o, i.flip(2), atol=1e-5)
        for o, i in zip(out, images, strict=True)
    ]
    assert sum(near) > 10
