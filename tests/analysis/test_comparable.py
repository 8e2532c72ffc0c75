"""RUNs that may not be compared are refused in words, and what is common is offered."""

from __future__ import annotations

import dataclasses

import pytest

from segloop.analysis.comparable import images_to_compare, open_runs, require_alike
from segloop.utils.errors import DataError, UserError
from tests.analysis.instance_runs_made import squares, write_instance_run
from tests.analysis.runs_compared import write_pair, write_shifted


def changed(run, **meta):
    return dataclasses.replace(run, meta=run.meta | meta)


def test_the_same_images(tmp_path):
    runs = write_pair(tmp_path, number=3)
    require_alike(runs)
    assert images_to_compare(runs, common=False) == ["0", "1", "2"]


def test_everything_that_is_unlike_is_told_together(tmp_path):
    one, other = write_pair(tmp_path, number=1)
    other = changed(other, split="val", classes=["ground", "bar", "disc"], background=1, ignore_index=254)
    with pytest.raises(UserError) as told:
        require_alike([one, other])
    text = str(told.value)
    for part in (
        "Not the same split", "a/test-last: test", "b/test-last: val",
        "Not the same classes", "ground, bar, disc",
        "Not the same background class", "b/test-last: bar", "Not the same ignore index",
    ):  # fmt: skip
        assert part in text


def test_another_kind_of_run(tmp_path):
    one, other = write_pair(tmp_path, number=1)
    with pytest.raises(
        UserError, match=r"Not the same kind(.|\n)*No scores by image are known of:\n  b/test"
    ):
        require_alike([one, changed(other, kind="other")])


def test_missing_images_are_named_and_the_common_ones_offered(tmp_path):
    runs = write_shifted(tmp_path / "a", 1, number=4), write_shifted(tmp_path / "b", 2, number=2)
    with pytest.raises(DataError) as told:
        images_to_compare(runs, common=False)
    assert "b/test-last lacks 2 images:\n  2\n  3" in str(told.value)
    assert "a/test-last lacks" not in str(told.value)
    assert "--common compares them on the 2 images" in str(told.value)
    assert images_to_compare(runs, common=True) == ["0", "1"]


def change(run, image_id, column, value):
    table = run.images.copy()
    table.loc[image_id, column] = value
    return changed_images(run, table)


def changed_images(run, table):
    copy = dataclasses.replace(run)
    copy.__dict__["images"] = table
    return copy


@pytest.mark.parametrize(
    ("column", "text"), [("sha256", "Other pictures of the same name: 1 image:\n  1"),
                         ("truth_sha256", "Other labels: 1 image:\n  1")],
)  # fmt: skip
def test_changed_pictures_and_labels_are_other_images(tmp_path, column, text):
    one, other = write_pair(tmp_path, number=3)
    runs = one, change(other, "1", column, "beef")
    with pytest.raises(DataError, match=text):
        images_to_compare(runs, common=False)
    assert images_to_compare(runs, common=True) == ["0", "2"]


def test_another_version_of_the_data(tmp_path):
    one, other = write_pair(tmp_path, number=2)
    runs = [
        changed(run, data=run.meta["data"] | {"content_hash": f"sha256:{name}"})
        for run, name in ((one, "aa"), (other, "bb"))
    ]
    with pytest.raises(DataError, match=r"a/test-last: sha256:aa\n  b/test-last: sha256:bb"):
        images_to_compare(runs, common=False)
    assert len(images_to_compare(runs, common=True)) == 2


def test_nothing_in_common_says_why(tmp_path):
    runs = (
        write_shifted(tmp_path / "a", 1, number=2),
        write_shifted(tmp_path / "b", 1, number=2, first=5),
    )
    for common in (False, True):
        with pytest.raises(DataError, match=r"no image that these RUNs have in common(.|\n)*lacks 2 images"):
            images_to_compare(runs, common=common)


def test_objects_of_other_files_are_the_same_if_they_are(tmp_path):
    truth, found = squares((0, 2, 2, 8)), squares((0, 2, 2, 8), scores=[0.9])
    moved = squares((0, 2, 2, 9))
    one = write_instance_run(tmp_path / "a", {"x": (truth, found), "y": (truth, found)})
    same = write_instance_run(
        tmp_path / "b", {"x": (truth, found), "y": (truth, found)}, names=("disc", "bar")
    )
    same = changed_images(same, same.images.assign(truth_sha256="another file"))
    assert images_to_compare([one, same], common=False) == ["x", "y"]
    other = write_instance_run(tmp_path / "c", {"x": (truth, found), "y": (moved, found)})
    with pytest.raises(DataError, match="Other labels: 1 image:\n  y"):
        images_to_compare([one, other], common=False)


def test_opening_tells_all_mistakes_and_knows_a_run_by_any_name(tmp_path):
    one, _ = write_pair(tmp_path, number=1)
    with pytest.raises(UserError, match=r"gone is no RUN(.|\n)*lost is no RUN"):
        open_runs([tmp_path / "gone", tmp_path / "lost"])
    with pytest.raises(UserError, match="more than once"):
        open_runs([one.folder, one.folder.parents[1]])
    with pytest.raises(UserError, match="two RUNs or more"):
        open_runs([one.folder])
