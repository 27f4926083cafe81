"""What an extra of the package asks for, a line each, without the package itself.

    python -m tools.requirements dev

The package's own dependencies are gigabytes, or there already.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(extra: str) -> list[str]:
    path = Path(__file__).parents[1] / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return [
        requirement
        for requirement in project["optional-dependencies"][extra]
        if not requirement.startswith(project["name"])
    ]


if __name__ == "__main__":
    print(*requirements(sys.argv[1]), sep="\n")
