"""Whatever people do in CVAT is what the new version holds, and the comparison says no more and no less."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from data_converters import cvat_loop
from segloop.cvat.differences import draw_labels, join_classes
from segloop.cvat.version import check_version
from segloop.data.annotations import LabelledImages
from segloop.data.drawing import bitmaps
from segloop.data.masks import decode
from segloop.utils.cli import run
from tests.cvat.standin.server import StandIn
from tests.cvat.whole import KINDS, LABELS, Annotator, Seen, files_in, flips_between, prepared
from tools.cvat import main


def tool(*words: str | Path) -> str | None:
    """Run the tool in this process, and return what it says it cannot do; None if all was done."""
    sys.argv = ["cvat.py", *map(str, words)]
    told = io.StringIO()
    with pytest.raises(SystemExit) as end, contextlib.redirect_stderr(told):
        run(main)
    return told.getvalue() if end.value.code else None


def opened(root: Path) -> LabelledImages:
    """Return the labels of a set, objects where it has them."""
    return cvat_loop.open_labels(root)[0]


def seen_in(images: LabelledImages) -> Seen:
    """Return what is seen in each image, by name."""
    classes = join_classes(images.labels, images.labels)
    names = np.array([LABELS.names[0] if n == "(nothing)" else n for n in classes.names], object)
    return {
        f"{each.split}/{each.image_id}": names[draw_labels(each, images.labels, classes).classes]
        for each in images
    }


def objects_in(images: LabelledImages) -> dict[str, list[tuple[str, bytes]]]:
    """Return the objects of each image: label and pixels, in any order."""
    found = {}
    for each in images:
        assert each.size_hw is not None
        runs = bitmaps(each.instances, each.size_hw)
        found[f"{each.split}/{each.image_id}"] = sorted(
            (one.label, decode(mask, each.size_hw).astype(bool).tobytes())
            for one, mask in zip(each.instances, runs, strict=True)
            if mask is not None
        )
    return found


def table(file: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with file.open(encoding="utf-8", newline="") as opened_file:
        return list(csv.DictReader(opened_file))


def flips_told(file: Path) -> Counter[tuple[str, str]]:
    """Return the pixels by class before and after that `flips.csv` tells."""
    found: Counter[tuple[str, str]] = Counter()
    ground = {"(nothing)": LABELS.names[0]}
    for row in table(file):
        before = row.pop("before \\ after")
        for after, count in row.items():
            found[ground.get(before, before), ground.get(after, after)] += int(count)
    return +found


def play(stand_in: StandIn, folder: Path, seed: int) -> None:
    """Push, let people work, pull, compare, make a version; and hold each step against what is counted."""
    stand_in.reset()
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    root = prepared(folder / "boats", rng, kind)
    former, before, objects = files_in(root), seen_in(opened(root)), objects_in(opened(root))
    jobs = ("--job-size", "1") if rng.random() < 0.5 else ()
    assert tool("push", root, "--loop", folder / "loop", "--chunk", int(rng.integers(1, 6)), *jobs) is None
    anna = Annotator(stand_in.state, rng)
    anna.work()
    assert tool("pull", folder / "loop") is None
    names = [f"{new}={old}" for new, old in anna.rename.items()]
    how = [*(("--rename", *names) if names else ()), *(("--add-labels",) if anna.changed_labels else ())]
    after, held = {**before, **anna.seen()}, {**objects, **anna.held()}
    other = {name for name in before if (before[name] != after[name]).any()}
    if kind != "mmseg":  # an object under another one is not seen, and changed all the same
        other |= {name for name in held if held[name] != objects[name]}
    failed = tool("apply", root, folder / "loop", "--out", folder / "diff", "--pictures", 1, *how)
    if failed:
        assert "No label changed" in failed
        assert not other
        assert not (root / "versions").exists()
    else:
        version = opened(root / "versions/1")
        assert {name for name, seen in seen_in(version).items() if (seen != after[name]).any()} == set()
        if kind != "mmseg":
            assert objects_in(version) == held
        check_version(root / "versions/1")
        rows = {f"{row['split']}/{row['image_id']}": row for row in table(folder / "diff/images.csv")}
        assert {name for name, row in rows.items() if row["state"] == "changed"} >= other
        assert flips_told(folder / "diff/flips.csv") == flips_between(before, anna.seen())
        pixels = {name: int((before[name] != after[name]).sum()) for name in anna.seen()}
        assert {name: int(row["pixels_changed"]) for name, row in rows.items() if name in pixels} == pixels
        gone = {name for name, row in rows.items() if row["state"] == "deleted"}
        assert gone == before.keys() - anna.seen().keys()
        for name, held_now in anna.held().items() if kind != "mmseg" else ():
            told = int(rows[name]["objects_added"]) - int(rows[name]["objects_removed"])
            assert told == len(held_now) - len(objects[name]), name
            new = set(held_now) - set(objects[name])
            assert bool(new) <= (rows[name]["state"] == "changed"), name
    assert files_in(root) == former


@pytest.fixture
def world(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty folder, with the server named in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr("cvat_sdk.core.client.sleep", lambda _: None)
    for name, value in {"HOST": stand_in.url, "ACCESS_TOKEN": "token-of-anna"}.items():
        monkeypatch.setenv(f"CVAT_{name}", value)
    return tmp_path


@pytest.mark.parametrize("seed", [0, 1])
def test_what_people_did_is_what_the_version_holds(stand_in: StandIn, world: Path, seed: int) -> None:
    play(stand_in, world, seed)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2, 32))
def test_what_many_people_did_is_what_the_version_holds(stand_in: StandIn, world: Path, seed: int) -> None:
    play(stand_in, world, seed)
