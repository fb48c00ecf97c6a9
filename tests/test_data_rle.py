"""Run lengths against a slow version, and every fault of a row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from canonuclei.data import rle
from canonuclei.errors import InputError

HEADER = "ImageId,EncodedPixels,Height,Width,Usage\n"


def slow_decode(text, shape):
    mask = np.zeros(shape, bool)
    numbers = [int(word) for word in text.split()]
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        for pixel in range(start - 1, start - 1 + length):
            mask[pixel % shape[0], pixel // shape[0]] = True
    return mask


def as_mask(pixels, shape):
    mask = np.zeros(shape, bool)
    mask.ravel()[pixels] = True
    return mask


def test_column_major_and_from_one():
    np.testing.assert_array_equal(
        as_mask(rle.decode("2 2 7 1", (3, 4), "row"), (3, 4)),
        [[0, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]],
    )


@settings(max_examples=60, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_decode_inverts_encode(mask):
    text = rle.encode(mask)
    if not mask.any():
        assert text == ""
        return
    np.testing.assert_array_equal(slow_decode(text, mask.shape), mask)
    pixels = rle.decode(text, mask.shape, "row")
    np.testing.assert_array_equal(pixels, np.flatnonzero(mask))


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_runs_in_any_order(random):
    runs = [(1, 2), (4, 1), (9, 4)]
    random.shuffle(runs)
    text = " ".join(f"{start} {length}" for start, length in runs)
    np.testing.assert_array_equal(as_mask(rle.decode(text, (4, 3), "row"), (4, 3)), slow_decode(text, (4, 3)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 2 3", "no pairs"),
        ("", "no pairs"),
        ("1 x", "whole numbers"),
        ("1 2.5", "whole numbers"),
        ("1 99999999999999999999", "whole numbers"),
        ("0 2", "out of range"),
        ("-3 2", "out of range"),
        ("12 2", "out of range"),
        ("13 1", "out of range"),
        ("2 9223372036854775807", "out of range"),
        ("3 0", "out of range"),
        ("1 4 3 2", "overlap"),
        ("5 2 1 5", "overlap"),
    ],
)
def test_bad_runs(text, problem):
    with pytest.raises(InputError, match=problem) as caught:
        rle.decode(text, (4, 3), "s.csv, row 7, abc")
    assert str(caught.value).startswith("s.csv, row 7, abc:")


def table(tmp_path, *lines):
    path = tmp_path / "stage1_solution.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_rows_without_the_ignored(tmp_path):
    path = table(tmp_path, "a,1 2,4,3,Public", "b,1 1,4,3,Ignored", "a,5 2,4,3,Private", "a,,4,3,Ignored")
    rows = rle.read_rows(path)
    assert list(rows) == ["a"] and [row.runs for row in rows["a"]] == ["1 2", "5 2"]
    assert [row.line for row in rows["a"]] == [2, 4]
    assert len(rle.image_pixels(path, rows["a"], (4, 3))) == 2


def test_fault_names_file_row_and_image(tmp_path):
    path = table(tmp_path, "a,1 2,4,3,Public", "a,99 2,4,3,Public")
    with pytest.raises(InputError, match=r"stage1_solution\.csv, row 3, a: run out of range"):
        rle.image_pixels(path, rle.read_rows(path)["a"], (4, 3))


def test_mask_of_another_size(tmp_path):
    path = table(tmp_path, "a,1 2,4,4,Public")
    with pytest.raises(InputError, match="row 2, a: mask of another size: 4 x 4 px for an image of 3 x 4 px"):
        rle.image_pixels(path, rle.read_rows(path)["a"], (4, 3))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("ImageId,EncodedPixels\na,1 2\n", "no column Height, Width, Usage"),
        ("", "no column"),
        (HEADER, "no row"),
        (HEADER + "a,1 2,4\n", "row 2, a: row cut short"),
        (HEADER + "a,1 2,four,3,Public\n", "no whole number"),
        (HEADER + "a,1 2,4,3,Ignored\n", "no row that is not ignored"),
    ],
)
def test_bad_tables(tmp_path, content, problem):
    path = tmp_path / "s.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        rle.read_rows(path)


def test_binary_table(tmp_path):
    path = tmp_path / "s.csv"
    path.write_bytes(b"\xff\xfe\x00PK")
    with pytest.raises(InputError, match="no table"):
        rle.read_rows(path)


def test_a_repeated_row_is_left_out_with_a_warning(tmp_path, capsys):
    path = tmp_path / "solution.csv"
    row = "a,1 3 9 2,8,8,Public"
    path.write_text(
        f"ImageId,EncodedPixels,Height,Width,Usage\n{row}\na,20 2,8,8,Public\n{row}\nb,1 3 9 2,8,8,x\n"
    )
    rows = rle.read_rows(path)
    assert [one.line for one in rows["a"]] == [2, 3]
    assert len(rows["b"]) == 1
    assert f"{path}, row 4, a: repeats row 2; left out" in capsys.readouterr().out
