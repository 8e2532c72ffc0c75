"""From a download to a set: whole or not at all, the source untouched, the same for the same command."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.prepare import road
from data_converters.prepare.base import Found, Part
from data_converters.prepare.joined import join
from data_converters.prepare.record import PREPARED, Drawing, Wish
from data_converters.prepare.road import prepare
from segloop.data.annotations import Label, LabelledImages, LabelSet
from segloop.data.info import DatasetInfo, content_hash
from segloop.utils.errors import DataError, UserError
from tests.data_converters.prepare.prepare_cases import coco_found, fake_task, picture, write_objects


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """Return a download of 20 images, a quarter of them empty."""
    return write_objects(tmp_path / "download", range(1, 21))


@pytest.fixture
def wish(download: Path, monkeypatch: pytest.MonkeyPatch) -> Wish:
    """Return the wish to prepare that download as COCO."""
    return Wish(task=fake_task(monkeypatch, coco_found), source=download, drawing=None)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(file): (file.stat().st_mtime_ns, file.read_bytes())
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_download_becomes_a_set_and_stays_as_it_was(wish: Wish, download: Path, tmp_path: Path) -> None:
    before = contents(download)
    outcome = prepare(wish, tmp_path / "data/fake", workers=1)
    assert contents(download) == before
    root = tmp_path / "data/fake"
    info = DatasetInfo.read(root)
    assert info == outcome.info
    assert dict(info.splits) == {"train": 14, "val": 3, "test": 3}
    assert (info.name, info.task, info.generator, info.seed) == ("fake", "fake", None, None)
    assert info.cut == "cut by tools/prepare.py: train=0.7 val=0.15 test=0.15, seed 0, even in labels"
    assert info.content_hash == content_hash(root)
    assert sorted(each.name for each in root.iterdir()) == [
        ".segloop",
        "annotations",
        "dataset.json",
        "images",
    ]
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["fake"]
    for split, count in info.splits.items():
        told = json.loads((root / info.coco[split]).read_text())
        assert len(told["images"]) == count
        for image in told["images"]:
            assert (root / info.image_dir(split) / image["file_name"]).is_file()
    assert outcome.exit_code == 0
    assert outcome.cut[0].startswith("Cut into splits:\n")
    assert str(outcome).startswith(f"{root}: 14 train, 3 val, 3 test; classes cat, Ёж & [dog]; sha256:")


def test_the_same_command_finds_its_set_there(wish: Wish, tmp_path: Path) -> None:
    prepare(wish, tmp_path / "set", workers=1)
    before = contents(tmp_path / "set")
    again = prepare(wish, tmp_path / "set", workers=1)
    assert (again.report, again.exit_code) == (None, 0)
    assert "is there already, made by the same command: 14 train" in str(again)
    assert contents(tmp_path / "set") == before
    with pytest.raises(UserError, match="seed: 0 there, 1 asked for"):
        prepare(replace(wish, seed=1), tmp_path / "set")
    forced = prepare(replace(wish, seed=1), tmp_path / "set", workers=1, force=True)
    assert forced.info.content_hash != again.info.content_hash


def test_any_number_of_processes_makes_the_same_bytes(wish: Wish, tmp_path: Path) -> None:
    first = prepare(wish, tmp_path / "a", workers=1).info
    assert prepare(wish, tmp_path / "b", workers=2).info == first


@pytest.mark.parametrize("media", [None, "copy", "hardlink", "link"])
def test_images_come_along_as_they_are_asked_to(
    wish: Wish, download: Path, tmp_path: Path, media: str | None
) -> None:
    outcome = prepare(wish, tmp_path / "set", media=media, workers=1)
    files = list((tmp_path / "set/images").rglob("*.png"))
    assert len(files) == 20
    for file in files:
        source = download / "images" / file.name
        assert file.read_bytes() == source.read_bytes()
        assert file.samefile(source) == (media != "copy")
        assert file.is_symlink() == (media == "link")
    assert outcome.report is not None
    assert road.WAYS[media or "hardlink"] in outcome.report.told


def test_where_hard_links_are_not_possible_images_are_copied(
    wish: Wish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    outcome = prepare(wish, tmp_path / "set", workers=1)
    assert outcome.report is not None
    assert road.OTHER_DISK in outcome.report.told
    assert len(list((tmp_path / "set/images").rglob("*.png"))) == 20
    with pytest.raises(DataError, match="could not be brought along: Invalid cross-device link"):
        prepare(wish, tmp_path / "other", media="hardlink", workers=1)


def test_where_some_images_are_on_another_disk_all_are_copied(
    wish: Wish, download: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, link = sorted((download / "images").iterdir())[:10], os.link

    def refuse(source: Path, target: Path) -> None:
        if source not in near:
            raise OSError(18, "Invalid cross-device link")
        link(source, target)

    monkeypatch.setattr(os, "link", refuse)
    outcome = prepare(wish, tmp_path / "set", workers=1)
    assert outcome.report is not None
    assert road.OTHER_DISK in outcome.report.told
    assert len(list((tmp_path / "set/images").rglob("*.png"))) == 20
    assert not (tmp_path / "other").exists()


def test_images_in_an_archive_are_unpacked_and_never_linked_to(
    tmp_path: Path, download: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "set.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(download / "all.json", "annotations/instances_default.json")
        for file in (download / "images").iterdir():
            archive.write(file, f"images/default/{file.name}")
    found = Found(parts=(Part(format="cvat-coco", source=packed),), root=packed)
    wish = Wish(task=fake_task(monkeypatch, lambda source: found), source=packed, drawing=None)
    with pytest.raises(UserError, match=r"set\.zip cannot be linked to"):
        prepare(wish, tmp_path / "set", media="link", workers=1)
    outcome = prepare(wish, tmp_path / "set", workers=1)
    assert outcome.report is not None
    assert f"Images are unpacked from {packed}." in outcome.report.told
    assert len(list((tmp_path / "set/images").rglob("*.png"))) == 20


def test_bad_images_are_all_told_and_nothing_is_left(wish: Wish, download: Path, tmp_path: Path) -> None:
    for number in (3, 5):
        (download / f"images/{number}.png").unlink()
    with pytest.raises(DataError) as caught:
        prepare(wish, tmp_path / "set", workers=1)
    assert "2 of 20 images cannot be used, so nothing was written" in str(caught.value)
    assert "3.png" in str(caught.value)
    assert "5.png" in str(caught.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["download"]
    skipped = prepare(wish, tmp_path / "set", workers=1, skip_bad=True)
    assert skipped.exit_code == 1
    assert sum(skipped.info.splits.values()) == 18


@pytest.mark.parametrize("kept", [0, 1])
def test_bad_images_are_told_where_too_few_others_are_left_to_be_cut(
    wish: Wish, download: Path, tmp_path: Path, kept: int
) -> None:
    for number in range(1 + kept, 21):
        (download / f"images/{number}.png").unlink()
    with pytest.raises(DataError, match=f"{20 - kept} of 20 images cannot be used") as caught:
        prepare(replace(wish, shares={"train": 3.0, "val": 1.0}), tmp_path / "set", workers=1)
    assert "20.png" in str(caught.value)


@pytest.mark.parametrize("broken", [KeyboardInterrupt, ValueError])
def test_an_interrupted_command_leaves_nothing(
    wish: Wish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: type[BaseException]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise broken

    monkeypatch.setattr(road, "_describe", stop)
    with pytest.raises(broken):
        prepare(wish, tmp_path / "data/set", workers=1)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["download"]


def test_the_target_is_never_in_the_download(wish: Wish, download: Path) -> None:
    with pytest.raises(UserError, match="lies in the source"):
        prepare(wish, download / "set")
    with pytest.raises(UserError, match="exists already, and nothing there says how it was made"):
        prepare(wish, download)
    with pytest.raises(UserError, match="--media is copy, hardlink, link, not 'symlink'"):
        prepare(wish, download, media="symlink")


def test_shares_that_cut_nothing_are_refused(
    wish: Wish, download: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = {"train": 3.0, "val": 1.0}
    cut = prepare(replace(wish, shares=shares), tmp_path / "cut", workers=1)
    assert dict(cut.info.splits) == {"train": 15, "val": 5}
    own = Found(parts=(Part(format="coco", source=download, split="val"),), root=download)
    other = replace(wish, task=fake_task(monkeypatch, lambda source: own), shares=shares)
    with pytest.raises(UserError, match=r"author's own: val; there is nothing to cut\. Leave out --shares"):
        prepare(other, tmp_path / "set", workers=1)


def test_what_is_found_elsewhere_is_told_and_a_licence_is_the_users(
    wish: Wish, download: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = Found(parts=(Part(format="coco", source=download),), root=download / "images", notes=("A note.",))
    task = fake_task(monkeypatch, lambda source: inner)
    outcome = prepare(replace(wish, task=task, licence="CC BY 4.0"), tmp_path / "set", workers=1)
    assert outcome.report is not None
    assert outcome.report.told[:2] == (f"The download lies in {download / 'images'}.", "A note.")
    assert outcome.info.licence == "CC BY 4.0"


def test_a_set_without_a_class_or_an_image_is_refused(
    wish: Wish, download: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (download / "all.json").write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(DataError, match="holds no image; nothing was written"):
        prepare(wish, tmp_path / "set", workers=1)
    write_objects(tmp_path / "other", range(1, 4))
    nothing = coco_found(tmp_path / "other", labels=LabelSet((Label("ground"),), background=0))
    with pytest.raises(DataError, match="no class to train on"):
        prepare(
            replace(wish, task=fake_task(monkeypatch, lambda source: nothing)), tmp_path / "set", workers=1
        )
    assert not (tmp_path / "set").exists()


def test_a_class_without_an_object_is_told_with_the_way_to_leave_it_out(
    wish: Wish, download: Path, tmp_path: Path
) -> None:
    file = download / "all.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    told["categories"].append({"id": 9, "name": "never"})
    file.write_text(json.dumps(told), encoding="utf-8")
    wish = replace(wish, task=replace(wish.task, any_format=True))
    outcome = prepare(wish, tmp_path / "data/fake", workers=1)
    (note,) = (each for each in outcome.report.told if "Nothing is drawn of" in each)
    assert note.endswith("of never, a class all the same; --only cat 'Ёж & [dog]' leaves it out.")
    assert "never" in outcome.info.class_names
    only = replace(wish, only=("cat",))
    outcome = prepare(only, tmp_path / "data/only", workers=1)
    assert outcome.info.class_names == ("cat",)
    assert any("15 object(s) left out" in each for each in outcome.report.told)
    with pytest.raises(UserError, match=r"no class 'dog'; there are cat, Ёж & \[dog\], never"):
        prepare(replace(wish, only=("dog",)), tmp_path / "data/none", workers=1)


def test_shapes_that_no_training_uses_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(
        f'<image id="{number}" name="{number}.png" width="8" height="6">'
        '<polyline label="cat" points="0.0,0.0;3.0,3.0" z_order="0"/>'
        '<points label="spot" points="1.0,1.0" z_order="0"/>'
        '<polygon label="cat" points="1.0,1.0;5.0,1.0;5.0,5.0" z_order="0"/></image>'
        for number in range(1, 7)
    )
    (tmp_path / "cvat").mkdir()
    for number in range(1, 7):
        (tmp_path / "cvat" / f"{number}.png").write_bytes(picture(number))
    names = "".join(f"<label><name>{name}</name></label>" for name in ("cat", "spot"))
    label = f"<meta><task><labels>{names}</labels></task></meta>"
    (tmp_path / "cvat" / "annotations.xml").write_text(f"<annotations>{label}{lines}</annotations>")
    there = ReadOptions(images=tmp_path / "cvat")
    part = Part(format="cvat", source=tmp_path / "cvat" / "annotations.xml", options=there)
    task = fake_task(monkeypatch, lambda root: Found(parts=(part,), root=root))
    wish = Wish(task=task, source=tmp_path / "cvat", drawing=None)
    outcome = prepare(wish, tmp_path / "data", workers=1)
    other = replace(wish, task=replace(task, any_format=True))
    unused = prepare(other, tmp_path / "other", workers=1).report
    assert unused is not None
    assert any("Nothing is drawn of spot" in each for each in unused.told), "a point is no mask"
    told = [each for each in outcome.report.told if "used by no training" in each]
    assert len(told) == 1
    assert told[0].startswith("12 shape(s) without a mask (polylines, points")
    assert told[0].endswith("1: polyline of cat")


def test_a_demo_takes_the_same_road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, int, Mapping[str, int], int]] = []

    def draw(root: Path, seed: int, counts: Mapping[str, int], size: int) -> None:
        drawn.append((root.name, seed, counts, size))
        write_objects(root, range(1, counts["all"] + 1))

    task = fake_task(monkeypatch, coco_found, target="mmseg+coco", draw=draw)
    wish = Wish(task=task, source=None, drawing=Drawing(counts={"all": 10}), seed=7)
    info = prepare(wish, tmp_path / "data/fake", workers=1).info
    assert drawn == [("download", 7, {"all": 10}, 8)]
    assert (info.generator, info.seed, info.source) == (
        "a_fake_demo, edition 3, size 8",
        7,
        "drawn by SegLoop",
    )
    assert info.name == "fake"
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["fake"], "the drawn download is gone"
    image = next((tmp_path / "data/fake/img_dir").rglob("*.png"))
    assert image.stat().st_nlink == 1
    assert image.read_bytes() in {picture(number) for number in range(1, 11)}
    assert json.loads((tmp_path / "data/fake" / PREPARED).read_text())["demo"]["counts"] == {"all": 10}


def test_remarks_of_a_demo_do_not_name_the_folder_that_was_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(root: Path, seed: int, counts: Mapping[str, int], size: int) -> None:
        write_objects(root, range(1, counts["all"] + 1))

    def tell(found: Found, **_: object) -> LabelledImages:
        return replace(join(found), told=(f"images are in {found.root / 'images'}",))

    monkeypatch.setattr(road, "join", tell)
    wish = Wish(task=fake_task(monkeypatch, coco_found, draw=draw), source=None, drawing=Drawing())
    outcome = prepare(wish, tmp_path / "set", workers=1)
    assert outcome.report is not None
    assert outcome.report.told == ("images are in images",)
