"""Turns a test's flags into config: split, RUN folder, outputs, pictures, test-time augmentation."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.analysis.thresholds import FILE_NAME, ComponentRule, InstanceRule, read_thresholds
from segloop.data.info import FILE_NAME as DESCRIPTION
from segloop.data.layout import known_splits
from segloop.experiments.config import is_semantic
from segloop.experiments.data_checks import annotation_file, data_root, innermost, plain_configs
from segloop.experiments.folds import with_folds
from segloop.utils.atomic import write_text
from segloop.utils.errors import ConfigError, nearest

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

# Which rules the metrics take that count what is sure enough and large enough.
COUNTING_METRICS: dict[str, type[InstanceRule] | type[ComponentRule]] = {
    "SegLoopInstanceMetric": InstanceRule,
    "SegLoopShipsMetric": ComponentRule,
}
MASK_HEAD = "mask_head"  # where mmdet's models say how they find masks
MASK_TTA = "SegLoopMaskTTAModel"


def prepare_test(
    config: Config, *, checkpoint: Path, split: str | None, command: Sequence[str], folds: Path | None = None
) -> Path:
    """Point the test at a split and let it write a RUN folder; return the folder.

    `folds` is where the lists of a fold go, if not into the work_dir.
    """
    if config.get("test_dataloader") is None:
        raise ConfigError("The config has no test_dataloader, so there is nothing to test on.")
    if split is not None:
        use_split(config, split, folds=folds)
    elif other := split_instead(config):
        dataset = innermost(config.test_dataloader.dataset)
        raise ConfigError(
            f"{dataset.data_root} has no split {dataset.split!r}, which this config tests on; it has "
            f"{', '.join(known_splits(Path(dataset.data_root)))}. Test on another: --split {other}"
        )
    name = split or innermost(config.test_dataloader.dataset).get("split") or "test"
    folder = Path(config.work_dir) / "test" / f"{name}-{checkpoint.stem}"
    hook = dict(
        type="RunFolderHook",
        folder=str(folder),
        split=name,
        checkpoint=str(checkpoint),
        command=list(command),
    )
    config.custom_hooks = [*(config.get("custom_hooks") or []), hook]
    config.load_from = str(checkpoint)
    config.resume = False
    return folder


def split_instead(config: Config) -> str | None:
    """Return what to test on where the data have no such split as the config's; None where they have it.

    Many sets come without truth for a test split: Cityscapes', whatever has its labels on a server.
    """
    dataset = innermost((config.get("test_dataloader") or {}).get("dataset") or {})
    own = dataset.get("type") in ("SemanticDataset", "InstanceDataset")
    if not own or dataset.get("ann_file") or not dataset.get("split"):
        return None
    root = Path(dataset["data_root"])
    splits = known_splits(root) if (root / DESCRIPTION).is_file() else []
    if not splits or dataset["split"] in splits:
        return None
    return "val" if "val" in splits else splits[-1]


def next_test(file: Path, work_dir: Path, config: Config) -> str:
    """Return the command that tests what was trained by a config's file, ready to paste."""
    usual = Path("work_dirs", file.stem)
    tested = str(file) if usual.resolve() == work_dir else os.path.relpath(work_dir)
    other = split_instead(config)
    return shlex.join(["python", "tools/test.py", tested, *(["--split", other] if other else [])])


def use_split(config: Config, split: str, *, folds: Path | None = None) -> None:
    """Test on another split: of our data sets by name, else by the config's loader of that name.

    With `kfold`, `train` and `val` are its parts. Metrics that read the annotations of the split before read
    those of this one: both files may number their images from 1, and no metric would notice.
    """
    former = _annotations_read(config)
    _use_split(config, split, folds)
    _read_own_truth(config, former)


def _annotations_read(config: Config) -> list[Path]:
    """Return the annotation files of a config's data sets, none where no metric reads one."""
    evaluators = [config.get(f"{name}_evaluator") for name in ("val", "test")]
    if not any(metric.get("ann_file") for each in evaluators for metric in _evaluators(each)):
        return []
    loaders = [config.get(f"{name}_dataloader") for name in ("val", "test")]
    files = [annotation_file(innermost(loader["dataset"])) for loader in loaders if loader]
    return [file.resolve() for file in files if file]


def _read_own_truth(config: Config, former: Sequence[Path]) -> None:
    """Let the metrics that read one of the former files read that of the data set that is tested."""
    own = annotation_file(innermost(config.test_dataloader.dataset)) if former else None
    for metric in _evaluators(config.test_evaluator) if own else ():
        if metric.get("ann_file") and Path(metric["ann_file"]).resolve() in former:
            metric["ann_file"] = str(own)


