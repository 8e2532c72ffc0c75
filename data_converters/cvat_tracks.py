"""Tracks of CVAT for video 1.1, turned into objects on frames as CVAT itself shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, overload

import numpy as np

from data_converters.base import BadRecord
from data_converters.cvat_images import Export, Place, remarks_of
from data_converters.cvat_index import KEYFRAME, OUTSIDE, Index, Track
from data_converters.cvat_meta import Meta, Task
from data_converters.cvat_shapes import BOX, CUBOID, ELLIPSE, Element
from segloop.data.annotations import Attribute, ImageRecord, SizeHW

MOST_FRAMES = 1 << 20  # ten hours at 30 frames a second
MOST_FILLED = 1 << 24  # objects that stand between two key frames
NUMBER, DRAWN = "track_id", "keyframe"  # attributes, named as CVAT's COCO export names them


class Span(NamedTuple):
    """Where a shape of a track stands in the file, and on which frame it is."""

    start: int
    stop: int
    line: int
    frame: int
    keyframe: bool


class Entry(NamedTuple):
    """An object on a frame: its track, its shape, and the next one where it lies between the two."""

    track: Track
    shape: Span
    after: Span | None


class Frame(NamedTuple):
    """A frame of a task, under the name of its image."""

    name: str
    subset: str | None
    task: str | None
    line: int = 0


class FrameKey(NamedTuple):
    """A frame to be read."""

    place: Place
    frame: int
    size_hw: SizeHW | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Group:
    """The frames of one task, and what their files and their size are."""

    task: str | None
    subset: str | None
    frames: range | None
    size_hw: SizeHW | None


@dataclass
class Plan:
    """Which frames there are, and which shapes stand on each."""

    index: Index
    named: list[Frame] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    sizes: list[SizeHW | None] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    # One row an object, by frame and track: its frame's place in the lists above, its shape, and the shape
    # that it moves towards, or -1.
    place: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    shape: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    after: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    filled: int = 0

    def told(self) -> Iterator[str]:
        """Say what became of the tracks."""
        yield (
            f"{len(self.index.tracks)} track(s) became {len(self.place)} object(s) on {len(self.frames)} "
            f"frame(s); the attribute {NUMBER} says of which track, {DRAWN} whether it was drawn there."
        )
        if self.filled:
            yield (
                f"{self.filled} of the objects lie between key frames: boxes, ellipses and cuboids on the "
                "way from one to the next, masks and outlines as on the one before."
            )


def plan_frames(index: Index, meta: Meta, *, has_image: Callable[[str, str | None], bool]) -> Plan:
    """Lay out frames and objects. `has_image` tells whether there is a file of a name and a subset."""
    plan = Plan(index)
    groups, owners = _groups(index, meta, plan.problems)
    if plan.problems:
        return plan
    track, frame = np.array(index.shapes.track, np.int64), np.array(index.shapes.frame, np.int64)
    outside = np.array(index.shapes.flags, np.int64) & OUTSIDE > 0
    owner = np.array(owners, np.int64)[track]
    place = np.full(len(frame), -1, np.int64)
    ends = np.zeros(len(groups), np.int64)
    for number, group in enumerate(groups):
        mine = np.flatnonzero(owner == number)
        numbers = _frame_numbers(plan, group, frame[mine], outside[mine], has_image)
        found = np.searchsorted(numbers, frame[mine])
        found[found == len(numbers)] = 0
        known = numbers[found] == frame[mine] if len(numbers) else np.zeros(len(mine), bool)
        for row in mine[~known & ~outside[mine]].tolist():
            line, number_ = index.shapes.line[row], index.shapes.frame[row]
            plan.problems.append(f"line {line}: frame {number_} is none of the task's")
        place[mine[known]] = found[known] + len(plan.frames)
        plan.frames += numbers.tolist()
        plan.named += [Frame(name_of(each), group.subset, group.task) for each in numbers.tolist()]
        plan.sizes += [group.size_hw] * len(numbers)
        ends[number] = len(plan.frames)
    if not plan.problems:
        _lay_objects(plan, np.flatnonzero(place >= 0), track, place, outside, ends[owner])
    return plan


def name_of(frame: int) -> str:
    """Return what CVAT calls a frame of a video."""
    return f"frame_{frame:06d}"


def _groups(index: Index, meta: Meta, problems: list[str]) -> tuple[list[Group], list[int]]:
    """Return the tasks, and which one each track is of. In a project, frames go on from task to task."""
    groups, offset = [], 0
    before: Task | None = None
    for task in meta.tasks or [Task("", None, None, None)]:
        offset = offset if before is not None and before.subset == task.subset else 0
        frames = task.frames
        if frames is not None:
            frames = range(frames.start + offset, frames.stop + offset, frames.step)
            offset += task.frames.start + len(frames) * frames.step  # type: ignore[union-attr]
        groups.append(Group(task.number or None, task.subset, frames, task.size_hw))
        before = task
    if len(groups) == 1:
        return groups, [0] * len(index.tracks)
    places = {group.task: place for place, group in enumerate(groups)}
    for track in index.tracks:
        if track.task not in places:
            problems.append(
                f"line {track.line}: the track is of task {track.task!r}, which <meta> does not name"
            )
    return groups, [places.get(track.task, 0) for track in index.tracks]


def _frame_numbers(
    plan: Plan,
    group: Group,
    frame: np.ndarray,
    outside: np.ndarray,
    has_image: Callable[[str, str | None], bool],
) -> np.ndarray:
    """Return the frames of a task; where it has images, those that were deleted have none, and no shape."""
    if group.frames is None:
        return np.unique(frame)
    if len(group.frames) > MOST_FRAMES:
        plan.problems.append(f"<meta> says {len(group.frames)} frames; at most {MOST_FRAMES} are read")
        return np.zeros(0, np.int64)
    numbers = np.arange(group.frames.start, group.frames.stop, group.frames.step, dtype=np.int64)
    there = np.array([has_image(name_of(each), group.subset) for each in numbers.tolist()], bool)
    return numbers[there | np.isin(numbers, frame[~outside])] if there.any() else numbers


def _lay_objects(
    plan: Plan, rows: np.ndarray, track: np.ndarray, place: np.ndarray, outside: np.ndarray, end: np.ndarray
) -> None:
    """Find the objects: each shape where it stands, and on the frames up to the next one of its track.

    CVAT writes every frame of a track, key frame or not. So what lacks in a file that has other frames than
    key frames was not there, as on deleted frames. In a file of key frames alone CVAT, on import, fills what
    lies between them and after the last; one missing frame at the end is no sign of such a file, for CVAT
    leaves out the end of an object there.
    """
    shapes = plan.index.shapes
    rows = rows[np.lexsort((place[rows], track[rows]))]
    same = np.append(track[rows][1:] == track[rows][:-1], False)
    after = np.where(same, np.append(rows[1:], -1), -1)
    for row, other in zip(rows.tolist(), after.tolist(), strict=True):
        if other >= 0 and place[row] == place[other]:
            lines = f"lines {shapes.line[row]} and {shapes.line[other]}"
            plan.problems.append(f"{lines}: frame {shapes.frame[row]} stands twice in a track")
    if plan.problems:
        return
    gaps = np.where(same, place[after], end[rows]) - place[rows] - 1
    gaps[outside[rows]] = 0
    only_keys = bool((np.array(shapes.flags, np.int64) & KEYFRAME > 0).all())
    if not (only_keys and ((gaps > 0) & same | (gaps > 1)).any()):
        gaps[:] = 0
    plan.filled = int(gaps.sum())
    if plan.filled > MOST_FILLED:
        plan.problems.append(f"{plan.filled} objects lie between key frames; at most {MOST_FILLED} are read")
        return
    steps = np.arange(plan.filled) - np.repeat(np.cumsum(gaps) - gaps, gaps)
    seen = rows[~outside[rows]]
    found = np.concatenate([place[seen], np.repeat(place[rows], gaps) + 1 + steps])
    plan.shape = np.concatenate([seen, np.repeat(rows, gaps)])
    plan.after = np.concatenate([np.full(len(seen), -1), np.repeat(after, gaps)])
    order = np.lexsort((track[plan.shape], found))
    plan.place, plan.shape, plan.after = found[order], plan.shape[order], plan.after[order]


def with_track_attributes(meta: Meta, *, tracks: int) -> None:
    """Declare the attributes that tell where an object of a track comes from, unless a label has its own."""
    ours = (
        Attribute(NUMBER, "number", ("0", str(max(tracks - 1, 0)), "1"), "0"),
        Attribute(DRAWN, "checkbox", ("false",), "false", mutable=True),
    )
    for place, label in enumerate(meta.labels):
        new = tuple(each for each in ours if each.name not in meta.kinds[label.name])
        meta.labels[place] = replace(label, attributes=(*label.attributes, *new))
        meta.kinds[label.name].update({each.name: each.kind for each in new})


class Frames(Sequence[FrameKey]):
    """The frames as keys, made when they are asked for: all objects of a long video at once would be many."""

    def __init__(self, plan: Plan, places: Sequence[Place | None]) -> None:
        self._plan = plan
        self._places = [(number, place) for number, place in enumerate(places) if place is not None]
        self._first = np.searchsorted(plan.place, np.arange(len(plan.frames) + 1))

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> FrameKey: ...
    @overload
    def __getitem__(self, index: slice) -> list[FrameKey]: ...
    def __getitem__(self, index: int | slice) -> FrameKey | list[FrameKey]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        number, place = self._places[index]
        plan = self._plan
        rows = slice(self._first[number], self._first[number + 1])
        entries = tuple(
            Entry(plan.index.tracks[plan.index.shapes.track[shape]], self._span(shape), self._after(after))
            for shape, after in zip(plan.shape[rows].tolist(), plan.after[rows].tolist(), strict=True)
        )
        return FrameKey(place, plan.frames[number], plan.sizes[number], entries)

    def _span(self, row: int) -> Span:
        shapes = self._plan.index.shapes
        keyframe = bool(shapes.flags[row] & KEYFRAME)
        return Span(shapes.start[row], shapes.stop[row], shapes.line[row], shapes.frame[row], keyframe)

    def _after(self, row: int) -> Span | None:
        return None if row < 0 else self._span(row)


@dataclass(frozen=True)
class ReadFrame:
    """Reads the objects of a frame from their places in the file."""

    export: Export

    def __call__(self, key: FrameKey) -> ImageRecord:
        """Return the frame's record; all that is wrong with it is one BadRecord."""
        place = key.place
        problems: list[str] = []
        file = self.export.open_image(place.file, problems)
        size_hw = self.export.size_of(key.size_hw, file, problems)
        reader = self.export.shapes(size_hw)
        instances = reader.instances([each for each in map(self._element, _of(key)) if each is not None])
        if problems or reader.problems:
            raise BadRecord(place.image_id, problems + reader.problems)
        return ImageRecord(
            image_id=place.image_id,
            name=place.name,
            file=file,
            size_hw=size_hw,
            split=place.split,
            instances=tuple(instances),
            remarks=remarks_of(reader, place.image_id),
        )

    def _element(self, of: tuple[Entry, int, str]) -> Element | None:
        """Return the shape of a track as it is on a frame; None for a skeleton that shows nothing."""
        (track, span, after), frame, image_id = of
        element = self.export.parse(span.start, span.stop, span.line, image_id=image_id)
        keyframe = span.keyframe and frame == span.frame
        if after is not None:
            other = self.export.parse(after.start, after.stop, after.line, image_id=image_id)
            element = between(element, other, (frame - span.frame) / (after.frame - span.frame))
        if element.inner and all(each.values.get("outside") == "1" for each in element.inner):
            return None
        element.values["label"] = track.label
        for name, value in (("source", track.source), ("group_id", track.group)):
            if value is not None:
                element.values.setdefault(name, value)
        element.attributes.setdefault(NUMBER, track.number)
        element.attributes.setdefault(DRAWN, "true" if keyframe else "false")
        return element


