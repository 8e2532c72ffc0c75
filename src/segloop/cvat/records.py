"""An image's objects on their way to CVAT and back: what it has no place for goes along as attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from segloop.cvat.labels import PART, UID, Carrier
from segloop.data.annotations import (
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    LabelSet,
    Opaque,
    Polygon,
    Shape,
    Tag,
    Value,
)
from segloop.data.drawing import bitmaps, with_instances, with_outlines
from segloop.data.masks import Runs, area, decode, encode, shared_pixels, to_spans

DECIMALS = 2  # of a coordinate, that CVAT keeps
NEAR = 0.5 * 10**-DECIMALS + 1e-9  # by how much rounding moves a coordinate


def as_objects(record: ImageRecord, labels: LabelSet) -> ImageRecord:
    """Return the record as objects, each with an identity; an index map becomes an object for each part.

    Of objects with one identity, as copies made in CVAT are, the first keeps it. Objects of the
    background are nothing to draw, and are left out.
    """
    record = with_instances(record, labels)
    nothing = None if labels.background is None else labels.labels[labels.background].name
    stem = hashlib.sha256(f"{record.split or ''}\0{record.image_id}".encode()).hexdigest()[:10]
    taken = {each.uid for each in record.instances if each.uid}
    found: dict[str, Instance] = {}
    for number, each in enumerate(record.instances, start=1):
        if each.label == nothing:
            continue
        uid = each.uid
        if not uid or uid in found:
            uid = f"{stem}-{number}"
            while uid in taken:
                uid += "+"
        taken.add(uid)
        found[uid] = replace(each, uid=uid)
    return replace(record, instances=tuple(found.values()))


def as_sent(record: ImageRecord, carrier: Carrier, *, name: str, rank: int | None) -> ImageRecord:
    """Return a record of objects as CVAT is to hold it under a name; `received` is the way back.

    Scores, ranks and crowds become attributes, ignored pixels an object of the label `carrier.ignore` above
    all others, and where objects overlap each has a z_order of its own, for CVAT draws equals in any order.
    """
    size_hw = record.size_hw
    instances: list[Instance] = []
    for each in record.instances:
        extra = {} if each.score is None else {carrier.score: repr(float(each.score))}
        if rank is not None:
            extra[carrier.rank] = str(rank)
        if each.crowd:
            extra[carrier.crowd] = "true"
        carried = {**each.attributes, **extra}
        instances.append(replace(each, attributes=carried, score=None, crowd=False, source=None))
    instances = number_overlaps(instances, size_hw)
    if record.ignore is not None and carrier.ignore is not None and area(record.ignore.runs):
        top = max((each.z_order for each in instances), default=-1) + 1
        ignored = Instance(label=carrier.ignore, shape=record.ignore, z_order=top, uid=f"{carrier.ignore}-0")
        instances.append(ignored)
    return replace(
        record,
        image_id=name.rpartition(".")[0] or name,
        name=name,
        split=None,
        instances=tuple(instances),
        ignore=None,
        remarks=(),
    )


def number_overlaps(instances: Sequence[Instance], size_hw: tuple[int, int] | None) -> list[Instance]:
    """Return objects with a z_order of their own each, if any overlap and two have the same one."""
    if size_hw is None or len({each.z_order for each in instances}) == len(instances):
        return list(instances)
    runs = [each for each in bitmaps(instances, size_hw) if each is not None]
    if not shared_pixels(to_spans(runs, size_hw))[0]:
        return list(instances)
    found = list(instances)
    for z_order, place in enumerate(sorted(range(len(found)), key=lambda at: found[at].z_order)):
        found[place] = replace(found[place], z_order=z_order)
    return found


def received(
    returned: ImageRecord,
    put: ImageRecord,
    objects: ImageRecord,
    carrier: Carrier,
    *,
    defaults: Mapping[str, Mapping[str, str]],
    nothing: str | None = None,
) -> ImageRecord:
    """Return what came back as a record of the set.

    `put` is the image as CVAT was given it, read from the XML that was sent, `objects` the same as the set
    knows it, and `defaults` are what CVAT fills in where an object has no value (`labels.defaults_of`). What
    people drew with a label that is called `nothing`, as the background is, is erased from what lies below.

    An object that nobody touched is exactly the one that had gone, with coordinates and values that CVAT
    rounds or has no place for; one that never went, for CVAT has no place for any of it, is still there. An
    identity that stands twice, as after a copy in CVAT, stays with the object that is most like the one that
    had it; a pixel that somebody drew an object over is ignored no more.
    """
    size_hw = objects.size_hw or returned.size_hw
    before = {each.uid: each for each in objects.instances}
    given = {each.uid: each for each in put.instances}
    came = [replace(each, uid=each.uid or None, source=None) for each in returned.instances]
    regions = [each for each in came if each.label == carrier.ignore]
    came = _one_each([each for each in came if each.label != carrier.ignore], given, size_hw)
    level = _levels(came, given, before)
    found = []
    for each in _erased(came, objects, nothing):
        was = given.get(each.uid) if each.uid else None
        if was is not None and same_object(was, each, defaults):
            found.append(replace(before[each.uid], z_order=level(each)))
        else:
            back = _uncarried(each, carrier, defaults.get(each.label, {}), was)
            old = before.get(each.uid) if was is not None else None
            found.append(replace(back, z_order=level(each), source=old.source if old else None))
    found += [each for each in objects.instances if each.uid not in given]
    place = {uid: number for number, uid in enumerate(before)}
    found.sort(key=lambda each: place.get(each.uid, len(place)))
    ignore = _ignored(regions, came, objects)
    return replace(objects, instances=tuple(found), tags=_tags(returned, objects, defaults), ignore=ignore)


def _tags(
    returned: ImageRecord, objects: ImageRecord, defaults: Mapping[str, Mapping[str, str]]
) -> tuple[Tag, ...]:
    """Return the labels of the whole image; one that had gone as it had gone."""
    known = list(objects.tags)
    found = []
    for tag in returned.tags:
        fill = defaults.get(tag.label, {})
        now = filled(tag.attributes, fill)
        was = next(
            (each for each in known if each.label == tag.label and filled(each.attributes, fill) == now),
            None,
        )
        if was is not None:
            known.remove(was)
            found.append(was)
        else:
            found.append(replace(tag, attributes={k: v for k, v in tag.attributes.items() if v != ""}))
    order = {id(each): place for place, each in enumerate(objects.tags)}
    return tuple(sorted(found, key=lambda each: (order.get(id(each), len(order)), each.label)))


def filled(attributes: Mapping[str, Value], defaults: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes as texts, with what CVAT fills in."""
    known = {**defaults, **attributes}
    return {name: _text(value) for name, value in known.items() if name not in (UID, PART)}