def _use_split(config: Config, split: str, folds: Path | None) -> None:
    dataset = innermost(config.test_dataloader.dataset)
    if config.get("kfold") and split in ("train", "val"):
        _use_part(config, split, folds)
        return
    own, root = dataset.get("type") in ("SemanticDataset", "InstanceDataset"), data_root(config, split="test")
    splits = known_splits(root) if own and root and root.is_dir() else [split]
    if own and splits:  # else the config names the files of each loader
        if split not in splits:
            raise ConfigError(f"--split {split!r}: {root} has {', '.join(splits)}.{nearest(split, splits)}")
        if dataset.type == "InstanceDataset" or dataset.get("split") != split:
            dataset.pop("ann_file", None)  # what it names itself is of another split
            dataset.pop("data_prefix", None)
            dataset.update(_folders(config, split, dataset))
        dataset.split = split
        return
    if split not in ("train", "val", "test") or config.get(f"{split}_dataloader") is None:
        raise ConfigError(f"--split {split!r}: the config has no {split}_dataloader.")
    _take_over(config, config[f"{split}_dataloader"])
    config.test_evaluator = deepcopy(config.get(f"{split}_evaluator") or config.test_evaluator)


def _folders(config: Config, split: str, tested: Mapping[str, Any]) -> dict[str, Any]:
    """Return the folders of a split that the config's loader of index masks names, where it names any."""
    named = innermost((config.get(f"{split}_dataloader") or {}).get("dataset") or {})
    ours = named.get("type") == tested["type"] == "SemanticDataset"
    if not ours or "data_prefix" not in named or named.get("data_root") != tested.get("data_root"):
        return {}
    return {"data_prefix": deepcopy(named["data_prefix"])} if named.get("split", split) == split else {}


def _use_part(config: Config, split: str, folds: Path | None) -> None:
    folded = with_folds(config, folder=folds)
    _take_over(config, folded[f"{split}_dataloader"])
    config.test_evaluator = deepcopy(folded.val_evaluator)
    _read_own_truth(config, _annotations_read(folded))


def _take_over(config: Config, loader: Any) -> None:
    """Test on the data set of another loader, loaded as those of a test are."""
    pipeline = innermost(config.test_dataloader.dataset).get("pipeline")
    dataset = deepcopy(innermost(loader.dataset))
    for part in plain_configs(dataset):
        part.update(test_mode=True, pipeline=pipeline)
    config.test_dataloader.dataset = dataset


def settle_outputs(
    config: Config,
    *,
    out: str | None,
    show: bool,
    show_dir: str | None,
    wait_time: float,
    tta: bool,
) -> None:
    """Apply `--out`, `--show`, `--show-dir` and `--tta` as mmseg and mmdet do."""
    if (show or show_dir) and not is_semantic(config):
        hook = dict(type="InstancePicturesHook", folder=show_dir, show=show, wait_time=wait_time)
        config.custom_hooks = [*(config.get("custom_hooks") or []), hook]
    elif show or show_dir:
        drawing = (config.get("default_hooks") or {}).get("visualization")
        if drawing is None:
            raise ConfigError("--show and --show-dir need default_hooks.visualization in the config.")
        drawing.update(draw=True)
        if show:
            drawing.update(show=True, wait_time=wait_time)
        if show_dir:
            config.visualizer.save_dir = show_dir
    if tta:
        use_tta(config)
    if out is not None:
        save_predictions(config, out)


def use_tta(config: Config) -> None:
    """Wrap the model for test-time augmentation; mmdet configs without one get a horizontal flip."""
    parts = plain_configs(config.test_dataloader.dataset)  # several where a fold has two splits
    ours = (config.get("tta_model") or {}).get("type", MASK_TTA) == MASK_TTA
    if _finds_masks(config):
        if ours:  # whatever tta_pipeline says: ours makes the views itself
            config.model = dict(**(config.get("tta_model") or dict(type=MASK_TTA)), module=config.model)
            return
        if not config.get("tta_pipeline"):
            raise ConfigError(
                f"--tta: {config.tta_model.type} needs a tta_pipeline; {MASK_TTA} needs none and keeps masks."
            )
    elif ours and not is_semantic(config):
        config.tta_model = None  # there are no masks to keep
    if not config.get("tta_model") or not config.get("tta_pipeline"):
        if is_semantic(config):
            raise ConfigError("--tta needs tta_model and tta_pipeline in the config.")
        nms = dict(nms=dict(type="nms", iou_threshold=0.5), max_per_img=100)
        config.tta_model = config.get("tta_model") or dict(type="DetTTAModel", tta_cfg=nms)
        meta = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction")
        flips = [dict(type="RandomFlip", prob=1.0), dict(type="RandomFlip", prob=0.0)]
        pack = [dict(type="PackDetInputs", meta_keys=meta)]
        pipeline = deepcopy(parts[0].pipeline)
        config.tta_pipeline = [*pipeline[:-1], dict(type="TestTimeAug", transforms=[flips, pack])]
    kinds = {metric.get("type") for metric in _evaluators(config.get("test_evaluator"))}
    if config.tta_model.get("type") == "SegTTAModel" and "SegLoopShipsMetric" in kinds:
        raise ConfigError(
            "--tta: SegTTAModel keeps the last augmentation's logits, and SegLoopShipsMetric reads them. "
            "Let the config say tta_model=dict(type='SegLoopTTAModel'), which keeps the merged ones."
        )
    _turned_back(config)
    for part in parts:
        part.pipeline = config.tta_pipeline
    config.model = dict(**config.tta_model, module=config.model)


