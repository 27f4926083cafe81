"""Files of every format that is read here, changed in ways that nobody thought of.

Each reader may give what it makes of a file, or say in one sentence why not; nothing else. Run by itself
for more than the tests take, with a fixed seed a format: ``python -m tests.storage.mutated --times 2000``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.errors import InputError
from napari_corrclip.images.flat import FileBytes, open_npy
from napari_corrclip.regions.given import GivenRegions

BEFORE = Path(__file__).parent.parent / "data" / "before"
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Format:
    """A file to be changed, and what reads it.

    Attributes:
        make: writes it, with what belongs beside it, into a folder; returns it.
        read: reads and uses what comes of it.
        json: whether values are exchanged too, and not bytes alone.
        slow: whether the tests do it a quarter of the times, since it reads a whole folder.
        decoded: whether another library decodes it, whose failing is told as what it is.
        never_refuses: whether not even an ``InputError`` may come: a cache costs time alone.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    json: bool = False
    slow: bool = False
    decoded: bool = False
    never_refuses: bool = False


@dataclass
class Outcome:
    """What came of all changes of one format."""

    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)


# -- changes

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 0.5, -0.0, 1 << 31, 1 << 63, -(1 << 63), 1 << 64, 10**400,
    float("inf"), float("-inf"), float("nan"), 1e308, "", "x", "0", "a\0b", "\ud800", "x" * 3000,
    "=1+1", "../../x", "/etc/passwd", "|O", "object", "pickle", "1e999", [], {}, [[]], [None],
    [1, 2], [1 << 40, 1 << 40], [-1, -1], [0, 0], {"a": 1}, {"id": "pickle"}, {"name": "pickle"},
    [{"id": "pickle"}], [{"name": "numcodecs.pickle", "configuration": {}}],
)  # fmt: skip
_HOSTILE = [*map(json.dumps, HOSTILE), "[" * 400 + "]" * 400]


def change_bytes(data: bytes, chance: Random) -> bytes:
    """Return ``data`` with bytes exchanged, removed or put in, at one to four places."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found) + 1)
        new = chance.randbytes(chance.randint(1, 6))
        kind = chance.choice(["flip", "flip", "set", "delete", "insert", "cut", "repeat"])
        if kind == "flip" and at < len(found):
            found[at] ^= 1 << (new[0] % 8)
        elif kind == "set":
            found[at : at + len(new)] = new
        elif kind == "delete":
            del found[at : at + new[0] + 1]
        elif kind == "insert":
            found[at:at] = new
        elif kind == "cut":
            del found[at:]
        elif kind == "repeat":
            found[at:at] = found[at : at + 20] * (new[0] % 8)
    return bytes(found)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every list or mapping in a document with each of its keys."""
    if isinstance(document, dict | list):
        keys = list(document) if isinstance(document, dict) else range(len(document))
        for key in keys:
            yield document, key
            yield from _places(document[key])


def change_values(data: bytes, chance: Random) -> bytes:
    """Return a JSON document with one to three values exchanged, removed or put in."""
    document: Any = [json.loads(data)]
    for _ in range(chance.randint(1, 3)):
        value = json.loads(chance.choice(_HOSTILE))
        places = list(_places(document))
        if not places:
            break
        inside, key = chance.choice(places)
        kind = chance.choice(["exchange", "exchange", "exchange", "remove", "add"])
        if kind == "exchange":
            inside[key] = value
        elif kind == "remove":
            del inside[key]
        elif isinstance(inside, dict):
            inside[f"x{chance.randrange(7)}"] = value
        else:
            inside.append(value)
    return json.dumps(document[0] if document else None).encode("utf-8", "surrogatepass")


# -- formats


def _copied(name: str) -> Callable[[Path], Path]:
    """Writer of a file of an earlier version with its whole folder."""
    top, _, rest = name.partition("/")

    def make(folder: Path) -> Path:
        if not rest:
            return Path(shutil.copy(BEFORE / top, folder / top))
        shutil.copytree(BEFORE / top, folder / top)
        return folder / top / rest

    return make


