"""What the code never does, read off the code; and what names in tables, pages and messages cannot do."""

import ast
import re

import pandas as pd
import pytest

from canonuclei.cells import guarded, unguarded
from canonuclei.errors import InputError
from canonuclei.evaluation.page import html_page
from canonuclei.segmentation.summary import read_counted, read_summary, summary_of, write_counted, write_table
from conftest import REPOSITORY

CODE = sorted((REPOSITORY / "workflow").rglob("*.py"))
RULES = [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))]
# Modules that make objects, or run text, of what they read
NEVER = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "jsonpickle",
    "telnetlib",
    "pty",
}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "system",
    "popen",
    "unsafe_load",
    "full_load",
    "read_pickle",
}
EXTRACT = {"extractall", "extract", "unpack_archive"}
# The one reader of a pickle: of a file whose digest is known, by a reader that makes tensors only
CONVERSION = ("workflow/scripts/canonuclei/models/weights.py", "read_checkpoint")


def calls_in(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            of = getattr(getattr(node.func, "value", None), "id", "")
            yield node, name, of, {each.arg: each.value for each in node.keywords}


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_no_code_is_made_of_what_is_read(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }
    imported |= {
        (node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    assert not imported & NEVER
    for node, name, of, options in calls_in(tree):
        where = f"{path}:{node.lineno}"
        # re.compile, torch.compile and model.eval() are others
        assert name not in CALLS or (name in ("eval", "compile") and isinstance(node.func, ast.Attribute)), (
            where
        )
        assert name not in EXTRACT, where
        assert not (name == "load" and of == "yaml"), where
        assert "shell" not in options, where
        if "allow_pickle" in options:
            assert options["allow_pickle"].value is False, where


def test_one_rule_alone_reads_pth_files_and_makes_tensors_of_them():
    found = []
    for path in CODE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)):
            for _, name, of, options in calls_in(function):
                if name == "load" and of == "torch":
                    found.append((path.relative_to(REPOSITORY).as_posix(), function.name))
                    assert options["weights_only"].value is True
        assert "hub.load" not in path.read_text() and "load_state_dict_from_url" not in path.read_text()
    assert found == [CONVERSION]
    # nothing but the rule's script asks for the conversion
    asking = [
        path.name for path in CODE if "convert_weights(" in path.read_text() and path.name != "weights.py"
    ]
    assert asking == []
    assert [rule.name for rule in RULES if "scripts/weights.py" in rule.read_text()] == ["train.smk"]


def test_what_reaches_a_shell_is_quoted():
    for rule in RULES:
        text = rule.read_text(encoding="utf-8")
        for command in re.findall(r"^\s+shell:\s*(.*?)(?=^\s{0,4}\w+:|\Z)", text, re.M | re.S):
            for value in re.findall(r"(?<!\{)\{([^{}]+)\}(?!\})", command):
                assert value.endswith(":q"), f"{rule.name}: {{{value}}} must be {{{value}:q}}"


def test_addresses_are_https():
    for path in [*CODE, *RULES]:
        for address in re.findall(r"http://[^\s\"')]+", path.read_text(encoding="utf-8")):
            assert address.startswith("http://www.w3.org/"), f"{path}: {address}"


HOSTILE = ["=HYPERLINK(1)", "+1", "-2", "@x", "'=x", "''-y", "plain", "it's", "a=b", "", "Über"]


def test_names_are_no_formulas_in_a_spreadsheet_and_come_back(tmp_path):
    rows = summary_of(
        [{"image": name, "file": name, "status": "done", "count": 1, "error": name} for name in HOSTILE]
    )
    write_table(rows, tmp_path / "summary.csv")
    cells = pd.read_csv(tmp_path / "summary.csv", dtype=str, keep_default_na=False)
    for name in ("image", "file", "error"):
        assert not cells[name].str.match(r"[=+\-@\t\r]").any()
    assert read_summary([tmp_path / "summary.csv"])["image"].tolist() == HOSTILE
    counts = pd.DataFrame({"image": HOSTILE, "count": "1", "warnings": HOSTILE})
    write_counted(counts, tmp_path / "counts.csv")
    assert not pd.read_csv(tmp_path / "counts.csv", dtype=str)["image"].str.match(r"[=+\-@]").any()
    pd.testing.assert_frame_equal(read_counted(tmp_path / "counts.csv"), counts)
    texts = pd.Series(HOSTILE)
    assert unguarded(guarded(texts)).equals(texts)


def test_tables_as_pages_escape_what_they_hold():
    page = html_page(
        "# <script>x</script>\n\n| <img src=x onerror=y> |\n| :-- |\n| **<b>** `</code><i>` |\n\n&<a>\n"
    )
    assert not re.search(r"<(script|img|i|a)\b", page) and "&lt;script&gt;" in page


def test_messages_are_one_line_that_no_terminal_obeys():
    text = str(InputError("a\n\x1b]0;x\x07\u202egnp.exe", "is\r\n\tbad\x00", "mend\u2028it"))
    assert text == r"a \x1b]0;x\x07\u202egnp.exe: is bad\x00 (mend\u2028it)"
