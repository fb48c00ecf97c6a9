"""Small images of every kind, and the files that hold them."""

import numpy as np
import tifffile
from PIL import Image

RNG = np.random.default_rng(0)
GREY8 = RNG.integers(0, 256, (40, 50), np.uint8)
GREY16 = RNG.integers(0, 4096, (40, 50), np.uint16)
COLOUR8 = RNG.integers(0, 256, (40, 50, 3), np.uint8)
COLOUR16 = RNG.integers(0, 65536, (40, 50, 3), np.uint16)
FLOAT = RNG.normal(size=(40, 50)).astype(np.float32)
# A name that breaks what goes by spaces or by ASCII
NAME = "Zellkerne Über 1.µ"


def tiff(folder, data, name=f"{NAME}.tif", **how):
    path = folder / name
    tifffile.imwrite(path, data, **how)
    return path


def png(folder, data, mode=None, **how):
    path = folder / f"{NAME}.png"
    image = data if isinstance(data, Image.Image) else Image.fromarray(data)
    (image.convert(mode) if mode else image).save(path, **how)
    return path
