"""Archives from elsewhere do no harm, and ours come out the same each time."""

from __future__ import annotations

import gc
import pickle
import random
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from data_converters import archives
from data_converters.archives import ArchiveWriter, open_archive, read_member
from segloop.utils.errors import DataError, FormatError, UserError

NAMES = ("annotations.xml", "images/train/Котик & [ё] — 1.png", "leer zeichen/2.PNG", "empty")


def write(path: Path, members: dict[str, bytes], **entry: int) -> Path:
    """Write a zip as other tools do; `entry` overrides what each member says of itself."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            for key, value in entry.items():
                setattr(info, key, value)
            file.writestr(info, data)
    return path


def contents(seed: int = 0) -> dict[str, bytes]:
    """Return members of several kinds."""
    noise = random.Random(seed)
    sizes = (3_000_000, 1000, 1, 0)
    return {
        name: noise.randbytes(size // 2) + bytes(size - size // 2)
        for name, size in zip(NAMES, sizes, strict=True)
    }


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_come_out_as_they_went_in(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as file:
        file.mkdir("images") if hasattr(file, "mkdir") else file.writestr("images/", b"")
        for name, data in contents().items():
            with file.open(name, "w", force_zip64=name == "empty") as stream:  # lengths follow the data
                stream.write(data)
        file.writestr("__MACOSX/images/._1.png", b"litter")
    archive = pickle.loads(pickle.dumps(open_archive(path)))
    assert list(archive.members) == list(NAMES)
    assert {name: archive.read(name) for name in archive.members} == contents()


def test_an_unpacked_member_goes_with_its_owner(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", contents())
    unpacked = open_archive(path).unpack(NAMES[0])
    file = unpacked.file
    copy = pickle.loads(pickle.dumps(unpacked))
    assert file.read_bytes() == contents()[NAMES[0]]
    assert file.suffix == ".xml"
    del copy
    gc.collect()
    assert file.exists(), "a worker's copy takes nothing away"
    del unpacked
    gc.collect()
    assert not file.exists()


def test_a_shelf_unpacks_what_is_asked_for_and_goes_with_its_owner(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {**contents(), "A.PNG": b"upper", "a.png": b"lower"})
    archive = open_archive(path)
    shelf = archives.Shelf(path)
    folder = shelf.folder
    copy = pickle.loads(pickle.dumps(shelf))
    assert list(folder.iterdir()) == []
    for name in ("A.PNG", "a.png", NAMES[1]):
        file = copy.file(archive.members[name])
        assert file.suffix == ".png"
        assert file.read_bytes() == archive.read(name)
        assert shelf.file(archive.members[name]) == file
    assert len(list(folder.iterdir())) == 3
    del copy
    gc.collect()
    assert folder.exists(), "a worker's copy takes nothing away"
    del shelf
    gc.collect()
    assert not folder.exists()


def test_a_shelf_without_room_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", contents())
    shelf = archives.Shelf(path, folder=tmp_path / "gone")
    with pytest.raises(FormatError, match="could not be unpacked"):
        shelf.file(open_archive(path).members[NAMES[2]])


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("../out", "a/../../b", "/etc/x", "C:\\x", "..\\y", "twice"):
            file.writestr(name, b"x")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("twice", b"x")
    with pytest.raises(FormatError) as caught:
        open_archive(path)
    for told in ("'../out' climbs", "'a/../../b' climbs", "'/etc/x' climbs", "'C:", "y' climbs", "2 times"):
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"external_attr": (stat.S_IFLNK | 0o777) << 16}, "is a link"),
        ({"external_attr": (stat.S_IFIFO | 0o777) << 16}, "is no ordinary file"),
        ({"compress_type": zipfile.ZIP_LZMA}, "packed by the method 'lzma'"),
    ],
)
def test_kinds_of_members_that_are_refused(tmp_path: Path, entry: dict[str, int], told: str) -> None:
    with pytest.raises(FormatError, match=told):
        open_archive(write(tmp_path / "a.zip", {"a": b"target"}, **entry))


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {"a": b"x"})
    path.write_bytes(path.read_bytes().replace(b"a", b"\0"))  # zipfile cuts names at a zero
    with pytest.raises(FormatError, match="'' has no name"):
        open_archive(path)


def test_a_password_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {"a": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="'a' needs a password"):
        open_archive(path)


def test_a_bomb_is_refused_with_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "HARMLESS", 1 << 18)
    path = write(tmp_path / "a.zip", {"a.json": bytes(archives.HARMLESS + 1)})
    with pytest.raises(FormatError, match=r"'a.json' would unpack from \d+ to 262145 bytes.*250 times"):
        open_archive(path)
    small = open_archive(write(path, {"a": bytes(1 << 18)}))
    assert len(small.read("a")) == 1 << 18


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {"a": b"first", "b": b"second"})
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    struct.pack_into("<L", data, second + 42, 0)  # b begins where a does
    path.write_bytes(data)
    with pytest.raises(FormatError, match="'b' shares bytes with 'a'"):
        open_archive(path)


def test_a_member_that_is_longer_than_it_says_is_not_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {"a": bytes(5_000_000)})
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 24, 10)
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"a\.zip: a: damaged: it is longer than the 10 bytes"):
        open_archive(path).read("a")


def test_too_much_for_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = open_archive(write(tmp_path / "a.zip", {"a": b"12345"}))
    monkeypatch.setattr(archives, "MOST_IN_MEMORY", 4)
    with pytest.raises(FormatError, match="unpacks to 5 bytes, and at most 4"):
        read_member(archive.path, archive.members["a"])


def test_what_is_no_archive_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_archive(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("PK, but no zip")
    with pytest.raises(FormatError, match="not a zip archive"):
        open_archive(tmp_path / "text.zip")


def test_damage_of_any_kind_is_told_and_never_a_traceback(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {"a.json": b'{"images": []}' * 9, "b/c.png": bytes(range(256))})
    whole = path.read_bytes()
    noise = random.Random(7)
    flipped = []
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(noise.randint(1, 3)):
            data[noise.randrange(len(data))] = noise.randrange(256)
        flipped.append(bytes(data))
    told = 0
    for data in (*(whole[:length] for length in range(0, len(whole), 3)), *flipped):
        path.write_bytes(data)
        try:
            archive = open_archive(path)
            for name in archive.members:
                archive.read(name)
        except UserError:
            told += 1
    assert told > len(whole) // 3


def test_the_same_members_make_the_same_bytes(tmp_path: Path) -> None:
    image = tmp_path / "1.png"
    image.write_bytes(b"\x89PNG" + bytes(1000))
    for name in ("a.zip", "b.zip"):
        with ArchiveWriter(tmp_path / name) as writer:
            writer.add("annotations.xml", b"<a/>" * 1000)
            with writer.open("long.json") as stream:
                stream.write(b"[" + b"1," * 1000 + b"1]")
            writer.add_file("images/Котик.png", image)
        image.touch()
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    archive = open_archive(tmp_path / "a.zip")
    assert archive.read("images/Котик.png") == image.read_bytes()
    assert archive.members["images/Котик.png"].packed == 1004, "images are not packed twice"
    assert archive.members["annotations.xml"].packed < 100
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert file.testzip() is None


def test_a_failure_inside_leaves_its_own_error(tmp_path: Path) -> None:
    def fail() -> None:
        with ArchiveWriter(tmp_path / "a.zip") as writer:
            writer.open("begun.json")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
