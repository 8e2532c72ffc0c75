"""The words and numbers of proposals."""

from segloop.experiments.proposal.lines import normalisation, percent, rounded
from tests.experiments.proposal.sets import seen


def test_numbers_are_told_in_three_digits_and_rounded_up_to_something() -> None:
    assert percent(0.123456) == "12.3 %"
    assert rounded(0.0, to=100) == 100
    assert rounded(1251.0, to=100) == 1300


def test_the_normalisation_is_that_of_the_training_images() -> None:
    found = seen()
    assert normalisation(found) == ([10.0, 20.0, 30.0], [10.0, 20.0, 30.0])
    found.tally.color_pixels = 0
    assert normalisation(found) is None
