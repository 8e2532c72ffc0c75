"""Tallies of parts add up, and examples are few, of different images, and always the same."""

from __future__ import annotations

import numpy as np

from segloop.data.statistics.tally import EXAMPLE, KEPT, MOST_BAD, Tally, best, total


def examples(ranks: list[float], images: list[int]) -> np.ndarray:
    found = np.zeros(len(ranks), EXAMPLE)
    found["rank"], found["image"] = ranks, images
    return found


def test_the_best_are_of_different_images_as_long_as_there_are_enough() -> None:
    found = best([examples([3, 1, 2], [0, 0, 1]), examples([0], [2])], most=3)
    assert found["image"].tolist() == [2, 0, 1]
    assert best([examples([3, 1, 2], [0, 0, 0])], most=2)["rank"].tolist() == [1, 2]


def test_adding_adds_and_forgets_nothing() -> None:
    first, second = Tally(2), Tally(2)
    first.images, second.images = 2, 3
    first.pixels[:] = [1, 2, 3]
    second.pixels[:] = [10, 0, 0]
    second.random[1] = examples([1.0], [7])
    second.per_image[0][4] = 2
    first.image_sizes[(2, 3)] = second.image_sizes[(2, 3)] = 1
    whole = total([first, second], num_labels=2)
    assert whole.images == 5
    assert whole.pixels.tolist() == [11, 2, 3]
    assert whole.random[1]["image"].tolist() == [7]
    assert whole.per_image[0] == {4: 2}
    assert whole.image_sizes == {(2, 3): 2}
    assert first.pixels.tolist() == [1, 2, 3], "what is added up stays as it was"


def test_what_is_kept_does_not_grow() -> None:
    whole = Tally(1)
    for number in range(3):
        part = Tally(1)
        part.bad = [("a", "b")] * 60
        part.random[0] = examples([float(number)] * 4, [number * 4 + each for each in range(4)])
        whole.add(part)
    assert len(whole.bad) == MOST_BAD
    assert len(whole.random[0]) == KEPT


def test_every_size_of_an_image_counts() -> None:
    whole = Tally(1)
    for number in range(3):
        part = Tally(1)
        part.image_sizes.update({(900 - number, 1000 + side): 1 for side in range(1000)})
        whole.add(part)
    assert len(whole.image_sizes) == 3000
    assert min(whole.image_sizes) == (898, 1000)


def test_colours_of_nothing_are_unknown() -> None:
    assert Tally(1).mean_rgb is None
    assert Tally(1).std_rgb is None
    assert Tally(1).trait_table.shape == (0, 7)
