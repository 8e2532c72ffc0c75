"""The RUN folder: complete, deterministic, whole or not there, and what the reader finds in it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

from segloop.analysis.counts import class_counts, confusion
from segloop.analysis.runs import read_run
from segloop.experiments import run_folder
from segloop.experiments.metrics import SegLoopSemanticMetric
from segloop.experiments.run_folder import RunFolderHook
from segloop.utils.errors import DataError

CLASSES = ["background", "disc", "star"]
IMAGES = {"b/0001": ".png", "a/0001": ".png", "a/0002": ".jpg"}  # not in order, two of one basename


class Pictures(Dataset):
    """Tiny images whose grey value says, wrongly at times, what class a pixel has."""

    def __init__(self, root, images=IMAGES):
        self.data_root = str(root)
        self.data_prefix = {
            "img_path": str(root / "img_dir/test"),
            "seg_map_path": str(root / "ann_dir/test"),
        }
        self.metainfo = {"classes": CLASSES, "palette": [[0, 0, 0], [255, 0, 0], [0, 255, 0]]}
        self.ignore_index = 255
        self.items = list(images.items())
        draw = np.random.default_rng(0)
        for name, suffix in self.items:
            truth = draw.integers(0, 2, (6, 8)).astype(np.uint8)
            truth[0, 0] = 255
            noisy = np.where(draw.random(truth.shape) < 0.2, 1 - np.minimum(truth, 1), np.minimum(truth, 1))
            for folder, pixels, end in (("img_dir", noisy, suffix), ("ann_dir", truth, ".png")):
                file = root / folder / "test" / f"{name}{end}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        name, suffix = self.items[index]
        image = f"{self.data_prefix['img_path']}/{name}{suffix}"
        truth = f"{self.data_prefix['seg_map_path']}/{name}.png"
        pixels = cv2.imdecode(np.fromfile(image, np.uint8), cv2.IMREAD_UNCHANGED)
        sample = SegDataSample(metainfo={"img_path": image, "seg_map_path": truth, "ori_shape": pixels.shape})
        mask = cv2.imread(truth, cv2.IMREAD_UNCHANGED).astype(np.int64)
        sample.gt_sem_seg = PixelData(data=torch.from_numpy(mask)[None])
        return {"inputs": torch.from_numpy(pixels.astype(np.float32))[None], "data_samples": sample}


class Echo(BaseModel):
    """Predicts the class that the grey value says, with a confidence that grows along the rows."""

    def forward(self, inputs, data_samples=None, mode="tensor"):
        for image, sample in zip(inputs, data_samples, strict=True):
            strength = torch.linspace(0, 6, image.shape[2])
            logits = torch.nn.functional.one_hot(image[0].long(), len(CLASSES)).permute(2, 0, 1) * strength
            sample.seg_logits = PixelData(data=logits)
            sample.pred_sem_seg = PixelData(data=image.long())
        return data_samples


def collate(samples):
    return {key: [sample[key] for sample in samples] for key in samples[0]}


def run_test(work_dir, dataset, *, name="test-iter_3", batch_size=2, hook=None, metric=None):
    folder = work_dir / "test" / name
    checkpoint = work_dir / "iter_3.pth"
    work_dir.mkdir(parents=True, exist_ok=True)
    checkpoint.write_bytes(b"weights")
    options = {
        "type": "RunFolderHook",
        "folder": str(folder),
        "checkpoint": str(checkpoint),
        "command": ["test.py"],
    }
    runner = Runner(
        model=Echo(),
        work_dir=str(work_dir),
        test_dataloader={
            "dataset": dataset,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
            "batch_size": batch_size,
            "collate_fn": collate,
        },
        test_cfg={},
        test_evaluator=metric or {"type": "SegLoopSemanticMetric"},
        custom_hooks=[options | (hook or {})],
        randomness={"seed": 5},
        experiment_name=f"{work_dir.name}-{os.urandom(4).hex()}",
        default_scope="mmseg",
    )
    runner.test()
    return folder


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    dataset = Pictures(root / "data" / "shapes")
    return run_test(root / "work_dirs" / "echo", dataset), dataset


def test_every_file_of_the_design_is_there(tested):
    folder, _ = tested
    assert sorted(item.name for item in folder.iterdir()) == [
        "confidence",
        "confidence.npz",
        "config.py",
        "confusion.npz",
        "images.csv",
        "meta.json",
        "metrics.json",
        "per_image.csv.gz",
        "predictions",
        "timing.json",
    ]
    assert [item.name for item in folder.parent.iterdir()] == [folder.name]  # nothing half-written beside it


def test_images_come_in_order_with_paths_and_hashes(tested):
    folder, _ = tested
    images = read_run(folder).images
    assert images["image_id"].tolist() == ["a/0001", "a/0002", "b/0001"]
    assert images.loc["a/0002", "image"] == "img_dir/test/a/0002.jpg"
    assert images.loc["a/0002", "truth"] == "ann_dir/test/a/0002.png"
    assert (images.loc["a/0001", "height"], images.loc["a/0001", "width"]) == (6, 8)
    assert (images["sha256"].str.len() == 64).all()


def test_counts_scores_and_predictions_agree(tested):
    folder, dataset = tested
    run = read_run(folder)
    expected = {}
    for i, (name, _) in enumerate(dataset.items):
        item = dataset[i]
        pred = item["inputs"][0].numpy()
        expected[name] = confusion(pred, item["data_samples"].gt_sem_seg.data[0].numpy(), num_classes=3)
        written = cv2.imread(str(run.prediction_file(name)), cv2.IMREAD_GRAYSCALE)
        assert written.shape == pred.shape
    assert {image.image_id: image.dense(3).tolist() for image in run.confusion} == {
        name: matrix.tolist() for name, matrix in expected.items()
    }
    ids, counts = run.counts()
    for place, name in enumerate(ids):
        ours = class_counts(expected[name])
        assert counts.tp[place].tolist() == ours.tp.tolist()
        assert counts.fp[place].tolist() == ours.fp.tolist()
        assert counts.fn[place].tolist() == ours.fn.tolist()
    whole = class_counts(sum(expected.values()))
    dice = 2 * whole.tp[1] / (2 * whole.tp[1] + whole.fp[1] + whole.fn[1])
    assert run.scores["Dice.disc"] == run.scores["mDice_fg"] == pytest.approx(dice)
    assert np.isnan(run.scores["Dice.star"])
    assert run.metrics["logged"]["mDice_fg"] == pytest.approx(100 * dice, abs=1e-3)
    assert run.metrics["pixels"] == 3 * 47  # one ignored pixel each
    assert run.metrics["rules"]["set"]


def test_predictions_are_index_masks_with_a_palette(tested):
    from PIL import Image

    folder, dataset = tested
    with Image.open(read_run(folder).prediction_file("b/0001")) as picture:
        assert picture.mode == "P"
        assert picture.getpalette()[3:6] == [255, 0, 0]
        assert np.array_equal(np.asarray(picture), dataset[0]["inputs"][0].numpy())


def test_confidence_is_counted_by_class_and_correctness(tested):
    folder, dataset = tested
    run = read_run(folder)
    assert run.confidence["counts"].shape == (3, 2, 100)
    total = run.confusion.total()
    assert run.confidence["counts"][:, 1].sum(axis=1).tolist() == np.diagonal(total).tolist()
    assert run.confidence["counts"].sum(axis=(1, 2)).tolist() == total.sum(axis=0).tolist()
    assert run.confidence["image_ids"].tolist() == ["a/0001", "a/0002", "b/0001"]
    item = dataset[1]  # a/0001
    truth, pred = item["data_samples"].gt_sem_seg.data[0].numpy(), item["inputs"][0].numpy()
    strength = np.linspace(0, 6, 8)
    sure = np.broadcast_to(np.exp(strength) / (np.exp(strength) + 2), truth.shape)
    valid, wrong = truth != 255, (pred != truth) & (truth != 255)
    assert run.confidence["wrong"][0] == wrong.sum()
    assert run.confidence["confident_wrong"][0] == (wrong & (sure >= 0.9)).sum()
    assert run.confidence["confident"][0] == (valid & (sure >= 0.9)).sum()
    assert run.confidence["wrong_confidence_sum"][0] == pytest.approx(sure[wrong].sum(), rel=1e-5)


def test_meta_timing_and_config(tested):
    folder, _ = tested
    run = read_run(folder)
    assert run.meta["checkpoint"]["file"] == "iter_3.pth"
    assert len(run.meta["checkpoint"]["sha256"]) == 64
    assert run.meta["command"] == ["test.py"]
    assert run.meta["seed"] == 5
    assert run.meta["data"]["root"] == "../../../../data/shapes"
    assert run.meta["peak_memory"]["process_bytes"] > 0
    assert run.name == "echo/test-iter_3"
    assert (run.class_names, run.background, run.kind) == (CLASSES, 0, "semantic")
    assert run.timing["batch_size"] == 2
    assert run.timing["images"] == 1  # half of two batches is warm-up; the second holds one image
    assert 0 < run.timing["seconds_per_image"]["median"] < 1
    text = (folder / "config.py").read_text()
    assert "RunFolderHook" not in text
    assert run.image_file("a/0002").is_file()
    assert run.truth_file("b/0001").is_file()


def test_a_test_run_again_replaces_the_run_by_the_same_bytes(tmp_path):
    dataset = Pictures(tmp_path / "data")
    first = run_test(tmp_path / "work", dataset)
    shutil.copytree(first, tmp_path / "kept")
    again = run_test(tmp_path / "work", dataset, batch_size=3)
    (again / "extra").touch()
    third = run_test(tmp_path / "work", dataset)
    assert not (third / "extra").exists()
    for name in (
        "images.csv",
        "per_image.csv.gz",
        "confusion.npz",
        "confidence.npz",
        "metrics.json",
        "config.py",
    ):
        assert (tmp_path / "kept" / name).read_bytes() == (third / name).read_bytes(), name
    one = (tmp_path / "kept/predictions/a/0001.png").read_bytes()
    assert one == (third / "predictions/a/0001.png").read_bytes()
    sure = (tmp_path / "kept/confidence/a/0001.png").read_bytes()
    assert sure == (third / "confidence/a/0001.png").read_bytes()


class Killed(Exception):
    pass


def test_a_killed_test_leaves_the_former_run(tmp_path, monkeypatch):
    dataset = Pictures(tmp_path / "data")
    folder = run_test(tmp_path / "work", dataset)
    before = (folder / "meta.json").read_bytes()

    def die(*_, **__):
        raise Killed

    monkeypatch.setattr("segloop.experiments.run_folder.commit", die)
    with pytest.raises(Killed):
        run_test(tmp_path / "work", dataset)
    assert (folder / "meta.json").read_bytes() == before
    assert read_run(tmp_path / "work").folder == folder  # the partial one beside it is not taken for a RUN
    with pytest.raises(Killed):
        run_test(tmp_path / "work", dataset, name="val-iter_3")
    assert not (tmp_path / "work/test/val-iter_3").exists()


def test_two_images_of_one_id_are_refused(tmp_path):
    dataset = Pictures(tmp_path / "data", {"a/1": ".png", "b": ".png"})
    dataset.items.append(("a/1", ".jpg"))
    shutil.copy(tmp_path / "data/img_dir/test/a/1.png", tmp_path / "data/img_dir/test/a/1.jpg")
    with pytest.raises(DataError, match=r"a/1\.png and .*a/1\.jpg would be the same image 'a/1'"):
        run_test(tmp_path / "work", dataset)


def test_each_process_names_masks_as_all_of_them_would(tmp_path, monkeypatch):
    class Listed(Pictures):
        def get_data_info(self, index):
            return {"img_path": f"{self.data_prefix['img_path']}/{''.join(self.items[index])}"}

    monkeypatch.setattr(run_folder, "get_world_size", lambda: 2)
    dataset, metric = Listed(tmp_path / "data"), SegLoopSemanticMetric(output_dir=str(tmp_path / "out"))
    runner = SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=dataset),
        test_evaluator=SimpleNamespace(metrics=[metric]),
        model=Echo(),
    )
    RunFolderHook(str(tmp_path / "work/test/x")).before_test(runner)
    second = dataset.get_data_info(1)["img_path"]  # whose name the first has, of the other process's share
    assert metric.masks.write(np.zeros((2, 2), np.uint8), image=second) == tmp_path / "out/a/0001.png"


def test_images_without_truth(tmp_path):
    dataset = Pictures(tmp_path / "data")
    original = Pictures.__getitem__

    class Blind(Pictures):
        def __getitem__(self, index):
            item = original(self, index)
            del item["data_samples"].gt_sem_seg
            return item

    dataset.__class__ = Blind
    metric = {"type": "SegLoopSemanticMetric", "format_only": True, "output_dir": str(tmp_path / "out")}
    run = read_run(run_test(tmp_path / "work", dataset, metric=metric))
    assert len(run.images) == 3
    assert np.isnan(run.scores["mDice_fg"])
    assert run.metrics["images"] == 0


def test_the_hook_is_ours_alone():
    from mmdet.registry import HOOKS as MMDET
    from mmseg.registry import HOOKS as MMSEG

    assert HOOKS.get("RunFolderHook") is RunFolderHook
    assert "RunFolderHook" not in MMSEG.module_dict
    assert "RunFolderHook" not in MMDET.module_dict


def test_per_image_table_has_only_classes_that_are_there(tested):
    folder, _ = tested
    with gzip.open(folder / "per_image.csv.gz", "rt") as file:
        lines = file.read().splitlines()
    assert lines[0] == "image_id,class_index,class,tp,fp,fn"
    assert len(lines) == 1 + 3 * 2
    assert "star" not in "".join(lines)
    assert json.loads((folder / "metrics.json").read_text())["scores"]["Dice.star"] is None


def test_the_example_of_the_docs_runs(tested, capsys):
    folder, _ = tested
    page = (Path(__file__).parents[2] / "docs" / "run-folder.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    exec(code.replace('"configs/config_experiment_1.py"', repr(str(folder))), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("echo/test-iter_3 0.")
    assert len(lines) == 1 + 3
    assert lines[1].endswith(".png")


def test_the_docs_name_every_file_and_key(tested):
    folder, _ = tested
    page = (Path(__file__).parents[2] / "docs" / "run-folder.md").read_text(encoding="utf-8")
    run = read_run(folder)
    names = [item.name for item in folder.iterdir()]
    names += [*run.meta, *run.metrics, *run.timing, *run.images.columns, *run.per_image.columns]
    names += [*run.confidence, *np.load(folder / "confusion.npz").files]
    assert [name for name in names if name not in page] == []
