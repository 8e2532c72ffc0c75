"""The loop remembers ids, and never takes one server's for another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.cvat.manifest import Manifest, SentFrame, check_place, need_manifest, read_manifest
from segloop.utils.errors import FormatError, UserError
from tests.cvat.sets import LABELS


def made(folder: Path) -> Manifest:
    manifest = Manifest.new(folder, host="https://x", organization=None, name="ships")
    manifest.labels, manifest.project_id, manifest.label_ids = LABELS, 7, {"0": 3}
    manifest.facts = {"name": "ships", "odd": object()}
    entry = manifest.add_task("truth", [SentFrame("a/1.png", "a/1", None, (4, 5), 1, "f00")])
    entry.id = 9
    manifest.save()
    return manifest


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    manifest = made(tmp_path)
    found = need_manifest(tmp_path)
    assert (found.labels, found.tasks, found.carrier) == (LABELS, manifest.tasks, manifest.carrier)
    assert (found.project_id, found.label_ids, found.facts) == (7, {"0": 3}, {"name": "ships"})
    assert found.tasks[0].frames[0].frame_id == "a/1"


def test_names_are_ours_alone_and_keys_count_up(tmp_path: Path) -> None:
    one, two = made(tmp_path / "a"), made(tmp_path / "b")
    assert one.project_name != two.project_name
    assert [one.add_task(kind, []).key for kind in ("truth", "predictions")] == [
        "truth-002",
        "predictions-001",
    ]


def test_another_server_or_organization_is_refused(tmp_path: Path) -> None:
    manifest = made(tmp_path)
    check_place(manifest, host="https://x", organization="")
    for host, organization in (("https://y", None), ("https://x", "lab")):
        with pytest.raises(UserError, match="another loop"):
            check_place(manifest, host=host, organization=organization)


def test_a_folder_without_and_files_that_are_broken_are_told(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    with pytest.raises(UserError, match="push something"):
        need_manifest(tmp_path)
    for text, told in (
        ("{", "cannot be read"),
        ('{"format": 99}', "another version"),
        ('{"format": 1}', "damaged"),
    ):
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
        with pytest.raises(FormatError, match=told):
            read_manifest(tmp_path)
