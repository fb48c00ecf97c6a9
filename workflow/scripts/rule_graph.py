"""Write the rule graph into README.md, from ``snakemake --rulegraph mermaid-js`` on standard input.

Not a rule: ``make docs``.
"""

import re
import sys
from pathlib import Path

from in_step import put

README = Path(__file__).resolve().parents[2] / "README.md"


def tidy(graph: str) -> str:
    """The graph in a fenced block: sorted and without colours, for both differ from call to call.

    Without ``provenance``: it has everything as input, and its arrows would hide the others.
    """
    names = dict(re.findall(r"^\s*(id\d+)\[\"?([^\]\"]+)\"?\]", graph, flags=re.M))
    arrows = re.findall(r"^\s*(id\d+) --> (id\d+)", graph, flags=re.M)
    lines = sorted(
        {
            f"    {names[source]} --> {names[target]}"
            for source, target in arrows
            if "provenance" not in (names[source], names[target])
        }
    )
    return "\n".join(["```mermaid", "flowchart LR", *lines, "```"])


def main(graph: str) -> None:
    """Put ``graph`` in its place in the README."""
    put(README, "rule graph", tidy(graph))


if __name__ == "__main__":
    main(sys.stdin.read())
