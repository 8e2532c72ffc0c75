"""The RUN of an instance test: complete, the same bytes again, and enough to score it without masks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from PIL import Image
from torch.utils.data import Dataset

from segloop.analysis.instance_scores import InstanceScorer
from segloop.analysis.runs import Run, read_run
from segloop.analysis.thresholds import InstanceRule, Thresholds, write_thresholds
from segloop.experiments import components  # noqa: F401 (registers metric and hooks)
from segloop.experiments.instance_metrics import SegLoopInstanceMetric
from segloop.experiments.instance_recorder import InstanceRecorder
from segloop.utils.errors import FormatError
from tests.experiments.instance_drawings import META, drawing, listed

PICTURES = {  # by file, in the order of the annotation file: not sorted, and two of one basename
    "b/1.png": ("aab. aab. ....", "ab", [0, 1]),
    "a/1.png": (".... .cc. ....", "c", [1]),
    "a/2.png": ("....... ....... .......", "", []),
}


class Objects(Dataset):
    """Three pictures; the file names the categories in another order than the classes."""

    def __init__(self, root: Path, *, truth: bool = True) -> None:
        self.data_root = str(root)
        self.ann_file = str(root / "val.json")
        self.data_prefix = {"img": str(root / "img")}
        self.metainfo = dict(META)
        self.truth = truth
        images, annotations = [], []
        for number, (name, (text, letters, labels)) in enumerate(PICTURES.items(), 1):
            height, width = drawing(text).shape
            file = root / "img" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((height, width, 3), number, np.uint8)).save(file)
            images.append({"id": number, "file_name": name, "width": width, "height": height})
            for each in listed(text, letters, labels=labels):
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": [22, 11][each["bbox_label"]],
                        "segmentation": each["mask"],
                        "bbox": [0, 0, width, height],
                        "area": 1,
                        "iscrowd": 0,
                    }
                )
        categories = [{"id": 11, "name": "body"}, {"id": 22, "name": "panel"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "val.json").write_text(json.dumps(content))

    def __len__(self) -> int:
        return len(PICTURES)

    def __getitem__(self, index: int) -> dict[str, Any]:
        name, (text, letters, labels) = list(PICTURES.items())[index]
        meta = {"img_path": f"{self.data_prefix['img']}/{name}", "img_id": index + 1}
        meta["ori_shape"] = drawing(text).shape
        if self.truth:
            meta["instances"] = listed(text, letters, labels=labels)
        return {"inputs": torch.zeros(1), "data_samples": DetDataSample(metainfo=meta)}


class Finder(BaseModel):
    """Finds what is true, but for a row of each object, and surely something more."""

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = "tensor") -> Any:
        for sample in data_samples:
            text, letters, labels = PICTURES["/".join(Path(sample.img_path).parts[-2:])]
            drawn = drawing(text)
            masks = np.array([drawn == letter for letter in letters]).reshape(-1, *drawn.shape)
            masks = np.concatenate([masks, np.ones((1, *drawn.shape), bool)])
            masks[:-1, 0] = False
            sample.pred_instances = InstanceData(
                masks=torch.from_numpy(masks),
                labels=torch.tensor([*labels, 0]),
                scores=torch.linspace(0.9, 0.3, len(masks)) - sample.img_id / 64,  # no two are equal
                bboxes=torch.zeros((len(masks), 4)),
            )
        return data_samples


def collate(samples: list[dict]) -> dict[str, list]:
    return {key: [sample[key] for sample in samples] for key in samples[0]}


def run_test(
    work_dir: Path, dataset: Dataset, *, metric: Any = None, batch_size: int = 2, hooks: Any = ()
) -> Path:
    folder = work_dir / "test" / "val-iter_3"
    runner = Runner(
        model=Finder(),
        work_dir=str(work_dir),
        test_dataloader={
            "dataset": dataset,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
            "batch_size": batch_size,
            "collate_fn": collate,
        },
        test_cfg={},
        test_evaluator=metric or {"type": "SegLoopInstanceMetric", "scores": ["spacecraft", "match", "coco"]},
        custom_hooks=[{"type": "RunFolderHook", "folder": str(folder), "command": ["test.py"]}, *hooks],
        randomness={"seed": 5},
        experiment_name=f"{work_dir.name}-{os.urandom(4).hex()}",
        default_scope="mmengine",
    )
    runner.test()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("run")
    (root / "data").mkdir()
    hooks = [{"type": "InstancePicturesHook", "folder": "drawn"}]
    return read_run(run_test(root / "work", Objects(root / "data"), hooks=hooks))


def test_every_file_is_there_and_images_know_their_number_in_the_coco_file(run: Run) -> None:
    assert run.kind == "instance"
    assert sorted(run.meta["files"]) == [
        "config.py",
        "images.csv",
        "matches.csv.gz",
        "metrics.json",
        "per_image.csv.gz",
        "predictions",
        "timing.json",
    ]
    assert run.images["image_id"].tolist() == ["a/1", "a/2", "b/1"]
    assert run.images["coco_id"].tolist() == ["2", "3", "1"]
    assert set(run.images["truth"]) == {"val.json"}
    assert run.truth_file("a/1") == run.data_root / "val.json"
    assert run.data_root.samefile(run.folder / run.meta["data"]["root"])


def test_results_have_the_category_ids_of_the_file_and_pycocotools_agrees(run: Run) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    assert run.meta["category_ids"] == [22, 11]
    truth = COCO(str(run.truth_file("a/1")))
    judge = COCOeval(truth, truth.loadRes(str(run.prediction_file("a/1"))), "segm")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    assert run.scores["coco/segm_mAP"] == pytest.approx(judge.stats[0], abs=1e-6)
    assert run.scores["coco/segm_mAP_50"] == pytest.approx(judge.stats[1], abs=1e-6)
    assert run.metrics["logged"]["coco/segm_mAP"] == pytest.approx(100 * judge.stats[0], abs=1e-3)


def test_every_score_comes_out_of_the_tables_again(run: Run) -> None:
    scorer = InstanceScorer(class_names=run.class_names, groups=run.meta["score_families"])
    for image in run.matches():
        scorer.add(image)
    again = scorer.scores()
    assert set(again) == set(run.scores)
    assert [again[name] for name in run.scores] == pytest.approx(list(run.scores.values()), nan_ok=True)
    assert run.metrics["images"] == 3
    assert run.metrics["objects"] == 3
    assert "score >= 0.5" in run.metrics["rules"]["thresholds"]


def test_found_objects_are_read_with_their_classes(run: Run) -> None:
    found = run.found("b/1")
    assert found.labels.tolist() == [0, 1, 0]
    assert found.scores.tolist() == pytest.approx([0.9 - 1 / 64, 0.6 - 1 / 64, 0.3 - 1 / 64])
    assert found.size_hw == (3, 4)
    assert len(run.found("a/2")) == 1


def test_pictures_show_truth_beside_what_was_found(run: Run) -> None:
    (folder,) = run.folder.parents[1].glob("*/drawn")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png")) == [
        "a/1.png",
        "a/2.png",
        "b/1.png",
    ]
    drawn = np.asarray(Image.open(folder / "b/1.png"))
    times = drawn.shape[0] // 3
    assert drawn.shape == (3 * times, 12 * times, 3)
    small = drawn[times // 2 :: times, times // 2 :: times].astype(int)
    assert (small[:, :4] == 1).all()
    assert small[0, 5, 0] > 100 > small[0, 5, 1]  # the panel, in red
    assert (small[0, 8:] == 1).all()  # its first row was not found …
    assert small[1, 9, 0] > 100  # … and the second was


def test_the_same_test_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    again = run_test(tmp_path / "work", Objects(tmp_path / "data"), batch_size=3)
    for name in (
        "images.csv",
        "per_image.csv.gz",
        "matches.csv.gz",
        "metrics.json",
        "predictions/results.json",
    ):
        assert (again / name).read_bytes() == (run.folder / name).read_bytes(), name


def test_thresholds_are_recorded(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    rules = Thresholds({"panel": InstanceRule(0.2), "body": InstanceRule(0.95, min_area=2)})
    metric = {"type": "SegLoopInstanceMetric", "thresholds": str(write_thresholds(tmp_path, rules))}
    tested = read_run(run_test(tmp_path / "work", Objects(tmp_path / "data"), metric=metric))
    assert tested.meta["thresholds"] == {
        "file": "thresholds.json",
        "classes": {"panel": {"score": 0.2, "min_area": 0}, "body": {"score": 0.95, "min_area": 2}},
    }
    kept = [image.found.kept.tolist() for image in tested.matches()]
    assert kept == [[False, True], [True], [True, False, True]]
    assert len(tested.found("a/1")) == 2  # what does not pass is kept, for other thresholds


class Silent(Finder):
    """Finds nothing."""

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = "tensor") -> Any:
        for sample in super().forward(inputs, data_samples, mode):
            sample.pred_instances = sample.pred_instances[:0]
        return data_samples


def test_a_model_that_finds_nothing_leaves_a_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setitem(globals(), "Finder", Silent)
    tested = read_run(run_test(tmp_path / "work", Objects(tmp_path / "data")))
    assert json.loads(tested.prediction_file("a/1").read_text()) == []
    assert tested.scores["coco/segm_mAP"] == tested.scores["spacecraft/mIoU"] == 0
    assert np.isnan(tested.scores["match/IoU"])
    assert "NaN" not in (tested.folder / "metrics.json").read_text()
    assert "match/IoU" not in tested.metrics["logged"]
    (log,) = tested.folder.parents[1].glob("*/*.json")
    json.loads(log.read_text(), parse_constant=pytest.fail)


def test_with_another_metric_the_truth_is_read_from_the_data_sets_file(tmp_path: Path) -> None:
    from mmengine.evaluator import BaseMetric, Evaluator

    class Other(BaseMetric):
        default_prefix = "other"

        def process(self, data_batch: Any, data_samples: Any) -> None:
            self.results += data_samples

        def compute_metrics(self, results: list) -> dict[str, float]:
            return {"count": len(results)}

    (tmp_path / "data").mkdir()
    dataset = Objects(tmp_path / "data", truth=False)
    tested = read_run(run_test(tmp_path / "work", dataset, metric=Evaluator(Other())))
    assert tested.metrics["images"] == 3
    assert tested.scores["match/recall"] > 0
    (tmp_path / "data/val.json").write_text("{}")
    tested = read_run(run_test(tmp_path / "work", dataset, metric=Evaluator(Other())))
    assert len(tested.found("b/1")) == 3
    with pytest.raises(FormatError, match=r"there are no matches: .*val\.json"):
        tested.matches()


def test_a_run_says_what_its_objects_were_joined_to(run: Run, tmp_path: Path) -> None:
    assert run.meta["join"] is None
    dataset = Objects(tmp_path)
    dataset.source = SimpleNamespace(join="craft")
    metric = SegLoopInstanceMetric()
    metric.dataset_meta = dataset.metainfo
    assert InstanceRecorder(tmp_path, dataset=dataset, metric=metric).describe()["join"] == "craft"


def test_the_docs_name_every_file_and_key(run: Run) -> None:
    page = (Path(__file__).parents[2] / "docs" / "run-folder.md").read_text(encoding="utf-8")
    names = [item.name for item in run.folder.rglob("*")]
    names += [*run.meta, *run.metrics, *run.images.columns, *run.per_image.columns]
    names += (__import__("pandas").read_csv(run.folder / "matches.csv.gz", nrows=1)).columns.tolist()
    assert [name for name in names if name not in page] == []