def same_object(
    one: Instance, other: Instance, defaults: Mapping[str, Mapping[str, str]] | None = None
) -> bool:
    """Return whether two objects say the same, but for what CVAT fills in or has no place for."""
    fill = (defaults or {}).get(one.label, {})
    return (
        one.label == other.label
        and filled(one.attributes, fill) == filled(other.attributes, fill)
        and one.occluded == other.occluded
        and (one.group or None) == (other.group or None)
        and same_shape(one.shape, other.shape)
    )


def same_shape(one: Shape, other: Shape) -> bool:
    """Return whether two shapes are the same to CVAT's two decimals; masks to the pixel."""
    if isinstance(one, Bitmap) and isinstance(other, Bitmap):
        return tuple(one.size_hw) == tuple(other.size_hw) and np.array_equal(one.runs, other.runs)
    if isinstance(one, Polygon) and isinstance(other, Polygon):
        return len(one.rings) == len(other.rings) and all(
            a.shape == b.shape and (np.abs(a - b) <= NEAR).all()
            for a, b in zip(one.rings, other.rings, strict=True)
        )
    if isinstance(one, Box) and isinstance(other, Box):
        return all(abs(a - b) <= NEAR for a, b in zip(one.box_xyxy, other.box_xyxy, strict=True))
    if isinstance(one, Opaque) and isinstance(other, Opaque):
        # CVAT rounds where a radius ends when it takes an ellipse in, and the radius when it gives it out.
        near = 2 * NEAR if one.kind == "ellipse" else NEAR
        return one.kind == other.kind and _same_values(one.payload, other.payload, near)
    return False


def _same_values(one: object, other: object, near: float) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return set(one) == set(other) and all(_same_values(one[key], other[key], near) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            _same_values(a, b, near) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= near
    return one == other


def _uncarried(
    each: Instance, carrier: Carrier, defaults: Mapping[str, str], was: Instance | None
) -> Instance:
    """Take out of the attributes what CVAT had no place for, and what it filled in by itself."""
    attributes = dict(each.attributes)
    score = attributes.pop(carrier.score, None)
    crowd = attributes.pop(carrier.crowd, None)
    attributes.pop(carrier.rank, None)
    if was is not None:
        for name in [name for name in attributes if name not in was.attributes]:
            if _text(attributes[name]) == defaults.get(name):
                del attributes[name]
    else:  # drawn in CVAT: an empty text says nothing
        attributes = {name: value for name, value in attributes.items() if value not in ("", None)}
    return replace(each, attributes=attributes, score=_number(score), crowd=str(crowd).lower() == "true")


def _text(value: object) -> str:
    """Return a value as CVAT holds it, without blanks at its ends and with line ends of one kind."""
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value)
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _one_each(
    came: Sequence[Instance], before: Mapping[str | None, Instance], size_hw: tuple[int, int] | None
) -> list[Instance]:
    """Return objects in an order that does not hang on the server's, each identity with one of them alone."""
    twice: dict[str, list[int]] = {}
    for place, each in enumerate(came):
        if each.uid:
            twice.setdefault(each.uid, []).append(place)
    found = list(came)
    for uid, places in twice.items():
        was = before.get(uid)
        keep = max(places, key=lambda place: _likeness(was, came[place], size_hw)) if was else None
        for place in places:
            if place != keep:  # a copy, or one that came from another image
                found[place] = replace(found[place], uid=None)
    rank = {uid: number for number, uid in enumerate(before)}
    ordered = sorted(enumerate(found), key=lambda pair: _order(pair[1], rank, size_hw))
    return [each for _, each in ordered]


