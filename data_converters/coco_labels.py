"""COCO's categories as labels, and labels as categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_converters.coco_index import OURS, kind_of
from data_converters.cvat_meta import PICTURES, SUBLABELS, is_plain
from segloop.data.annotations import RGB, Attribute, Label, LabelSet

KEYS: Mapping[str, frozenset[str]] = {  # those that are read
    "categories": frozenset(("id", "name", "supercategory", "color", OURS)),
    "info": frozenset(("description", "url", OURS)),
    "licenses": frozenset(("id", "name")),
}
HEADINGS_GROUP = "none"
MOST_LABELS = 1 << 16  # index masks have 16 bits


def read_categories(categories: Sequence[Any], faults: list[str]) -> dict[Any, Label]:
    """Return the labels of a file by category id, in its order; what is wrong goes to `faults`."""
    found: dict[Any, Label] = {}
    names: dict[str, Any] = {}
    for place, category in enumerate(categories):
        told = f"categories[{place}]"
        if not isinstance(category, dict):
            faults.append(f"{told} is {kind_of(category)}, not an object")
            continue
        ident, name = category.get("id"), category.get("name")
        if isinstance(ident, bool) or not isinstance(ident, int | str | float) or ident != ident:
            faults.append(f"{told}: its id is {str(ident)[:40]}")
            continue
        if not isinstance(name, str) or not name:
            faults.append(f"{told} (id {ident}): its name is {str(name)[:40]!r}, not a text")
            continue
        if ident in found:
            faults.append(f"{told}: {found[ident].name!r} and {name!r} have the same id {ident!r}")
        elif name in names and _is_heading(found[names[name]], category):
            found[names[name]] = found[ident] = _label(name, category)
        elif name in names:
            faults.append(f"{told}: the categories {names[name]!r} and {ident!r} have the same name {name!r}")
        else:
            found[ident] = _label(name, category)
            names[name] = ident
    if len(found) > MOST_LABELS:
        faults.append(f"{len(found)} categories are more than the {MOST_LABELS} that are believed")
    return found


def _is_heading(label: Label, category: Mapping[str, Any]) -> bool:
    """Tell whether a label is Roboflow's heading of a set: of no group, and the group of a category."""
    return label.group == HEADINGS_GROUP and category.get("supercategory") == label.name


def unread_keys(top: Mapping[str, Any]) -> Iterator[str]:
    """Yield `categories:key` and its like for each key of a file's heads that is not read, or cannot be.

    What is empty in a head of the whole file says nothing.
    """
    for what, known in KEYS.items():
        entries = top.get(what) if what != "info" else [top.get(what)]
        for each in entries if isinstance(entries, list) else ():
            for key, value in each.items() if isinstance(each, dict) else ():
                said = bool(value) or what == "categories"
                if _is_odd(key, value) if key in known else said:
                    yield f"{what}:{key}"


def _is_odd(key: str, value: Any) -> bool:
    """Tell whether a category's colour or group is said in a way that is not read."""
    odd = {"color": _color(value) is None, "supercategory": not isinstance(value, str)}
    return bool(value) and odd.get(key, False)


def join_labels(files: Sequence[Mapping[Any, Label]], infos: Sequence[Any]) -> LabelSet:
    """Return the labels of several files as one set, in the order they are met.

    The background, which COCO has no category for, is put back where it was when we wrote the file.
    """
    labels: dict[str, Label] = {}
    for each in files:
        for label in each.values():
            labels.setdefault(label.name, label)
    found = list(labels.values())
    ignore_index, background = 255, None
    for ours in map(_ours, infos):
        value, entry = ours.get("ignore_index"), ours.get("background")
        if type(value) is int and 0 <= value < MOST_LABELS:
            ignore_index = value
        if background is None and isinstance(entry, dict) and isinstance(entry.get("name"), str):
            place = entry.get("index")
            if entry["name"] not in labels and type(place) is int and 0 <= place <= len(found):
                found.insert(place, _label(entry["name"], entry))
                background = place
    return LabelSet(tuple(found), background=background, ignore_index=ignore_index)


