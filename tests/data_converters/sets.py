"""Sets with all that a set may hold, masks and names that break careless code, for tests of every pair."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from segloop.data import masks
from segloop.data.annotations import (
    Attribute,
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelSet,
    Opaque,
    Polygon,
    Shape,
    Tag,
)
from segloop.data.palette import complete_colors
from segloop.data.png import encode_grey, encode_rgb
from tests.data.masks.cases import bitmaps

NAMES = (
    "a/1",
    "b/1",
    "1",
    "01",
    "two words",
    "плата/R&D [1] — <x>",
    "Ж",
    "a.b.c",
    "deep/er/1",
    "100%",
    "a,b",
    "a'b",
)
LABELS = ("car", "Car", "tree & <b>", "дом", "1", "two words", 'a "b"', "x, y")
COLORS = ((255, 0, 0), (0, 128, 255), (9, 9, 9), (1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12), (13, 14, 15))


@st.composite
def label_sets(draw: st.DrawFn) -> LabelSet:
    """Draw one to four labels, names that differ by case among them."""
    names = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=4, unique=True))
    return LabelSet(tuple(Label(name) for name in names))


@st.composite
def plain_sets(draw: st.DrawFn, *, most: int = 3) -> tuple[LabelSet, list[ImageRecord]]:
    """Draw images with masks and nothing else: any shape, overlaps, empty masks, no masks."""
    labels = draw(label_sets())
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=most, unique=True))
    return labels, [draw(plain_images(name, labels)) for name in names]


@st.composite
def plain_images(draw: st.DrawFn, name: str, labels: LabelSet) -> ImageRecord:
    """Draw an image, width and height unequal more often than not."""
    size_hw = draw(st.integers(1, 13)), draw(st.integers(1, 13))
    shapes = [Bitmap(size_hw, masks.encode(each)) for each in draw(st.lists(bitmaps(size_hw), max_size=5))]
    instances = tuple(Instance(label=draw(st.sampled_from(labels.names)), shape=shape) for shape in shapes)
    return ImageRecord(image_id=name, name=f"{name}.png", size_hw=size_hw, instances=instances)


@st.composite
def index_sets(draw: st.DrawFn) -> tuple[LabelSet, list[ImageRecord]]:
    """Draw images with index maps: background, classes, ignored pixels."""
    labels = LabelSet((Label("background"), *draw(label_sets()).labels), background=0)
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    records = []
    for name in names:
        image = draw(plain_images(name, labels))
        assert image.size_hw is not None
        semantic = np.zeros(image.size_hw, np.uint8)
        for each in image.instances:
            assert isinstance(each.shape, Bitmap)
            value = draw(st.sampled_from((*range(len(labels)), 255)))
            semantic[masks.decode(each.shape.runs, image.size_hw)] = value
        records.append(replace(image, instances=(), semantic=semantic))
    return labels, records


def rich_set() -> tuple[LabelSet, list[ImageRecord]]:
    """Return a set that holds every FEATURE."""
    labels = LabelSet(
        (
            Label("ground", color=(0, 0, 0)),
            Label("car", color=(255, 0, 0), attributes=(Attribute("hue"),), group="vehicle"),
            Label("tree", color=(0, 255, 0)),
            Label("unused"),
        ),
        background=0,
    )
    size_hw = (9, 13)
    square = np.array([[1.0, 1], [5, 1], [5, 5], [1, 5]])
    shapes: list[Shape] = [
        mask(size_hw, 0, 4),
        mask(size_hw, 3, 6),
        mask(size_hw, 0, 0),
        Polygon((square + 1,)),
        Polygon((square + 0.125,)),
        Box((1.0, 2.0, 4.0, 6.0)),
        Opaque("points", {"points": [[1.0, 2.0]]}),
    ]
    instances = [Instance(label="car", shape=shape) for shape in shapes]
    instances[0] = replace(
        instances[0], attributes={"hue": "red"}, group=1, z_order=2, source="manual", uid="7", occluded=True
    )
    instances[1] = replace(instances[1], label="tree", group=1, z_order=1, score=0.5)
    crowd = Instance(label="tree", shape=mask(size_hw, 7, 9), crowd=True)
    first = ImageRecord(
        image_id="a/1",
        name="a/1.png",
        size_hw=size_hw,
        split="train",
        tags=(Tag("car", {"hue": "night"}), Tag("tree")),
        instances=(*instances, crowd),
        ignore=mask(size_hw, 11, 13),
    )
    return labels, [first, ImageRecord(image_id="b/2", name="b/2.png", size_hw=(5, 4), split="val")]


def mask(size_hw: tuple[int, int], left: int, right: int) -> Bitmap:
    """Return a mask of whole columns."""
    found = np.zeros(size_hw, bool)
    found[:, left:right] = True
    return Bitmap(size_hw, masks.encode(found))


def with_files(records: list[ImageRecord], folder: Path) -> list[ImageRecord]:
    """Return the records with a small image file each, below a folder."""
    found = []
    for record in records:
        file = folder / (record.split or "") / record.name
        file.parent.mkdir(parents=True, exist_ok=True)
        assert record.size_hw is not None
        file.write_bytes(encode_rgb(np.zeros((*record.size_hw, 3), np.uint8), level=1))
        found.append(replace(record, file=file))
    return found


def image_of(name: str, size_hw: tuple[int, int], shapes: list[Bitmap], label: str) -> ImageRecord:
    """Return an image with an object of one label for each shape."""
    instances = tuple(Instance(label=label, shape=shape) for shape in shapes)
    return ImageRecord(image_id=name, name=f"{name}.png", size_hw=size_hw, instances=instances)


# What our writers do not write, but these formats hold: other columns, labels, objects that overlap.
CSVS = {
    "airbus": "ImageId,EncodedPixels,note\np/1.png,1 3 10 2,a\np/1.png,2 2,b\n2.png,,\n",
    "sartorius": (
        "id,annotation,width,height,cell_type,note\n"
        "1,1 3 14 2,13,9,cort,a\n1,2 2,13,9,cort,b\n2,,4,5,astro,c\n"
    ),
}


def write_cvat_mask(folder: Path, labels: LabelSet, records: list[ImageRecord]) -> Path:
    """Write CVAT's Segmentation mask 1.1 as CVAT does: colours of labels and of objects, the last on top."""
    names = [
        name for name in labels.names if labels.background is None or name != labels.names[labels.background]
    ]
    colors = {name: (200 - place, 10 + place, 77) for place, name in enumerate(names)}
    lines = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    lines += [f"{name}:{','.join(map(str, color))}::" for name, color in colors.items()]
    lists: dict[str, list[str]] = {}
    for record in records:
        assert record.size_hw is not None
        classes = np.zeros((*record.size_hw, 3), np.uint8)
        objects = np.zeros((*record.size_hw, 3), np.uint8)
        for number, each in enumerate(record.instances, start=1):
            if isinstance(each.shape, Bitmap):
                pixels = masks.decode(each.shape.runs, record.size_hw)
                classes[pixels], objects[pixels] = colors[each.label], (number % 7 * 30, number, 128)
        for top, image in (("SegmentationClass", classes), ("SegmentationObject", objects)):
            file = folder / top / f"{record.image_id}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode_rgb(image, level=1))
        lists.setdefault(record.split or "default", []).append(record.image_id)
    for split, image_ids in lists.items():
        file = folder / "ImageSets" / "Segmentation" / f"{split}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{each}\n" for each in image_ids), encoding="utf-8")
    (folder / "labelmap.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_spacecraft(folder: Path, labels: LabelSet, records: list[ImageRecord]) -> Path:
    """Write spacecraft as their authors did: labels become the three colours, groups boxes of craft."""
    names = [name for place, name in enumerate(labels.names) if place != labels.background]
    boxes: dict[str, list[list[int]]] = {}
    for record in records:
        assert record.size_hw is not None
        mask = np.zeros((*record.size_hw, 3), np.uint8)
        groups: dict[int, list[masks.Runs]] = {}
        for each in record.instances:
            if isinstance(each.shape, Bitmap):
                color = names.index(each.label) % 3
                mask[masks.decode(each.shape.runs, record.size_hw)] = np.eye(3, dtype=np.uint8)[color] * 255
                if each.group is not None:
                    groups.setdefault(each.group, []).append(each.shape.runs)
        for top, suffix, image in (("images", "", np.zeros_like(mask)), ("mask", "_mask", mask)):
            file = folder / top / (record.split or "train") / f"{record.image_id}{suffix}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode_rgb(image, level=1))
        if digits := record.image_id[len(record.image_id.rstrip("0123456789")) :]:
            bounds = (masks.boxes_xyxy(each, record.size_hw) for each in groups.values())
            corners = ((*(each[:, 2:].max(0) - 1), *each[:, :2].min(0)) for each in bounds)
            boxes[str(int(digits))] = [list(map(int, each)) for each in corners]
    (folder / "all_bbox.txt").write_text(str(boxes), encoding="utf-8")
    return folder


def write_pairs(folder: Path, labels: LabelSet, records: list[ImageRecord]) -> Path:
    """Write images beside masks in colours, with a file that says what these mean."""
    colors = complete_colors([each.color for each in labels.labels], background=labels.background)
    lines = ["name,r,g,b"]
    lines += [f"{name},{r},{g},{b}" for name, (r, g, b) in zip(labels.names, colors, strict=True)]
    for record in records:
        assert record.size_hw is not None
        mask = np.zeros((*record.size_hw, 3), np.uint8)
        for each in record.instances:
            if isinstance(each.shape, Bitmap):
                mask[masks.decode(each.shape.runs, record.size_hw)] = colors[labels.index(each.label)]
        if record.ignore is not None:
            mask[masks.decode(record.ignore.runs, record.size_hw)] = (224, 224, 192)
        for top, suffix, image in (("photos", "", np.zeros_like(mask)), ("gt", "_gt", mask)):
            file = folder / top / (record.split or "train") / f"{record.image_id}{suffix}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode_rgb(image, level=1))
    (folder / "class_dict.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_labelme(folder: Path, labels: LabelSet, records: list[ImageRecord]) -> Path:
    """Write a JSON beside each image, masks as PNGs in base64, and the labels in labels.txt."""

    def shape_of(shape: Shape, size_hw: tuple[int, int]) -> dict[str, object]:
        if isinstance(shape, Polygon):
            return {"shape_type": "polygon", "points": shape.rings[0].tolist()}
        if isinstance(shape, Box):
            left, top, right, bottom = shape.box_xyxy
            return {"shape_type": "rectangle", "points": [[right, top], [left, bottom]]}
        if isinstance(shape, Opaque):
            return {"shape_type": "points", "points": shape.payload["points"]}
        pixels = masks.decode(shape.runs, size_hw).astype(np.uint8) * 255
        corners = [[0.0, 0.0], [size_hw[1] - 1.0, size_hw[0] - 1.0]]
        return {
            "shape_type": "mask",
            "points": corners,
            "mask": base64.b64encode(encode_grey(pixels)).decode(),
        }

    for record in with_files(records, folder):
        assert record.size_hw is not None
        assert record.file is not None
        shapes = [
            {
                "label": each.label,
                "group_id": each.group,
                "flags": {"new": bool(each.attributes)},
                **shape_of(each.shape, record.size_hw),
            }
            for each in record.instances
        ]
        if record.ignore is not None:
            shapes.append({"label": "__ignore__", **shape_of(record.ignore, record.size_hw)})
        told = {
            "version": "5.4.1",
            "shapes": shapes,
            "imagePath": record.file.name,
            "imageHeight": record.size_hw[0],
            "imageWidth": record.size_hw[1],
        }
        record.file.with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "labels.txt").write_text("\n".join(["__ignore__", *labels.names]), encoding="utf-8")
    return folder


def write_supervisely(folder: Path, labels: LabelSet, records: list[ImageRecord]) -> Path:
    """Write meta.json, and datasets with `img` and `ann`, masks as packed PNGs."""

    def figure_of(shape: Shape, size_hw: tuple[int, int]) -> dict[str, object]:
        if isinstance(shape, Bitmap):
            png = encode_grey(masks.decode(shape.runs, size_hw).astype(np.uint8) * 255)
            data = base64.b64encode(zlib.compress(png)).decode()
            return {"geometryType": "bitmap", "bitmap": {"data": data, "origin": [0, 0]}}
        if isinstance(shape, Polygon):
            kind, points = "polygon", shape.rings[0].tolist()
        elif isinstance(shape, Box):
            left, top, right, bottom = shape.box_xyxy
            kind, points = "rectangle", [[left, top], [right, bottom]]
        else:
            assert isinstance(shape, Opaque)
            kind, points = "point", shape.payload["points"]
        return {"geometryType": kind, "points": {"exterior": points, "interior": []}}

    for record in records:
        assert record.size_hw is not None
        dataset = (folder / (record.split or "") / record.name).parent
        name = Path(record.name).name
        with_files([replace(record, split=None, name=name)], dataset / "img")
        objects = [
            {
                "classTitle": each.label,
                "tags": [{"name": name, "value": value} for name, value in each.attributes.items()],
                **figure_of(each.shape, record.size_hw),
            }
            for each in record.instances
        ]
        size = {"height": record.size_hw[0], "width": record.size_hw[1]}
        file = dataset / "ann" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"size": size, "tags": [], "objects": objects}), encoding="utf-8")
    classes = [
        {"title": each.name, "color": "#{:02x}{:02x}{:02x}".format(*(each.color or (1, 2, 3)))}
        for each in labels.labels
    ]
    (folder / "meta.json").write_text(json.dumps({"classes": classes}), encoding="utf-8")
    return folder


