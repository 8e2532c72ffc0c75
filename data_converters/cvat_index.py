"""One pass over CVAT's XML: where each image and each shape of a track stands in the file, and its <meta>."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data_converters.cvat_xml import MOST_DEPTH, Untrusted, make_parser, parse_file, sniff_encoding
from segloop.utils.errors import FormatError

MOST_META = 1 << 20  # elements of <meta>; a label with ten attributes has about a hundred
KEYFRAME, OUTSIDE = 1, 2


@dataclass(slots=True)
class Node:
    """An element of <meta>, with all that is inside."""

    name: str
    texts: list[str] = field(default_factory=list)
    inner: list[Node] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text right inside of it."""
        return "".join(self.texts)

    def all(self, name: str) -> list[Node]:
        """Return the elements of a name right inside of it."""
        return [each for each in self.inner if each.name == name]

    def get(self, name: str) -> Node:
        """Return the first element of a name right inside of it, or an empty one."""
        return next((each for each in self.inner if each.name == name), Node(name))


class Image(NamedTuple):
    """Where an <image> stands: from its first byte to before its closing tag, and what it is called."""

    start: int
    stop: int
    line: int
    name: str
    subset: str | None
    task: str | None


class Track(NamedTuple):
    """The head of a <track>."""

    line: int
    number: str
    label: str
    source: str | None
    group: str | None
    subset: str | None
    task: str | None


@dataclass
class TrackShapes:
    """The shapes of all tracks, in the order of the file, as columns: one may have millions."""

    track: array[int] = field(default_factory=lambda: array("q"))
    frame: array[int] = field(default_factory=lambda: array("q"))
    start: array[int] = field(default_factory=lambda: array("q"))
    stop: array[int] = field(default_factory=lambda: array("q"))
    line: array[int] = field(default_factory=lambda: array("q"))
    flags: array[int] = field(default_factory=lambda: array("b"))

    def __len__(self) -> int:
        return len(self.track)


@dataclass
class Index:
    """What one pass over a file found."""

    encoding: str
    meta: Node | None = None
    images: list[Image] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    shapes: TrackShapes = field(default_factory=TrackShapes)
    labels: dict[str, None] = field(default_factory=dict)  # those of shapes and tags, as they came
    unknown: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def index_file(path: Path) -> Index:
    """Read a file once, from front to back, and hold on to none of its masks."""
    index = Index(sniff_encoding(path))
    parser = make_parser(index.encoding)
    _Pass(index, parser, path)
    parse_file(path, parser)
    return index


class _Pass:
    """What expat calls. Bytes are counted by expat, so text of any encoding is found again."""

    def __init__(self, index: Index, parser: object, path: Path) -> None:
        self.index, self.parser, self.path = index, parser, path
        self.depth = 0
        self.inside = ""  # which child of the root this is
        self.begun: tuple[int, int, Mapping[str, str]] = (0, 0, {})
        self.nodes: list[Node] = []
        self.count = 0
        self._enter("", start=self.start)

    def _enter(self, inside: str, *, start: object) -> None:
        self.inside = inside
        self.parser.StartElementHandler = start  # type: ignore[attr-defined]
        self.parser.EndElementHandler = self.end  # type: ignore[attr-defined]

    @property
    def _place(self) -> tuple[int, int]:
        return self.parser.CurrentByteIndex, self.parser.CurrentLineNumber  # type: ignore[attr-defined]

    def start(self, name: str, values: Mapping[str, str]) -> None:
        """See an element that is the root, right below it, or inside of what is not read."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise Untrusted(f"elements stand inside of each other more than {MOST_DEPTH} deep")
        if self.depth == 1 and name != "annotations":
            told = f"the outermost element is <{name}>; CVAT's XML 1.1 begins with <annotations>"
            raise FormatError(told, file=self.path, where=f"line {self._place[1]}")
        if self.depth != 2:
            return
        self.begun = (*self._place, values)
        if name == "image":
            self._enter(name, start=self.start_in_image)
        elif name == "track":
            self.index.tracks.append(self._track(values))
            self._enter(name, start=self.start_in_track)
        elif name == "meta" and self.index.meta is None:
            self.nodes = [Node(name)]
            self.index.meta = self.nodes[0]
            self._enter(name, start=self.start_in_meta)
            self.parser.CharacterDataHandler = self.text  # type: ignore[attr-defined]
        elif name != "version":
            self.index.unknown[name] += 1

    def start_in_image(self, name: str, values: Mapping[str, str]) -> None:
        """See a shape, a tag or an attribute of an image; it is read when the image is."""
        self.depth += 1
        if self.depth == 3 and "label" in values:
            self.index.labels.setdefault(values["label"])
        elif self.depth > MOST_DEPTH:
            raise Untrusted(f"elements stand inside of each other more than {MOST_DEPTH} deep")

    def start_in_track(self, name: str, values: Mapping[str, str]) -> None:
        """Note where a shape of a track is; what is inside of it is read when its frame is."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise Untrusted(f"elements stand inside of each other more than {MOST_DEPTH} deep")
        if self.depth != 3:
            return
        shapes, (place, line) = self.index.shapes, self._place
        frame = values.get("frame", "")
        if not (frame.isascii() and frame.isdigit() and len(frame) <= 15):
            self.index.problems.append(f"line {line}: <{name}> of a track has the frame {frame!r}")
            frame = "0"
        flags = KEYFRAME * (values.get("keyframe", "1") != "0") + OUTSIDE * (values.get("outside") == "1")
        shapes.track.append(len(self.index.tracks) - 1)
        shapes.frame.append(int(frame))
        shapes.start.append(place)
        shapes.stop.append(place)
        shapes.line.append(line)
        shapes.flags.append(flags)

    def start_in_meta(self, name: str, values: Mapping[str, str]) -> None:
        """Keep an element of <meta>."""
        self.depth += 1
        self.count += 1
        if self.depth > MOST_DEPTH or self.count > MOST_META:
            raise Untrusted(f"<meta> has more than {MOST_META} elements, or more than {MOST_DEPTH} levels")
        node = Node(name)
        self.nodes[-1].inner.append(node)
        self.nodes.append(node)

    def text(self, text: str) -> None:
        """Keep text of <meta>."""
        self.nodes[-1].texts.append(text)

    def end(self, name: str) -> None:
        """See an element close."""
        self.depth -= 1
        if self.depth == 1:
            self._close()
        elif self.inside == "meta":
            self.nodes.pop()
        elif self.inside == "track" and self.depth == 2:
            self.index.shapes.stop[-1] = self._place[0]

    def _close(self) -> None:
        """See a child of the root close."""
        if self.inside == "image":
            start, line, values = self.begun
            if "name" not in values:
                self.index.problems.append(f"line {line}: <image> has no name")
            self.index.images.append(
                Image(
                    start,
                    self._place[0],
                    line,
                    values.get("name", ""),
                    values.get("subset"),
                    values.get("task_id"),
                )
            )
        elif self.inside == "meta":
            self.parser.CharacterDataHandler = None  # type: ignore[attr-defined]
        if self.inside:
            self._enter("", start=self.start)

    def _track(self, values: Mapping[str, str]) -> Track:
        line = self._place[1]
        label = values.get("label", "")
        if "label" in values:
            self.index.labels.setdefault(label)
        else:
            self.index.problems.append(f"line {line}: <track> has no label")
        names = ("source", "group_id", "subset", "task_id")
        return Track(line, values.get("id", ""), label, *(values.get(name) for name in names))
