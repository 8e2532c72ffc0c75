"""The whole loop in small: a prepared set, people who edit on the stand-in, and what that has to come to.

What is counted here is counted from the stand-in's own shapes, with none of the loop's code, so that both
can be held against each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from data_converters.versions import write
from segloop.data.annotations import Bitmap, Box, ImageRecord, Instance, Label, LabelSet, Opaque, Polygon
from segloop.data.drawing import bitmaps, with_outlines
from segloop.data.info import DatasetInfo, Files
from segloop.data.masks import decode, encode
from tests.cvat.sets import picture, set_of
from tests.cvat.standin.state import Label as Declared
from tests.cvat.standin.state import Shape, State, Task

LABELS = LabelSet(
    (
        Label("background", (0, 0, 0)),
        Label("0", (255, 0, 0)),
        Label("R&D boat", (0, 255, 0)),
        Label("лодка", (0, 0, 255)),
    ),
    background=0,
)
SIZE = (9, 12)
IGNORED = "(ignored)"
KINDS = ("mmseg", "coco", "mmseg+coco")
Seen = dict[str, np.ndarray]  # by <split>/<id>: for each pixel the name of what is seen there


def mask_of(rng: np.random.Generator, density: float | None = None) -> np.ndarray:
    """Return random pixels: a few, a rectangle with holes, or nearly all; never none."""
    pixels = rng.random(SIZE) < (density or rng.choice([0.03, 0.3, 0.95]))
    if rng.random() < 0.5:
        top, left = rng.integers(0, 5, 2)
        pixels[:top] = pixels[top + 4 :] = pixels[:, :left] = pixels[:, left + 5 :] = False
    pixels[tuple(rng.integers(0, SIZE))] = True
    return pixels


def prepared(root: Path, rng: np.random.Generator, kind: str) -> Path:
    """Write a prepared set of five images in two splits, equal names in sub-folders among them."""
    records = []
    suffix = str(rng.choice([".png", ".jpg"]))
    for split, name in (("train", "a/1"), ("train", "b/1"), ("train", "c"), ("test", "a/1"), ("test", "d")):
        semantic, instances = None, []
        if kind == "mmseg":
            semantic = np.zeros(SIZE, np.uint8)
            for value in rng.permutation([1, 2, 3, 255])[: rng.integers(0, 5)]:
                semantic[mask_of(rng)] = value
        else:
            for _ in range(rng.integers(0, 4)):
                shape = Bitmap(SIZE, encode(mask_of(rng)))
                label = LABELS.names[rng.integers(1, 4)]
                instances.append(Instance(label=label, shape=shape, z_order=int(rng.integers(0, 2))))
        file = _picture(root.parent / "pictures", f"{split}/{name}{suffix}")
        records.append(
            ImageRecord(
                image_id=name,
                name=f"{name}{suffix}",
                file=file,
                size_hw=SIZE,
                split=split,
                semantic=semantic,
                instances=tuple(instances),
            )
        )
    like = DatasetInfo(
        name="boats",
        task="boats",
        classes=(),
        splits={},
        images=Files("img_dir/{split}", suffix),
        masks=Files("ann_dir/{split}", ".png") if "mmseg" in kind else None,
        coco={"train": "x"} if "coco" in kind else {},
    )
    root.parent.mkdir(parents=True, exist_ok=True)
    write(set_of(records, LABELS), root, like=like, media="copy")
    return root


def _picture(root: Path, name: str) -> Path:
    """Save a colour image, or one easily got wrong: grey, of 16 bits, or lying on its side by EXIF."""
    if name == "train/c.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        return picture(root, name, SIZE[::-1], exif=exif)
    mode = {"train/a/1.png": "I;16", "train/b/1.png": "L", "train/b/1.jpg": "L"}.get(name, "RGB")
    return picture(root, name, SIZE, mode)


def pixels_of(shape: Shape) -> np.ndarray:
    """Return which pixels a shape of the stand-in has.

    A mask is runs by rows in a box whose ends belong to it. What is none is drawn by the rules of the house,
    which its own tests hold against pycocotools.
    """
    if shape.type != "mask":
        return _outlined(shape)
    left, top, right, bottom = (int(each) for each in shape.points[-4:])
    flat = np.repeat(np.arange(len(shape.points) - 4) % 2, [int(each) for each in shape.points[:-4]])
    found = np.zeros(SIZE, bool)
    found[top : bottom + 1, left : right + 1] = flat.reshape(bottom - top + 1, right - left + 1)
    return found


def _outlined(shape: Shape) -> np.ndarray:
    drawn: Polygon | Box | Opaque
    points = shape.points
    if shape.type == "polygon":
        drawn = Polygon((np.array(points, np.float64).reshape(-1, 2),))
    elif shape.type == "ellipse":
        x, y, right, top = points
        told = {"cx": x, "cy": y, "rx": right - x, "ry": y - top, "rotation": shape.rotation}
        drawn = Opaque("ellipse", told)
    elif shape.rotation:
        told = dict(zip(("xtl", "ytl", "xbr", "ybr"), points, strict=True))
        drawn = Opaque("rotated-box", {**told, "rotation": shape.rotation})
    else:
        drawn = Box((points[0], points[1], points[2], points[3]))
    record = ImageRecord(
        image_id="x", name="x.png", size_hw=SIZE, instances=(Instance(label="0", shape=drawn),)
    )
    (runs,) = bitmaps(with_outlines(record).instances, SIZE)
    assert runs is not None
    return decode(runs, SIZE).astype(bool)


def points_of(pixels: np.ndarray) -> list[float]:
    """Return pixels as the stand-in holds them."""
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    part = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].ravel()
    edges = np.flatnonzero(np.diff(part)) + 1
    runs = np.diff([0, *edges, part.size]).tolist()
    box = [columns[0], rows[0], columns[-1], rows[-1]]
    return [float(each) for each in ([0, *runs] if part[0] else runs) + box]


@dataclass
class Annotator:
    """Somebody who edits on the stand-in at random, and what has to be told to `apply` then."""

    state: State
    rng: np.random.Generator
    rename: dict[str, str] = field(default_factory=dict)  # by the name of now
    changed_labels: bool = False

    @property
    def labels(self) -> list[Declared]:
        (project,) = self.state.projects.values()
        return project.labels

    def work(self) -> None:
        """Edit some images of each task, delete a frame now and then, and finish all jobs."""
        drawable = [each for each in self.labels if each.name != "ignore"]
        if self.rng.random() < 0.5:
            drawable[0].name, old = "dinghy & co", drawable[0].name
            self.rename[drawable[0].name] = old
        drawable[1].color = "#0a0b0c"
        if self.rng.random() < 0.5:
            new = Declared(self.state.new_id(), "buoy", "#112233", "any", [])
            self.labels.append(new)
            drawable.append(new)
            self.changed_labels = True
        for task in self.state.tasks.values():
            for frame in range(len(task.frames)):
                for _ in range(self.rng.integers(0, 3)):
                    self.edit(task, frame, drawable)
            if self.rng.random() < 0.4:
                task.deleted_frames = [int(self.rng.integers(len(task.frames)))]
            for job in task.jobs:
                job.state, job.assignee = "completed", "anna"

    def edit(self, task: Task, frame: int, drawable: list[Declared]) -> None:
        """Do one thing to one image."""
        here = [each for each in task.shapes if each.frame == frame]
        label = drawable[self.rng.integers(len(drawable))]
        what = self.rng.choice(["add", "redraw", "flip", "remove", "raise", "copy"])
        shape = here[self.rng.integers(len(here))] if here else None
        top = 1 + max((each.z_order for each in here), default=0)
        if what == "add" or shape is None:
            kind, points, rotation = self.drawn()
            new = Shape(self.state.new_id(), frame, label.id, kind, points, z_order=top, rotation=rotation)
            task.shapes.append(new)
        elif what == "redraw":
            shape.type, shape.rotation = "mask", 0.0
            shape.points = points_of(mask_of(self.rng))
        elif what == "flip" and not self.is_ignored(shape):
            self.flip(shape, label)
        elif what == "remove":
            task.shapes.remove(shape)
        elif what == "raise" and not self.is_ignored(shape):
            shape.z_order = top
        elif what == "copy" and not self.is_ignored(shape):
            copy = Shape(self.state.new_id(), frame, shape.label_id, "mask", points_of(mask_of(self.rng)))
            copy.attributes, copy.z_order = dict(shape.attributes), top
            task.shapes.append(copy)

    def drawn(self) -> tuple[str, list[float], float]:
        """Return what somebody draws, in numbers that CVAT keeps: kind, points, turn."""
        kind = str(self.rng.choice(["mask", "mask", "polygon", "rectangle", "turned", "ellipse"]))
        if kind == "mask":
            return kind, points_of(mask_of(self.rng)), 0.0
        left, top = (float(each) for each in self.rng.integers(0, 4, 2))
        wide, high = (float(each) for each in self.rng.integers(3, 5, 2))
        if kind == "polygon":
            return kind, [left, top, left + wide, top + 0.25, left + wide, top + high], 0.0
        if kind == "ellipse":
            return kind, [left + wide, top + high, left + wide + 2.5, top + high - 1.75], 0.0
        turn = 30.0 if kind == "turned" else 0.0
        return "rectangle", [left, top, left + wide, top + high], turn

    def is_ignored(self, shape: Shape) -> bool:
        return self.name_of(shape) == "ignore"

    def name_of(self, shape: Shape) -> str:
        return next(each.name for each in self.labels if each.id == shape.label_id)

    def flip(self, shape: Shape, label: Declared) -> None:
        """Give a shape another label, as CVAT's page does: values go along by the attributes' names."""
        old = next(each for each in self.labels if each.id == shape.label_id)
        names = {each["id"]: each["name"] for each in old.attributes}
        values = {names[key]: value for key, value in shape.attributes.items()}
        shape.label_id = label.id
        shape.attributes = {
            each["id"]: values[each["name"]] for each in label.attributes if each["name"] in values
        }

    def held(self) -> dict[str, list[tuple[str, bytes]]]:
        """Return the objects of each image that is not deleted: name and pixels, in any order."""
        found: dict[str, list[tuple[str, bytes]]] = {}
        for name, shapes in self._images().items():
            drawn = [each for each in shapes if not self.is_ignored(each)]
            found[name] = sorted((self._old(each), pixels_of(each).tobytes()) for each in drawn)
        return found

    def seen(self) -> Seen:
        """Return what is seen in each image that is not deleted, by the old names."""
        found = {}
        for name, shapes in self._images().items():
            canvas = np.full(SIZE, LABELS.names[0], object)
            for each in sorted(shapes, key=lambda each: each.z_order):
                canvas[pixels_of(each)] = IGNORED if self.is_ignored(each) else self._old(each)
            found[name] = canvas
        return found

    def _old(self, shape: Shape) -> str:
        name = self.name_of(shape)
        return self.rename.get(name, name)

    def _images(self) -> dict[str, list[Shape]]:
        return {
            frame.name.rpartition(".")[0]: [each for each in task.shapes if each.frame == number]
            for task in self.state.tasks.values()
            for number, frame in enumerate(task.frames)
            if number not in task.deleted_frames
        }


def flips_between(before: Seen, after: Seen) -> Counter[tuple[str, str]]:
    """Count pixels by what was seen before and after, in images that both have."""
    found: Counter[tuple[str, str]] = Counter()
    for name in before.keys() & after.keys():
        found.update(zip(before[name].ravel(), after[name].ravel(), strict=True))
    return found


def files_in(root: Path) -> Mapping[str, bytes]:
    """Return the bytes of all files of a set, without those of its versions."""
    return {
        str(file.relative_to(root)): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file() and "versions" not in file.relative_to(root).parts
    }
