"""Write simulated images with binary masks and counts: what a laboratory has, to try things on.

python workflow/scripts/sample_images.py FOLDER [NUMBER] makes images, masks and counts.csv in FOLDER; 20
images where no NUMBER is given.
"""

import argparse
from pathlib import Path

import pandas as pd
from PIL import Image

from canonuclei.data.simulate import simulate_subset
from canonuclei.errors import InputError, one_line_errors
from canonuclei.files import atomic_path
from canonuclei.words import many

SIZE = (256, 256)  # px
FEWEST = 3  # one each to train, validate and test


def main(folder: str | Path, number: int = 20, seed: int = 7) -> None:
    """Write the sample.

    Args:
        folder: made if need be; must not hold images or masks yet.
        number: of images, 3 or more.
        seed: of the simulation.

    Raises:
        InputError: too few images, or the folder is taken.
    """
    folder = Path(folder)
    if number < FEWEST:
        raise InputError(
            "NUMBER", many(number, "image"), f"give {FEWEST} or more: to train, validate and test"
        )
    counts, digits = [], max(2, len(str(number)))
    for name in ("images", "masks"):
        if (folder / name).exists():
            raise InputError(folder / name, "is there already", "name another folder")
        (folder / name).mkdir(parents=True)
    for index, made in enumerate(simulate_subset(seed, "stage1_train", number, SIZE)):
        name = f"sample {index + 1:0{digits}d}"
        # the published files have an alpha channel, and so has the simulator; cameras give none
        pictures = {"images": made.pixels[..., :3], "masks": (made.labels > 0).astype("uint8") * 255}
        for kind, pixels in pictures.items():
            with atomic_path(folder / kind / f"{name}.png") as temporary:
                Image.fromarray(pixels).save(temporary, format="PNG")
        counts.append({"image": name, "count": int(made.labels.max())})
    with atomic_path(folder / "counts.csv") as temporary:
        pd.DataFrame(counts).to_csv(temporary, index=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="FOLDER", help="images, masks and counts.csv go there")
    parser.add_argument("number", metavar="NUMBER", nargs="?", type=int, default=20, help="of images; 20")
    given = parser.parse_args()
    with one_line_errors():
        main(given.folder, given.number)
