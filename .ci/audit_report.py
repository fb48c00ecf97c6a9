"""Tell what pip-audit found; exit code 1 where it found anything."""

import json
import sys
from pathlib import Path


def main(path: str) -> int:
    """Print a line for each vulnerability and each package that the database does not know."""
    packages = json.loads(Path(path).read_text(encoding="utf-8"))["dependencies"]
    asked = [package for package in packages if "skip_reason" not in package]
    for package in packages:
        if "skip_reason" in package:
            print(f"not audited: {package['skip_reason']}")
    found = [(package, each) for package in asked for each in package["vulns"]]
    for package, each in found:
        mended = ", ".join(each["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {each['id']}, mended in {mended}", file=sys.stderr)
    print(f"{len(asked)} of {len(packages)} pinned packages audited, {len(found)} vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
