"""A CVAT export becomes records as CVAT shows it, and what is wrong with it is told by line."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest

from data_converters import cvat
from data_converters.base import BadRecord, ReadOptions
from segloop.data import masks
from segloop.data.annotations import Attribute, Bitmap, Box, Label, Opaque, Polygon, Tag
from segloop.utils.errors import DataError, FormatError, UserError
from tests.data.masks.cases import RING
from tests.data_converters.cvat_cases import (
    PROJECT,
    TASK,
    VIDEO,
    one_image,
    picture,
    read_text,
    write_xml,
    write_zip,
)


def test_a_task_of_server_2_23(tmp_path: Path) -> None:
    found = read_text(tmp_path, TASK)
    assert found.facts["name"] == "relabel & co"
    assert found.told == ()
    road, car, person = found.labels.labels
    assert road == Label(
        "road",
        (255, 0, 0),
        (
            Attribute("quality", "select", ("ok", "bad"), "ok"),
            Attribute("lanes", "number", ("1", "8", "1"), "1", mutable=True),
            Attribute("wet", "checkbox", ("false",), "false"),
        ),
    )
    assert (car, person.shape) == (Label("car: small", (0, 255, 127), shape="mask"), "skeleton")
    first, second = found
    assert (first.image_id, first.name, first.split, first.size_hw, first.file) == (
        "sub/img 0",
        "sub/img 0.png",
        "train",
        (6, 8),
        None,
    )
    assert (second.image_id, second.instances) == ("sub/пустой [1]", ())
    mask, polygon, box, turned, ellipse, line, dot, cuboid, skeleton = first.instances
    assert isinstance(mask.shape, Bitmap)
    assert masks.decode(mask.shape.runs, (6, 8)).tolist() == RING.tolist()
    assert mask.attributes == {"quality": "bad", "lanes": 2, "wet": True}
    assert (mask.uid, mask.group, mask.source, mask.occluded) == ("a-1", 3, "manual", False)
    assert isinstance(polygon.shape, Polygon)
    assert [ring.tolist() for ring in polygon.shape.rings] == [[[2, 1], [6, 1], [6, 5]]]
    assert (polygon.label, polygon.z_order, polygon.occluded, polygon.source) == (
        "car: small",
        1,
        True,
        "file",
    )
    assert box.shape == Box((1, 1, 5, 4.25))
    assert box.attributes == {"quality": "ok", "lanes": "", "wet": False}
    assert box.uid is None
    assert turned.shape == Opaque("rotated-box", {"xtl": 1, "ytl": 1, "xbr": 5, "ybr": 4, "rotation": 33.5})
    assert ellipse.shape == Opaque("ellipse", {"cx": 4, "cy": 3, "rx": 2, "ry": 1.5, "rotation": 0})
    assert (line.shape, line.z_order) == (Opaque("polyline", {"points": [[0, 0], [8, 6]]}), 2)
    assert dot.shape == Opaque("points", {"points": [[1, 1]]})
    assert isinstance(cuboid.shape, Opaque)
    assert cuboid.shape.payload["ybr2"] == 4
    assert isinstance(skeleton.shape, Opaque)
    (part,) = skeleton.shape.payload["elements"]
    assert (part["kind"], part["values"]["label"], part["points"]) == ("points", "head", [[2.5, 3]])
    assert first.tags == (Tag("road", {"quality": "ok"}),)


def test_a_project_of_server_2_73_with_one_name_in_two_subsets(tmp_path: Path) -> None:
    found = read_text(tmp_path, PROJECT)
    assert [(each.image_id, each.split, len(each.instances)) for each in found] == [
        ("a", "train", 1),
        ("a", "val", 0),
    ]
    assert found.labels.names == ("cell",)
    assert [each.split for each in read_text(tmp_path, PROJECT, split="val")] == ["val"]
    with pytest.raises(UserError, match="no subset 'test'; it has train, val"):
        read_text(tmp_path, PROJECT, split="test")


def test_one_name_in_two_tasks_of_a_subset(tmp_path: Path) -> None:
    same = PROJECT.replace('subset="val"', 'subset="train"')
    found = read_text(tmp_path, same)
    assert [each.image_id for each in found] == ["task_11/a", "task_12/a"]
    assert found.told == ("Images are called task_<id>/<name>, for 1 name(s) repeat across tasks.",)
    with pytest.raises(FormatError, match=r"lines 46 and 50: 'a.png' and 'a.png' would be the same image"):
        read_text(tmp_path, same.replace('task_id="12"', 'task_id="11"'))


def test_a_job_and_a_task_without_a_subset(tmp_path: Path) -> None:
    job = TASK.replace("<task>", "<job>").replace("</task>", "</job>")
    assert [each.split for each in read_text(tmp_path, job)] == ["train", "train"]
    unnamed = TASK.replace("<subset>train", "<subset>default")
    assert [each.split for each in read_text(tmp_path, unnamed)] == [None, None]
    assert [each.split for each in read_text(tmp_path, unnamed, split="mine")] == ["mine", "mine"]


def test_only_the_images_of_a_list(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# mine\nsub/пустой [1]\n", encoding="utf-8")
    found = read_text(tmp_path, TASK, list_file=tmp_path / "list")
    assert [each.image_id for each in found] == ["sub/пустой [1]"]
    (tmp_path / "list").write_text("sub/img 0.png\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"list names 1 image\(s\) that are not there.*\n  sub/img 0\.png"):
        read_text(tmp_path, TASK, list_file=tmp_path / "list")


def test_without_meta_labels_come_from_the_shapes(tmp_path: Path) -> None:
    bare = TASK[: TASK.index("  <meta>")] + TASK[TASK.index("  <image") :]
    found = read_text(tmp_path, bare)
    assert found.labels.names == ("road", "car: small", "person")
    assert found.told == ("The file declares no labels; those of its shapes were taken, in their order.",)
    first = found.load(found.keys[0]).instances[0]
    assert first.attributes == {"quality": "bad", "lanes": "2", "wet": "true"}
    assert first.uid == "a-1"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_other_encodings_are_found_again_by_their_bytes(tmp_path: Path, encoding: str) -> None:
    data = TASK.replace('encoding="utf-8"', f'encoding="{encoding[:6]}"').encode(encoding)
    found = read_text(tmp_path, b"\xfe\xff" + data if encoding == "utf-16-be" else data)
    assert [each.image_id for each in found] == ["sub/img 0", "sub/пустой [1]"]
    assert len(found.load(found.keys[0]).instances) == 9


def test_comments_and_cdata(tmp_path: Path) -> None:
    text = TASK.replace("  <image id", "  <!-- <image id='9' name='no.png'/> -->\n  <image id")
    text = text.replace(">bad<", "><![CDATA[<b>&amp;]]>!<")
    found = read_text(tmp_path, text)
    assert len(found) == 2
    assert found.load(found.keys[0]).instances[0].attributes["quality"] == "<b>&amp;!"


def test_images_lie_in_the_zip(tmp_path: Path) -> None:
    members = {
        "annotations.xml": PROJECT,
        "images/train/a.png": picture(),
        "images/val/a.png": picture(),
    }
    found = cvat.read(write_zip(tmp_path, members), options=ReadOptions())
    load = pickle.loads(pickle.dumps(found.load))
    first, second = (load(pickle.loads(pickle.dumps(key))) for key in found.keys)
    assert first.file is not None
    assert first.file != second.file
    assert first.file.read_bytes() == picture()
    assert (first.image_id, first.name) == ("a", "a.png")


@pytest.mark.parametrize("folder", ["images", "images/train"])
def test_images_lie_beside_the_xml_or_where_the_user_says(tmp_path: Path, folder: str) -> None:
    one = one_image("", head='subset="train"')
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "i.png").write_bytes(picture(5, 4))
    (record,) = read_text(tmp_path, one)
    assert record.file == tmp_path / folder / "i.png"
    assert record.size_hw == (4, 5)
    (record,) = cvat.read(write_xml(tmp_path, one, "annotations.xml").parent, options=ReadOptions())
    assert record.file is not None
    (tmp_path / "b").mkdir()
    (record,) = read_text(tmp_path / "b", one, images=tmp_path / "images")
    assert record.file == tmp_path / folder / "i.png"
    (record,) = read_text(tmp_path / "b", one, size_hw=(7, 9))
    assert (record.file, record.size_hw) == (None, (7, 9))


def test_an_image_that_lacks_beside_others(tmp_path: Path) -> None:
    members = {"annotations.xml": PROJECT, "images/train/a.png": picture()}
    found = cvat.read(write_zip(tmp_path, members), options=ReadOptions())
    with pytest.raises(BadRecord, match=r"the image is not in .*a.zip: images"):
        list(found)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "other.png").write_bytes(picture())
    found = read_text(tmp_path, one_image(""))
    assert found.told == (f"None of the images is in {tmp_path / 'images'}; the first is i.png.",)
    assert found.load(found.keys[0]).file is None
    with pytest.raises(BadRecord, match="the image is not in"):
        list(read_text(tmp_path, one_image(""), images=tmp_path / "images"))


def test_sizes_that_disagree_and_images_that_do_not_decode(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "i.png").write_bytes(picture(9, 6))
    with pytest.raises(BadRecord, match=r"the labels are for 8x6 pixels, and i\.png has 9x6"):
        list(read_text(tmp_path, one_image("")))
    (tmp_path / "images" / "i.png").write_bytes(b"GIF89a")
    with pytest.raises(BadRecord, match=r"i\.png: not an image"):
        list(read_text(tmp_path, one_image("")))


def test_all_problems_of_an_image_with_their_lines(tmp_path: Path) -> None:
    inside = "\n".join(
        [
            '<mask label="b" rle="4" left="0" top="0" width="2" height="2"/>',
            '<mask label="a" rle="3" left="0" top="0" width="2" height="2"/>',
            '<mask label="a" rle="4" left="7" top="5" width="2" height="2"/>',
            '<polygon label="a" points="1,1;2,2"/>',
        ]
    )
    found = read_text(tmp_path, one_image(inside))
    with pytest.raises(BadRecord) as caught:
        found.load(found.keys[0])
    assert caught.value.image_id == "i"
    assert sorted(caught.value.problems) == [
        "line 4: <mask> has the label 'b', which is not declared in <meta>.",
        "line 5: <mask>: the runs add up to 3 pixels, not 4 (its box is 2x2)",
        "line 6: <mask>: its box (2x2 at 7,5) leaves the image of 8x6",
        "line 7: <polygon> has 2 point(s), and an outline needs three",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<annotation/>", r"line 1: the outermost element is <annotation>; CVAT's XML 1.1 begins with"),
        ("<annotations>\n<image id='0'/></annotations>", "line 2: <image> has no name"),
        (one_image("").replace("i.png", "../i.png"), "line 3: the name '../i.png' climbs out"),
        (one_image("").replace("i.png", "/data/i.png"), "the name '/data/i.png' is the path of one machine"),
        (one_image("").replace("i.png", "C:\\\\i.png"), "is the path of one machine"),
        (one_image("", labels=("a", "a")), "label 'a' is declared twice in <meta>"),
        (one_image("", labels=("",)), "a label in <meta> has no name"),
        (
            one_image("").replace("</annotations>", "<track id='0' label='a'/></annotations>"),
            "both <image> and",
        ),
        (one_image("<mask" * 3), "not valid XML"),
        (one_image("<a>" * 40 + "</a>" * 40), "more than 32 deep"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        read_text(tmp_path, text)


def test_what_is_not_known_is_counted(tmp_path: Path) -> None:
    found = read_text(tmp_path, one_image("").replace("</annotations>", "<job/><job/></annotations>"))
    assert found.told == ("2 element(s) <job> beside the images are not known and were left out.",)
    assert len(found) == 1


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    found = read_text(tmp_path, TASK)
    file = tmp_path / "a.xml"
    file.write_text(TASK.replace("<image", "<i&age"), encoding="utf-8")
    with pytest.raises(BadRecord, match="line 97: the file has changed since it was opened"):
        found.load(found.keys[0])
    file.unlink()
    with pytest.raises(BadRecord, match="the file has changed"):
        found.load(found.keys[0])


def read_all(file: Path) -> int:
    """Return how many images can be read; any error but a user's is a failure."""
    fine = 0
    found = cvat.read(file, options=ReadOptions())
    for key in found.keys:
        try:
            found.load(key)
            fine += 1
        except DataError:
            pass
    return fine