def _turned_back(config: Config) -> None:
    """Refuse turned views that nothing turns back: square images would be merged askew without a word."""
    steps = list(_steps(config.tta_pipeline))
    if not any(step.get("type") == "QuarterTurn" and step.get("turns") for step in steps):
        return
    if config.tta_model.get("type") != "SegLoopTTAModel":
        raise ConfigError(
            f"--tta: {config.tta_model.get('type')} does not turn back the views of QuarterTurn; "
            "take tta_model=dict(type='SegLoopTTAModel')."
        )
    packs = [step for step in steps if str(step.get("type", "")).startswith("Pack")]
    if not all("quarter_turns" in step.get("meta_keys", ()) for step in packs):
        raise ConfigError(
            "--tta: the views of QuarterTurn cannot be turned back, for the last step of tta_pipeline drops "
            "how they lie. Name 'quarter_turns' among its meta_keys."
        )


def _steps(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield each step of a pipeline, those inside of others too."""
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from _steps(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _steps(inner)


def _finds_masks(config: Config) -> bool:
    """Return whether a model of mmdet's has a head for masks: mmdet's own augmentation drops them."""
    if is_semantic(config):
        return False
    model = config.model
    parts = [model, *(part for part in model.values() if isinstance(part, Mapping))]
    return any(MASK_HEAD in part for part in parts)


def use_thresholds(config: Config, *, checkpoint: Path, wanted: bool = True) -> str | None:
    """Let our metrics count by the `thresholds.json` beside a checkpoint; return what to say."""
    file = checkpoint.parent / FILE_NAME
    metrics = [
        metric
        for metric in _evaluators(config.get("test_evaluator"))
        if metric.get("type") in COUNTING_METRICS
    ]
    if not metrics:
        return None
    if not wanted:
        for metric in metrics:
            metric.pop("thresholds", None)
        return f"{file} is not applied (--no-thresholds)." if file.is_file() else None
    if not file.is_file():
        return None
    tuned = read_thresholds(file)
    for metric in metrics:
        tuned.require(COUNTING_METRICS[metric["type"]])
        metric["thresholds"] = str(file)
    where = tuned.tuned_on
    of = f", tuned on {where['split']!r} for {where['metric']}" if {"split", "metric"} <= set(where) else ""
    rules = (f"{name} {rule.in_words()}" for name, rule in tuned.classes.items())
    doubt = tuned.doubt(checkpoint.name)
    return f"Thresholds of {file}{of}: {', '.join(rules)}{doubt}. Without them: --no-thresholds"


def copy_results(folder: Path, out: str | None) -> None:
    """Copy the results of an instance RUN where `--out FILE.json` asks for them."""
    if out is None or Path(out).suffix != ".json":
        return
    results = folder / "predictions" / "results.json"
    if not results.is_file():
        raise ConfigError(f"--out {out}: this model finds no masks, so there are no results to write.")
    write_text(out, results.read_text(encoding="utf-8"))


def test_classes(runner: Runner) -> list[str] | None:
    """Return the names of the classes that a test's data have; None where they name none."""
    names = (getattr(runner.test_dataloader.dataset, "metainfo", None) or {}).get("classes")
    return [str(name) for name in names] if names else None


def _evaluators(evaluator: Any) -> Iterator[Any]:
    for metric in evaluator if isinstance(evaluator, list | tuple) else [evaluator]:
        if isinstance(metric, Mapping):
            yield metric
            yield from _evaluators(metric.get("metrics"))


def save_predictions(config: Config, out: str) -> None:
    """Write predictions beside the RUN: PNGs in a folder (semantic), a `.json` or `.pkl` file (instance)."""
    if is_semantic(config):
        if Path(out).is_file() or Path(out).suffix in (".pkl", ".pickle"):
            raise ConfigError(f"--out {out}: a semantic test writes a folder of PNGs; name a folder.")
        evaluators = config.test_evaluator
        for evaluator in evaluators if isinstance(evaluators, list) else [evaluators]:
            evaluator.update(output_dir=out, keep_results=True)
        return
    if Path(out).suffix == ".json":
        return  # a copy of the RUN's results
    if Path(out).suffix not in (".pkl", ".pickle"):
        raise ConfigError(
            f"--out {out}: an instance test writes one file; its name must end in .json (COCO's results) "
            "or .pkl (mmdet's)."
        )
    evaluators = config.test_evaluator
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    config.test_evaluator = [*evaluators, dict(type="DumpDetResults", out_file_path=out)]
