"""The page of an analysis: whole, escaped, with what matters on top."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from segloop.viz.analysis_page import analysis_page
from tests.viz.numbers_made import numbers

ALONE = {"meta", "img", "br", "rect", "line", "circle", "polyline", "polygon", "link"}


class Balance(HTMLParser):
    """Notices what is closed in another order than it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_says_the_most_important_first():
    shot = (np.zeros((4, 4, 3), np.uint8), "1. a")
    text = analysis_page(numbers(), {"worst": [shot], "suspects": [shot]}, files=[("analysis.json", "all")])
    check = Balance()
    check.feed(text)
    assert check.open == []
    assert "1,234 images of shapes &amp; co, split test, 3 classes." in text
    assert "disc, the weakest class" not in text  # of one class there is none
    assert "if “outline off” were mended" in text
    assert "Beware of &lt;this&gt;." in text
    assert text.index("Scores</a>") < text.index("Suspects</a>") < text.index("Files</a>")


def test_a_page_without_scores_confidence_and_pictures():
    told = numbers(calibration=None, data=None, suspects=[], by_size=[], by_traits=[])
    told["scores"]["set"] = {name: [None, None, None] for name in told["scores"]["set"]}
    text = analysis_page(told, {}, files=[])
    assert "1,234 images, split test" in text
    assert "Calibration" not in text
    assert "–</dd>" in text
