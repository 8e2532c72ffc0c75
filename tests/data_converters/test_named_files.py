"""What paths tell of files."""

from pathlib import Path

from data_converters.named_files import placed, without_shared


def test_splits_and_roles_leave_a_path_and_so_does_what_all_share() -> None:
    root = Path("x")
    files = [root / "set/train/images/a/1.png", root / "set/val/images/b/1.png"]
    found = placed(files, root)
    assert [(each.split, each.folders) for each in found] == [("train", ("set", "a")), ("val", ("set", "b"))]
    assert [each.folders for each in without_shared(found)] == [("a",), ("b",)]
