"""Labels are declared as CVAT takes them: with colours, with every attribute, under names that it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.cvat.labels import (
    Carrier,
    carrier_for,
    defaults_of,
    label_spec,
    labels_to_send,
    rgb_color,
)
from segloop.cvat.server import Server
from segloop.data.annotations import Attribute, Instance, Label, LabelSet
from segloop.utils.errors import DataError
from tests.cvat.loops import pull_all, push
from tests.cvat.sets import box, image, set_of
from tests.cvat.standin.server import StandIn


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


@pytest.mark.parametrize("odd", ["", "True", "yes"])
def test_a_checkbox_that_says_neither_yes_nor_no_goes_as_text(
    server: Server, stand_in: StandIn, tmp_path: Path, odd: str
) -> None:
    check = Attribute("seen", "checkbox", ("",), "")
    labels = LabelSet((Label("a", attributes=(check,)), Label("b", attributes=(check,))))
    objects = [
        Instance(label="a", shape=box(1, 1, 5, 5), attributes={"seen": odd}, uid="1"),
        Instance(label="b", shape=box(6, 6, 9, 9), attributes={"seen": True}, uid="2"),
    ]
    push(server, tmp_path / "loop", set_of([image(tmp_path, "a.png", objects)], labels))
    (project,) = stand_in.state.projects.values()
    kinds = [each.attributes[0]["input_type"] for each in project.labels]
    assert kinds == ["text", "checkbox"]
    (back,) = pull_all(server, tmp_path / "loop").images
    assert [each.attributes for each in back.record.instances] == [{"seen": odd}, {"seen": True}]


def test_values_that_fit_no_choice_and_no_bounds_are_such_that_people_can_change_them(
    server: Server, stand_in: StandIn, tmp_path: Path
) -> None:
    own = (
        Attribute("grade", "select", ("good", "bad"), "none"),
        Attribute("count", "number", ("0", "9", "1"), "50"),
        Attribute("size", "number", ("5", "9", "1"), ""),
    )
    said = {"grade": "ugly", "count": 50, "size": 7}
    labels = LabelSet((Label("a", attributes=own), Label("b", attributes=own)))
    objects = [
        Instance(label="a", shape=box(1, 1, 5, 5), attributes=said, uid="1"),
        Instance(label="b", shape=box(6, 6, 9, 9), uid="2"),
    ]
    push(server, tmp_path / "loop", set_of([image(tmp_path, "a.png", objects)], labels))
    (project,) = stand_in.state.projects.values()
    told = [
        (each["input_type"], each["values"], each["default_value"])
        for label in project.labels
        for each in label.attributes[:3]
    ]
    assert told == [
        ("select", ["good", "bad", "ugly"], "good"),
        ("text", ["50"], "50"),
        ("number", ["5", "9", "1"], "5"),
        ("select", ["good", "bad"], "good"),
        ("number", ["0", "9", "1"], "0"),
        ("number", ["5", "9", "1"], "5"),
    ]
    (back,) = pull_all(server, tmp_path / "loop").images
    assert [each.attributes for each in back.record.instances] == [said, {}]
