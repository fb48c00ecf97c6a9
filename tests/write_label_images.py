"""Write the true nuclei of a set of tiles as label images: the folder that a perfect tool would leave.

For .ci/run: python tests/write_label_images.py results/ci/tiles/test results/ci/label_images
"""

import sys
from pathlib import Path

import numpy as np
from skimage.io import imsave

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow" / "scripts"))

from canonuclei.evaluation.frames import GroundTruth


def main(tiles: str, folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    truth = GroundTruth(tiles)
    for image in truth.images:
        imsave(
            Path(folder) / f"{image}.png", truth.whole(image).labels.astype(np.uint16), check_contrast=False
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
