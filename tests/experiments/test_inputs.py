"""What a training reads has one hash: of bytes, order and place, but not of where the set lies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from segloop.experiments.inputs import files_read, newer_files, weight_files


class Pictures:
    """A data set of picture files and masks, as far as its record goes."""

    def __init__(self, root: Path, names: list[str], ann_file: str = "") -> None:
        self.data_root = str(root)
        self.ann_file = ann_file and str(root / ann_file)
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def get_data_info(self, index: int) -> dict[str, Any]:
        root = Path(self.data_root)
        paths = {key: str(root / folder / self.names[index]) for key, folder in KEYS.items()}
        return {**paths, "depth_path": None, "instances": []}


KEYS = {"img_path": "images", "seg_map_path": "masks"}


def write(root: Path, **contents: str) -> Path:
    for name, text in contents.items():
        for folder in KEYS.values():
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / name).write_text(f"{folder} {text}")
    return root


def hash_of(*datasets: Any) -> str:
    record = files_read(datasets)
    assert record is not None
    return record["hash"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "data", a="one", b="two")


def test_a_set_that_was_moved_is_the_same(root: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "elsewhere/moved", a="one", b="two")
    assert files_read([Pictures(root, ["a", "b"])]) == files_read([Pictures(other, ["a", "b"])])
    record = files_read([Pictures(root, ["a", "b"]), Pictures(root, ["b"])])
    assert record is not None
    assert record["files"] == 4
    assert record["hash"] != hash_of(Pictures(root, ["a", "b"]))


def test_every_change_is_seen(root: Path, tmp_path: Path) -> None:
    before = hash_of(Pictures(root, ["a", "b"]))
    assert hash_of(Pictures(root, ["b", "a"])) != before
    assert hash_of(Pictures(root, ["a"])) != before
    (root / "masks/b").write_text("masks owt")
    assert hash_of(Pictures(root, ["a", "b"])) != before
    (root / "masks/b").unlink()
    assert hash_of(Pictures(root, ["a", "b"])) != before
    write(root, b="two")
    assert hash_of(Pictures(root, ["a", "b"])) == before
    write(root, c="two")
    assert hash_of(Pictures(root, ["a", "c"])) != before


def test_annotations_count_by_their_content_and_lists_do_not(root: Path) -> None:
    plain = hash_of(Pictures(root, ["a"]))
    for name, text in (("x.json", "{}"), ("y.json", "{}"), ("z.json", "[]"), ("list.txt", "a")):
        (root / name).write_text(text)
    first, same, other = (hash_of(Pictures(root, ["a"], name)) for name in ("x.json", "y.json", "z.json"))
    assert first == same
    assert len({plain, first, other}) == 3
    assert hash_of(Pictures(root, ["a"], "list.txt")) == plain


def test_annotations_of_several_files_count(root: Path) -> None:
    for name in ("a.json", "b.json"):
        (root / name).write_text(name)
    several, one = Pictures(root, ["a"]), Pictures(root, ["a"], "a.json")
    several.ann_file = [str(root / "a.json"), str(root / "b.json")]  # type: ignore[assignment]
    files = [(files_read([each]) or {})["files"] for each in (several, one)]
    assert files == [4, 3]


def test_through_wrappers_and_without_files(root: Path) -> None:
    class Joined:
        datasets = (Pictures(root, ["a"]), Pictures(root, ["b"]))

    class Repeated:
        dataset = Joined()

    assert hash_of(Repeated()) == hash_of(Pictures(root, ["a"]), Pictures(root, ["b"]))
    assert files_read([[1, 2, 3]]) is None


def test_names_the_files_that_are_newer(root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, (100, 100))
    os.utime(root / "masks/b", (300, 300))
    assert newer_files([Pictures(root, ["a", "b"])], than=200) == [root / "masks/b"]


def test_weights_are_found_wherever_a_config_names_them(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"")
    config = {
        "load_from": str(tmp_path / "a.pth"),
        "model": {
            "pretrained": None,
            "backbone": {"init_cfg": [{"type": "Pretrained", "checkpoint": "torchvision://resnet50"}]},
        },
        "default_hooks": {"checkpoint": "nothing of weights"},
    }
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert weight_files(config) == [
        {"key": "load_from", "file": str(tmp_path / "a.pth"), "sha256": empty},
        {"key": "model.backbone.init_cfg.0.checkpoint", "file": "torchvision://resnet50", "sha256": None},
    ]
