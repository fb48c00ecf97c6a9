"""Write the table of config keys in config/README.md from the schema and config.yaml.

Not a rule: ``python workflow/scripts/config_table.py`` (``--check`` only tells whether it is in step).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from canonuclei.validation import load_schema
from in_step import put

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "config" / "README.md"
LIMITS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema with its ``$ref`` filled in; what stands beside the reference wins."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rsplit("/", 1)[1]
    return {**root["$defs"][name], **{key: value for key, value in schema.items() if key != "$ref"}}


def leaves(
    schema: dict[str, Any], root: dict[str, Any], prefix: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(dotted key, schema) of every key that holds a value; ``<name>`` and ``[]`` stand for any."""
    schema = resolved(schema, root)
    nested = {f".{name}": each for name, each in schema.get("properties", {}).items()}
    for each in schema.get("patternProperties", {}).values():
        nested[".<name>"] = each
    if schema.get("items", {}).get("type") == "object":
        nested["[]"] = schema["items"]
    if not nested:
        yield prefix, schema
    for name, each in nested.items():
        if prefix.endswith("<name>") and "$ref" in each:
            continue  # a variant's settings are the sections again
        yield from leaves(each, root, (prefix + name).removeprefix("."))


def default(config: Any, key: str) -> str:
    """The value in config.yaml, as YAML in code marks; empty for keys of lists and named entries."""
    value = config
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return ""
        value = value[part]
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def allowed(schema: dict[str, Any]) -> str:
    """Type and range in a few words."""
    if "anyOf" in schema:
        return "; or ".join(allowed(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", "any")
    text = " or ".join([kinds] if isinstance(kinds, str) else kinds)
    limits = [form.format(schema[name]) for name, form in LIMITS.items() if name in schema]
    if "multipleOf" in schema:
        limits.append(f"multiple of {schema['multipleOf']}")
    return ", ".join([text, *limits])


def table(schema: dict[str, Any], config: dict[str, Any]) -> str:
    """The Markdown table of all keys."""
    rows = ["| key | default | takes | what it is |", "|---|---|---|---|"]
    for key, each in leaves(schema, schema):
        meaning = " ".join(each["description"].split()).replace("|", "\\|")
        rows.append(f"| `{key}` | {default(config, key)} | {allowed(resolved(each, schema))} | {meaning} |")
    return "\n".join(rows)


def main(check: bool = False) -> int:
    """Write the table, or tell whether it is in step (0) or not (1)."""
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))
    return put(README, "keys", table(load_schema(), config), check)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
