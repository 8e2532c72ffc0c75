"""The reader of RUN folders: finds the one that is meant and refuses what is not whole, in words."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from segloop.analysis.confusion_file import ConfusionWriter, sparse
from segloop.analysis.instances import Instances
from segloop.analysis.match_file import MatchWriter
from segloop.analysis.matching import match
from segloop.analysis.results_file import ResultsWriter, results_of
from segloop.analysis.runs import FORMAT, common_images, find_run, read_run
from segloop.utils.errors import DataError, FormatError, UserError


def make_run(folder, *, finished="2026-01-01T00:00:00Z", split="test", images=("0001", "NA"), **changes):
    folder.mkdir(parents=True)
    (folder / "images.csv").write_text(
        "image_id,image,truth,height,width,sha256,truth_sha256\n"
        + "".join(f"{name},img/{name}.png,,4,4,{name}{name},\n" for name in images)
    )
    (folder / "metrics.json").write_text(json.dumps({"scores": {"mDice": 0.5, "Dice.star": None}}))
    (folder / "timing.json").write_text("{}")
    meta = {
        "format": FORMAT,
        "kind": "semantic",
        "experiment": folder.parent.parent.name,
        "split": split,
        "finished": finished,
        "classes": ["None", "star"],
        "data": {"root": "../data"},
        "files": ["images.csv", "metrics.json", "timing.json"],
    }
    (folder / "meta.json").write_text(json.dumps(meta | changes))
    return folder


@pytest.fixture
def work_dirs(tmp_path):
    base = tmp_path / "work_dirs"
    make_run(base / "unet" / "test" / "test-iter_1", finished="2026-01-03T00:00:00Z")
    make_run(base / "unet" / "test" / "val-iter_1", finished="2026-01-04T00:00:00Z", split="val")
    make_run(base / "unet" / "test" / "test-iter_9", finished="2026-01-02T00:00:00Z")
    (base / "unet" / "test" / ".test-iter_7.partial-3").mkdir()
    (base / "empty").mkdir()
    return base


def test_a_run_a_work_dir_a_config_and_a_name_all_find_it(work_dirs, tmp_path):
    config = tmp_path / "configs" / "unet.py"
    run = work_dirs / "unet" / "test" / "test-iter_9"
    assert find_run(run) == run
    newest = work_dirs / "unet" / "test" / "val-iter_1"
    for target in (work_dirs / "unet", config, "unet"):
        assert find_run(target, work_dirs=work_dirs) == newest
    assert find_run("unet", split="test", work_dirs=work_dirs).name == "test-iter_1"


def test_what_an_old_run_has_lost_is_in_nobodys_way(work_dirs):
    tests = work_dirs / "unet" / "test"
    (tests / "test-iter_9" / "images.csv").unlink()
    assert find_run("unet", work_dirs=work_dirs) == tests / "val-iter_1"
    (tests / "val-iter_1" / "images.csv").unlink()
    with pytest.raises(FormatError, match=r"val-iter_1: the RUN is not whole, it has lost"):
        find_run("unet", work_dirs=work_dirs)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("empty", r"has no RUN: nothing was tested .* Run: python tools/test.py CONFIG --work-dir .*/empty"),
        ("unett", r"unett is no RUN, work_dir or config. Did you mean 'unet'\?"),
        ("a/b/c", r"In .* there are:\n  empty\n  unet"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(work_dirs, target, message):
    with pytest.raises(UserError, match=message):
        find_run(target, work_dirs=work_dirs)


def test_a_work_dir_with_its_config_is_what_to_test(work_dirs):
    (work_dirs / "empty/mask-rcnn_demo.py").write_text("")
    with pytest.raises(UserError, match=r"tools/test\.py .*work_dirs/empty --split val$"):
        find_run("empty", split="val", work_dirs=work_dirs)


def test_no_run_of_that_split(work_dirs):
    with pytest.raises(UserError, match="no RUN of split 'train'"):
        find_run("unet", split="train", work_dirs=work_dirs)


def test_a_config_that_was_not_trained(work_dirs, tmp_path):
    config = tmp_path / "other.py"
    config.touch()
    with pytest.raises(UserError, match="has no results yet"):
        find_run(config, work_dirs=work_dirs)


def test_nothing_is_guessed_of_ids_and_names(work_dirs):
    run = read_run("unet", work_dirs=work_dirs)
    assert run.images["image_id"].tolist() == ["0001", "NA"]
    assert run.images.loc["0001", "truth"] == ""
    assert run.scores["mDice"] == 0.5
    assert np.isnan(run.scores["Dice.star"])
    assert run.class_names == ["None", "star"]
    assert run.confidence is None
    assert run.truth_file("0001") is None


def test_confidence_is_there_or_not(work_dirs):
    run = read_run("unet", work_dirs=work_dirs)
    assert run.confidence_file("0001") is None
    (run.folder / "confidence").mkdir()
    (run.folder / "confidence/0001.png").touch()
    assert run.confidence_file("0001") == run.folder / "confidence/0001.png"


def test_a_run_of_another_split_than_is_asked_for_is_refused(tmp_path):
    folder = make_run(tmp_path / "work_dirs/net/test/test-last")
    assert read_run(folder, split="test").folder == folder
    with pytest.raises(UserError, match="is a RUN of the split 'test', not of 'val'"):
        read_run(folder, split="val")


def test_data_are_found_from_work_dirs_on_another_disk_and_through_a_link_to_a_run(tmp_path):
    (tmp_path / "repository/data/img").mkdir(parents=True)
    (tmp_path / "repository/data/img/0001.png").touch()
    make_run(tmp_path / "disk/far/away/runs/net/test/val-last", data={"root": "../../../../data"})
    (tmp_path / "repository/work_dirs").symlink_to(tmp_path / "disk/far/away/runs")
    run = read_run(tmp_path / "repository/work_dirs/net/test/val-last")
    assert run.image_file("0001") == tmp_path / "repository/data/img/0001.png"

    (tmp_path / "repository/here/net/test").mkdir(parents=True)
    shutil.move(run.folder.resolve(), tmp_path / "repository/here/net/test")
    (tmp_path / "latest").symlink_to(tmp_path / "repository/here/net/test/val-last")
    assert read_run(tmp_path / "latest").image_file("0001") == run.image_file("0001")


def test_moved_data_are_found_by_their_new_root(work_dirs, tmp_path):
    run = read_run("unet", work_dirs=work_dirs)
    with pytest.raises(DataError, match="--data-root"):
        run.image_file("0001")
    (tmp_path / "moved" / "img").mkdir(parents=True)
    (tmp_path / "moved" / "img" / "0001.png").touch()
    assert run.image_file("0001", data_root=tmp_path / "moved").is_file()


def test_an_unfinished_run(tmp_path):
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / "records-0.jsonl").touch()
    with pytest.raises(FormatError, match="was not finished"):
        read_run(folder)


def test_a_run_that_lost_a_file(tmp_path):
    folder = make_run(tmp_path / "run")
    (folder / "images.csv").unlink()
    with pytest.raises(FormatError, match=r"lost:\n  images.csv"):
        read_run(folder)


def test_another_format_and_another_kind_of_file(tmp_path):
    with pytest.raises(FormatError, match="format 99"):
        read_run(make_run(tmp_path / "a", format=99))
    folder = make_run(tmp_path / "b")
    (folder / "meta.json").write_text("[]")
    with pytest.raises(FormatError, match="not the record"):
        read_run(folder)
    (folder / "meta.json").write_text("{")
    with pytest.raises(FormatError, match="not valid JSON"):
        read_run(folder)


def test_a_damaged_table(tmp_path):
    folder = make_run(tmp_path / "run")
    (folder / "per_image.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(FormatError, match="not a table"):
        _ = read_run(folder).per_image
    content = gzip.compress(b"image_id,class_index,class,tp,fp,fn\n0001,1,star,3,1,0\n")
    (folder / "per_image.csv.gz").write_bytes(content[:12] + b"\xff\xff\xff" + content[15:])
    with pytest.raises(FormatError, match="not a table"):
        _ = read_run(folder).per_image
    with pytest.raises(FormatError, match="missing"):
        _ = read_run(folder).confusion


def test_counts_have_every_counted_image_even_one_without_a_row(tmp_path):
    folder = make_run(tmp_path / "run")
    with gzip.open(folder / "per_image.csv.gz", "wt") as file:
        file.write("image_id,class_index,class,tp,fp,fn\n0001,1,star,3,1,0\n0001,0,None,5,0,1\n")
    writer = ConfusionWriter(folder / "confusion.npz", num_classes=2)
    writer.add("0001", *sparse(np.array([[5, 1], [0, 3]])))
    writer.add("NA", [], [], [])  # all of it ignored
    writer.close()
    ids, counts = read_run(folder).counts()
    assert ids == ["0001", "NA"]
    assert counts.tp.tolist() == [[5, 3], [0, 0]]
    assert counts.fp.tolist() == [[0, 1], [0, 0]]
    assert counts.fn.tolist() == [[1, 0], [0, 0]]
    assert read_run(folder).per_image["class"].tolist() == ["star", "None"]


def test_common_images_are_those_of_the_same_content(tmp_path):
    one = read_run(make_run(tmp_path / "one", images=("a", "b", "c")))
    other = make_run(tmp_path / "other", images=("b", "c", "d"))
    table = (other / "images.csv").read_text().replace("cc", "changed")
    (other / "images.csv").write_text(table)
    assert common_images([one, read_run(other)]) == ["b"]
    assert common_images([]) == []


def test_reading_a_run_needs_neither_torch_nor_openmmlab(tmp_path):
    folder = make_run(tmp_path / "run")
    code = (
        "import sys; from pathlib import Path; from segloop.analysis.runs import read_run\n"
        f"run = read_run(Path({str(folder)!r})); run.images; run.scores\n"
        "print([name for name in ('torch', 'mmengine', 'mmcv', 'mmseg') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_instance_run_has_matches_and_results_and_no_confusion(tmp_path):
    folder = make_run(
        tmp_path / "w/test/val", kind="instance", category_ids=[3, 5], files=["images.csv"], no_matches=None
    )
    (folder / "images.csv").write_text(
        "image_id,image,truth,height,width,sha256,truth_sha256,coco_id\n0001,a.png,,4,4,x,,12\n"
    )
    found = Instances.of_bitmaps([np.eye(4)], [1], scores=[0.5])
    writer = ResultsWriter(folder / "predictions/results.json")
    writer.add(results_of(found, image_id=12, category_ids=[3, 5]))
    writer.close()
    with MatchWriter(folder, class_names=["None", "star"]) as tables:
        tables.add(match(found, found, image_id="0001"))
    run = read_run(folder)
    assert [len(image.pairs) for image in run.matches()] == [1]
    assert run.found("0001").labels.tolist() == [1]
    assert run.prediction_file("0001").name == "results.json"
    with pytest.raises(FormatError, match=r"of the kind 'instance' and has no confusion\.npz"):
        _ = run.confusion
    (folder / "matches.csv.gz").unlink()
    with pytest.raises(FormatError, match=r"matches\.csv\.gz: the file is missing; test again"):
        run.matches()


def test_a_run_without_truth_says_why_it_has_no_matches(tmp_path):
    run = read_run(make_run(tmp_path / "w/test/val", kind="instance", no_matches="nobody looked"))
    with pytest.raises(FormatError, match="there are no matches: nobody looked"):
        run.matches()
    with pytest.raises(FormatError, match="of the kind 'semantic' and has no predictions"):
        _ = read_run(make_run(tmp_path / "w/test/sem")).results


def test_a_run_that_lost_its_record_is_not_called_untested(tmp_path):
    folder = make_run(tmp_path / "work_dirs/net/test/val-last")
    (folder / "meta.json").unlink()
    with pytest.raises(FormatError, match=r"there is no meta\.json.*run it again"):
        read_run(folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more"])
def test_a_damaged_table_of_confidence(tmp_path, content):
    folder = make_run(tmp_path / "work_dirs/net/test/val-last")
    (folder / "confidence.npz").write_bytes(content)
    with pytest.raises(FormatError, match="not a table of confidence"):
        _ = read_run(folder).confidence


def test_times_that_are_a_list(tmp_path):
    folder = make_run(tmp_path / "work_dirs/net/test/val-last")
    (folder / "timing.json").write_text("[1]")
    with pytest.raises(FormatError, match="no times of a test"):
        _ = read_run(folder).timing
