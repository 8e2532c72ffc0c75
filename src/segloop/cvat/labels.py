"""The labels of a set as CVAT is told them: colours, declared attributes, and a label for ignored pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from segloop.data.annotations import RGB, Attribute, Label, LabelSet, Value
from segloop.data.palette import complete_colors
from segloop.utils.errors import DataError, listing

UID, PART = "uid", "segloop_part"  # text attributes that the reader and the writer of CVAT's XML know
LONGEST, LONGEST_VALUE = 64, 4096  # characters of a name, and of a value; CVAT's server refuses more
GREY: RGB = (128, 128, 128)
IGNORED = (255, 65_535)  # numbers of ignored pixels: the largest of 8 bits, and of 16
WHOLE = ("min", "max", "step")  # what CVAT wants to know of a number


@dataclass(frozen=True)
class Carrier:
    """Under which names the loop carries what CVAT has no place for; no attribute of the set's own has them.

    `ignore` is the label of pixels that nobody scores, None where the set has none.
    """

    score: str = "score"
    rank: str = "rank"
    crowd: str = "crowd"
    ignore: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the attributes."""
        return self.score, self.rank, self.crowd


def carrier_for(labels: LabelSet, *, used: Iterable[str] = (), ignores: bool = False) -> Carrier:
    """Choose names that neither the labels declare nor objects use (`used`)."""
    taken = {each.name for label in labels.labels for each in label.attributes} | set(used)
    score, rank, crowd = (_free(name, taken) for name in ("score", "rank", "crowd"))
    return Carrier(score, rank, crowd, _free("ignore", set(labels.names)) if ignores else None)


def _free(name: str, taken: set[str]) -> str:
    number = 1
    found = name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def odd_values(attributes: Mapping[str, Value], label: Label) -> dict[str, str]:
    """Return the values of an object that CVAT does not take for their kind, by their attributes.

    Its server refuses a whole file for one of a checkbox, and its page lets nobody change any value of an
    object that has one.
    """
    known = {each.name: each for each in label.attributes}
    texts = {name: _as_text(value) for name, value in attributes.items() if name in known}
    return {name: text for name, text in texts.items() if not _is_allowed(text, known[name])}


def too_long(attributes: Mapping[str, Value]) -> list[str]:
    """Say which values of an object are longer than CVAT takes."""
    return [
        f"its attribute {name!r} has {len(value)} characters, and CVAT takes {LONGEST_VALUE}"
        for name, value in attributes.items()
        if isinstance(value, str) and len(value) > LONGEST_VALUE
    ]


def _as_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _is_allowed(text: str, each: Attribute) -> bool:
    if each.kind == "checkbox":
        return text in ("true", "false")
    if each.kind in ("select", "radio"):
        return not each.values or text in each.values
    if each.kind != "number" or len(each.values) != len(WHOLE):
        return True
    try:
        return float(each.values[0]) <= float(text or 0) <= float(each.values[1])
    except ValueError:
        return False


def labels_to_send(
    labels: LabelSet,
    carrier: Carrier,
    *,
    undeclared: Mapping[str, Iterable[str]] | None = None,
    odd: Mapping[str, Mapping[str, Iterable[str]]] | None = None,
) -> LabelSet:
    """Return the labels that CVAT gets: all but the background, each with a colour and every attribute.

    An attribute that is not declared is dropped by CVAT in silence, so `undeclared`, those that objects have
    all the same, are declared as text. `odd` are, by label and attribute, values that CVAT does not take:
    they become choices, and numbers and checkboxes texts. What CVAT's server would refuse is a DataError, all
    of it together.
    """
    colors = complete_colors([each.color for each in labels.labels], background=labels.background)
    found = []
    for place, label in enumerate(labels.labels):
        if place == labels.background:
            continue
        known = {each.name for each in label.attributes}
        extra = [Attribute(name) for name in (undeclared or {}).get(label.name, ()) if name not in known]
        strange = (odd or {}).get(label.name, {})
        own = tuple(
            _declared(each, tuple(strange.get(each.name, ())))
            for each in (*label.attributes, *extra)
            if each.name not in (UID, PART)
        )
        found.append(replace(label, color=colors[place], attributes=(*own, *_ours(carrier)), shape="any"))
    if carrier.ignore is not None:
        color = GREY if GREY not in colors else complete_colors([*colors, None])[-1]
        found.append(Label(carrier.ignore, color, _ours(carrier)))
    _refuse(found)
    return LabelSet(tuple(found), ignore_index=labels.ignore_index)


