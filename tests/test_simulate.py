"""The simulator: BBBC038's layout, the same bytes by seed, and what its images are meant to hold."""

import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.measure import regionprops

from canonuclei.data.archives import read_subset
from canonuclei.data.looks import look
from canonuclei.data.simulate import FILES, ODD_SIZES, simulate_subset, write_source
from canonuclei.data.simulate_nuclei import DIAMETERS, draw_outline, grow_field, place_outline
from canonuclei.errors import InputError

SETTINGS = {"seed": 3, "images": {"train": 8, "validation": 4, "test": 8}, "size": [160, 192]}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    write_source(folder, SETTINGS)
    return folder


@pytest.fixture(scope="module")
def images():
    return [one for seed in range(4) for one in simulate_subset(seed, "stage1_train", 8, (256, 256))]


def test_files_have_the_published_names_only(source):
    assert sorted(path.name for path in source.iterdir()) == sorted(FILES)


def test_layout_is_the_published_one(source):
    with zipfile.ZipFile(source / "stage1_train.zip") as archive:
        assert archive.testzip() is None
        members = [name.split("/") for name in archive.namelist()]
        assert all(len(parts) == 3 and parts[1] in ("images", "masks") for parts in members)
        assert all(len(parts[0]) == 64 and int(parts[0], 16) >= 0 for parts in members)
        photographs = [parts for parts in members if parts[1] == "images"]
        assert len(photographs) == 8 and all(parts[2] == f"{parts[0]}.png" for parts in photographs)
        modes = {name: Image.open(io.BytesIO(archive.read(name))).mode for name in archive.namelist()}
        assert {mode for name, mode in modes.items() if "/images/" in name} == {"RGBA"}
        assert {mode for name, mode in modes.items() if "/masks/" in name} == {"L"}
        one = next(name for name in modes if "/masks/" in name)
        assert set(np.unique(Image.open(io.BytesIO(archive.read(one))))) == {0, 255}


def test_masks_are_disjoint_and_hold_a_nucleus_each(source):
    with zipfile.ZipFile(source / "stage1_train.zip") as archive:
        total: dict[str, np.ndarray] = {}
        for name in archive.namelist():
            if "/masks/" in name:
                mask = np.asarray(Image.open(io.BytesIO(archive.read(name)))) > 0
                assert mask.any()
                image_id = name.split("/")[0]
                total[image_id] = total.get(image_id, 0) + mask.astype(int)
    assert len(total) == 8 and all(count.max() == 1 for count in total.values())


@pytest.mark.parametrize(("subset", "number"), [("stage1_train", 8), ("stage1_test", 4), ("stage2_test", 8)])
def test_the_reader_reads_what_was_simulated(source, subset, number):
    simulated = list(simulate_subset(3, subset, number, (160, 192)))
    read = list(read_subset(source, subset))
    assert [one.image_id for one in read] == [one.image_id for one in simulated]
    for one, other in zip(read, simulated, strict=True):
        assert one.rgb.shape == (*other.labels.shape, 3)
        assert np.array_equal(one.labels > 0, other.labels > 0)
        # the numbers may differ, the nuclei may not
        pairs = np.unique(np.stack([one.labels.ravel(), other.labels.ravel()]), axis=1)
        assert pairs.shape[1] == other.labels.max() + 1
        if other.pixels.dtype == np.uint8:
            shown = other.pixels if other.pixels.ndim == 3 else other.pixels[..., None]
            assert (one.rgb == shown[..., :3]).all()


