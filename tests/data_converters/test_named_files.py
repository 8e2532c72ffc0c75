"""What paths tell of files."""

from pathlib import Path

from data_converters.named_files import picture_files, placed, without_shared


def test_splits_and_roles_leave_a_path_and_so_does_what_all_share() -> None:
    root = Path("x")
    files = [root / "set/train/images/a/1.png", root / "set/val/images/b/1.png"]
    found = placed(files, root)
    assert [(each.split, each.folders) for each in found] == [("train", ("set", "a")), ("val", ("set", "b"))]
    assert [each.folders for each in without_shared(found)] == [("a",), ("b",)]


def test_pictures_behind_a_link_to_another_disk_are_found(tmp_path: Path) -> None:
    for name in ("disk/val/1.png", "set/train/2.png", "set/.cache/3.png", "set/__MACOSX/4.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "set/val").symlink_to(tmp_path / "disk/val", target_is_directory=True)
    (tmp_path / "set/train/up").symlink_to("..")
    (tmp_path / "set/train/gone.png").symlink_to("nowhere.png")
    found = [file.relative_to(tmp_path).as_posix() for file in picture_files(tmp_path / "set")]
    assert found == ["set/train/2.png", "set/val/1.png"]
