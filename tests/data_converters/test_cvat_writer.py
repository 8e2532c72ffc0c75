"""What is written comes back, the same to the byte each time, and what changes is told."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_converters import cvat
from data_converters.base import BadRecord, Loss, ReadOptions, WriteOptions
from data_converters.cvat_writer import outline_tolerance
from segloop.data import masks
from segloop.data.annotations import (
    Attribute,
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelSet,
    Opaque,
    Polygon,
    Tag,
)
from segloop.utils.errors import DataError, UserError
from tests.data.masks.cases import RING, images
from tests.data_converters.cvat_cases import (
    PROJECT,
    TASK,
    picture,
    plain,
    read_text,
    write_records,
)

SQUARE = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], np.float64)


def bitmap(mask: np.ndarray) -> Bitmap:
    return Bitmap(mask.shape, masks.encode(mask))


def record(*shapes: object, name: str = "i", **known: object) -> ImageRecord:
    """Return an image of 8x6 pixels with objects of the label a."""
    instances = tuple(
        each if isinstance(each, Instance) else Instance(label="a", shape=each) for each in shapes
    )
    return ImageRecord(image_id=name, name=f"{name}.png", size_hw=(6, 8), instances=instances, **known)


def back(file: Path) -> list[ImageRecord]:
    return list(cvat.read(file, options=ReadOptions()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(drawn=images())
def test_masks_come_back_to_the_pixel(tmp_path: Path, drawn) -> None:
    size_hw, bitmaps = drawn
    instances = tuple(
        Instance(label="a", shape=bitmap(mask), z_order=place) for place, mask in enumerate(bitmaps)
    )
    image = ImageRecord(image_id="i", name="i.png", size_hw=size_hw, instances=instances)
    (rendered,), told = write_records(tmp_path / "a.xml", [image])
    assert (rendered.instances, rendered.losses, told) == (len(bitmaps), (), [])
    assert rendered.pixels == sum(int(mask.sum()) for mask in bitmaps)
    (found,) = back(tmp_path / "a.xml")
    assert plain(found) == plain(image)


def test_three_hundred_objects_that_touch(tmp_path: Path) -> None:
    numbers = np.arange(300).reshape(15, 20).repeat(2, 0).repeat(3, 1)
    shapes = [bitmap(numbers == number) for number in range(300)]
    image = ImageRecord(
        image_id="i",
        name="i.png",
        size_hw=(30, 60),
        instances=tuple(Instance(label="a", shape=s) for s in shapes),
    )
    write_records(tmp_path / "a.xml", [image])
    assert plain(back(tmp_path / "a.xml")[0]) == plain(image)


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=9)
words = texts.filter(lambda text: text != "uid" and text.strip())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_all_else_comes_back_too(tmp_path: Path, data: st.DataObject) -> None:
    names = data.draw(st.lists(words, min_size=1, max_size=4, unique=True))
    labels = [
        Label(
            name,
            data.draw(st.none() | st.tuples(*[st.integers(0, 255)] * 3)),
            tuple(
                Attribute(each, "select", ("x y", "z"), "z", mutable=True)
                for each in data.draw(st.sets(words))
            ),
            data.draw(st.sampled_from(("any", "mask", "polygon"))),
        )
        for name in names
    ]
    numbers = st.floats(-9, 20, width=16).map(lambda value: round(value, 2))
    shapes = st.one_of(
        st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5).map(
            lambda points: Polygon((np.array([(1, 1), (5, 1), *points], np.float64),))
        ),
        st.tuples(numbers, numbers).map(lambda end: Box((-10.0, -10.125, 1 + abs(end[0]), 1 + abs(end[1])))),
        st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=1).map(
            lambda points: Opaque("polyline", {"points": points})
        ),
    )

    def instance(label: Label) -> Instance:
        attributes = {each.name: data.draw(st.sampled_from(each.values)) for each in label.attributes}
        return Instance(
            label=label.name,
            shape=data.draw(shapes),
            attributes=attributes,
            group=data.draw(st.none() | st.integers(1, 3)),
            z_order=data.draw(st.integers(-3, 3)),
            occluded=data.draw(st.booleans()),
            source=data.draw(st.none() | words),
            uid=data.draw(st.none() | words),
        )

    image = record(
        *(instance(data.draw(st.sampled_from(labels))) for _ in range(data.draw(st.integers(0, 3)))),
        name=data.draw(st.sampled_from(("Ü & <b>/ä [1] — 'x' \"y\"", "007", "a.b/c d"))),
        split=data.draw(st.sampled_from((None, "train", "тест & co"))),
        tags=tuple(Tag(label.name) for label in labels[:1]),
    )
    (rendered,), _ = write_records(tmp_path / "a.xml", [image], labels, facts={"name": "n & m"})
    assert rendered.losses == ()
    found = cvat.read(tmp_path / "a.xml", options=ReadOptions())
    assert list(found.labels.labels) == labels
    assert found.facts == {"name": "n & m"}
    assert plain(found.load(found.keys[0])) == plain(image)


@pytest.mark.parametrize("text", [TASK, PROJECT], ids=["task", "project"])
def test_a_servers_export_comes_back_whole(tmp_path: Path, text: str) -> None:
    first = read_text(tmp_path, text)
    writer = cvat.writer(first.labels, facts=first.facts, options=WriteOptions())
    writer.open(tmp_path / "b.xml")
    for each in first:
        rendered = writer.render(each)
        assert rendered.losses == ()
        writer.add(rendered)
    writer.close()
    second = cvat.read(tmp_path / "b.xml", options=ReadOptions())
    assert (second.labels, second.facts) == (first.labels, first.facts)
    assert [plain(each) for each in second] == [plain(each) for each in first]


def test_the_text_is_what_cvat_writes(tmp_path: Path) -> None:
    image = record(
        Instance(label="a", shape=bitmap(RING), source="manual", attributes={"q": 'x<y & "z"\n'}, uid="7"),
        Instance(label="a", shape=Polygon((SQUARE / 3,)), z_order=1, group=2),
    )
    write_records(tmp_path / "a.xml", [image], [Label("a", (255, 0, 16))], facts={"name": "set"})
    text = (tmp_path / "a.xml").read_text(encoding="utf-8")
    assert text.startswith(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>'
    )
    assert "<dumped>" not in text
    assert "      <name>set</name>\n      <size>1</size>\n      <mode>annotation</mode>" in text
    assert "          <name>a</name>\n          <color>#ff0010</color>\n          <type>any</type>" in text
    assert text.endswith(
        '  <image id="0" name="i.png" width="8" height="6">\n'
        '    <mask label="a" source="manual" occluded="0" rle="5, 5, 2, 1, 2, 1, 2, 1, 2, 1, 2, 4, 2" '
        'left="2" top="0" width="6" height="5" z_order="0">\n'
        '      <attribute name="q">x&lt;y &amp; "z"\n</attribute>\n'
        '      <attribute name="uid">7</attribute>\n'
        "    </mask>\n"
        '    <polygon label="a" occluded="0" points="0.00,0.00;1.33,0.00;1.33,1.33;0.00,1.33" z_order="1" '
        'group_id="2">\n'
        "    </polygon>\n"
        "  </image>\n"
        "</annotations>\n"
    )
    for name in ("q", "uid"):
        assert f"<name>{name}</name>\n              <mutable>False</mutable>\n" in text, "declared as text"


def test_parts_of_one_object_are_put_together_again(tmp_path: Path) -> None:
    parts = Polygon((SQUARE, SQUARE + 1, SQUARE / 2))
    image = record(
        Instance(label="a", shape=parts),
        Instance(label="a", shape=Polygon((SQUARE,)), group=1),
        Instance(label="a", shape=parts, group=1, uid="x"),
        Instance(label="a", shape=parts, group=0),
    )
    (rendered,), _ = write_records(tmp_path / "a.xml", [image])
    assert rendered.instances == 4
    (found,) = back(tmp_path / "a.xml")
    assert [len(each.shape.rings) for each in found.instances] == [3, 1, 3, 3]
    assert [each.group for each in found.instances] == [None, 1, 1, 2], "CVAT's group 0 is none"
    assert [ring.tolist() for ring in found.instances[0].shape.rings] == [r.tolist() for r in parts.rings]
    text = (tmp_path / "a.xml").read_text(encoding="utf-8")
    # Somebody copies an object in CVAT, and its parts with it: it must not melt into the first.
    copy = text.replace('<polygon label="a" occluded="0"', '<polygon label="a" occluded="1"')
    lines = copy[copy.index("    <polygon") : copy.index("  </image>")]
    (doubled,) = read_text(tmp_path, text.replace("  </image>", f"{lines}  </image>"))
    assert len(doubled.instances) == 20


def test_overlapping_masks_get_an_order(tmp_path: Path) -> None:
    one, two = np.zeros((6, 8), bool), np.zeros((6, 8), bool)
    one[:3], two[2:] = True, True
    apart = record(bitmap(one), bitmap(~one), name="apart")
    known = record(bitmap(one), Instance(label="a", shape=bitmap(two), z_order=4), name="known")
    same = record(
        Instance(label="a", shape=bitmap(one), z_order=4),
        bitmap(two),
        Instance(label="a", shape=bitmap(two), z_order=4),
    )
    rendered, told = write_records(tmp_path / "a.xml", [apart, known, same])
    assert told == [
        "z_order was numbered on 1 image(s), from the first object to the last: masks overlap there and had "
        "the same one, and CVAT draws equals in any order."
    ]
    assert all(each.losses == () for each in rendered)
    found = back(tmp_path / "a.xml")
    assert [[i.z_order for i in each.instances] for each in found] == [[0, 0], [0, 4], [1, 0, 2]]


def test_outlines_instead_of_masks(tmp_path: Path) -> None:
    empty = np.zeros((6, 8), bool)
    image = record(bitmap(RING), bitmap(empty))
    (exact,), _ = write_records(tmp_path / "a.xml", [image], masks="exact-polygon")
    assert (exact.instances, exact.pixels, exact.losses) == (2, 13, ())
    (found,) = back(tmp_path / "a.xml")
    ring, nothing = found.instances
    assert isinstance(ring.shape, Polygon)
    assert masks.rasterize([ring.shape.rings], (6, 8))[0].tolist() == masks.encode(RING).tolist()
    assert isinstance(nothing.shape, Bitmap)

    disc = np.hypot(*np.mgrid[-20:21, -20:21]) < 18
    big = ImageRecord(
        image_id="d", name="d.png", size_hw=(41, 41), instances=(Instance(label="a", shape=bitmap(disc)),)
    )
    (rough,), _ = write_records(tmp_path / "b.xml", [big], masks="polygon:2")
    (found,) = back(tmp_path / "b.xml")
    drawn = masks.decode(masks.rasterize([found.instances[0].shape.rings], (41, 41))[0], (41, 41))
    assert rough.losses == (Loss("outline-pixels", int((drawn != disc).sum()), "d"),)
    assert rough.pixels == int((drawn & disc).sum())
    assert 0 < (drawn != disc).sum() < 0.1 * disc.sum()


@pytest.mark.parametrize("masks", ["polygons", "polygon:", "polygon:-1", "polygon:inf", "rle:1", ""])
def test_ways_to_write_masks_that_there_are_not(masks: str) -> None:
    with pytest.raises(UserError, match=r"choose rle, exact-polygon or polygon:TOL"):
        outline_tolerance(masks)


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    declared = Label("a", attributes=(Attribute("n", "number"), Attribute("yes", "checkbox")))
    image = record(
        Instance(label="a", shape=Box((0, 0, 1, 1)), attributes={"n": 3, "yes": True, "free": 3, "no": None}),
        Instance(label="a", shape=Box((0, 0, 1, 1)), attributes={"n": "3", "uid": "other", "t": "a\x00b"}),
        Instance(label="a", shape=Polygon((SQUARE, SQUARE[:2]))),
        Instance(label="a", shape=Polygon(())),
        Instance(label="a", shape=Opaque("keypoints", {"keypoints": [1, 2, 3]})),
        Instance(label="a", shape=Opaque("ellipse", {"centre": [1, 2]})),
        split="default",
    )
    (rendered,), _ = write_records(tmp_path / "a.xml", [image], [declared])
    assert rendered.instances == 4
    assert rendered.losses == (
        Loss("attribute-types", 3, "i: a.free = 3 becomes '3'"),
        Loss("attributes", 1, "i: a.uid, a name that has its own meaning"),
        Loss("characters", 1, "i: attribute 't' = 'a\\x00b'"),
        Loss("outlines-of-two-points", 1, "i: a"),
        Loss("polygons", 1, "i: a, without an outline"),
        Loss("opaque", 2, "i: a, keypoints"),
        Loss("splits", 1, "i: 'default', CVAT's word for none"),
    )
    (found,) = back(tmp_path / "a.xml")
    assert found.instances[0].attributes == {"n": 3, "yes": True, "free": "3", "no": ""}
    assert found.instances[1].attributes == {"n": 3, "t": "a�b"}


def test_the_background_is_no_label_in_cvat(tmp_path: Path) -> None:
    labels = LabelSet((Label("background"), Label("a")), background=0)
    writer = cvat.writer(labels, facts={}, options=WriteOptions())
    semantic = np.zeros((6, 8), np.uint8)
    semantic[1:3, 1:3], semantic[4:, 4:] = 1, 1
    image = ImageRecord(image_id="i", name="i.png", size_hw=(6, 8), semantic=semantic)
    odd = record(Instance(label="background", shape=bitmap(RING)), name="odd")
    writer.open(tmp_path / "a.xml")
    first, second = writer.render(image), writer.render(odd)
    assert (first.instances, first.pixels, first.losses) == (2, 12, ())
    assert (second.instances, second.losses) == (0, (Loss("background-objects", 1, "odd: background"),))
    writer.add(first)
    writer.close()
    found = cvat.read(tmp_path / "a.xml", options=ReadOptions())
    assert found.labels.names == ("a",)


def test_labels_that_cvat_or_xml_will_not_take(tmp_path: Path) -> None:
    _, told = write_records(tmp_path / "a.xml", [], ["x" * 65, " a", "fine"])
    assert told == [
        "CVAT's server will not take 2 label(s) as they are, for they have more than 64 characters, or "
        f"blanks at an end: {'x' * 65!r}."
    ]
    with pytest.raises(DataError, match=r"cannot hold the names of 1 label.*\n  'a\\x1b'"):
        write_records(tmp_path / "b.xml", [], ["a\x1b"])


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (record(Instance(label="b", shape=Box((0, 0, 1, 1)))), "the label 'b' is not declared"),
        (record(name="../i"), "its name '../i.png': it climbs out"),
        (record(name="a\x1bb"), "holds a character that XML cannot hold"),
        (record(name="a\udcff"), "it is no UTF-8 text"),
        (record(bitmap(np.ones((3, 3), bool))), r"1 mask\(s\) are of another size than the image, 8x6"),
        (record(split="../x"), "its split '../x': it climbs out"),
    ],
)
def test_images_that_cannot_be_written(tmp_path: Path, image: ImageRecord, told: str) -> None:
    with pytest.raises(BadRecord, match=told):
        write_records(tmp_path / "a.xml", [image])


def test_the_same_set_makes_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    labels = LabelSet((Label("a"), Label("b")))
    image = record(
        bitmap(RING), Instance(label="b", shape=Polygon((SQUARE,)), attributes={"z": "1", "a": "2"})
    )
    for name in ("a.xml", "b.xml"):
        writer = cvat.writer(labels, facts={}, options=WriteOptions())
        copy = pickle.loads(pickle.dumps(writer))
        writer.open(tmp_path / name)
        writer.add(pickle.loads(pickle.dumps(copy.render(image))))
        writer.close()
    assert (tmp_path / "a.xml").read_bytes() == (tmp_path / "b.xml").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.xml", "b.xml"]


def test_two_images_of_one_place_in_the_zip_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.png"
    file.write_bytes(picture())
    both = [record(name="a/1", file=file), record(name="1", split="a", file=file)]
    with pytest.raises(BadRecord, match=r"another image has the file images/a/1\.png already"):
        write_records(tmp_path / "a.zip", both)


def test_a_zip_with_images_and_without(tmp_path: Path) -> None:
    file = tmp_path / "p.png"
    file.write_bytes(picture())
    first = record(name="a/1", split="train", file=file)
    second = record(name="a/1", split="val", file=tmp_path / "gone.png")
    rendered, _ = write_records(tmp_path / "a.zip", [first, second], media="copy")
    assert [each.losses for each in rendered] == [(), (Loss("image-files", 1, "a/1"),)]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["images/train/a/1.png", "annotations.xml"]
        assert archive.read("images/train/a/1.png") == picture()
    found = cvat.read(tmp_path / "a.zip", options=ReadOptions(split="train"))
    assert [(each.image_id, each.split) for each in found] == [("a/1", "train")]
    rendered, _ = write_records(tmp_path / "b.zip", [first, second])
    assert [each.losses for each in rendered] == [(), ()], (
        "a zip takes what there is, unless all are asked for"
    )
    assert zipfile.ZipFile(tmp_path / "b.zip").namelist() == ["images/train/a/1.png", "annotations.xml"]
    write_records(tmp_path / "c.zip", [first, second], media="none")
    assert zipfile.ZipFile(tmp_path / "c.zip").namelist() == ["annotations.xml"]
    write_records(tmp_path / "c.xml", [first])
    with pytest.raises(UserError, match=r"name a \.zip, or leave out --media"):
        write_records(tmp_path / "d.xml", [first], media="copy")
    for media in ("link", "hardlink"):
        with pytest.raises(UserError, match="holds the images themselves"):
            write_records(tmp_path / "d.zip", [first], media=media)


def test_two_images_of_one_name_are_refused_and_of_two_splits_are_not(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two images 'i'"):
        write_records(tmp_path / "a.xml", [record(), record()])
    write_records(tmp_path / "b.xml", [record(split="a"), record(split="b")])
    assert [(each.image_id, each.split) for each in back(tmp_path / "b.xml")] == [("i", "a"), ("i", "b")]