def _order(
    each: Instance, rank: Mapping[str | None, int], size_hw: tuple[int, int] | None
) -> tuple[object, ...]:
    """Return what to sort by: objects that had gone in their order, then new ones by level and place."""
    if each.uid in rank:
        return (0, rank[each.uid], 0, "", "")
    return (1, 0, each.z_order, each.label, _fingerprint(each.shape, size_hw))


def _fingerprint(shape: Shape, size_hw: tuple[int, int] | None) -> str:
    if isinstance(shape, Bitmap):
        return shape.runs.tobytes().hex()
    if isinstance(shape, Polygon):
        return repr([ring.tolist() for ring in shape.rings])
    return repr(shape)


def _likeness(was: Instance | None, now: Instance, size_hw: tuple[int, int] | None) -> tuple[bool, float]:
    if was is None or size_hw is None:
        return (False, 0.0)
    first, second = bitmaps([was, now], size_hw)
    if first is None or second is None:
        return (was.label == now.label, float(same_shape(was.shape, now.shape)))
    shared = shared_pixels(to_spans([first, second], size_hw))[0]
    whole = area(first) + area(second) - shared
    return (was.label == now.label, shared / whole if whole else 1.0)


def _levels(
    came: Sequence[Instance],
    given: Mapping[str | None, Instance],
    before: Mapping[str | None, Instance],
) -> Callable[[Instance], int]:
    """Return what gives each object its z_order: the one that it had, if CVAT has all where they were put."""
    if all(
        each.uid in given and each.uid in before and each.z_order == given[each.uid].z_order for each in came
    ):
        return lambda each: before[each.uid].z_order
    return lambda each: each.z_order


def _pixels(instances: Sequence[Instance], image: ImageRecord) -> list[Runs | None]:
    """Return the runs of objects of an image; boxes and ellipses are filled."""
    assert image.size_hw is not None
    return bitmaps(with_outlines(replace(image, instances=tuple(instances))).instances, image.size_hw)


def _erased(came: Sequence[Instance], objects: ImageRecord, nothing: str | None) -> list[Instance]:
    """Return objects without the pixels that were drawn over as background, and without what was drawn so."""
    over = [each for each in came if each.label == nothing]
    kept = [each for each in came if each.label != nothing]
    size_hw = objects.size_hw
    if not over or size_hw is None:
        return kept
    covers = [
        (each.z_order, decode(runs, size_hw))
        for each, runs in zip(over, _pixels(over, objects), strict=True)
        if runs is not None
    ]
    found = []
    for each, runs in zip(kept, _pixels(kept, objects), strict=True):
        own = None if runs is None else decode(runs, size_hw)
        left = own
        for z_order, cover in covers:
            if left is not None and z_order >= each.z_order:
                left = left & ~cover
        if own is None or left is None or np.array_equal(own, left):
            found.append(each)
        elif left.any():
            found.append(replace(each, shape=Bitmap(size_hw, encode(left))))
    return found


def _ignored(regions: Sequence[Instance], came: Sequence[Instance], objects: ImageRecord) -> Bitmap | None:
    """Return the pixels that nobody scores: what was drawn as such, less what was drawn over it."""
    size_hw = objects.size_hw
    if not regions or size_hw is None:
        return None if size_hw is not None else objects.ignore
    canvas = np.zeros(size_hw, bool)
    for region, runs in zip(regions, _pixels(regions, objects), strict=True):
        if runs is None:
            continue
        own = decode(runs, size_hw).astype(bool)
        over = [
            each
            for each in came
            if each.z_order > region.z_order or (each.z_order == region.z_order and not each.uid)
        ]
        for other in _pixels(over, objects):
            if other is not None:
                own &= ~decode(other, size_hw).astype(bool)
        canvas |= own
    if not canvas.any():
        return None
    if objects.ignore is not None and np.array_equal(
        decode(objects.ignore.runs, size_hw).astype(bool), canvas
    ):
        return objects.ignore
    return Bitmap(size_hw, encode(canvas))
