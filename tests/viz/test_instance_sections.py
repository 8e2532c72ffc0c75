"""The sections of an instance analysis: scores by name, kinds of mistakes, thresholds."""

from __future__ import annotations

from typing import Any

from segloop.viz import instance_sections as sections
from segloop.viz.analysis_page import analysis_page
from segloop.viz.page import join
from tests.viz.numbers_made import numbers


def objects(**changes: Any) -> dict[str, Any]:
    """Return the numbers of an instance RUN."""
    kinds = [
        {"kind": kind, "objects": number, "gain": gain}
        for kind, number, gain in (
            *(("class", 3, 0.05), ("place", 1, 0.2), ("both", 0, 0.0), ("double", 1, 0.01)),
            *(("invented", 4, 0.03), ("missed", 2, -0.01), ("outline", 9, None)),
        )
    ]
    told = numbers(
        kind="instance",
        background=-1,
        by_position=None,
        scores={
            "coco/segm_mAP": [0.4, 0.3, 0.5],
            "coco/segm_mAP.disc": [0.5, None, None],
            "match/recall": [None, None, None],
        },
        mistakes={"quality": 0.5, "found": 20, "true": 1500, "right": 12, "kinds": kinds},
        classes=[
            {
                "name": name,
                "index": index,
                "true": 5,
                "found": 4,
                "right": 3,
                "quality": quality,
                "recall": 0.6,
                "precision": None,
                "iou": 0.8,
            }
            for index, (name, quality) in enumerate((("ground", 0.9), ("disc", 0.3), ("<gone>", None)))
        ],
        confusion=[[5, 1, 0, 2], [0, 7, 0, 0], [0, 0, 0, 0], [3, 1, 0, 0]],
    )
    told["calibration"]["thresholds"] = {
        "from": [0.0, 0.5],
        "precision": [0.5, 0.9],
        "recall": [0.8, 0.6],
        "f1": [0.615, 0.72],
    }
    told["rules"]["quality"] = "What quality is."
    return told | changes


def text_of(section) -> str:
    assert section is not None
    return f"{section.title} {section.lead} {join(section.blocks)}"


def test_scores_by_name_and_classes_the_weakest_first():
    text = text_of(sections.scores(objects()))
    assert "30.0 – 50.0" in text
    assert "match/recall" not in text
    assert text.index("</span>disc") < text.index("</span>ground")
    assert text.index("The scores of classes by name") < text.index("coco/segm_mAP.disc")


def test_the_numbers_of_more_classes_stand_to_the_right_as_well():
    text = text_of(sections.scores(objects(classes=objects()["classes"] * 20)))
    assert "20 more classes" in text
    assert text.count('<th class="number">quality</th>') == text.count("<th>class</th>") == 2


def test_the_calibration_of_many_classes_says_how_many_it_shows():
    told = objects()
    told["calibration"]["classes"] = told["calibration"]["classes"][:1] * 55
    assert "By class: the first 40 of 55" in text_of(sections.calibration(told))


def test_kinds_of_mistakes_with_what_mending_gains():
    text = text_of(sections.mistakes(objects()))
    assert "12 of 1,500 objects were found." in text
    assert "+20.0" in text
    assert "-1.0" in text
    assert "found twice" in text
    assert "nothing" in text
    told = objects()
    told["mistakes"]["kinds"] = [{**each, "objects": 0} for each in told["mistakes"]["kinds"]]
    assert "Every object was found exactly." in text_of(sections.mistakes(told))


def test_the_best_threshold_is_told():
    assert "F1 is highest, 72.0 %, from a score of 0.50 on" in text_of(sections.calibration(objects()))
    assert sections.calibration(objects(calibration=None)) is None
    told = objects()
    told["calibration"]["thresholds"]["f1"] = [None, None]
    assert "F1 is highest" not in text_of(sections.calibration(told))


def test_the_whole_page():
    text = analysis_page(objects(), {}, files=[])
    assert "12 of 1,500</dd>" in text
    assert "if “wrong place” were mended" in text
    assert "quality of images, by quarters of" in text
    assert "Position in the image" not in text
