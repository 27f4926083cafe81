"""What a wheel and an sdist hold: everything that they should, and nothing else.

    python -m tools.package_contents dist/*

The wheel is the package as it lies in the tree, and no more: no tests, no training, no pictures. The sdist
has besides what its tests, its documentation and continuous integration need.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAME = "napari_corrclip"
LARGEST = 10_000_000
"""Bytes that a wheel may have; the demo's networks are 7.5 million of them."""
BESIDES = {".ci", ".github", "benchmarks", "docs", "tests", "tools"}
_MODULE = re.compile(r"python_name: ([\w.]+):\w+")


def package() -> set[str]:
    """Return the files of the package as they lie in the tree."""
    paths = (path for path in (ROOT / NAME).rglob("*") if path.is_file())
    return {
        path.relative_to(ROOT).as_posix()
        for path in paths
        if "__pycache__" not in path.parts and path.name != ".DS_Store"
    }


def faults_of_wheel(path: Path) -> list[str]:
    """Return what is wrong with a wheel, in sentences."""
    with zipfile.ZipFile(path) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
        manifest = file.read(f"{NAME}/napari.yaml").decode()
        metadata = [name for name in file.namelist() if name.endswith("/LICENSE")]
    faults = [f"{name} is missing" for name in sorted(package() - names)]
    faults += [f"{name} does not belong into it" for name in sorted(names - package())]
    faults += [
        f"{name} is a picture or a record of training"
        for name in sorted(names)
        if name.endswith((".png", ".jpg", ".svg", ".gif", ".json", ".pt", ".csv"))
    ]
    for module in sorted(set(_MODULE.findall(manifest))):
        place = module.replace(".", "/")
        if not {f"{place}.py", f"{place}/__init__.py"} & names:
            faults.append(f"napari.yaml names {module}, which is missing")
    if not metadata:
        faults.append("the licence is missing")
    if path.stat().st_size > LARGEST:
        faults.append(f"it has {path.stat().st_size:,} bytes, more than {LARGEST:,}")
    return faults


def faults_of_sdist(path: Path) -> list[str]:
    """Return what is wrong with an sdist, in sentences."""
    with tarfile.open(path) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    faults = [f"{name} is missing" for name in sorted(package() - names)]
    faults += [
        f"{folder}/ is missing" for folder in sorted(BESIDES - {n.split("/")[0] for n in names})
    ]
    faults += [f"{name} is bytecode" for name in sorted(names) if "__pycache__" in name]
    return faults


def main(paths: list[str]) -> int:
    """Look into the files, and say what is wrong."""
    status = 0
    for path in map(Path, paths):
        for fault in (faults_of_wheel if path.suffix == ".whl" else faults_of_sdist)(path):
            print(f"{path.name}: {fault}.", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