def test_solutions_have_the_published_columns(source):
    for name, usage in (
        ("stage1_solution.csv", {"Public"}),
        ("stage2_solution_final.csv", {"Private", "Ignored"}),
    ):
        with open(source / name, newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["ImageId", "EncodedPixels", "Height", "Width", "Usage"]
        assert {row["Usage"] for row in rows} == usage
    ignored = {row["ImageId"] for row in rows if row["Usage"] == "Ignored"}
    with zipfile.ZipFile(source / "stage2_test_final.zip") as archive:
        there = {name.split("/")[0] for name in archive.namelist()}
    assert len(ignored) == 3 and ignored < there and len(there) == 8 + 3


def test_stage_2_varies_in_depth_and_colour(source):
    with zipfile.ZipFile(source / "stage2_test_final.zip") as archive:
        modes = {Image.open(io.BytesIO(archive.read(name))).mode for name in archive.namelist()}
    assert modes >= {"RGBA", "RGB", "L", "I;16"}


def test_the_same_seed_gives_the_same_bytes_and_another_others(tmp_path):
    small = {"seed": 5, "images": {"train": 1, "validation": 1, "test": 1}, "size": [64, 96]}
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        write_source(tmp_path / name, small | {"seed": seed})
    for file in FILES:
        one, two, three = ((tmp_path / name / file).read_bytes() for name in ("one", "two", "three"))
        assert one == two and one != three


def test_more_images_leave_the_first_ones_as_they_are():
    few = {one.image_id: one for one in simulate_subset(0, "stage1_train", 2, (96, 96))}
    more = {one.image_id: one for one in simulate_subset(0, "stage1_train", 3, (96, 96))}
    assert all(np.array_equal(more[name].pixels, one.pixels) for name, one in few.items())


def test_sizes_and_looks(images):
    shapes = [one.labels.shape for one in images]
    assert all(shapes.count(odd) == 4 for odd in ODD_SIZES.values())
    assert min(min(odd) for odd in ODD_SIZES.values()) < 128
    assert [one.look for one in images].count("tissue") * 4 == len(images)
    # the rule on the pixels, made for the real images, names the simulated ones too
    assert all(look(one.pixels[..., :3]) == one.look for one in images)


def test_nuclei_are_visible_whole_and_of_the_sizes_asked_for(images):
    diameters = []
    for one in images:
        regions = regionprops(one.labels)
        assert regions and len(regions) == one.labels.max()
        assert all(ndimage.label(region.image, np.ones((3, 3)))[1] == 1 for region in regions)
        diameters += [region.equivalent_diameter_area for region in regions]
    assert 13 < np.median(diameters) < 19
    assert max(diameters) < DIAMETERS[1] + 1


def test_some_nuclei_touch_and_some_are_no_ellipses(images):
    touching, solidity, total = 0, [], 0
    for one in images:
        for region in regionprops(one.labels):
            total += 1
            solidity.append(region.solidity)
            grown = ndimage.binary_dilation(one.labels == region.label)
            touching += len(np.unique(one.labels[grown])) > (2 if (one.labels[grown] == 0).any() else 1)
    assert 0.15 < touching / total < 0.8
    assert 0.02 < np.mean(np.array(solidity) < 0.88) < 0.3


def test_nuclei_differ_from_the_ground(images):
    for one in images:
        grey = one.pixels[..., :3].mean(axis=-1)
        difference = grey[one.labels > 0].mean() - grey[one.labels == 0].mean()
        assert difference > 10 if one.look == "fluorescence" else difference < -30


def test_outlines_have_the_area_of_their_diameter():
    rng = np.random.default_rng(0)
    for typical in (4, 16, 100):
        outline = draw_outline(rng, typical, 0.5)
        area = place_outline(outline, (60.0, 60.0), 120, 120).inside.sum()
        assert DIAMETERS[0] * 0.9 < 2 * np.sqrt(area / np.pi) < DIAMETERS[1] * 1.05


def test_a_tiny_field_still_has_a_nucleus():
    for seed in range(20):
        assert grow_field(np.random.default_rng(seed), 64, 64).labels.max() >= 1


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"seed": -1}, "seed"),
        ({"size": [63, 256]}, "size"),
        ({"size": [256]}, "size"),
        ({"images": {"train": 0, "validation": 1, "test": 1}}, "train"),
    ],
)
def test_settings_out_of_range_are_one_line_errors(tmp_path, change, where):
    with pytest.raises(InputError, match=where):
        write_source(tmp_path, SETTINGS | change)
    assert list(tmp_path.iterdir()) == []
