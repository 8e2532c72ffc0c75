"""`kfold` in a config: each image is validated on once, groups stay whole, and runs of folds stay apart."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from segloop.analysis.runs import read_run
from segloop.data.png import encode_grey
from segloop.experiments.config import load_config
from segloop.experiments.data_checks import plain_configs
from segloop.experiments.folds import with_folds
from segloop.experiments.launch import Options, evaluate, train
from segloop.utils.errors import ConfigError, DataError, UserError


def lists(config: Config) -> dict[str, list[str]]:
    """Return the images that the loaders of a folded config read, by part."""
    found = {}
    for part in ("train", "val"):
        found[part] = [
            f"{dataset['split']}/{name}"
            for dataset in plain_configs(config[f"{part}_dataloader"]["dataset"])
            for name in Path(dataset["data_root"], dataset["ann_file"]).read_text().splitlines()
        ]
    return found


def folded(path: Path, **kfold: object) -> Config:
    config = load_config(path)
    config.kfold = kfold
    return with_folds(config)


def test_each_image_is_validated_on_in_one_fold(tiny_config: Path, tiny_root: Path) -> None:
    everything = {f"train/{path.stem}" for path in (tiny_root / "img_dir/train").iterdir()}
    validated: list[str] = []
    for fold in (1, 2, 3, 4):
        found = lists(folded(tiny_config, fold=fold, folds=4))
        assert set(found["train"]) | set(found["val"]) == everything
        assert not set(found["train"]) & set(found["val"])
        assert (len(found["train"]), len(found["val"])) == (3, 1)
        validated += found["val"]
    assert set(validated) == everything


def test_splits_may_be_pooled(tiny_config: Path, tiny_root: Path) -> None:
    config = folded(tiny_config, fold=1, folds=2, splits=["train", "val"])
    found = lists(config)
    assert len(found["train"]) == len(found["val"]) == 3
    assert {name.partition("/")[0] for name in found["train"] + found["val"]} == {"train", "val"}
    for part, flips in (("train", True), ("val", False)):
        for dataset in plain_configs(config[f"{part}_dataloader"]["dataset"]):
            assert any(step["type"] == "RandomFlip" for step in dataset["pipeline"]) is flips
            assert dataset.get("test_mode", False) is not flips


def test_groups_stay_whole_over_splits(tiny_config: Path, tiny_root: Path) -> None:
    for kind, name in (("img_dir", "scene_b"), ("ann_dir", "scene_b")):
        for split in ("train", "val"):
            folder = tiny_root / kind / split
            files = sorted(folder.iterdir())
            for number, file in enumerate(files):
                scene = "scene_a" if split == "train" and number < 2 else name
                file.rename(folder / f"{scene}_{split}{number}.png")
    found = lists(folded(tiny_config, fold=1, folds=2, splits=["train", "val"], group={"regex": "scene_."}))
    assert sorted(map(len, found.values())) == [2, 4]
    scenes = [{name.split("/")[1][:7] for name in part} for part in found.values()]
    assert sorted(map(sorted, scenes)) == [["scene_a"], ["scene_b"]]


def test_a_list_and_a_wrapper_are_kept(tiny_config: Path, tiny_root: Path) -> None:
    names = sorted(path.stem for path in (tiny_root / "img_dir/train").iterdir())[:2]
    (tiny_root / "some.txt").write_text("\n".join(names))
    config = load_config(tiny_config, overrides=["kfold.fold=2", "kfold.folds=2"])
    config.train_dataloader.dataset.ann_file = "some.txt"
    config.train_dataloader.dataset = dict(
        type="RepeatDataset", times=3, dataset=config.train_dataloader.dataset
    )
    result = with_folds(config)
    assert result.train_dataloader.dataset.times == 3
    assert sorted(itertools.chain(*lists(result).values())) == [f"train/{name}" for name in names]
    assert config.train_dataloader.dataset.dataset.ann_file == "some.txt", "the config itself is left alone"


def test_seeds_and_the_report_of_balance(tiny_config: Path, tmp_path: Path) -> None:
    first = lists(folded(tiny_config, fold=1, folds=2))
    report = json.loads((tmp_path / "work/folds/folds.json").read_text())
    assert (report["fold"], report["folds"], report["images"]) == (1, 2, {"1": 2, "2": 2})
    assert report["shares"]["background: images"] == {"1": 0.5, "2": 0.5}
    assert lists(folded(tiny_config, fold=1, folds=2)) == first
    others = [lists(folded(tiny_config, fold=1, folds=2, seed=seed)) for seed in (1, 2, 3)]
    assert any(other["val"] != first["val"] for other in others)


def test_folds_are_even_in_the_classes_that_are_loaded(tiny_config: Path, tiny_root: Path) -> None:
    for number, file in enumerate(sorted((tiny_root / "ann_dir/train").iterdir())):
        mask = np.ones((64, 64), np.uint8)
        mask[0, 0] = 0
        mask[9] = 6 if number < 2 else 1
        file.write_bytes(encode_grey(mask))
    config = load_config(tiny_config)
    config.train_dataloader.dataset.reduce_zero_label = True
    for seed in range(4):
        config.kfold = {"fold": 1, "folds": 2, "seed": seed}
        with_folds(config)
        report = json.loads(Path(config.work_dir, "folds/folds.json").read_text())
        assert report["shares"]["leaf: images"] == {"1": 0.5, "2": 0.5}
        assert "starfish: images" not in report["shares"]  # the pixels of 0 and 1 are no starfish


def test_a_fold_trains_tests_and_is_recorded(
    tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_config.write_text(tiny_config.read_text().replace("work_dir =", "# work_dir ="))
    options = Options(config=str(tiny_config), overrides=["kfold.fold=2", "kfold.folds=2"])
    runner = train(options)
    work_dir = tmp_path / "work_dirs/tiny_experiment-fold2of2"
    assert Path(runner.work_dir) == work_dir
    assert len(runner.train_dataloader.dataset) == len(runner.val_dataloader.dataset) == 2
    record = json.loads((work_dir / "train.json").read_text())
    assert record["data"]["fold"] == {"fold": 2, "folds": 2}
    assert record["data"]["read"]["files"] == 8
    kept = (work_dir / "tiny_experiment.py").read_text()
    assert "kfold = dict(fold=2, folds=2)" in kept
    assert "val.txt" not in kept
    _, folder = evaluate(options, split="val")
    rows = (folder / "images.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == (work_dir / "folds/val.txt").read_text().split()
    (tmp_path / "data/multiclass/img_dir/train").rename(tmp_path / "gone")
    evaluate(options)  # the test split needs no fold


@pytest.mark.parametrize(
    ("kfold", "message"),
    [
        ({"folds": 5}, "kfold.fold=1"),
        ({"fold": 0}, "counted from 1"),
        ({"fold": 6}, "fold=6 of 5"),
        ({"fold": 1, "folds": 1}, "2 or more"),
        ({"fold": "2"}, "fold='2' is no whole number"),
        ({"fold": True}, "no whole number"),
        ({"fold": 1, "splits": []}, "names no split"),
        ({"fold": 1, "splits": ["train", "train"]}, "or one twice"),
        ({"fold": 1, "splits": ["train", "vla"]}, "no split 'vla'"),
        ({"fold": 1, "folds": 9}, "4 images cannot be cut into 9 parts"),
        ({"fold": 1, "folds": 2, "group": {"regex": "train"}}, "1 groups cannot be cut"),
    ],
)
def test_can_report(kfold: dict, message: str, tiny_config: Path) -> None:
    with pytest.raises(UserError, match=message):
        folded(tiny_config, **kfold)


def test_can_report_what_folds_do_not_work_with(tiny_config: Path, tiny_root: Path) -> None:
    config = load_config(tiny_config, overrides=["kfold.fold=1"])
    config.val_evaluator = None
    with pytest.raises(ConfigError, match="no val_evaluator"):
        with_folds(config)
    config = load_config(tiny_config, overrides=["kfold.fold=1"])
    config.train_dataloader.dataset.type = "CityscapesDataset"
    with pytest.raises(ConfigError, match="not with CityscapesDataset"):
        with_folds(config)
    shutil.rmtree(tiny_root / "img_dir")
    with pytest.raises(DataError, match="were expected in"):
        folded(tiny_config, fold=1)
    for kind in ("img_dir", "ann_dir"):
        (tiny_root / kind / "train").mkdir(parents=True, exist_ok=True)
    for name in ("#1", "b"):
        (tiny_root / f"img_dir/train/{name}.png").touch()
    assert {*itertools.chain(*lists(folded(tiny_config, fold=1, folds=2)).values())} == {
        "train/./#1",
        "train/b",
    }
    for name in ("b ", "caf\udce9"):
        (tiny_root / f"img_dir/train/{name}.png").touch()
    with pytest.raises(DataError, match=r"begin or end with a blank or are no UTF-8 text"):
        folded(tiny_config, fold=1, folds=2)


def test_the_strict_check_knows_the_keys(tiny_config: Path) -> None:
    from segloop.experiments.strict import examine

    good = load_config(
        tiny_config, overrides=["kfold.fold=1", "kfold.group.regex=x", "kfold.splits=[train,val]"]
    )
    assert examine(good, path=tiny_config).faults == []
    bad = load_config(
        tiny_config, overrides=["kfold.flod=1", "kfold.group.regx=x", "kfold.seed=a", "kfolds=5"]
    )
    found = "\n".join(examine(bad, path=tiny_config, overrides=["kfold.flod=1", "kfolds=5"]).faults)
    for words in ("'flod'", "'regx'", "kfold.seed", "Did you mean 'kfold'"):
        assert words in found


def test_a_fold_of_two_splits_with_the_same_names_is_tested_with_views(
    tiny_trained: tuple[Path, Path], tiny_config: Path, tiny_root: Path
) -> None:
    for kind in ("img_dir", "ann_dir"):
        for number, file in enumerate(sorted((tiny_root / kind / "val").iterdir())):
            twin = sorted((tiny_root / kind / "train").iterdir())[number]
            file.rename(file.with_name(twin.name))
    ids = sorted(path.stem for path in (tiny_root / "img_dir/val").iterdir())
    (tiny_root / "scenes.csv").write_text("image_id,scene\n" + "".join(f"{name},1\n" for name in ids))
    others = {path.stem for path in (tiny_root / "img_dir/train").iterdir()} - set(ids)
    with (tiny_root / "scenes.csv").open("a") as table:
        table.writelines(f"{name},2\n" for name in sorted(others))
    group = {"table": "scenes.csv", "column": "scene"}
    cuts = [folded(tiny_config, fold=n, folds=2, splits=["train", "val"], group=group) for n in (1, 2)]
    fold = 1 + [len(plain_configs(cut.val_dataloader.dataset)) for cut in cuts].index(2)  # that of the twins
    folds = [f"fold={fold}", "folds=2", "splits=[train,val]", "group.table=scenes.csv", "group.column=scene"]
    options = Options(config=str(tiny_config), overrides=[f"kfold.{each}" for each in folds])
    _, run = evaluate(options, checkpoint=str(tiny_trained[1]), split="val", tta=True)
    tested = list(read_run(run).images["image_id"])
    assert tested == [f"{split}/{name}" for split in ("train", "val") for name in ids]