def _text(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(text, encoding="utf-8")
        return folder / name

    return make


def _array(folder: Path) -> Path:
    np.save(folder / "a.npy", RNG.integers(0, 9, (12, 10), dtype=np.int32))
    return folder / "a.npy"


def _picture(name: str, **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        pixels = RNG.integers(0, 255, (12, 10), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, **options)
        return folder / name

    return make


def _zarr(version: int, file: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import zarr

        place = folder / "image.zarr"
        group = zarr.open_group(place, mode="w", zarr_format=version)
        array = group.create_array("0", shape=(12, 10), chunks=(5, 5), dtype="uint8")
        array[...] = RNG.integers(1, 255, (12, 10), dtype=np.uint8)
        axes = [{"name": name, "type": "space"} for name in "yx"]
        scales = [{"axes": axes, "datasets": [{"path": "0"}], "version": "0.4"}]
        group.attrs["multiscales"] = scales
        return place / file

    return make


def _read_plane(path: Path) -> object:
    from napari_corrclip.images.planes import opened

    place = next(one for one in path.parents if one.suffix == ".zarr")
    with opened(place, "image") as plane:
        rows, columns = (min(side, 50) for side in plane.size)
        return plane.read((0, 0, rows, columns))


def _read_large(path: Path) -> object:
    place = next(one for one in path.parents if one.name == "large")
    result = nc.LargeSegmentation.load(place)
    return result.labels[:50, :50], result.confidence[:5, :5]


def _read_preset(path: Path) -> object:
    from napari_corrclip.weights.saved import read_preset

    os.environ["NAPARI_CORRCLIP_PRESETS"] = str(path.parent)
    return read_preset(path.stem)


def _read_result(path: Path) -> object:
    from napari_corrclip.plugin.reader import get_reader

    get_reader(str(path.parent))  # raises nothing
    return nc.Segmentation.load(path.parent).to_layers()


def _read_npy(path: Path) -> object:
    with FileBytes(path, "array") as file:
        array, _ = open_npy(file, "save it anew")
        return array[:2]


def _read_features(path: Path) -> object:
    from napari_corrclip.engine.features import Features

    return Features.load(path).cells()


def _look_up(path: Path) -> object:
    from napari_corrclip.engine.text_cache import TextCache

    return TextCache(path.parent.parent)._look_up(path.stem, 96)


def _estimate(path: Path) -> object:
    from napari_corrclip.gui.work.estimates import Estimates

    times = Estimates(lambda: path)
    times._recall()
    return times._tables


_ESTIMATES = {
    "window": [[["demo", "cpu", 336], 0.5]],
    "regions": [[["", "", "superpixels"], 1e-6]],
    "rest": [[["demo", "cpu", 336], 1e-7]],
}
_WORDS = {
    "version": 1,
    "next_value": 4,
    "threshold": 0.1,
    "templates": ["a {}"],
    "classes": [
        {"name": "cat", "value": 1, "color": "#ff0000", "prompts": ["cat", "kitten"]},
        {"name": "sky", "value": 3, "threshold": 0.2, "background": True},
    ],
}
_WORDS_YAML = (
    "threshold: 0.1\nclasses:\n- cat: [cat, kitten]\n- 'sky: blue'\n"
    "- {name: dog, color: '#00ff00', value: 5}\n"
)
_CACHED = "cache/text/20/207b2d46457eee337693347f54728064d6a49c330a3a7d55ce950d70bc6c9d11.npy"
_GIVEN = GivenRegions.from_file
_LAYOUT = "large/maps.zarr"

FORMATS: dict[str, Format] = {
    "settings.yaml": Format(
        _text("a.yaml", nc.Settings().to_yaml()), nc.Settings.from_yaml
    ),
    "settings.json": Format(
        _text("a.json", nc.Settings().to_json()), nc.Settings.from_json, json=True
    ),
    "vocabulary.txt": Format(
        _text("a.txt", "cat: cat; kitten #ff0000\nsky, blue\n=dog: 'dog'\n"),
        nc.Vocabulary.from_file,
    ),
    "vocabulary.csv": Format(
        _text("a.csv", "name,prompts,color,threshold,value\ncat,cat;kitten,#ff0000,0.5,2\nsky,,,,\n"),
        nc.Vocabulary.from_file,
    ),
    "vocabulary.yaml": Format(_text("a.yaml", _WORDS_YAML), nc.Vocabulary.from_file),
    "vocabulary.json": Format(
        _text("a.json", json.dumps(_WORDS)), nc.Vocabulary.from_file, json=True
    ),
    "preset": Format(_copied("presets/mine.json"), _read_preset, json=True),
    "provenance.json": Format(_copied("result/provenance.json"), _read_result, json=True),
    "arrays.npz": Format(_copied("result/arrays.npz"), _read_result, slow=True),
    "labels.png": Format(_copied("result/labels.png"), _read_result, slow=True, decoded=True),
    "regions.tif": Format(_copied("result/regions.tif"), _read_result, slow=True, decoded=True),
    "features": Format(_copied("features.safetensors"), _read_features),
    "cached words": Format(_copied(_CACHED), _look_up, never_refuses=True),
    "estimates": Format(
        _text("seconds.json", json.dumps(_ESTIMATES)), _estimate, json=True, never_refuses=True
    ),
    "npy": Format(_array, _read_npy),
    "npy of regions": Format(_array, _GIVEN),
    "png": Format(_picture("a.png"), nc.read_image, decoded=True),
    "png of regions": Format(_picture("a.png"), _GIVEN, decoded=True),
    "jpeg": Format(_picture("a.jpg"), nc.read_image, decoded=True),
    "tiff": Format(_picture("a.tif"), nc.read_image, decoded=True),
    "tiff of regions": Format(_picture("a.tif", compression="tiff_deflate"), _GIVEN, decoded=True),
    "zarr 3 array": Format(_zarr(3, "0/zarr.json"), _read_plane, json=True),
    "zarr 3 group": Format(_zarr(3, "zarr.json"), _read_plane, json=True),
    "zarr 3 chunk": Format(_zarr(3, "0/c/0/0"), _read_plane),
    "zarr 2 array": Format(_zarr(2, "0/.zarray"), _read_plane, json=True),
    "zarr 2 group": Format(_zarr(2, ".zattrs"), _read_plane, json=True),
    "large, rows": Format(_copied(f"{_LAYOUT}/region_ids/zarr.json"), _read_large, json=True, slow=True),
    "large, maps": Format(_copied(f"{_LAYOUT}/labels/zarr.json"), _read_large, json=True, slow=True),
    "large, provenance": Format(_copied("large/provenance.json"), _read_large, json=True, slow=True),
}  # fmt: skip


def run(name: str, times: int, number: int = 0) -> Outcome:
    """Change the file of a format so many times; the seed is ``number``."""
    kind, outcome = FORMATS[name], Outcome()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = kind.make(Path(folder))
        kind.read(path)
        good = path.read_bytes()

        @seed(number)
        @settings(
            max_examples=times,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.integers(0, (1 << 64) - 1))
        def feed(drawn: int) -> None:
            chance = Random(drawn)
            by_value = kind.json and chance.random() < 0.7
            path.write_bytes((change_values if by_value else change_bytes)(good, chance))
            began = time.perf_counter()
            try:
                kind.read(path)
                outcome.read += 1
            except InputError as error:
                outcome.refused += 1
                failed = "report this" in str(error) and not kind.decoded
                if kind.never_refuses or "\n" in str(error) or failed:
                    outcome.wrong[f"said: {error}"[:300]] += 1
            except Exception as error:
                outcome.wrong[f"{type(error).__name__}: {error}"[:300]] += 1
            outcome.slowest = max(outcome.slowest, time.perf_counter() - began)

        feed()
    return outcome


def main() -> None:
    """Run every format and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("formats", nargs="*", default=list(FORMATS))
    asked = parser.parse_args()
    wrong = 0
    for name in asked.formats:
        found = run(name, asked.times, asked.seed)
        wrong += sum(found.wrong.values())
        print(
            f"{name:20} {found.read:6} read {found.refused:6} refused "
            f"{sum(found.wrong.values()):4} wrong, slowest {found.slowest:.2f} s",
            flush=True,
        )
        for text, count in found.wrong.most_common(8):
            print(f"    {count} × {text}")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