@pytest.mark.parametrize("text", [TASK, VIDEO], ids=["task", "video"])
def test_truncation_anywhere_is_told(tmp_path: Path, text: str) -> None:
    data = text.encode()
    for length in range(0, len(data.rstrip()), 23):
        with pytest.raises(FormatError, match=r"a.xml: line \d+, column \d+: not valid XML"):
            read_text(tmp_path, data[:length])


@pytest.mark.parametrize("text", [TASK, PROJECT, VIDEO], ids=["task", "project", "video"])
def test_noise_never_ends_in_a_traceback(tmp_path: Path, text: str) -> None:
    rng = random.Random(0)
    data = text.encode()
    odd = [
        b"-1",
        b"0",
        b"99999999999999999999",
        b"nan",
        b"1e999",
        b"\xc3\xa9",
        b"1_0",
        b" ",
        b"",
        b"&#10;",
        b"../",
    ]
    told = 0
    for _ in range(150):
        noisy = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            start = rng.randrange(len(noisy))
            if rng.random() < 0.5:  # a value becomes another
                start = noisy.rfind(b'"', 0, start) + 1
                end = noisy.find(b'"', start)
                noisy[start : max(end, start)] = rng.choice(odd)
            else:
                noisy[start] = rng.randrange(256)
        try:
            read_all(write_xml(tmp_path, bytes(noisy)))
        except UserError:
            told += 1
    assert told > 5
    assert list(tmp_path.iterdir()) == [tmp_path / "a.xml"]


def test_keys_are_small_whatever_the_image_holds(tmp_path: Path) -> None:
    shape = '<mask label="a" rle="48" left="0" top="0" width="8" height="6"/>'
    found = read_text(tmp_path, one_image(shape * 500))
    assert len(pickle.dumps(found.keys[0])) < 400
    assert len(pickle.dumps(found.load)) < 1000
    assert len(found.load(found.keys[0]).instances) == 500
    assert np.sum([len(each.shape.runs) for each in found.load(found.keys[0]).instances]) == 500
