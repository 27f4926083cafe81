"""OME-Zarr of every version, as its writers lay it out; by hand, since no one program writes them all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_corrclip.errors import InputError
from napari_corrclip.images.ome_zarr import open_zarr_plane

WHAT = "The image 'x.zarr'"
PLANE = np.arange(1, 121, dtype=np.uint8).reshape(12, 10)
SPACE = {"y": "space", "x": "space", "z": "space", "c": "channel", "t": "time"}


def group(folder: Path, version: int, said: dict[str, Any]) -> Path:
    """A group of zarr 2 or 3 with attributes."""
    folder.mkdir(parents=True, exist_ok=True)
    if version == 2:
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(said))
    else:
        document = {"zarr_format": 3, "node_type": "group", "attributes": said}
        (folder / "zarr.json").write_text(json.dumps(document))
    return folder


def array(folder: Path, version: int, data: np.ndarray[Any, Any]) -> None:
    made = zarr.create_array(
        folder, shape=data.shape, chunks=data.shape, dtype=data.dtype, zarr_format=version
    )
    made[...] = data


def ome(folder: Path, version: str, *, axes: str = "tczyx", plane: Any = PLANE) -> Path:
    """An image of two levels by the rules of a version."""
    data = np.asarray(plane)
    if data.ndim < len(axes):
        data = data.reshape((1,) * (len(axes) - data.ndim) + data.shape)
    scales: dict[str, Any] = {"datasets": [{"path": "0"}, {"path": "s/1"}], "name": "x"}
    if version == "0.3":
        scales["axes"] = list(axes)
    elif version in ("0.4", "0.5"):
        scales["axes"] = [{"name": name, "type": SPACE[name]} for name in axes]
    if version != "0.5":
        scales["version"] = version
    said: dict[str, Any] = {"multiscales": [scales]}
    form = 3 if version == "0.5" else 2
    if form == 3:
        said = {"ome": {"version": "0.5", **said}}
    group(folder, form, said)
    array(folder / "0", form, data)
    array(folder / "s" / "1", form, data[..., ::2, ::2])
    return folder


def read(path: Path) -> np.ndarray[Any, Any]:
    """The plane, channels last."""
    found, axes = open_zarr_plane(path, WHAT)
    cut = found[tuple(0 if axis == "1" else slice(None) for axis in axes)]
    return np.moveaxis(cut, 0, -1) if "C" in axes else cut


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3", "0.4", "0.5"])
def test_the_largest_level_of_every_version(tmp_path: Path, version: str) -> None:
    assert np.array_equal(read(ome(tmp_path / "a.zarr", version)), PLANE)


@pytest.mark.parametrize("version", ["0.1", "0.3", "0.4", "0.5"])
def test_channels(tmp_path: Path, version: str) -> None:
    colors = np.stack([PLANE, PLANE + 1, PLANE + 2])[None, :, None]
    path = ome(tmp_path / "a.zarr", version, plane=colors)
    assert np.array_equal(read(path), np.moveaxis(colors[0, :, 0], 0, -1))


@pytest.mark.parametrize("axes", ["yx", "zyx", "cyx"])
@pytest.mark.parametrize("version", ["0.3", "0.4", "0.5"])
def test_fewer_axes(tmp_path: Path, version: str, axes: str) -> None:
    assert np.array_equal(read(ome(tmp_path / "a.zarr", version, axes=axes)), PLANE)


def test_levels_in_no_order(tmp_path: Path) -> None:
    path = ome(tmp_path / "a.zarr", "0.4")
    said = json.loads((path / ".zattrs").read_text())
    said["multiscales"][0]["datasets"].reverse()
    group(path, 2, said)
    assert np.array_equal(read(path), PLANE)


def test_axes_of_space_by_other_names(tmp_path: Path) -> None:
    path = ome(tmp_path / "a.zarr", "0.4", axes="zyx")
    said = json.loads((path / ".zattrs").read_text())
    names = ["depth", "rows", "columns"]
    said["multiscales"][0]["axes"] = [{"name": one, "type": "space"} for one in names]
    group(path, 2, said)
    assert np.array_equal(read(path), PLANE)


def bioformats(folder: Path, form: int, images: dict[str, Any], *, listed: bool = False) -> Path:
    """What bioformats2raw writes."""
    layout = {"bioformats2raw.layout": 3}
    group(folder, form, layout if form == 2 else {"ome": {"version": "0.5", **layout}})
    series = {"series": list(images)} if listed else {}
    group(folder / "OME", form, series if form == 2 else {"ome": series})
    (folder / "OME" / "METADATA.ome.xml").write_text("<OME/>")
    for name, plane in images.items():
        ome(folder / name, "0.4" if form == 2 else "0.5", plane=plane)
    return folder


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("listed", [False, True])
def test_bioformats2raw_with_one_image(tmp_path: Path, form: int, listed: bool) -> None:
    assert np.array_equal(
        read(bioformats(tmp_path / "a.zarr", form, {"0": PLANE}, listed=listed)), PLANE
    )


def test_bioformats2raw_with_a_slide_beside_its_label(tmp_path: Path) -> None:
    images = {"0": PLANE[:3, :3], "1": PLANE, "2": PLANE[:4, :4]}
    assert np.array_equal(read(bioformats(tmp_path / "a.zarr", 2, images)), PLANE)


def test_labels_of_an_image(tmp_path: Path) -> None:
    path = ome(tmp_path / "a.zarr", "0.4")
    group(path / "labels", 2, {"labels": ["cells"]})
    ome(path / "labels" / "cells", "0.4", plane=PLANE + 1)
    assert np.array_equal(read(path), PLANE)
    assert np.array_equal(read(path / "labels"), PLANE + 1)
    assert np.array_equal(read(path / "labels" / "cells"), PLANE + 1)


def _several(folder: Path) -> Path:
    return bioformats(folder, 2, {"0": PLANE, "1": PLANE})


def _none(folder: Path) -> Path:
    return bioformats(folder, 3, {})


def _plate(folder: Path) -> Path:
    return group(folder, 2, {"plate": {"version": "0.4", "wells": [{"path": "B/03"}]}})


def _well(folder: Path) -> Path:
    return group(folder, 3, {"ome": {"version": "0.5", "well": {"images": [{"path": "2"}]}}})


def _two_labels(folder: Path) -> Path:
    group(folder, 2, {"labels": ["cells", "nuclei"]})
    for name in ("cells", "nuclei"):
        ome(folder / name, "0.4", plane=PLANE)
    return folder


def _next_version(folder: Path) -> Path:
    path = ome(folder, "0.5")
    said = json.loads((path / "zarr.json").read_text())["attributes"]
    del said["ome"]["multiscales"][0]["axes"]
    said["ome"]["multiscales"][0]["coordinateSystems"] = [{"name": "physical"}]
    said["ome"]["multiscales"][0]["axes"] = {"of": "another kind"}
    said["ome"]["version"] = "0.9"
    return group(path, 3, said)


def _stack(folder: Path) -> Path:
    return ome(folder, "0.2", plane=np.stack([PLANE] * 4))


def _outside(folder: Path) -> Path:
    path = ome(folder, "0.4")
    ome(folder.with_name("other.zarr"), "0.4")
    scales = {"datasets": [{"path": "../other.zarr/0"}], "axes": list("tczyx"), "version": "0.3"}
    return group(path, 2, {"multiscales": [scales]})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_several, "holds 2 images; give the folder of one, such as '{path}/0'."),
        (_none, "holds no images"),
        (_plate, "is a plate of wells; give the folder of one field, such as '{path}/B/03/0'."),
        (_well, "is a well of fields; give the folder of one field, such as '{path}/2'."),
        (_two_labels, "holds 2 label images; give the folder of one, such as '{path}/cells'."),
        (_next_version, "it is of version 0.9): versions 0.1 to 0.5 are"),
        (_stack, "has the shape (1, 1, 4, 12, 10) (axes t, c, z, y, x) and is not one plane"),
        (_outside, "names the path '../other.zarr/0', which is none inside it"),
    ],
)
def test_what_is_not_one_plane_is_told(tmp_path: Path, make: Any, said: str) -> None:
    path = make(tmp_path / "a.zarr")
    with pytest.raises(InputError) as caught:
        open_zarr_plane(path, WHAT)
    assert said.format(path=path) in str(caught.value)
    assert str(caught.value).startswith(WHAT)


@pytest.mark.parametrize(
    "said",
    [
        {"multiscales": 3},
        {"multiscales": []},
        {"multiscales": [{}]},
        {"multiscales": [{"datasets": []}]},
        {"multiscales": [{"datasets": [{"path": 3}]}]},
        {"multiscales": [{"datasets": [{"path": "0"}], "axes": "yx"}]},
        {"multiscales": [{"datasets": [{"path": "0"}], "axes": [1, 2, 3, 4, 5]}]},
        {"multiscales": [{"datasets": [{"path": "0"}], "axes": [{"name": []}] * 5}]},
        {"multiscales": [{"datasets": [{"path": "0"}], "axes": list("yxyxy")}]},
        {"multiscales": [{"datasets": [{"path": "s"}]}]},
        {"bioformats2raw.layout": 3},
        {"labels": 5},
        {"labels": ["0"]},
        {"plate": 3},
        {"well": []},
    ],
)
def test_attributes_that_cannot_be(tmp_path: Path, said: dict[str, Any]) -> None:
    path = ome(tmp_path / "a.zarr", "0.4")
    group(path, 2, said)
    with pytest.raises(InputError) as caught:
        open_zarr_plane(path, WHAT)
    assert "report this" not in str(caught.value)