def write_categories(labels: LabelSet, *, ours: bool = True) -> list[dict[str, Any]]:
    """Return a category for each label but the background, with ids from 1; with `ours` all that is known."""
    return [
        {
            "id": number,
            "name": label.name,
            "supercategory": (ours and label.group) or "",
            **_extras(label, ours),
        }
        for number, label in enumerate(labels.foreground, 1)
    ]


def category_ids(labels: LabelSet) -> dict[str, int]:
    """Return the category id of each label but the background."""
    return {label.name: number for number, label in enumerate(labels.foreground, 1)}


def write_info(labels: LabelSet, facts: Mapping[str, Any], *, ours: bool = True) -> dict[str, Any]:
    """Return what a COCO file says of itself: what is known of the set, and never a date."""
    info: dict[str, Any] = {}
    if facts.get("name"):
        info["description"] = str(facts["name"])
    if facts.get("source"):
        info["url"] = str(facts["source"])
    more: dict[str, Any] = {}
    if labels.ignore_index != 255:
        more["ignore_index"] = labels.ignore_index
    if labels.background is not None:
        label = labels.labels[labels.background]
        more["background"] = {"index": labels.background, "name": label.name, **_extras(label, True)}
    if facts.get(SUBLABELS) or facts.get(PICTURES):
        more["skeletons"] = {
            "parts": list(facts.get(SUBLABELS) or ()),
            "pictures": dict(facts.get(PICTURES) or {}),
        }
    return {**info, OURS: more} if more and ours else info


def read_skeletons(info: Any) -> dict[str, Any]:
    """Return what we wrote of CVAT's skeletons, as the facts that its reader knows; what is odd is let be."""
    ours = _ours(info).get("skeletons")
    parts, pictures = (ours.get("parts"), ours.get("pictures")) if isinstance(ours, dict) else (None, None)
    facts: dict[str, Any] = {}
    if isinstance(parts, list) and parts and all(map(is_plain, parts)):
        facts[SUBLABELS] = parts
    if isinstance(pictures, dict) and pictures and all(isinstance(each, str) for each in pictures.values()):
        facts[PICTURES] = pictures
    return facts


def _extras(label: Label, wanted: bool) -> dict[str, Any]:
    """Return what COCO has no place for; the colour stands where panoptic COCO has it."""
    if not wanted:
        return {}
    ours: dict[str, Any] = {}
    if label.attributes:
        ours["attributes"] = [
            {
                "name": each.name,
                "kind": each.kind,
                "values": list(each.values),
                "default": each.default,
                "mutable": each.mutable,
            }
            for each in label.attributes
        ]
    if label.shape != "any":
        ours["shape"] = label.shape
    return {**({"color": list(label.color)} if label.color else {}), **({OURS: ours} if ours else {})}


def _label(name: str, category: Mapping[str, Any]) -> Label:
    group, ours = category.get("supercategory"), _ours(category)
    shape = ours.get("shape")
    return Label(
        name,
        color=_color(category.get("color")),
        attributes=tuple(_attributes(ours.get("attributes"))),
        shape=shape if isinstance(shape, str) else "any",
        group=group if isinstance(group, str) and group else None,
    )


def _color(value: Any) -> RGB | None:
    """Return a colour given as three numbers or as #rrggbb; another tool's way to say it is let be."""
    if isinstance(value, str) and len(value) == 7 and value[0] == "#":
        try:
            value = list(bytes.fromhex(value[1:]))
        except ValueError:
            return None
    if isinstance(value, list) and len(value) == 3 and all(type(v) is int and 0 <= v < 256 for v in value):
        return value[0], value[1], value[2]
    return None


def _attributes(given: Any) -> Iterator[Attribute]:
    for each in given if isinstance(given, list) else []:
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            values = each.get("values")
            yield Attribute(
                each["name"],
                kind=str(each.get("kind", "text")),
                values=tuple(map(str, values)) if isinstance(values, list) else (),
                default=str(each.get("default", "")),
                mutable=each.get("mutable") is True,
            )


def _ours(value: Any) -> Mapping[str, Any]:
    ours = value.get(OURS) if isinstance(value, dict) else None
    return ours if isinstance(ours, dict) else {}
