"""docs/reliability.md: the tests that it names are there, and the faults that are tested are in it."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
DOCUMENT = TESTS.parent / "docs" / "reliability.md"
# [test_file.py::test_name](../tests/test_file.py); behind a comma the file's name may be left out
LINK = re.compile(r"\[(?:(test_\w+\.py)::)?(test_\w+)\]\(\.\./tests/(test_\w+\.py)\)")


def named() -> list[tuple[str, str]]:
    """File and test of every link of the document."""
    found = LINK.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert all(said in ("", linked) for said, _, linked in found), "a link leads to another file than it says"
    return [(linked, test) for _, test, linked in found]


def functions_of(file: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, functions) and node.name.startswith("test_")}


def test_every_test_that_the_table_names_exists():
    links = named()
    assert len(links) > 30
    for file, test in links:
        assert (TESTS / file).is_file(), f"{file} of docs/reliability.md is no file in tests/"
        assert test in functions_of(TESTS / file), f"{file} has no {test}, which docs/reliability.md names"


def test_every_row_has_a_test():
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| fault ")]
    for row in rows:
        assert row.count("|") == 4, f"no row of three columns: {row}"
        assert LINK.search(row.split("|")[3]), f"no test is named: {row}"


def test_every_test_of_a_fault_is_in_the_table():
    there = set(named())
    for file in sorted(TESTS.glob("test_faults_*.py")):
        missing = sorted(test for test in functions_of(file) if (file.name, test) not in there)
        assert not missing, f"docs/reliability.md does not tell of {file.name}: {', '.join(missing)}"