def write_yolo(folder: Path, labels: LabelSet, records: list[ImageRecord]) -> Path:
    """Write `images`, `labels` and data.yaml; of objects only outlines and boxes."""
    for record in records:
        assert record.size_hw is not None
        with_files([record], folder / "images")
        high, wide = record.size_hw
        lines = []
        for each in record.instances:
            if isinstance(each.shape, Polygon):
                values = each.shape.rings[0] / (wide, high)
            elif isinstance(each.shape, Box):
                left, top, right, bottom = each.shape.box_xyxy
                values = np.array([left + right, top + bottom, 2 * (right - left), 2 * (bottom - top)])
                values = values.reshape(2, 2) / (2 * wide, 2 * high)
            else:
                continue
            lines.append(f"{labels.index(each.label)} {' '.join(f'{value:.7f}' for value in values.ravel())}")
        file = folder / "labels" / (record.split or "") / Path(record.name).with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines), encoding="utf-8")
    (folder / "data.yaml").write_text(json.dumps({"names": labels.names}), encoding="utf-8")
    return folder


# Formats that we read and do not write.
TREES = {
    "labelme": write_labelme,
    "supervisely": write_supervisely,
    "yolo": write_yolo,
    "pairs": write_pairs,
    "cvat-mask": write_cvat_mask,
    "spacecraft": write_spacecraft,
}
