"""Where each image and each annotation of a COCO file lies in it: some thirty bytes of memory for each."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_converters.json_stream import Element, Piece, decoded, elements, pieces
from segloop.data.annotations import image_id_of

OURS = "segloop"  # the one key under which we write what the hub knows and COCO has no place for
IMAGE_KEYS = frozenset(f"id file_name width height {OURS}".split())  # the keys that are read
ANNOTATION_KEYS = frozenset(
    f"id image_id category_id segmentation area bbox iscrowd attributes score ignore {OURS}".split()
)
PLAIN_KEYS = ANNOTATION_KEYS - {"attributes", "ignore"}  # of which nothing has to be told
TOP_KEYS = frozenset(("images", "annotations", "categories", "info", "licenses"))
MOST_TOLD = 1000  # problems of one kind that are kept
_WORDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def kind_of(value: Any) -> str:
    """Say in words what kind of JSON value something is."""
    return _WORDS.get(type(value), "a number")


class Key(NamedTuple):
    """One image: which source it is in, its bytes there, and pairs of int64 for each of its annotations."""

    source: int
    start: int
    stop: int
    spans: bytes
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CocoIndex:
    """A COCO file, or the results beside one: spans of bytes, and what was seen on the way.

    `images` is Nx2, `spans` Mx2 with those of image n from `first[n]` to before `first[n + 1]`. `problems`
    are by image, `orphans` those of annotations of no image, `faults` those of the file as a whole. `seen`
    counts what a reader may want to tell: keys that are not read, crowds, marks.
    """

    file: Path
    images_file: Path
    images: np.ndarray
    spans: np.ndarray
    first: np.ndarray
    problems: Mapping[int, tuple[str, ...]]
    orphans: tuple[str, ...]
    faults: tuple[str, ...]
    top: Mapping[str, Any]
    seen: Counter[str]

    def __len__(self) -> int:
        return len(self.images) + bool(self.orphans)

    def key(self, source: int, place: int) -> Key:
        """Return what says where image `place` is; one past the last are the annotations of no image."""
        if place == len(self.images):
            return Key(source, 0, 0, b"", self.orphans)
        start, stop = self.images[place].tolist()
        low, high = self.first[place], self.first[place + 1]
        return Key(source, start, stop, self.spans[low:high].tobytes(), self.problems.get(place, ()))


class CocoKeys(Sequence[Key]):
    """The keys of several indices, one after the other, made when they are asked for."""

    def __init__(self, indices: Sequence[CocoIndex]) -> None:
        self.indices = tuple(indices)
        self.ends = np.cumsum([len(index) for index in self.indices]).tolist()

    def __len__(self) -> int:
        return int(self.ends[-1]) if self.ends else 0

    @property
    def fullest(self) -> int:
        """The most annotations that an image has."""
        return max((int(np.diff(each.first).max(initial=0)) for each in self.indices), default=0)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        place = place + len(self) if place < 0 else place
        if not 0 <= place < len(self):
            raise IndexError(place)
        source = bisect_right(self.ends, place)
        return self.indices[source].key(source, place - (self.ends[source - 1] if source else 0))


def index_coco(file: Path, *, shown: Path | None = None) -> CocoIndex:
    """Read through a COCO file once; errors call it `shown`."""
    build = _Build()
    build.read(file, annotations=True, shown=shown)
    return build.finish(file, file)


def index_results(file: Path, truth: Path) -> CocoIndex:
    """Read through a list of results, and the COCO file that has their images and categories."""
    build = _Build()
    build.read(truth, annotations=False)
    build.seen.clear()  # of annotations that are not ours
    build.read(file, annotations=True)
    return build.finish(file, truth)


def is_results(file: Path) -> bool:
    """Tell whether a JSON file is one list, as results are."""
    first = next(elements(file), None)
    return first is not None and first.key == ""


@dataclass
class _Build:
    """What is gathered while a file goes by; image ids may come as numbers or texts, and after their use."""

    numbers: dict[Any, int] = field(default_factory=dict)  # image ids, in the order they are met
    rows: dict[int, int] = field(default_factory=dict)  # those of images: their place among them
    names: dict[str, str] = field(default_factory=dict)
    images: array[int] = field(default_factory=lambda: array("q"))
    owners: array[int] = field(default_factory=lambda: array("q"))
    spans: array[int] = field(default_factory=lambda: array("q"))
    ids: array[int] = field(default_factory=lambda: array("q"))
    ids_at: array[int] = field(default_factory=lambda: array("q"))
    texts: dict[str, int] = field(default_factory=dict)  # annotation ids that are no numbers
    problems: dict[int, list[str]] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    top: dict[str, Any] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def read(self, file: Path, *, annotations: bool, shown: Path | None = None) -> None:
        with file.open("rb") as self.opened:
            met: Counter[str] = Counter()
            for piece in pieces(file, shown=shown):
                key = piece.key
                if piece.place < 0:
                    met[key] += 1
                    self._begin(next(piece.elements()))
                elif key == "annotations" or key == "":
                    if annotations and not self._plain_annotations(piece):
                        for element in piece.elements():
                            self._annotation(element)
                elif key == "images":
                    for element in piece.elements():
                        self._image(element)
                elif key in TOP_KEYS:
                    self.top[key] += [self._whole(element) for element in piece.elements()]
        self.faults += [f"the key {key!r} is there {count} times" for key, count in met.items() if count > 1]
        self.seen.update({f"top:{key}": 1 for key in met if key and key not in TOP_KEYS})

    def _begin(self, element: Element) -> None:
        key = element.key
        if key not in TOP_KEYS:
            return
        value = self._whole(element) if element.value != [] else []
        if key != "info" and not isinstance(value, list):
            self.faults.append(f"{key!r} must be a list, not {kind_of(value)}")
            value = []
        self.top[key] = value

    def _whole(self, element: Element) -> Any:
        """Read an element again, with its texts."""
        self.opened.seek(element.start)
        try:
            return decoded(self.opened.read(element.stop - element.start))
        except ValueError as error:
            self.faults.append(f"{element.key!r} at byte {element.start}: {error}")
            return {}

    def _image(self, element: Element) -> None:
        row = len(self.images) // 2
        self.images.extend((element.start, element.stop))
        value = element.value
        told = f"images[{element.place}]"
        if not isinstance(value, dict):
            self._tell(row, f"{told} at byte {element.start} is {kind_of(value)}, not an object")
            return
        name = value.get("file_name")
        if isinstance(name, str) and not name.isascii():
            name = self._whole(element).get("file_name")
        if isinstance(name, str):
            other = self.names.setdefault(image_id_of(name), name)
            if other is not name:
                self._tell(row, f"{told}: {name!r} and {other!r} would be the same image")
        self.seen.update(f"images:{key}" for key in value.keys() - IMAGE_KEYS)
        ident = self._image_id(value.get("id"), element, "id")
        if ident is None:
            self._tell(row, f"{told} at byte {element.start}: its id is {_shown(value.get('id'))}")
            return
        number = self.numbers.setdefault(ident, len(self.numbers))
        if self.rows.setdefault(number, row) != row:
            self._tell(row, f"{told} at byte {element.start}: another image has the id {ident!r} too")

    def _plain_annotations(self, piece: Piece) -> bool:
        """Take in annotations with numbers for ids, as most are, or none; False leaves them as they were."""
        values = piece.values
        if set(map(type, values)) != {dict}:
            return False
        images = [value.get("image_id") for value in values]
        ids = [value.get("id") for value in values]
        with_ids = set(map(type, ids)) == {int}
        if set(map(type, images)) != {int} or not (with_ids or ids.count(None) == len(ids)):
            return False
        if with_ids:
            if max(map(abs, ids)) >= 1 << 63:
                return False
            self.ids_at.extend(range(len(self.owners), len(self.owners) + len(ids)))
            self.ids.extend(ids)
        numbers = self.numbers
        self.owners.extend([numbers.setdefault(image, len(numbers)) for image in images])
        self.spans.extend(chain.from_iterable(zip(piece.starts, piece.stops, strict=True)))
        for value in values:
            if not value.keys() <= PLAIN_KEYS or value.get("iscrowd"):
                self._count(value)
        return True

    def _annotation(self, element: Element) -> None:
        _, place, value, start, stop = element
        if type(value) is not dict:
            self._orphan(f"annotations[{place}] at byte {start} is {kind_of(value)}, not an object")
            return
        image = value.get("image_id")
        if type(image) is not int:
            image = self._image_id(image, element, "image_id")
            if image is None:
                told = f"its image_id is {_shown(value.get('image_id'))}"
                self._orphan(f"annotations[{place}] at byte {start}: {told}")
                return
        numbers = self.numbers
        number = numbers.setdefault(image, len(numbers))
        self.owners.append(number)
        self.spans.extend((start, stop))
        ident = value.get("id")
        if type(ident) is int and -(1 << 63) <= ident < 1 << 63:
            self.ids.append(ident)
            self.ids_at.append(len(self.owners) - 1)
        elif isinstance(ident, str) and self.texts.setdefault(ident, start) != start:
            self.problems.setdefault(-len(self.owners), []).append(_twice(ident, self.texts[ident], start))
        self._count(value)

    def _count(self, value: dict[str, Any]) -> None:
        """Count what a reader may want to tell of an annotation."""
        if value.keys() - ANNOTATION_KEYS:
            self.seen.update(f"annotations:{key}" for key in value.keys() - ANNOTATION_KEYS)
        if value.get("iscrowd"):
            self.seen["crowds"] += 1
            self.seen["crowds with runs"] += isinstance(value.get("segmentation"), dict)
        if value.get("ignore"):
            self.seen["ignored"] += 1
        attributes = value.get("attributes")
        if attributes and isinstance(attributes, dict):
            self.seen["nested"] += sum(isinstance(each, dict | list) for each in attributes.values())

    def _image_id(self, value: Any, element: Element, key: str) -> int | str | None:
        """Return an id that can be compared with others, or None."""
        if isinstance(value, str):
            return value if value.isascii() else self._whole(element).get(key)
        if isinstance(value, float) and value.is_integer():  # as pandas writes them
            return int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def _tell(self, row: int, problem: str) -> None:
        self.problems.setdefault(row, []).append(problem)

    def _orphan(self, problem: str) -> None:
        if len(self.orphans) <= MOST_TOLD:
            self.orphans.append(problem if len(self.orphans) < MOST_TOLD else "… and more of the kind")

    def finish(self, file: Path, images_file: Path) -> CocoIndex:
        spans = np.frombuffer(self.spans, np.int64).reshape(-1, 2)
        lookup = np.full(len(self.numbers) + 1, -1, np.int64)
        lookup[list(self.rows)] = list(self.rows.values())
        owners = lookup[np.frombuffer(self.owners, np.int64)]
        for problem in self._repeated(spans):
            self._tell(*problem)
        problems: dict[int, list[str]] = {}
        for place, told in self.problems.items():  # those below 0 are by annotation
            row = place if place >= 0 else int(owners[-place - 1])
            problems.setdefault(row, []).extend(told)
        unknown = np.flatnonzero(owners < 0)
        if len(unknown):
            names = {number: ident for ident, number in self.numbers.items()}
            numbers = np.frombuffer(self.owners, np.int64)
            for each in unknown[: MOST_TOLD + 1].tolist():
                ident = names[int(numbers[each])]
                self._orphan(f"the annotation at byte {spans[each, 0]}: there is no image {ident!r}")
        order = np.argsort(owners, kind="stable")[len(unknown) :]
        count = len(self.images) // 2
        return CocoIndex(
            file=file,
            images_file=images_file,
            images=np.frombuffer(self.images, np.int64).reshape(-1, 2),
            spans=spans[order],
            first=np.searchsorted(owners[order], np.arange(count + 1)),
            problems={row: tuple(told) for row, told in problems.items() if row >= 0},
            orphans=tuple(self.orphans),
            faults=tuple(self.faults),
            top=self.top,
            seen=self.seen,
        )

    def _repeated(self, spans: np.ndarray) -> Iterator[tuple[int, str]]:
        """Yield annotation ids that were given before, as problems of the annotation that came later."""
        ids, places = np.frombuffer(self.ids, np.int64), np.frombuffer(self.ids_at, np.int64)
        order = np.argsort(ids, kind="stable")
        again = np.flatnonzero(ids[order][1:] == ids[order][:-1]) + 1
        for place in again[:MOST_TOLD].tolist():
            first, later = places[order[place - 1]], places[order[place]]
            told = _twice(int(ids[order[place]]), int(spans[first, 0]), int(spans[later, 0]))
            yield -int(later) - 1, told


def _twice(ident: Any, first: int, later: int) -> str:
    return f"the annotations at bytes {first} and {later} have the same id {ident!r}"


def _shown(value: Any) -> str:
    return "missing or null" if value is None else f"{kind_of(value)} ({str(value)[:40]})"