def background_of(labels: LabelSet) -> str | None:
    """Return the name of the background, which CVAT is not told of; people may give it to a label there."""
    return None if labels.background is None else labels.names[labels.background]


def erasing(name: str) -> str:
    """Tell of a label in CVAT that is called as the background."""
    return f"Label {name!r} is new, and the background: what was drawn of it is erased from what lies below."


def with_new(before: LabelSet, labels: Sequence[Label]) -> LabelSet:
    """Return a set's labels with new ones behind them, none of which has the number of ignored pixels."""
    ignored = before.ignore_index
    if ignored != before.background and ignored < len(labels):
        ignored = next((value for value in IGNORED if value >= len(labels)), IGNORED[-1])
    return replace(before, labels=tuple(labels), ignore_index=ignored)


def _ours(carrier: Carrier) -> tuple[Attribute, ...]:
    return tuple(Attribute(name) for name in (UID, *carrier.names, PART))


def _declared(each: Attribute, odd: tuple[str, ...]) -> Attribute:
    """Return a declaration that CVAT takes: choices need some, a number its bounds, a checkbox a state."""
    if odd and each.kind in ("checkbox", "number"):
        return replace(each, kind="text", values=())
    if each.kind == "checkbox":
        default = each.default if each.default in ("true", "false") else "false"
        return replace(each, default=default, values=each.values or (default,))
    if each.kind == "number" and len(each.values) != len(WHOLE):
        return replace(each, kind="text", values=())
    if each.kind == "number" and not _is_allowed(each.default, each):
        return replace(each, default=each.values[0])
    if each.kind in ("select", "radio"):
        if not each.values:
            return replace(each, kind="text")
        default = each.default if each.default in each.values else each.values[0]
        return replace(each, default=default, values=(*each.values, *odd))
    return each


def _refuse(labels: Sequence[Label]) -> None:
    problems = []
    for label in labels:
        for what, name in (("label", label.name), *(("attribute", each.name) for each in label.attributes)):
            if len(name) > LONGEST:
                problems.append(f"{what} {name!r} has {len(name)} characters, and CVAT takes {LONGEST}")
            if name != name.strip():
                problems.append(f"{what} {name!r} has blanks at an end, which CVAT takes away")
    folded: dict[str, str] = {}
    for label in labels:
        if (other := folded.setdefault(label.name.strip(), label.name)) != label.name:
            problems.append(f"labels {other!r} and {label.name!r} would be the same in CVAT")
    if problems:
        told = list(dict.fromkeys(problems))
        raise DataError(f"CVAT would refuse {len(told)} name(s); rename them:\n{listing(told)}")


def hex_color(color: RGB | None) -> str:
    """Return a colour as CVAT writes it.

    >>> hex_color((255, 0, 16))
    '#ff0010'
    """
    return "" if color is None else "#{:02x}{:02x}{:02x}".format(*color)


def rgb_color(text: str) -> RGB | None:
    """Return the colour that CVAT writes so; None for what is none.

    >>> rgb_color("#FF0010")
    (255, 0, 16)
    """
    try:
        value = bytes.fromhex(text.removeprefix("#"))
    except ValueError:
        return None
    return (value[0], value[1], value[2]) if len(value) == 3 else None


def label_spec(labels: LabelSet) -> list[dict[str, Any]]:
    """Return the labels in the form of CVAT's server, which its page for raw labels takes too."""
    return [
        {
            "name": label.name,
            "color": hex_color(label.color),
            "type": "any",
            "attributes": [
                {
                    "name": each.name,
                    "mutable": each.mutable,
                    "input_type": each.kind,
                    "default_value": each.default,
                    "values": list(each.values) or [each.default],
                }
                for each in label.attributes
            ],
        }
        for label in labels.labels
    ]


def defaults_of(labels: LabelSet) -> dict[str, dict[str, str]]:
    """Return, by label, what CVAT gives to an object for each attribute that it did not come with."""
    return {label.name: {each.name: each.default for each in label.attributes} for label in labels.labels}
