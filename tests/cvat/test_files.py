"""What goes through CVAT's web page by hand comes back to the pixel, and what does not fit is refused."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_converters import cvat_loop
from segloop.cvat.faults import CvatError
from segloop.cvat.files import HOST, read_files, write_files
from segloop.cvat.manifest import Manifest, need_manifest
from segloop.cvat.packages import plan_packages
from segloop.cvat.pull import Pulled
from segloop.data.annotations import Bitmap, Instance, LabelledImages, Opaque
from segloop.data.masks import encode
from segloop.utils.errors import UserError
from tests.cvat.labels_made import LABELS, before
from tests.cvat.sets import LABELS as SET_LABELS
from tests.cvat.sets import SIZE, box, exact, hard_set, image, set_of

Edit = Callable[[str], str]
META = """<meta><task><id>7</id><name>{name}</name><assignee><username>anna</username><email/></assignee>
<labels/></task></meta>"""


def written(folder: Path, images: LabelledImages, *, chunk: int = 100, masks: str = "rle") -> Manifest:
    """Return a loop of files for a person to upload."""
    folder.mkdir()
    manifest = Manifest.new(folder, host=HOST, organization=None, name="zoo")
    write_files(
        {"truth": plan_packages(images, chunk=chunk)}, folder, manifest, codec=cvat_loop.codec, masks=masks
    )
    return need_manifest(folder)


def exported(folder: Path, key: str, edit: Edit = lambda text: text, *, name: str = "any.zip") -> Path:
    """Return an export of a task as the web page makes one, after somebody's edit."""
    with zipfile.ZipFile(folder / key / "annotations.zip") as archive:
        text = archive.read("annotations.xml").decode()
    file = folder / name
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("annotations.xml", edit(text))
    return file


def back(manifest: Manifest, *files: Path) -> Pulled:
    """Return what came back."""
    return read_files(manifest, files, codec=cvat_loop.codec)


def exact_of(images: Sequence[object]) -> dict[str, list[tuple[object, ...]]]:
    """Return all that records say, by name."""
    return {each.image_id: [exact(one) for one in each.instances] for each in images}  # type: ignore[attr-defined]


def test_everything_hard_comes_back_as_it_went(tmp_path: Path) -> None:
    images = hard_set(tmp_path / "set")
    manifest = written(tmp_path / "loop", images, chunk=2)
    files = [exported(manifest.folder, each.key, name=f"{each.key}.zip") for each in manifest.tasks]
    pulled = back(manifest, *files[::-1])  # in any order
    plan = plan_packages(images)
    went = [plan.objects(frame) for frame in plan.frames]
    assert exact_of([each.record for each in pulled.images]) == exact_of(went)
    assert not pulled.changes
    assert not pulled.waiting
    assert not pulled.deleted


def test_an_export_that_a_mac_packed_again_is_read(tmp_path: Path) -> None:
    manifest = written(tmp_path / "loop", before(tmp_path / "set"))
    key = manifest.tasks[0].key
    plain = exported(
        manifest.folder, key, lambda text: re.sub("(?s)<meta>.*</meta>", META.format(name=key), text)
    )
    with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(tmp_path / "mac.zip", "w") as packed:
        packed.writestr("__MACOSX/any/._annotations.xml", b"\0\5\x16\7\0\2\0\0Mac OS X")
        packed.writestr("any/annotations.xml", archive.read("annotations.xml"))
    assert back(manifest, tmp_path / "mac.zip").images[0].assignee == "anna"


def test_what_cvat_has_no_place_for_stays_at_home(tmp_path: Path) -> None:
    keypoints = Instance(label="cat", shape=Opaque("keypoints", {"keypoints": [1, 2, 2]}), uid="k")
    ship = Instance(label="cat", shape=Bitmap((48, 64), encode(np.ones((48, 64), np.uint8))), uid="s")
    images = set_of([image(tmp_path / "set", "a.png", [keypoints, ship])], LABELS)
    manifest = written(tmp_path / "loop", images)
    pulled = back(manifest, exported(manifest.folder, "truth-001"))
    assert exact_of([each.record for each in pulled.images]) == exact_of(list(images))


