"""One image of the hub as lines of COCO, all its masks at once, in any process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from data_converters.base import BadRecord, Loss, Rendered, WriteOptions
from data_converters.coco_index import OURS
from data_converters.coco_masks import Masks, as_list, as_number, bare_box
from data_converters.media import file_suffix, name_fault
from segloop.data.annotations import ImageRecord, Instance, LabelSet, Opaque, SizeHW
from segloop.data.drawing import with_instances
from segloop.data.masks import to_strings
from segloop.utils.errors import DataError, nearest

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True)
class Dialect:
    """How COCO is written for those who read it.

    `ours` writes what COCO has no key for, `crowds` copies their mark, `decimals` rounds outlines, `marks`
    puts uid and occluded among the attributes, as CVAT does.
    """

    ours: bool = True
    crowds: bool = True
    decimals: int | None = None
    marks: bool = False


COCO = Dialect()
CVAT = Dialect(ours=False, crowds=False, decimals=2, marks=True)


class Page(NamedTuple):
    """An image as it will be written; the annotations lack their first keys, which are numbers of the set."""

    name: str
    suffix: str
    split: str | None
    file: Path | None
    size_hw: SizeHW
    ours: Mapping[str, Any]
    annotations: tuple[bytes, ...]
    has_ids: bool = True


def render(
    record: ImageRecord,
    labels: LabelSet,
    *,
    ids: Mapping[str, int],
    options: WriteOptions,
    dialect: Dialect,
) -> Rendered:
    """Return an image's lines, and what of it they do not hold; `ids` are the labels' category ids."""
    record = with_instances(record, labels, mode=options.instances, connectivity=options.connectivity)
    _check(record, ids, labels)
    assert record.size_hw is not None  # _check would have refused
    losses: list[Loss] = []
    background = None if labels.background is None else labels.labels[labels.background].name
    instances = [each for each in record.instances if each.label != background]
    if len(instances) < len(record.instances):
        count = len(record.instances) - len(instances)
        losses.append(Loss("background-objects", count, f"{record.image_id}: {background}"))
    if options.media not in (None, "none") and record.file is None:
        losses.append(Loss("image-files", 1, record.image_id))
    if dialect.marks:
        losses += _displaced(record, instances)
    drawn = [each for each in instances if not isinstance(each.shape, Opaque)]
    try:
        masks = Masks(record, drawn, options, losses, decimals=dialect.decimals)
        if options.results:
            annotations = _results(record, drawn, masks, ids, losses)
            ours = {}
        else:
            annotations = _annotations(drawn, masks, ids, dialect)
            ours = _image_extras(record, instances, ids) if dialect.ours else {}
    except DataError as error:
        raise BadRecord(record.image_id, [str(error)]) from None
    except ValueError as error:  # what JSON cannot say
        raise BadRecord(record.image_id, [f"a number is not finite ({error})"]) from None
    page = Page(
        name=record.name,
        suffix=file_suffix(record),
        split=record.split,
        file=record.file,
        size_hw=record.size_hw,
        ours=ours,
        annotations=tuple(annotations),
        has_ids=not options.results,
    )
    count = len(instances) if dialect.ours and not options.results else len(drawn)
    return Rendered(record.image_id, page, instances=count, pixels=masks.pixels, losses=tuple(losses))


def _check(record: ImageRecord, ids: Mapping[str, int], labels: LabelSet) -> None:
    """Refuse what could not be read back."""
    problems = []
    fault = name_fault(record.name)
    if fault:
        problems.append(f"its name {record.name!r}: {fault}")
    if record.size_hw is None:
        problems.append("its size is not known: neither labels nor an image file tell; --size names it")
    met = {each.label for each in record.instances} | {each.label for each in record.tags}
    if met - ids.keys():
        for label in sorted(met - set(labels.names)):
            problems.append(f"the label {label!r} is not declared.{nearest(label, labels.names)}")
    if problems:
        raise BadRecord(record.image_id, problems)


def _annotations(
    instances: Sequence[Instance], masks: Masks, ids: Mapping[str, int], dialect: Dialect
) -> list[bytes]:
    texts = masks.texts
    extras = _attributes_for_cvat if dialect.marks else _extras
    crowds = [int(each.crowd and dialect.crowds) for each in instances]
    lines = [
        f'"category_id":{ids[each.label]},"segmentation":{texts.get(place, "[]")},'
        f'{masks.area_and_box(place)},"iscrowd":{crowds[place]}{extras(each)}}}\n'
        for place, each in enumerate(instances)
    ]
    return "".join(lines).encode().splitlines()  # JSON has no line break of its own in a line


def _results(
    record: ImageRecord,
    instances: Sequence[Instance],
    masks: Masks,
    ids: Mapping[str, int],
    losses: list[Loss],
) -> list[bytes]:
    """Return lines of results. A mask has no bbox beside it: pycocotools would take its area for its own."""
    lines = []
    for place, each in enumerate(instances):
        text = masks.texts.get(place)
        shape = f'"segmentation":{text}' if text else f'"bbox":{as_list(bare_box(each.shape))}'
        score = as_number(1.0 if each.score is None else each.score)
        lines.append(f'"category_id":{ids[each.label]},{shape},"score":{score}}}'.encode())
    without = [each.label for each in instances if each.score is None]
    if without:
        told = f"{record.image_id}: {without[0]}, written with 1"
        losses.append(Loss("objects-without-score", len(without), told))
    return lines


def _extras(instance: Instance) -> str:
    """Return the keys of an object that not every one has, with a comma before each."""
    text = ""
    attributes = instance.attributes
    if attributes:
        if attributes.get("ignore") is True:  # the word that mmdet and others heed
            attributes = {key: value for key, value in attributes.items() if key != "ignore"}
            text += ',"ignore":1'
        if attributes:
            text += f',"attributes":{_json(dict(attributes))}'
    if instance.score is not None:
        text += f',"score":{as_number(instance.score)}'
    ours = _marks(instance)
    return text + f',"{OURS}":{_json(ours)}' if ours else text


def _attributes_for_cvat(instance: Instance) -> str:
    """Return the attributes with what CVAT keeps among them."""
    attributes: dict[str, Any] = {**instance.attributes, "occluded": instance.occluded}
    if instance.uid is not None:
        attributes["uid"] = instance.uid
    return f',"attributes":{_json(attributes)}'


def _displaced(record: ImageRecord, instances: Sequence[Instance]) -> list[Loss]:
    """Return the attributes that go because CVAT keeps something else under their name."""
    gone = [
        f"{record.image_id}: {each.label}, {name}"
        for each in instances
        for name in ("occluded", "uid")
        if name in each.attributes and (name == "occluded" or each.uid is not None)
    ]
    return [Loss("displaced-attributes", len(gone), gone[0])] if gone else []


def _marks(instance: Instance) -> dict[str, Any]:
    """Return what COCO has no key for."""
    marks: dict[str, Any] = {}
    if instance.group is not None:
        marks["group"] = instance.group
    if instance.occluded:
        marks["occluded"] = True
    if instance.source is not None:
        marks["source"] = instance.source
    if instance.uid is not None:
        marks["uid"] = instance.uid
    if instance.z_order:
        marks["z_order"] = instance.z_order
    return marks


def _image_extras(
    record: ImageRecord, instances: Sequence[Instance], ids: Mapping[str, int]
) -> dict[str, Any]:
    """Return what is known of an image and COCO has no place for."""
    ours: dict[str, Any] = {}
    if record.ignore is not None:
        runs = to_strings([record.ignore.runs])[0]
        ours["ignore"] = {"size": list(record.ignore.size_hw), "counts": runs}
    apart = [(place, each) for place, each in enumerate(instances) if isinstance(each.shape, Opaque)]
    if apart:
        ours["shapes"] = [_apart(place, each, ids) for place, each in apart]
    if record.tags:
        ours["tags"] = [
            {"label": tag.label, **({"attributes": dict(tag.attributes)} if tag.attributes else {})}
            for tag in record.tags
        ]
    if ours:
        json.dumps(ours, allow_nan=False)  # or a ValueError, here and not when it is written
    return ours


def _apart(place: int, instance: Instance, ids: Mapping[str, int]) -> dict[str, Any]:
    """Return an object that COCO cannot draw as an annotation that stands beside the image."""
    assert isinstance(instance.shape, Opaque)
    shape = {"kind": instance.shape.kind, "payload": dict(instance.shape.payload)}
    return {
        "place": place,
        "category_id": ids[instance.label],
        **({"iscrowd": 1} if instance.crowd else {}),
        **({"attributes": dict(instance.attributes)} if instance.attributes else {}),
        **({"score": instance.score} if instance.score is not None else {}),
        OURS: {**_marks(instance), "shape": shape},
    }


def _json(value: Mapping[str, Any]) -> str:
    """Return an object as JSON on one line; half characters are escaped."""
    return dump(value).decode()


def dump(value: Any) -> bytes:
    """Return a value as JSON in UTF-8, on one line; half characters are escaped."""
    text = _encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
