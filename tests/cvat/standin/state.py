"""What the stand-in for CVAT keeps: projects, labels, tasks, frames, jobs, annotations; and its rules."""

from __future__ import annotations

import io
import itertools
import zipfile
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from PIL import Image, ImageOps

Json = dict[str, Any]


class Refused(Exception):
    """An answer with a status that is no success."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class Failed(Exception):
    """A background request that ends badly; its text is the server's message."""


@dataclass
class Frame:
    """An image of a task: CVAT's name for it, its size as the page shows it, its bytes."""

    name: str
    width: int
    height: int
    data: bytes = field(repr=False)


@dataclass
class Label:
    """A label with the attributes that it declares, each with an id of its own."""

    id: int
    name: str
    color: str
    type: str
    attributes: list[Json]


@dataclass
class Shape:
    """Something drawn, or a tag (`type` is `tag`): points as CVAT's API has them."""

    id: int
    frame: int
    label_id: int
    type: str
    points: list[float]
    z_order: int = 0
    group: int = 0
    occluded: bool = False
    rotation: float = 0.0
    source: str = "manual"
    attributes: dict[int, str] = field(default_factory=dict)


@dataclass
class Job:
    """A part of a task's frames for one person."""

    id: int
    start: int
    stop: int
    state: str = "new"
    stage: str = "annotation"
    assignee: str | None = None


@dataclass
class Task:
    """A task; without frames until its data came."""

    id: int
    name: str
    project_id: int | None
    organization: str
    segment_size: int = 0
    frames: list[Frame] = field(default_factory=list)
    deleted_frames: list[int] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


@dataclass
class Project:
    """A project; its tasks use its labels."""

    id: int
    name: str
    organization: str
    labels: list[Label] = field(default_factory=list)


class State:
    """All that the server knows. Ids count up and are never used twice."""

    def __init__(self) -> None:
        self.users = {"anna": "secret"}
        self.tokens = {"token-of-anna"}
        self.organizations = {"": None, "lab": 1}
        self.projects: dict[int, Project] = {}
        self.tasks: dict[int, Task] = {}
        self.requests: dict[str, Json] = {}
        self.results: dict[str, bytes] = {}
        self._ids = itertools.count(1)

    def new_id(self) -> int:
        """Return an id that nothing has."""
        return next(self._ids)

    def make_labels(self, specs: list[Json]) -> list[Label]:
        """Take labels in: blanks at their ends go, a name that stands twice or is too long is refused."""
        labels = []
        for spec in specs:
            name = spec["name"].strip()
            if len(name) > 64:
                raise Refused(
                    400, {"labels": [{"name": ["Ensure this field has no more than 64 characters."]}]}
                )
            attributes = [{**each, "id": self.new_id()} for each in spec.get("attributes", [])]
            color = spec.get("color") or "#123456"
            labels.append(Label(self.new_id(), name, color, spec.get("type") or "any", attributes))
        names = [label.name for label in labels]
        if len(set(names)) < len(names):
            raise Refused(400, ["All label names must be unique"])
        return labels

    def labels_of(self, task: Task) -> list[Label]:
        """Return the labels that a task's shapes may have."""
        return task.labels if task.project_id is None else self.projects[task.project_id].labels

    def add_data(self, task: Task, files: list[tuple[str, bytes]], fields: Json) -> None:
        """Take a task's images in: from a zip with their paths, of loose files the base names alone."""
        found: list[tuple[str, bytes]] = []
        for name, data in files:
            if name.lower().endswith(".zip"):
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    found += [
                        (member, archive.read(member)) for member in archive.namelist() if member[-1] != "/"
                    ]
            else:
                found.append((PurePosixPath(name).name, data))
        if fields.get("sorting_method", "lexicographical") != "predefined":
            found.sort()
        frames = []
        for name, data in found:
            try:
                with Image.open(io.BytesIO(data)) as image:
                    width, height = (ImageOps.exif_transpose(image) or image).size
            except Exception:
                raise Failed(f"ValidationError: {name} is not an image") from None
            frames.append(Frame(name, width, height, data))
        names = [frame.name for frame in frames]
        if len(set(names)) < len(names):  # CVAT's database refuses it
            raise Failed("IntegrityError: duplicate key value violates unique constraint")
        if not frames:
            raise Failed("ValueError: No media data found")
        task.frames = frames
        size = task.segment_size or len(frames)
        task.jobs = [
            Job(self.new_id(), start, min(start + size, len(frames)) - 1)
            for start in range(0, len(frames), size)
        ]

    def find_frame(self, task: Task, name: str, number: str | None) -> int:
        """Match an image of an annotation file as CVAT does: without suffix; the id catches the rest."""
        stem = _stem(name)
        exact = [place for place, frame in enumerate(task.frames) if _stem(frame.name) == stem]
        if len(exact) == 1:
            return exact[0]
        ending = [place for place, frame in enumerate(task.frames) if _stem(frame.name).endswith(f"/{stem}")]
        if len(ending) == 1:
            return ending[0]
        if number is not None and number.isdigit() and int(number) < len(task.frames):
            return int(number)  # the trap: silently another image
        raise Failed(f"CvatImportError: Could not match item id: '{name}' with any task frame")


def _stem(name: str) -> str:
    return name[: -len(PurePosixPath(name).suffix)] if PurePosixPath(name).suffix else name
