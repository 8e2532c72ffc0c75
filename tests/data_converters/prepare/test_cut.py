"""Which split an image goes into: the author's own is kept, the rest is cut evenly, groups stay together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_converters.prepare import cut as module
from data_converters.prepare.base import CLIPS, NEAR_DUPLICATES, Found, Part, Seen
from data_converters.prepare.cut import DRAW_MORE, Cutting, cut, group, group_rules, parts_to_survey
from data_converters.prepare.survey import Look, Survey
from segloop.data.annotations import Label, LabelSet
from segloop.utils.errors import DataError, UserError
from tests.data_converters.prepare.prepare_cases import picture

LABELS = LabelSet((Label("cat"),))
WHOLE = Found(parts=(Part(format="coco", source=Path("x")),), root=Path("x"))


def looks(*splits: str | None) -> Survey:
    """Return a survey of images of these splits; every second has an object."""
    found = tuple(
        Look(f"{place:02d}", split, None, (6, 8), (place % 2,), (9 * (place % 2),))
        for place, split in enumerate(splits)
    )
    return Survey(LABELS, tuple(range(100, 100 + len(found))), found)


def parts(*splits: str | None, **more: Any) -> Found:
    found = tuple(Part(format="coco", source=Path("x"), split=split) for split in splits)
    return Found(parts=found, root=Path("x"), **more)


def counts(cutting: Cutting) -> dict[str, int]:
    return dict(Counter(cutting.splits.values()))


def test_all_is_cut_where_there_are_no_splits() -> None:
    cutting = cut(WHOLE, looks(*[None] * 20), seed=0)
    assert counts(cutting) == {"train": 14, "val": 3, "test": 3}
    assert set(cutting.splits) == set(range(100, 120)), "by the places in the whole"
    assert cutting.summary == "cut by tools/prepare.py: train=0.7 val=0.15 test=0.15, seed 0, even in labels"
    assert "cat: images %     70.0  20.0  10.0" in cutting.told[0]
    assert cut(WHOLE, looks(*[None] * 20), seed=0) == cutting
    assert cut(WHOLE, looks(*[None] * 20), seed=1).splits != cutting.splits


def test_the_authors_splits_are_kept() -> None:
    found = parts("train", "val")
    assert parts_to_survey(found) == []
    cutting = cut(found, looks(), seed=0)
    assert cutting == Cutting({}, ("There is no test split: test with --split val.",), cutting.summary)
    assert cutting.summary == "the author's own: train, val"
    assert cut(parts("train", "val", "test"), looks(), seed=0).told == ()


def test_a_val_split_that_is_missing_comes_from_the_authors_train_split() -> None:
    found = parts("train", "test")
    assert parts_to_survey(found) == [0]
    cutting = cut(found, looks(*["train"] * 17), seed=0)
    assert counts(cutting) == {"train": 14, "val": 3}
    assert cutting.summary.startswith("the author's own: test; train and val cut by tools/prepare.py: train=")
    assert "The author's train split was cut into train and val:" in cutting.told[0]
    with pytest.raises(UserError, match="shares name no val"):
        cut(parts("train", "test", shares={"train": 1, "test": 1}), looks(*["train"] * 17), seed=0)


def test_a_train_split_alone_is_the_whole_set() -> None:
    assert counts(cut(parts("train"), looks(*["train"] * 20), seed=0)) == {"train": 14, "val": 3, "test": 3}


def test_splits_that_records_tell_are_kept_and_the_rest_is_cut() -> None:
    cutting = cut(WHOLE, looks(*["train"] * 4, *["val"] * 3, *[None] * 10), seed=0)
    assert set(cutting.splits) == set(range(107, 117))
    assert cutting.summary.startswith("the author's own: train, val; the others cut by")


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        (["test"], {"train": 8, "val": 2}),
        (["val"], {"train": 8, "test": 2}),
        (["train", "val"], {"train": 8, "test": 2}),
        (["val", "test"], {"train": 10}),
        (["train", "val", "test"], {"train": 10}),
    ],
)
def test_no_image_is_added_to_what_the_author_scores_on(own: list[str], wanted: dict[str, int]) -> None:
    cutting = cut(WHOLE, looks(*own * 3, *[None] * 10), seed=0)
    assert counts(cutting) == wanted
    scored = ", ".join(split for split in ("val", "test") if split in own)
    assert f"{scored} of the author's: as they are, no image was added." in cutting.told
    assert cutting.summary.startswith(f"the author's own: {', '.join(own)}; the others ")


def test_one_name_twice_is_told_where_all_goes_into_train_as_well() -> None:
    survey = looks("val", "test", None)
    twice = Survey(LABELS, (*survey.places, 103), (*survey.looks, survey.looks[2]))
    with pytest.raises(DataError, match=r"1 image\(s\) are there more than once.*\n  02"):
        cut(WHOLE, twice, seed=0)


def test_groups_stay_together_and_are_told() -> None:
    by_tens: list[int] = []

    def rule(seen: Sequence[Seen], **_: object) -> list[str]:
        by_tens.append(len(seen))
        return [str(int(each.image_id) // 5) for each in seen]

    found = Found(parts=WHOLE.parts, root=WHOLE.root, groups=(rule,), grouped_by="scene")
    cutting = cut(found, looks(*[None] * 30), seed=0)
    assert by_tens == [30]
    assert {len({cutting.splits[100 + 5 * n + k] for k in range(5)}) for n in range(6)} == {1}
    assert cutting.told[0].startswith("Cut into splits, the images of one scene together:")
    assert cutting.summary.endswith("grouped by scene")


def test_a_label_that_a_split_never_shows_is_told() -> None:
    found = Found(parts=WHOLE.parts, root=WHOLE.root, shares={"train": 4, "val": 1, "test": 1})
    cutting = cut(found, looks(None, None, None, None), seed=0)  # two of them show a cat
    lacking = [split for split in counts(cutting) if f"No image of {split} shows cat" in str(cutting.told)]
    assert len(lacking) == 1
    assert "shows empty" not in str(cutting.told)
    assert len(cut(WHOLE, looks(*[None] * 20), seed=0).told) == 1


def test_too_few_groups_are_told_with_the_way_out() -> None:
    found = Found(parts=WHOLE.parts, root=WHOLE.root, groups=({"regex": "^(0)"},))
    with pytest.raises(DataError, match=r"1 group of images cannot be cut into train, val, test.*--shares"):
        cut(found, looks(*[None] * 9), seed=0)
    with pytest.raises(DataError, match=r"2 images cannot be cut into train, val, test\. Draw more, with"):
        cut(WHOLE, looks(None, None), seed=0, remedy=DRAW_MORE)


def test_one_name_in_two_parts_is_told_before_anything_is_written() -> None:
    survey = looks(None, None, None)
    twice = Survey(LABELS, (*survey.places, 103), (*survey.looks, survey.looks[1]))
    with pytest.raises(DataError, match=r"1 image\(s\) are there more than once.*\n  01"):
        cut(WHOLE, twice, seed=0)


def seen(*names: str) -> list[Seen]:
    return [Seen(name, None, None, {}) for name in names]


def test_what_any_rule_puts_together_is_together() -> None:
    rules = ({"regex": r"^(\w)"}, {"regex": r"(\d)$"})
    assert group(rules, seen("a1", "a2", "b2", "c3")) == ["a1", "a1", "a1", "c3"]
    assert group((), seen("a1")) is None
    with pytest.raises(UserError, match=r"no way 'near-duplicate' to group images\. Did you mean"):
        group(("near-duplicate",), seen("a"))


def test_images_that_look_alike_come_into_one_group(tmp_path: Path) -> None:
    for name, number in (("a", 1), ("b", 2), ("c", 1)):
        (tmp_path / name).write_bytes(picture(number))
    files = [Seen(name, tmp_path / name, None, {}) for name in "abc"]
    heard: list[tuple[int, int]] = []
    found = group(
        (NEAR_DUPLICATES,), [*files, *seen("d")], workers=1, progress=lambda *both: heard.append(both)
    )
    assert found == ["a", "b", "a", "d"]
    assert heard[-1] == (3, 3)


def test_a_long_table_of_shares_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_COLUMNS", 2)
    lines = cut(WHOLE, looks(*[None] * 20), seed=0).told[0].splitlines()
    assert (len(lines), lines[-1]) == (4, "  … and 4 more")


def test_frames_of_a_clip_stay_in_one_split_unless_the_user_groups_otherwise() -> None:
    found = Found(parts=WHOLE.parts, root=WHOLE.root, groups=(CLIPS,), grouped_by="picture")
    names = [f"clip{number % 5}/frame_{number:03d}" for number in range(20)]
    images = looks(*[None] * 20)
    images = replace(images, looks=tuple(map(lambda a, b: replace(a, image_id=b), images.looks, names)))
    cutting = cut(found, images, seed=0)
    of_clips = {(names[place - 100].partition("/")[0], split) for place, split in cutting.splits.items()}
    assert len(of_clips) == 5
    assert cutting.summary.endswith("grouped by video, patient or picture")
    assert "Names tell 5 video(s), patient(s) or the like, such as clip0" in cutting.told[-1]
    camvid = [f"{'seq05' if number % 2 else '0001tp'}_{number:06d}" for number in range(20)]
    mixed = replace(images, looks=tuple(map(lambda a, b: replace(a, image_id=b), images.looks, camvid)))
    told = cut(found, mixed, seed=0).told
    assert any("1 video(s), patient(s) or the like, such as seq05" in line for line in told)
    assert any("Names begin in 2 ways" in line for line in told)
    two = [f"clip{number % 2}/frame_{number:03d}" for number in range(20)]
    few = replace(images, looks=tuple(map(lambda a, b: replace(a, image_id=b), images.looks, two)))
    with pytest.raises(DataError, match=r"2 groups of images cannot be cut .* --group-by none takes"):
        cut(found, few, seed=0)
    alone = replace(found, groups=tuple(each for each in group_rules("none") if each != NEAR_DUPLICATES))
    assert not any("video(s)" in line for line in cut(alone, images, seed=0).told)
    assert group_rules("folder")[0] == {"folder": 1}
    assert group_rules("(.+)_")[0] == {"regex": "(.+)_"}
