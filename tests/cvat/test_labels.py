"""Labels are declared as CVAT takes them: with colours, with every attribute, under names that it keeps."""

from __future__ import annotations

import pytest

from segloop.cvat.labels import (
    Carrier,
    carrier_for,
    defaults_of,
    label_spec,
    labels_to_send,
    rgb_color,
)
from segloop.data.annotations import Attribute, Label, LabelSet
from segloop.utils.errors import DataError


def names(labels: LabelSet, label: str) -> list[str]:
    return [each.name for each in labels.labels[labels.index(label)].attributes]


def test_the_background_stays_here_and_every_label_has_a_colour_of_its_own() -> None:
    labels = LabelSet((Label("ground"), Label("0"), Label("ship", (128, 0, 0))), background=0)
    sent = labels_to_send(labels, Carrier())
    assert sent.names == ("0", "ship")
    assert [each["color"] for each in label_spec(sent)] == ["#008000", "#800000"]


def test_attributes_of_the_loop_and_those_that_nobody_declared_are_declared() -> None:
    labels = LabelSet((Label("ship", attributes=(Attribute("flag", "checkbox"),)), Label("pier")))
    sent = labels_to_send(labels, Carrier(), undeclared={"ship": ["flag", "note"]})
    assert names(sent, "ship") == ["flag", "note", "uid", "score", "rank", "crowd", "segloop_part"]
    assert names(sent, "pier") == ["uid", "score", "rank", "crowd", "segloop_part"]
    assert defaults_of(sent)["ship"]["flag"] == "false"


def test_names_of_the_set_are_never_taken_for_the_loops_own() -> None:
    labels = LabelSet((Label("ignore", attributes=(Attribute("score", "number"),)),))
    carrier = carrier_for(labels, used=["rank"], ignores=True)
    assert carrier == Carrier("score_2", "rank_2", "crowd", "ignore_2")
    assert labels_to_send(labels, carrier).names == ("ignore", "ignore_2")


def test_declarations_that_cvat_would_stumble_over_are_mended() -> None:
    label = Label("a", attributes=(Attribute("n", "number"), Attribute("s", "select", ("x", "y"), "z")))
    spec = label_spec(labels_to_send(LabelSet((label,)), Carrier()))[0]["attributes"]
    assert (spec[0]["input_type"], spec[1]["default_value"]) == ("text", "x")


def test_names_that_the_server_would_refuse_or_change_are_told_together() -> None:
    labels = LabelSet((Label(" a"), Label("a"), Label("x" * 65)))
    with pytest.raises(DataError, match="3 name") as error:
        labels_to_send(labels, Carrier())
    assert all(word in str(error.value) for word in ("blanks", "same in CVAT", "65 characters"))


def test_a_colour_that_is_none_is_told_apart() -> None:
    assert rgb_color("red") is None
