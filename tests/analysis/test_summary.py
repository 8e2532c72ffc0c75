"""What an analysis says on a terminal."""

from __future__ import annotations

import numpy as np

from segloop.analysis.analyze import analyze
from segloop.analysis.summary import summary
from tests.analysis.runs_made import scene, write_run


def told(tmp_path, pred=None, **options):
    images = {
        str(place): (scene(place), np.roll(scene(place), place, axis=0) if pred is None else pred)
        for place in range(4)
    }
    return summary(analyze(write_run(tmp_path, images, **options), repeats=100).numbers)


def test_scores_with_intervals_mistakes_and_suspects(tmp_path):
    text = told(tmp_path)
    assert "over the set" in text.splitlines()[0]
    assert any(line.startswith("mDice_fg") and "[" in line for line in text.splitlines())
    assert text.index("Dice.bar") < text.index("Dice.ground")  # the weakest first
    assert "% of wrong pixels, mDice_fg +" in text
    assert "Labels to look at first:" in text
    assert "left out of a mean only if the whole set has it neither" in text


def test_one_image_and_many_classes(tmp_path):
    names = [f"a class of number {number}" for number in range(30)]
    truth = np.arange(30, dtype=np.uint8).repeat(30).reshape(30, 30)
    numbers = analyze(
        write_run(tmp_path, {"1": (truth, truth)}, names=names, background=None), repeats=100
    ).numbers
    text = summary(numbers)
    assert "… and 10 better classes" in text
    assert "Dice.a class of nu…" in text
    assert "[" not in text.split("\n\n")[0]
    assert "Note: One image gives no intervals." in text
