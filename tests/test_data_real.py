"""The reader, the looks and the manifest on the real images of stage 1, where they are at hand."""

import csv

import numpy as np
import pytest

from canonuclei.data.archives import Archive, read_subset
from canonuclei.data.index import index_row
from canonuclei.data.looks import look
from canonuclei.data.manifest import pixel_digest, read_table

pytestmark = pytest.mark.real

LOOKS = {
    ("white", "black"): "fluorescence",
    ("black", "white"): "brightfield",
    ("purple", "white"): "tissue",
    ("purple", "yellow"): "tissue",
    ("purple", "purple"): "tissue",
}


@pytest.fixture(scope="module")
def notes(real_data):
    """images.csv by id."""
    with open(real_data / "images.csv", newline="", encoding="utf-8") as file:
        return {row["image_id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def listed(repository):
    """The committed manifest by id."""
    return {row["image_id"]: row for row in read_table(repository / "config" / "manifests" / "bbbc038.csv")}


def test_manifest_agrees_with_the_table(notes, listed):
    assert set(notes) == set(listed)
    for image_id, row in notes.items():
        for name in ("subset", "width", "height", "nuclei", "mosaic"):
            assert listed[image_id][name] == row[name], (image_id, name)


@pytest.mark.parametrize("subset", ["stage1_train", "stage1_test"])
def test_every_image_has_its_look_and_digest(real_data, notes, listed, subset):
    with Archive(real_data, subset) as archive:
        assert len(archive.ids) == sum(row["subset"] == subset for row in notes.values())
        # The biggest images cost the most and are all alike: every fourth of them
        chosen = [
            image_id
            for number, image_id in enumerate(archive.ids)
            if int(notes[image_id]["width"]) < 600 or number % 4 == 0
        ]
        for image_id in chosen:
            rgb = archive.rgb(image_id)
            row = notes[image_id]
            assert look(rgb) == LOOKS[row["foreground"], row["background"]] == listed[image_id]["look"], (
                image_id
            )
            assert pixel_digest(rgb) == listed[image_id]["digest"], image_id


def test_nuclei_of_a_sample_of_the_training_images(real_data, listed):
    with Archive(real_data, "stage1_train") as archive:
        for image_id in archive.ids[::25]:
            row = index_row(archive.read(image_id))
            expected = {**listed[image_id], "mosaic": ""}
            assert {name: str(value) for name, value in row.items()} == expected


def test_nuclei_of_the_test_images(real_data, listed):
    nuclei = 0
    for image in read_subset(real_data, "stage1_test"):
        assert image.labels.max() == int(listed[image.image_id]["nuclei"])
        nuclei += len(np.unique(image.labels)) - 1
    assert nuclei == 4152
