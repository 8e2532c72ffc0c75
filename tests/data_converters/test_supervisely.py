"""Projects of Supervisely."""

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data_converters.base import BadRecord, ReadOptions
from data_converters.detect import detect
from data_converters.supervisely import read
from segloop.utils.errors import DataError, FormatError

CLASSES = [{"title": "crack", "shape": "bitmap", "color": "#FF0000"}, {"title": "plate", "shape": "polygon"}]
SQUARE = [[1, 1], [5, 1], [5, 5], [1, 5]]


def figure(kind: str, **more: Any) -> dict[str, Any]:
    return {"geometryType": kind, "classTitle": "crack", "tags": [], **more}


def outline(*holes: list, kind: str = "polygon") -> dict[str, Any]:
    return figure(kind, points={"exterior": SQUARE, "interior": list(holes)})


def bitmap(pixels: np.ndarray, origin: list[int]) -> dict[str, Any]:
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    data = base64.b64encode(zlib.compress(png.getvalue())).decode()
    return figure("bitmap", bitmap={"data": data, "origin": origin})


def project(root: Path, name: str, *objects: dict[str, Any], **more: Any) -> Path:
    """Write an image of 10x8 and its JSON, and meta.json."""
    dataset, image = root / Path(name).parent, Path(name).name
    for inner in ("img", "ann"):
        (dataset / inner).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((8, 10, 3), np.uint8)).save(dataset / "img" / image)
    told = {"size": {"height": 8, "width": 10}, "tags": [], "objects": objects, **more}
    (dataset / "ann" / f"{image}.json").write_text(json.dumps(told), encoding="utf-8")
    (root / "meta.json").write_text(json.dumps({"classes": CLASSES, "tags": []}), encoding="utf-8")
    return root


def test_datasets_are_splits_where_they_are_called_so(tmp_path: Path) -> None:
    project(tmp_path, "train/a.png", outline())
    project(tmp_path, "val/b.b.jpg", tags=[{"name": "dark"}])
    assert detect(tmp_path)[0] == "supervisely"
    images = read(tmp_path, options=ReadOptions())
    assert [(each.name, each.color) for each in images.labels.labels] == [
        ("crack", (255, 0, 0)),
        ("plate", None),
    ]
    first, second = images
    assert (first.split, first.image_id, first.file) == ("train", "a", tmp_path / "train" / "img" / "a.png")
    assert (second.split, second.image_id, second.name) == ("val", "b.b", "b.b.jpg")
    assert second.remarks[0].kind == "tag(s) of whole images are not read"


def test_descriptions_and_tags_of_one_name_are_kept_or_told(tmp_path: Path) -> None:
    tags = [{"name": "side", "value": "left"}, {"name": "side", "value": "top"}, {"name": "new"}]
    project(tmp_path, "test/a.png", {**outline(), "tags": tags, "description": "deep"}, description="dark")
    (record,) = read(tmp_path, options=ReadOptions())
    assert record.instances[0].attributes == {"side": "top", "new": True, "description": "deep"}
    assert [(each.kind, each.count, each.example) for each in record.remarks] == [
        ("description(s) of whole images are not read", 1, "a"),
        ("tag(s) of objects left out, for the object has another of that name", 1, "a: side"),
    ]


def test_what_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    odd = figure("polygon", points={"exterior": SQUARE[:2]})
    crack = {**outline(), "classTitle": "crck"}
    project(tmp_path, "ds/a.png", crack, odd, {}, size={"height": 9, "width": 10})
    with pytest.raises(BadRecord) as caught:
        list(read(tmp_path, options=ReadOptions()))
    for words in (
        "its JSON says 10x9",
        "no class 'crck'. Did you mean 'crack'",
        "a polygon of 2",
        "no 'classTitle'",
    ):
        assert words in str(caught.value)
    (tmp_path / "ds" / "ann" / "a.png.json").write_text('{"objects": []}', encoding="utf-8")
    with pytest.raises(BadRecord, match="its JSON has no size"):
        list(read(tmp_path, options=ReadOptions()))
    (tmp_path / "meta.json").write_text('{"classes": [{}]}', encoding="utf-8")
    with pytest.raises(FormatError, match=r"without a title\n  class 1"):
        read(tmp_path, options=ReadOptions())
    (tmp_path / "meta.json").unlink()
    with pytest.raises(DataError, match=r"has no meta\.json"):
        read(tmp_path, options=ReadOptions())
