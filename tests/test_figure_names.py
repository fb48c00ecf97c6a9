"""The names of one's own images stand in the figures as they are, whatever is in them."""

import gzip
from pathlib import Path

import pytest
from matplotlib import pyplot as plt
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from canonuclei.data.tiles import read_tiles
from canonuclei.figures.material import choose_simple_tile, choose_tiles
from canonuclei.figures.style import fitted_name
from figure_drawing import draw, texts
from figure_standins import make_standins

DIGEST = "0123456789abcdef" * 4
LONG = "WWWWW tissue, plate 12 of 2024-03-01, well B07, site 3, channel DAPI, projected along z"
OWN = {"image0": "sample 01 $x_1$ {µ}", "image1": DIGEST, "image2": LONG, "image3": "100 % $ & <b>"}


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    """The stand-ins under names of one's own."""
    folder = make_standins(tmp_path_factory.mktemp("own"))
    for path in [*folder.glob("tiles/*/tiles.csv"), *folder.glob("nuclei/*.csv.gz")]:
        packed = path.suffix == ".gz"
        text = gzip.decompress(path.read_bytes()).decode() if packed else path.read_text()
        for name, called in OWN.items():
            text = text.replace(f"{name},", f'"{called}",')
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return folder


@pytest.mark.parametrize("name", ["figure1", "figure2", "ellipses"])
def test_names_are_whole_where_they_fit(name, own, tmp_path):
    words = texts(draw(name, own, tmp_path, kinds=("svg",))["svg"])
    plt.close("all")
    table = read_tiles(own / "tiles" / "test").table
    chosen = [choose_simple_tile(table, None)] if name == "figure1" else choose_tiles(table, None)
    seen = set(table["image_id"].iloc[chosen[:3] if name == "ellipses" else chosen])
    assert len(seen) == {"figure1": 1, "figure2": 4, "ellipses": 3}[name]
    for image in seen:
        if image == DIGEST:
            assert DIGEST[:8] in words and DIGEST[:9] not in words
        elif image == LONG:
            assert LONG not in words and LONG[:8] in words and LONG[-7:] in words
        else:
            assert image in words


def test_a_shortened_name_is_as_wide_as_its_place():
    font = FontProperties(size=8)
    for inches in (0.5, 1, 2, 4):
        short = fitted_name("W" * 100, inches)
        width = text_to_path.get_text_width_height_descent(short, font, ismath=False)[0] / 72
        assert inches - 0.25 < width <= inches
    assert fitted_name("iiii" * 12, 2) == "iiii" * 12