def _of(key: FrameKey) -> Iterator[tuple[Entry, int, str]]:
    return ((entry, key.frame, key.place.image_id) for entry in key.entries)


def between(shape: Element, other: Element, share: float) -> Element:
    """Return a shape on its way to the next: `share` of it is gone, 0 to 1. What cannot move stays."""
    names = {"box": BOX, "ellipse": ELLIPSE, "cuboid": CUBOID}.get(shape.tag, ())
    moved: dict[str, str] = {}
    if shape.tag == other.tag:
        try:
            for name in names:
                moved[name] = _mix(shape.values[name], other.values[name], share)
            if "rotation" in shape.values or "rotation" in other.values:
                moved["rotation"] = _turn(shape.values, other.values, share)
            if shape.tag == "points" and ";" not in shape.values["points"] + other.values["points"]:
                ends = (shape.values["points"].split(","), other.values["points"].split(","))
                moved["points"] = ",".join(_mix(a, b, share) for a, b in zip(*ends, strict=True))
        except (KeyError, ValueError):
            return shape  # what is wrong with it is told when it is read
    parts = {part.values.get("label"): part for part in other.inner}
    inner = [
        between(part, parts[part.values.get("label")], share) if part.values.get("label") in parts else part
        for part in shape.inner
    ]
    return replace(shape, values={**shape.values, **moved}, inner=inner)


def _mix(low: str, high: str, share: float) -> str:
    """Return a number between two, with CVAT's two decimals."""
    return f"{float(low) + (float(high) - float(low)) * share:.2f}"


def _turn(shape: dict[str, str], other: dict[str, str], share: float) -> str:
    """Return a rotation between two, the short way round."""
    low, high = float(shape.get("rotation", 0)), float(other.get("rotation", 0))
    return f"{(low + ((high - low + 180) % 360 - 180) * share) % 360:.2f}"
