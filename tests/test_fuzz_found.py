"""What the spoiled files found, each as the smallest file that shows it (test_fuzz.py: by number)."""

import pytest

from canonuclei.data.manifest import check_index, read_table
from canonuclei.errors import InputError
from fuzz_tables import EXPECTED, INDEX, MANIFEST


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "no column image_id"), ("image_id,subset\na\n", "row 2: cut short"), ("x", "no column image_id")],
)
def test_tables_that_are_none(tmp_path, text, problem):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=problem):
        read_table(tmp_path / "x.csv", ("image_id", "subset"))


def test_a_subset_of_another_name_is_not_passed_over(tmp_path):
    (tmp_path / "expected.yaml").write_text(EXPECTED)
    (tmp_path / "manifest.csv").write_text(MANIFEST.replace("stage1_test", "stage1_tset"))
    with pytest.raises(InputError, match="of an unknown subset, 'stage1_tset'"):
        check_index([dict(row) for row in INDEX], "source", tmp_path / "expected.yaml")
