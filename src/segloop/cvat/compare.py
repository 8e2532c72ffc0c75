"""What CVAT holds beside what it was given, image by image and pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from segloop.cvat.records import filled, same_object
from segloop.data.annotations import ImageRecord, Instance


@dataclass(frozen=True)
class Changes:
    """How many objects of an image, or of several, are new, gone, or not what they were."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    images: int = 0  # with any of these

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __add__(self, other: Changes) -> Changes:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Changes(*(one + two for one, two in pairs))

    def __str__(self) -> str:
        if not self:
            return "no change"
        return f"{self.added} added, {self.removed} removed, {self.changed} changed in {self.images} image(s)"


def changes_of(
    put: ImageRecord | None, returned: ImageRecord | None, defaults: Mapping[str, Mapping[str, str]]
) -> Changes:
    """Return what became of an image's objects; the order in which they stand means nothing.

    Masks count as changed by a single pixel, outlines by more than CVAT's rounding, and so do labels, values
    and what lies over what.
    """
    before = _by_identity(put.instances if put else ())
    after = _by_identity(returned.instances if returned else ())
    shared = [uid for uid in before if uid in after]
    added = sum(len(each) for each in after.values()) - len(shared)
    removed = sum(len(each) for each in before.values()) - len(shared)
    changed = sum(not _same(before[uid][0], after[uid], defaults) for uid in shared)
    changed += tags_of(put, defaults) != tags_of(returned, defaults)
    return Changes(added, removed, changed, int(bool(added or removed or changed)))


def _same(one: Instance, others: Iterable[Instance], defaults: Mapping[str, Mapping[str, str]]) -> bool:
    return any(one.z_order == other.z_order and same_object(one, other, defaults) for other in others)


def _by_identity(instances: Iterable[Instance]) -> dict[str, list[Instance]]:
    found: dict[str, list[Instance]] = {}
    for place, each in enumerate(instances):
        found.setdefault(each.uid or f"\0{place}", []).append(each)
    return found


def tags_of(
    record: ImageRecord | None, defaults: Mapping[str, Mapping[str, str]]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what is said of a whole image, with what CVAT fills in."""
    tags = record.tags if record else ()
    return sorted(
        (tag.label, sorted(filled(tag.attributes, defaults.get(tag.label, {})).items())) for tag in tags
    )


def all_changes(
    put: Iterable[ImageRecord],
    returned: Iterable[ImageRecord],
    defaults: Mapping[str, Mapping[str, str]],
) -> dict[str, Changes]:
    """Return the changes of each image that was put or came back, by its id in the task."""
    after = {each.image_id: each for each in returned}
    found = {each.image_id: changes_of(each, after.pop(each.image_id, None), defaults) for each in put}
    return found | {name: changes_of(None, each, defaults) for name, each in after.items()}
