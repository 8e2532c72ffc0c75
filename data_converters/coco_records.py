"""One image of a COCO file as a record of the hub, read from its bytes in any process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from data_converters.base import BadRecord
from data_converters.coco_files import ImageFolder, ImageTree, ZippedImages, image_name
from data_converters.coco_index import OURS, Key, kind_of
from data_converters.coco_shapes import bitmaps, finite, runs_size, shapes
from data_converters.json_stream import decoded
from segloop.data.annotations import (
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Shape,
    SizeHW,
    Tag,
    Value,
    image_id_of,
)
from segloop.data.image_files import MOST_PIXELS, image_facts, image_size
from segloop.utils.errors import UserError

MOST_SHAPES = 1 << 31  # of one image
STRAIGHT = 4  # EXIF orientations up to this leave height and width as they are
GAP = 1 << 12  # bytes between annotations that are read rather than passed over
UID = "uid"  # the attribute under which CVAT carries an identity
MARKS: Mapping[str, type] = {"uid": str, "group": int, "z_order": int, "occluded": bool, "source": str}


@dataclass(frozen=True)
class Source:
    """One COCO file as `load` needs it; `names` are the labels by category id."""

    file: Path
    images_file: Path
    names: Mapping[Any, str]
    images: ImageFolder | ImageTree | ZippedImages | None = None
    split: str | None = None
    shown: str = ""


@dataclass(frozen=True, kw_only=True)
class LoadImage:
    """Reads one image; travels to workers."""

    sources: tuple[Source, ...]
    size_hw: SizeHW | None = None
    results: bool = False
    from_cvat: bool = False  # `occluded` and `uid` stand among the attributes
    keep_crowds: bool = True  # False: a mask that is marked so is no crowd
    shared: Any = field(default=None, compare=False)  # what has to live as long as the files

    def __call__(self, key: Key) -> ImageRecord:
        """Return the image's record, or raise all that is wrong with it."""
        source = self.sources[key.source]
        problems = list(key.problems)
        if key.stop == 0:
            raise BadRecord(f"{source.shown}: annotations of no image", problems)
        data, starts, texts = _read_bytes(source, key)
        image = _decoded(data, f"the image at byte {key.start}", problems)
        image = image if isinstance(image, dict) else {}
        name = _name(image.get("file_name"), problems)
        file = _file(source.images, name, problems)
        starts, annotations = _annotations(starts, texts, problems) if starts else ([], [])
        size_hw = self._size(image, name, file, annotations, problems)
        ours = _ours(image)
        reader = _Annotations(self, source, size_hw, problems)
        instances = reader.instances(annotations, starts)
        for place, instance in reader.apart(ours.get("shapes")):
            instances.insert(place, instance)
        record = ImageRecord(
            image_id=image_id_of(name),
            name=name,
            file=file,
            size_hw=size_hw,
            split=source.split if source.split is not None else own_split(image),
            tags=_tags(ours.get("tags"), source, problems),
            instances=tuple(instances),
            ignore=_ignore(ours.get("ignore"), size_hw, problems),
        )
        if problems:
            raise BadRecord(record.image_id, problems)
        return record

    def _size(
        self,
        image: Mapping[str, Any],
        name: str,
        file: Path | None,
        annotations: Sequence[Mapping[str, Any]],
        problems: list[str],
    ) -> SizeHW | None:
        told = _told_size(image, problems)
        if file is not None:
            try:
                actual = image_size(file)
            except UserError as error:
                problems.append(str(error))
                return told
            if told and told != actual:
                turned = told == actual[::-1] and image_facts(file).orientation > STRAIGHT
                why = "; its EXIF orientation turns it" if turned else ""
                problems.append(
                    f"{name} is {actual[1]}x{actual[0]} pixels{why}, and the file says {told[1]}x{told[0]}"
                )
            return actual
        sizes = (runs_size(each.get("segmentation")) for each in annotations)
        return told or self.size_hw or next((size for size in sizes if size), None)


