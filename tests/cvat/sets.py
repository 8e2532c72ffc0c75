"""Small sets for the CVAT loop: all that must survive the road, and random ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from segloop.data.annotations import (
    Attribute,
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelledImages,
    LabelSet,
    Opaque,
    Polygon,
    Tag,
)
from segloop.data.masks import encode

SIZE = (48, 64)


@dataclass(frozen=True)
class Load:
    """Hands records out that are in memory."""

    records: tuple[ImageRecord, ...]

    def __call__(self, key: int) -> ImageRecord:
        return self.records[key]


def set_of(records: Sequence[ImageRecord], labels: LabelSet) -> LabelledImages:
    """Return a set of records."""
    return LabelledImages(labels=labels, keys=range(len(records)), load=Load(tuple(records)))


def mask(draw: Callable[[np.ndarray], None], size_hw: tuple[int, int] = SIZE) -> Bitmap:
    """Return the mask that a function draws."""
    canvas = np.zeros(size_hw, np.uint8)
    draw(canvas)
    return Bitmap(size_hw, encode(canvas))


def box(top: int, left: int, bottom: int, right: int) -> Bitmap:
    """Return a mask that is a rectangle."""

    def draw(canvas: np.ndarray) -> None:
        canvas[top:bottom, left:right] = 1

    return mask(draw)


def picture(root: Path, name: str, size_hw: tuple[int, int] = SIZE, mode: str = "RGB", **how: object) -> Path:
    """Save an image file and return its path."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size_hw[::-1]).save(file, **how)
    return file


def image(root: Path, name: str, instances: Sequence[Instance] = (), **more: object) -> ImageRecord:
    """Return an image with a file and objects."""
    size_hw = more.pop("size_hw", SIZE)
    file = more.pop("file", None) or picture(root, name, size_hw)  # type: ignore[arg-type]
    image_id = name.rpartition(".")[0]
    return ImageRecord(
        image_id=image_id,
        name=name,
        file=file,  # type: ignore[arg-type]
        size_hw=size_hw,  # type: ignore[arg-type]
        instances=tuple(instances),
        **more,  # type: ignore[arg-type]
    )


LABELS = LabelSet(
    (
        Label("background", (0, 0, 0)),
        Label("0", (255, 0, 0), (Attribute("grade", "select", ("good", "bad"), "good"),)),
        Label("big ship", (0, 255, 0)),
        Label("лодка", None, (Attribute("note", "text"),)),
        Label("R&D", (0, 0, 255)),
    ),
    background=0,
)


def exact(each: Instance) -> tuple[object, ...]:
    """Return all of an object as plain values: two objects are the same in everything if these are equal."""
    shape: object = each.shape
    if isinstance(shape, Bitmap):
        shape = shape.size_hw, shape.runs.tolist()
    elif isinstance(shape, Polygon):
        shape = [ring.tolist() for ring in shape.rings]
    return (shape, *(getattr(each, name) for name in Instance.__dataclass_fields__ if name != "shape"))


def hard_instances() -> list[Instance]:
    """Return objects of each kind that is easily lost: holes, parts, single pixels, overlaps, borders."""

    def ring(canvas: np.ndarray) -> None:
        canvas[5:15, 5:15] = 1
        canvas[8:12, 8:12] = 0

    def parts(canvas: np.ndarray) -> None:
        canvas[20:24, 2:6] = canvas[28:30, 30:40] = 1

    def checks(canvas: np.ndarray) -> None:
        canvas[30:40:2, 40:50:2] = 1

    def corners(canvas: np.ndarray) -> None:
        canvas[0, 0] = canvas[-1, -1] = canvas[0, -1] = canvas[-1, 0] = 1

    square = np.array([[1.0, 1.0], [9.123, 1.5], [9.0, 9.0], [1.0, 9.0]])
    return [
        Instance(label="0", shape=mask(ring), attributes={"grade": "bad"}, uid="a"),
        Instance(label="big ship", shape=mask(parts), score=0.875, group=7),
        Instance(label="лодка", shape=box(44, 62, 45, 63), attributes={"note": 'a "b"\n<c> & d'}),
        Instance(label="R&D", shape=box(10, 20, 30, 40)),
        Instance(label="R&D", shape=box(15, 25, 35, 45), occluded=True),
        Instance(label="0", shape=box(0, 0, *SIZE), z_order=-3),
        Instance(label="big ship", shape=mask(checks), crowd=True),
        Instance(label="big ship", shape=mask(corners), source="auto"),
        Instance(label="0", shape=Polygon((square,)), attributes={"free": "text"}),
        Instance(label="R&D", shape=Polygon((square, square + 20.0))),
        Instance(label="0", shape=Box((3.0, 4.0, 20.5, 21.25))),
        Instance(label="0", shape=Opaque("ellipse", {"cx": 20.0, "cy": 20.0, "rx": 5.0, "ry": 3.0})),
    ]


def hard_set(root: Path) -> LabelledImages:
    """Return a set of images that hold what must survive."""
    many = [
        Instance(label="big ship", shape=box(y * 2, x * 3, y * 2 + 1, x * 3 + 2))
        for y in range(15)
        for x in range(20)
    ]
    semantic = np.zeros(SIZE, np.uint8)
    semantic[4:20, 4:20], semantic[30:40, 30:60], semantic[0:3] = 1, 3, 255
    target = picture(root / "elsewhere", "7f3a.png")
    (root / "img").mkdir(parents=True)
    (root / "img" / "link.png").symlink_to(target)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture(root / "img", "turned.jpg", (64, 48), exif=exif)
    records = [
        image(root / "img", "a/1.png", hard_instances(), tags=(Tag("0", {"grade": "bad"}), Tag("R&D"))),
        image(root / "img", "b/1.png", many),
        image(root / "img", "empty.png"),
        image(root / "img", "semantic.png", semantic=semantic),
        image(
            root / "img", "link.png", [Instance(label="0", shape=box(1, 1, 2, 2))], file=root / "img/link.png"
        ),
        image(root / "img", "turned.jpg", [Instance(label="0", shape=box(40, 60, 48, 64))], file=turned),
        image(
            root / "img", "grey.png", file=picture(root / "img", "grey.png", mode="L"), ignore=box(0, 0, 5, 5)
        ),
        image(root / "img", "deep.png", file=picture(root / "img", "deep.png", mode="I;16")),
    ]
    return set_of(records, LABELS)
