"""The closing table says in plain text what came along and what did not."""

from __future__ import annotations

from pathlib import Path

from data_converters.base import Loss, Rendered
from data_converters.features import Held
from data_converters.report import Report, Tally, told_of_all
from segloop.data.annotations import Remark

KEEPS = frozenset({"instances"})
START = Report(source=Path("in"), target=Path("out"), from_format="coco", to_format="airbus")


def tally() -> Tally:
    found = Tally()
    for number in range(5):
        held = Held(instances=2, pixels=1000, features=(Loss("scores", 2, f"{number}: car"),))
        lost = (Loss("hidden-objects", 1, f"{number}: car"),)
        found.add(held, Rendered(str(number), None, instances=1, pixels=900, losses=lost))
    return found


def test_the_table_has_counts_losses_and_first_places() -> None:
    found = tally()
    found.add_bad("x/7", ("line 4: no runs", "x/7.png is not there"))
    text = str(found.report(START, keeps=KEEPS, told=("read as ships",)).done())
    assert text.splitlines()[0] == "in (coco) → out (airbus)"
    assert "images                  6              5" in text
    assert "objects                10              5" in text
    assert "pixels              5,000          4,500" in text
    assert "scores                   10  confidences of predictions; 0: car; 1: car; 2: car, …" in text
    assert "Remarks:\n  read as ships" in text
    assert "1 image(s) were left out:\n  x/7: line 4: no runs\n  x/7.png is not there" in text


def test_images_of_one_name_in_two_splits_are_two() -> None:
    found = tally()
    found.add_bad("1", ("train/1.png: no image",))
    found.add_bad("1", ("val/1.png: no image",))
    text = str(found.report(START, keeps=KEEPS, told=()).done())
    assert "images                  7              5" in text
    assert "2 image(s) were left out:\n  train/1.png: no image\n  val/1.png: no image" in text


def test_remarks_of_one_kind_are_added_up_with_the_first_place() -> None:
    found = Tally()
    for number in (1, 2):
        remark = Remark("objects with holes, kept", 600 * number, f"{number}: car, line 7")
        found.add(Held(0, 0, remarks=(remark,)), Rendered(str(number), None, instances=0, pixels=0))
    assert found.report(START, keeps=KEEPS, told=("first",)).told == (
        "first",
        "1,800 objects with holes, kept; 1: car, line 7",
    )


def test_losses_come_in_the_order_of_the_features_and_then_the_writers_own() -> None:
    found = tally()
    found.add_losses([Loss("zebra", 1, "z"), Loss("instances", 1, "i"), Loss("covered-pixels", 1, "c")])
    kinds = [each.kind for each in found.report(START, keeps=KEEPS, told=()).losses]
    assert kinds == ["instances", "scores", "covered-pixels", "hidden-objects", "zebra"]


def test_what_is_gone_without_a_word_is_a_loss_but_where_objects_are_not_kept() -> None:
    found = Tally()
    found.add(Held(2, 5), Rendered("a", None, instances=1, pixels=5))
    assert found.report(START, keeps=frozenset(), told=()).losses == ()
    (loss,) = found.report(START, keeps=KEEPS, told=()).losses
    assert (loss.kind, loss.examples) == ("unexplained", ("1 object(s)",))


def test_pixels_that_are_gone_are_told_image_by_image_beside_losses_that_take_none() -> None:
    found = Tally()
    colors, covered = Loss("colors", 1, "car"), Loss("covered-pixels", 2, "b")
    found.add(Held(1, 5, features=(colors,)), Rendered("a", None, instances=1, pixels=3))
    found.add(Held(1, 5), Rendered("b", None, instances=1, pixels=3, losses=(covered,)))
    found.add(Held(1, 5), Rendered("c", None, instances=1, pixels=5))
    losses = {loss.kind: loss.examples for loss in found.report(START, keeps=KEEPS, told=()).losses}
    assert losses == {"colors": ("car",), "covered-pixels": ("b",), "unexplained": ("a: 2 pixel(s)",)}


def test_a_refused_conversion_says_so_and_a_clean_one_too() -> None:
    report = tally().report(START, keeps=KEEPS, told=())
    assert "Would not be kept:" in str(report)
    assert str(report).endswith("--strict: nothing was written to out.")
    clean = Tally()
    clean.add(Held(1, 5), Rendered("a", None, instances=1, pixels=5))
    assert "Nothing was lost." in str(clean.report(START, keeps=KEEPS, told=()).done())


def test_an_image_is_named_though_its_id_is_a_part_of_a_number() -> None:
    told = told_of_all([("12", ("the image is 128x96",)), ("a/1", ("a/1.png: no image",))])
    assert told == ["12: the image is 128x96", "a/1.png: no image"]
