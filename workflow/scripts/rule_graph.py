"""Write the rule graph into README.md, from ``snakemake --rulegraph mermaid-js`` on standard input.

Not a rule: ``make docs``.
"""

import re
import sys
from pathlib import Path

from config_table import replaced

README = Path(__file__).resolve().parents[2] / "README.md"


def tidy(graph: str) -> str:
    """The graph in a fenced block, without colours, which are other ones at every call."""
    lines = [
        line for line in graph.splitlines() if not re.match(r"\s*(style|classDef|class)\b|---|title:", line)
    ]
    body = "\n".join(line.rstrip() for line in lines if line.strip())
    return f"```mermaid\n{body}\n```"


if __name__ == "__main__":
    README.write_text(
        replaced(README.read_text(encoding="utf-8"), "rule graph", tidy(sys.stdin.read())), encoding="utf-8"
    )