@dataclass(frozen=True)
class _Annotations:
    """The annotations of one image on their way to objects."""

    load: LoadImage
    source: Source
    size_hw: SizeHW | None
    problems: list[str]

    def instances(self, annotations: list[dict[str, Any]], starts: Sequence[int]) -> list[Instance]:
        def tell(place: int, told: str) -> None:
            ident = annotations[place].get("id")
            name = "the annotation" if ident is None else f"annotation {str(ident)[:40]}"
            self.problems.append(f"{name} at byte {starts[place]}: {told}")

        if not annotations:
            return []
        drawn = shapes(annotations, self.size_hw, tell=tell)
        for place, annotation in enumerate(annotations):
            for told in self._faults(annotation):
                tell(place, told)
        return [self._instance(*each) for each in zip(annotations, drawn, strict=True)]

    def apart(self, given: Any) -> list[tuple[int, Instance]]:
        """Return objects that COCO cannot draw, which we wrote beside the image, and where they were."""
        entries = given if isinstance(given, list) else [] if given is None else [given]
        places: list[int] = []
        for each in entries:
            place = each.get("place") if isinstance(each, dict) else None
            if type(place) is int and 0 <= place < MOST_SHAPES:
                places.append(place)
            else:
                self.problems.append(f"the shape {str(each)[:60]} of the image cannot be read")
        if len(places) < len(entries):
            return []
        return list(zip(places, self.instances(entries, places), strict=True))

    def _faults(self, annotation: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with all but the shape."""
        told: list[str] = []
        get = annotation.get
        category = get("category_id")
        if type(category) not in (int, str, float) or category not in self.source.names:
            known = ", ".join(map(str, list(self.source.names)[:20]))
            told.append(f"there is no category {repr(category)[:40]} (there are: {known})")
        score = get("score")
        if score is None:
            told += ["a result needs a score"] * self.load.results
        elif not finite(score):
            told.append(f"its score is {str(score)[:40]}, not a number")
        crowd = get("iscrowd")
        if crowd is not None and (isinstance(crowd, str | list | dict) or crowd not in (0, 1)):
            told.append(f"its iscrowd is {repr(crowd)[:40]}, not 0 or 1")
        if attributes := get("attributes"):
            told += _attribute_faults(attributes)
        if ours := get(OURS):
            told += [f"its {OURS!r} is {kind_of(ours)}"] * (not isinstance(ours, dict))
            for key, value in _ours(annotation).items():
                if key in MARKS and type(value) is not MARKS[key]:
                    told.append(f"its {OURS}.{key} is {kind_of(value)}")
        return told

    def _instance(self, annotation: Mapping[str, Any], shape: Shape) -> Instance:
        """Return an object; what is wrong with it has been told, and nobody will see it."""
        get = annotation.get
        category, score, attributes = get("category_id"), get("score"), get("attributes")
        attributes = _attributes(attributes) if attributes and isinstance(attributes, dict) else {}
        label = self.source.names.get(category, "") if type(category) in (int, str, float) else ""
        marks = _ours(annotation) if OURS in annotation else {}
        if get("ignore"):
            attributes.setdefault("ignore", True)
        if self.load.from_cvat:
            marks = {**marks, **_take_marks(attributes, shape)}
        crowd = bool(get("iscrowd")) and (self.load.keep_crowds or not isinstance(shape, Bitmap))
        return Instance(
            label=label,
            shape=shape,
            attributes=attributes,
            group=marks.get("group"),
            z_order=marks.get("z_order", 0),
            score=None if score is None or not finite(score) else float(score),
            crowd=crowd,
            occluded=marks.get("occluded") is True,
            source=marks.get("source"),
            uid=marks.get("uid"),
        )


def _ours(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what we wrote beside COCO's own keys."""
    ours = value.get(OURS)
    return ours if isinstance(ours, dict) else {}


def own_split(image: Mapping[str, Any]) -> str | None:
    """Return the split that an image of a single file says it is of, as we write it."""
    split = _ours(image).get("split")
    return split if isinstance(split, str) else None


def _take_marks(attributes: dict[str, Value], shape: Shape) -> dict[str, Any]:
    """Take out of the attributes what CVAT writes there and what is none of them."""
    marks: dict[str, Any] = {}
    for key, kind in (("occluded", bool), (UID, str)):
        if isinstance(attributes.get(key), kind):
            marks[key] = attributes.pop(key)
    if isinstance(shape, Box) and attributes.get("rotation") == 0.0:
        del attributes["rotation"]  # CVAT writes it for every box
    return marks


def _attribute_faults(attributes: Any) -> list[str]:
    if not isinstance(attributes, dict):
        return [f"its attributes are {kind_of(attributes)}, not an object"]
    odd = [key for key, value in attributes.items() if isinstance(value, float) and not finite(value)]
    return [f"its attribute {key!r} is {attributes[key]}, not a number" for key in odd]


def _read_bytes(source: Source, key: Key) -> tuple[bytes, list[int], list[bytes]]:
    """Return the bytes of an image, where its annotations begin, and their bytes."""
    with source.images_file.open("rb", buffering=0) as opened:
        opened.seek(key.start)
        data = opened.read(key.stop - key.start)
        spans = np.frombuffer(key.spans, np.int64).reshape(-1, 2).tolist() if key.spans else []
        if not spans:
            return data, [], []
        if source.file == source.images_file:
            return data, [start for start, _ in spans], _read_spans(opened, spans)
    with source.file.open("rb", buffering=0) as opened:
        return data, [start for start, _ in spans], _read_spans(opened, spans)


def _read_spans(opened: IO[bytes], spans: Sequence[Sequence[int]]) -> list[bytes]:
    """Return the bytes of ascending spans; those that lie close together are read at once."""
    texts: list[bytes] = []
    first = 0
    while first < len(spans):
        begin, end = spans[first]
        last = first + 1
        while last < len(spans) and spans[last][0] - end <= GAP:
            end = spans[last][1]
            last += 1
        opened.seek(begin)
        block = opened.read(end - begin)
        texts += [block[start - begin : stop - begin] for start, stop in spans[first:last]]
        first = last
    return texts


def _annotations(
    starts: list[int], texts: list[bytes], problems: list[str]
) -> tuple[list[int], list[dict[str, Any]]]:
    """Return the annotations that can be read, and where they begin; of others it is told why not."""
    try:
        values = decoded(b"[" + b",".join(texts) + b"]")
    except (ValueError, RecursionError):
        pairs = zip(starts, texts, strict=True)
        values = [_decoded(text, f"the annotation at byte {start}", problems) for start, text in pairs]
    if all(type(value) is dict for value in values):
        return starts, values
    fine = [place for place, value in enumerate(values) if type(value) is dict]
    return [starts[place] for place in fine], [values[place] for place in fine]


def _decoded(data: bytes, told: str, problems: list[str]) -> Any:
    try:
        return decoded(data)
    except json.JSONDecodeError:
        problems.append(f"{told} is not what it was; has the file changed meanwhile?")
    except (ValueError, RecursionError) as error:
        problems.append(f"{told}: {error}")
    return None


def _name(value: Any, problems: list[str]) -> str:
    """Return the path of an image, POSIX and without detours."""
    name, fault = image_name(value)
    if fault:
        problems.append(f"its file_name {str(value)[:80]!r}: {fault}")
    return "?" if fault else name


def _file(
    images: ImageFolder | ImageTree | ZippedImages | None, name: str, problems: list[str]
) -> Path | None:
    if images is None or problems:
        return None
    try:
        file = images.find(name)
    except UserError as error:  # a damaged archive
        problems.append(str(error))
        return None
    if file is None:
        problems.append(f"the image {images.place(name)} is missing")
    return file


def _told_size(image: Mapping[str, Any], problems: list[str]) -> SizeHW | None:
    sides: list[Any] = [image.get("height"), image.get("width")]
    if sides == [None, None]:
        return None
    if not all(finite(side) and side >= 1 and side == int(side) for side in sides):
        problems.append(f"its width and height are {sides[1]!r} and {sides[0]!r}"[:100])
        return None
    height, width = map(int, sides)
    if height * width > MOST_PIXELS:
        problems.append(f"{width}x{height} pixels are more than the {MOST_PIXELS} that are believed")
        return None
    return height, width


def _attributes(given: Mapping[str, Any]) -> dict[str, Value]:
    return {key: _plain(value) for key, value in given.items()}


def _plain(value: Any) -> Value:
    """Return a value as attributes have them; lists and objects as their JSON text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _tags(given: Any, source: Source, problems: list[str]) -> tuple[Tag, ...]:
    """Return the labels of the image as a whole, which we wrote."""
    found = []
    for each in given if isinstance(given, list) else [] if given is None else [given]:
        entry = each if isinstance(each, dict) else {}
        label, attributes = entry.get("label"), entry.get("attributes") or {}
        if isinstance(label, str) and label in source.names.values() and isinstance(attributes, dict):
            found.append(Tag(label, _attributes(attributes)))
        else:
            problems.append(f"the tag {str(each)[:60]} of the image cannot be read")
    return tuple(found)


def _ignore(given: Any, size_hw: SizeHW | None, problems: list[str]) -> Bitmap | None:
    """Return the pixels that nobody scores, which we wrote as runs."""
    if given is None:
        return None
    entry = given if isinstance(given, dict) else {}
    return bitmaps([entry], size_hw, [0], lambda _, told: problems.append(f"what is ignored: {told}"))[0]