def test_index_maps_are_index_maps_again(tmp_path: Path) -> None:
    images = hard_set(tmp_path / "set")
    manifest = written(tmp_path / "loop", images)
    pulled = back(manifest, exported(manifest.folder, "truth-001"))
    maps = {each.image_id: each.semantic for each in pulled.as_set(maps=True)}
    assert np.array_equal(maps["semantic"], images.load(3).semantic)
    assert [name for name, semantic in maps.items() if semantic is not None] == ["semantic"]


def test_a_person_finds_all_that_is_needed(tmp_path: Path) -> None:
    manifest = written(tmp_path / "loop", before(tmp_path))
    (entry,) = manifest.tasks
    labels = json.loads((tmp_path / "loop/labels.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in labels] == ["cat", "dog"]
    assert "uid" in [each["name"] for each in labels[0]["attributes"]]
    with zipfile.ZipFile(tmp_path / "loop" / entry.key / "images.zip") as archive:
        assert archive.namelist() == ["test/x/1.png", "test/2.png", "train/3.png"]
    told = (tmp_path / "loop/INSTRUCTIONS.txt").read_text(encoding="utf-8")
    assert entry.key in told
    assert "CVAT for images 1.1" in told


def test_who_had_it_and_what_changed_is_kept(tmp_path: Path) -> None:
    manifest = written(tmp_path / "loop", before(tmp_path))

    def edit(text: str) -> str:
        text = re.sub("<meta>.*?</meta>", META.format(name="truth-001"), text, flags=re.DOTALL)
        return re.sub(
            r'(<image [^>]*name="test/2.png".*?)<mask.*?</mask>', r"\1", text, count=1, flags=re.DOTALL
        )

    pulled = back(manifest, exported(manifest.folder, "truth-001", edit))
    assert {(each.task_id, each.assignee, each.key) for each in pulled.images} == {(7, "anna", "truth-001")}
    assert [each.changes.removed for each in pulled.images] == [0, 1, 0]


def test_predictions_are_never_taken_for_the_truth(tmp_path: Path) -> None:
    images = before(tmp_path)
    (tmp_path / "loop").mkdir()
    manifest = Manifest.new(tmp_path / "loop", host=HOST, organization=None, name="zoo")
    plan = plan_packages(images)
    write_files({"truth": plan, "predictions": plan}, manifest.folder, manifest, codec=cvat_loop.codec)
    manifest = need_manifest(manifest.folder)
    files = []
    for key in ("truth-001", "predictions-001"):
        meta = META.format(name=key)

        def named(text: str, meta: str = meta) -> str:
            return re.sub("<meta>.*?</meta>", meta, text, flags=re.DOTALL)

        files.append(exported(manifest.folder, key, named, name=f"{key}.zip"))
    for kind, right, wrong in (("truth", *files), ("predictions", *files[::-1])):
        pulled = read_files(manifest, [right], codec=cvat_loop.codec, kind=kind)
        assert ({each.key for each in pulled.images}, pulled.waiting) == ({f"{kind}-001"}, [])
        with pytest.raises(CvatError, match=f"{wrong.stem}; --kind {wrong.stem[:-4]}"):
            read_files(manifest, [right, wrong], codec=cvat_loop.codec, kind=kind)


def test_missing_images_and_files_are_told_and_stay(tmp_path: Path) -> None:
    manifest = written(tmp_path / "loop", before(tmp_path), chunk=2)

    def without_second(text: str) -> str:
        return re.sub(r'<image [^>]*name="test/2.png".*?(</image>|/>)', "", text, flags=re.DOTALL)

    pulled = back(manifest, exported(manifest.folder, "truth-001", without_second))
    assert (pulled.deleted, pulled.waiting) == (["test/2"], ["train/3"])
    assert "1 image(s) of truth-001 are not in it" in pulled.told[0]
    assert "truth-002: no file was given" in pulled.told[1]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("test/2.png", "test/other.png"), "never sent"),
        (
            lambda text: re.sub(r'name="[^"]*\.png"', 'name="{}.png"', text).replace("{}", "q", 1),
            "no task|twice|same",
        ),
        (lambda text: re.sub(r'rle="0, \d+"', 'rle="0, 5"', text, count=1), "damaged"),
        (lambda text: re.sub(r'left="\d+"', 'left="9000"', text, count=1), "damaged"),
        (
            lambda text: re.sub('width="64" height="48"', 'width="48" height="64"', text),
            "heights and widths|damaged",
        ),
        (lambda text: text[:300], r"any\.zip"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    manifest = written(tmp_path / "loop", before(tmp_path))
    with pytest.raises(UserError, match=message):
        back(manifest, exported(manifest.folder, "truth-001", edit))


def test_two_files_of_one_task_and_files_that_are_none_are_told_together(tmp_path: Path) -> None:
    manifest = written(tmp_path / "loop", before(tmp_path))
    one = exported(manifest.folder, "truth-001", name="one.zip")
    two = exported(manifest.folder, "truth-001", name="two.zip")
    with pytest.raises(
        CvatError, match=r"2 file\(s\)[^$]*none.zip: there is no such file[^$]*which one counts"
    ):
        back(manifest, one, two, tmp_path / "none.zip")


def test_a_file_that_is_named_twice_is_one(tmp_path: Path) -> None:
    manifest = written(tmp_path / "loop", before(tmp_path))
    export = exported(tmp_path / "loop", "truth-001")
    again = export.parent / ".." / "loop" / export.name
    assert len(back(manifest, export, again).images) == len(back(manifest, export).images) == 3


def test_new_labels_are_told(tmp_path: Path) -> None:
    manifest = written(tmp_path / "loop", before(tmp_path))

    def edit(text: str) -> str:
        return text.replace(">cat<", ">fox<").replace('label="cat"', 'label="fox"')

    pulled = back(manifest, exported(manifest.folder, "truth-001", edit))
    assert pulled.labels.names == ("cat", "dog", "fox")
    assert "label 'fox' is new" in pulled.told[0]


def test_what_is_wrong_before_it_is_sent_is_not_sent(tmp_path: Path) -> None:
    class Bad:
        read = staticmethod(cvat_loop.read)

        @staticmethod
        def write(labels: object, records: Sequence[object], target: Path, *, masks: str = "rle") -> object:
            fewer = [replace(each, instances=()) for each in records]  # type: ignore[type-var]
            return cvat_loop.write(labels, fewer, target, masks=masks)  # type: ignore[arg-type]

    (tmp_path / "loop").mkdir()
    manifest = Manifest.new(tmp_path / "loop", host=HOST, organization=None, name="zoo")
    with pytest.raises(CvatError, match="does not hold what was to be sent"):
        write_files({"truth": plan_packages(before(tmp_path))}, tmp_path / "loop", manifest, codec=Bad())  # type: ignore[arg-type]


def test_outlines_say_what_they_cost(tmp_path: Path) -> None:
    (tmp_path / "loop").mkdir()
    manifest = Manifest.new(tmp_path / "loop", host=HOST, organization=None, name="zoo")
    draw = np.hypot(*np.indices((48, 64)) - [[[20]], [[30]]]) < 15
    disc = Instance(label="cat", shape=Bitmap((48, 64), encode(draw)))
    images = set_of([image(tmp_path / "set", "a.png", [disc])], LABELS)
    plan = plan_packages(images)
    filed = write_files(
        {"truth": plan}, tmp_path / "loop", manifest, codec=cvat_loop.codec, masks="polygon:2"
    )
    assert "would be wrong as outlines" in "\n".join(filed.told)


def test_what_is_drawn_as_background_is_erased(tmp_path: Path) -> None:
    record = image(tmp_path, "a.png", [Instance(label="0", shape=box(0, 0, 10, 10))])
    manifest = written(tmp_path / "loop", set_of([record], SET_LABELS))
    drawn = '<box label="background" xtl="0" ytl="0" xbr="5" ybr="48" z_order="1"></box></image>'

    def edit(text: str) -> str:
        declared = text.replace("<labels>", "<labels><label><name>background</name></label>")
        return declared.replace("</image>", drawn)

    pulled = back(manifest, exported(tmp_path / "loop", "truth-001", edit))
    (one,) = pulled.images
    assert [exact(each)[0] for each in one.record.instances] == [(SIZE, box(0, 5, 10, 10).runs.tolist())]
    assert "is new, and the background" in pulled.told[0]
