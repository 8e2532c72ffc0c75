"""The annotator mends what is wrong and nothing else; the demo goes the whole way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_converters import cvat_loop
from data_converters.base import ReadOptions
from data_converters.mmseg import read
from segloop.cvat.diff import SAME, diff
from segloop.cvat.files import HOST, read_files, write_files
from segloop.cvat.labels import Carrier
from segloop.cvat.manifest import Manifest, need_manifest
from segloop.cvat.packages import plan_packages
from segloop.data.annotations import Bitmap, ImageRecord, Instance
from segloop.data.masks import encode
from segloop.data.planting import spoil
from supplementary.cvat.annotator import Corrected, annotate_files, corrected, true_records
from supplementary.cvat.demo import call

REPOSITORY = Path(__file__).resolve().parents[3]


def drawn(label: str, uid: str | None, *box: int) -> Instance:
    canvas = np.zeros((20, 20), np.uint8)
    canvas[box[0] : box[2], box[1] : box[3]] = 1
    return Instance(label=label, uid=uid, shape=Bitmap((20, 20), encode(canvas)))


def test_the_annotator_keeps_what_is_right() -> None:
    record = ImageRecord(image_id="a", name="a.png", size_hw=(20, 20))
    right, wrong = drawn("cat", "u", 1, 1, 5, 5), drawn("cat", "v", 8, 8, 12, 12)
    ignored = drawn("ignore", "ignore-0", 15, 15, 18, 18)
    truth = replace(record, instances=(drawn("cat", None, 1, 1, 5, 5), drawn("dog", None, 8, 8, 12, 12)))
    done = Corrected()
    found = corrected(
        replace(record, instances=(right, wrong, ignored)), truth, Carrier(ignore="ignore"), done
    )
    assert [(each.label, each.uid) for each in found.instances] == [
        ("cat", "u"),
        ("ignore", "ignore-0"),
        ("dog", None),
    ]
    assert done == Corrected(images=1, mended=1, erased=1, drawn=1)


def test_files_are_mended_to_the_pixel(tiny_root: Path, tmp_path: Path) -> None:
    truth = Path(shutil.copytree(tiny_root, tmp_path / "truth"))
    assert spoil(tiny_root, "train", share=1, seed=0)
    images = read(tiny_root, options=ReadOptions())
    (tmp_path / "loop").mkdir()
    manifest = Manifest.new(tmp_path / "loop", host=HOST, organization=None, name="finds")
    write_files({"truth": plan_packages(images, chunk=3)}, manifest.folder, manifest, codec=cvat_loop.codec)
    known = true_records(read(truth, options=ReadOptions()))
    done, files = annotate_files(need_manifest(manifest.folder), tmp_path / "exports", known)
    assert done.mended == len(list((tiny_root / "img_dir/train").iterdir()))
    pulled = read_files(need_manifest(manifest.folder), files, codec=cvat_loop.codec).as_set()
    found = diff(read(truth, options=ReadOptions()), pulled)
    assert {row.state for row in found.rows} == {SAME}


def test_the_stand_in_hears_nothing_of_the_user_s_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", "hush")
    call("-c", "import os; assert not [name for name in os.environ if name.startswith('CVAT_')]")
    call("-c", "import os; assert os.environ['CVAT_CREDENTIALS'] == 'file'", CVAT_CREDENTIALS="file")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # two short trainings and four comparisons
@pytest.mark.parametrize("way", [[], ["--files"]], ids=["stand-in", "files"])
def test_the_demo_ends_in_a_comparison_on_better_labels(tmp_path: Path, way: list[str]) -> None:
    if not way:
        pytest.importorskip("cvat_sdk")
    small = ["--count", "train=12", "val=4", "test=8", "--iters", "4", "--share", "0.6", *way]
    quick = [
        "train_dataloader.batch_size=4",
        *(f"{name}_dataloader.num_workers=0" for name in ("train", "val", "test")),
    ]
    words = [sys.executable, "-m", "supplementary.cvat.demo", "--out", str(tmp_path / "demo"), *small]
    done = subprocess.run(
        [*words, "--cfg-options", *quick], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    version = json.loads((tmp_path / "demo/data/multiclass/versions/1/version.json").read_text("utf-8"))
    assert version["images"]["changed"] > 0
    for labels in ("on-v0", "on-v1"):
        assert (tmp_path / "demo/compare" / labels / "index.html").is_file()
    assert (tmp_path / "demo/diff/index.html").is_file()
    last = done.stdout[done.stdout.rindex("Done in") :]
    wrong, left = _counts(last)
    assert left < wrong


def _counts(text: str) -> tuple[int, int]:
    words = text.replace(",", "").split()
    numbers = [int(word) for word in words if word.isdigit()]
    return numbers[1], numbers[2]
