"""Turns a test's flags into config: split, RUN folder, outputs, pictures, test-time augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

from segloop.data.layout import known_splits
from segloop.experiments.config import is_semantic
from segloop.experiments.data_checks import data_root, innermost, plain_configs
from segloop.experiments.folds import with_folds
from segloop.utils.errors import ConfigError, nearest

if TYPE_CHECKING:
    from mmengine.config import Config


def prepare_test(config: Config, *, checkpoint: Path, split: str | None, command: Sequence[str]) -> Path:
    """Point the test at a split and let it write a RUN folder; return the folder."""
    if config.get("test_dataloader") is None:
        raise ConfigError("The config has no test_dataloader, so there is nothing to test on.")
    if split is not None:
        use_split(config, split)
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


def use_split(config: Config, split: str) -> None:
    """Test on another split: of our data sets by name, else by the config's loader of that name.

    With `kfold`, `train` and `val` are its parts.
    """
    dataset = innermost(config.test_dataloader.dataset)
    if config.get("kfold") and split in ("train", "val"):
        _use_part(config, split)
        return
    if dataset.get("type") == "SemanticDataset":
        root = data_root(config, split="test")
        splits = known_splits(root) if root and root.is_dir() else [split]
        if split not in splits:
            raise ConfigError(f"--split {split!r}: {root} has {', '.join(splits)}.{nearest(split, splits)}")
        dataset.split = split
        return
    if split not in ("train", "val", "test") or config.get(f"{split}_dataloader") is None:
        raise ConfigError(f"--split {split!r}: the config has no {split}_dataloader.")
    pipeline = dataset.get("pipeline")
    config.test_dataloader.dataset = deepcopy(innermost(config[f"{split}_dataloader"].dataset))
    config.test_dataloader.dataset.update(test_mode=True, split=split, pipeline=pipeline)
    config.test_evaluator = deepcopy(config.get(f"{split}_evaluator") or config.test_evaluator)


def _use_part(config: Config, split: str) -> None:
    folded = with_folds(config)
    pipeline = innermost(config.test_dataloader.dataset).get("pipeline")
    dataset = innermost(folded[f"{split}_dataloader"].dataset)
    for part in plain_configs(dataset):
        part.update(test_mode=True, pipeline=pipeline)
    config.test_dataloader.dataset = dataset
    config.test_evaluator = deepcopy(folded.val_evaluator)


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
    if show or show_dir:
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
    loader = innermost(config.test_dataloader.dataset)
    if "tta_model" not in config or "tta_pipeline" not in config:
        if is_semantic(config):
            raise ConfigError("--tta needs tta_model and tta_pipeline in the config.")
        config.setdefault(
            "tta_model",
            dict(type="DetTTAModel", tta_cfg=dict(nms=dict(type="nms", iou_threshold=0.5), max_per_img=100)),
        )
        meta = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction")
        flips = [dict(type="RandomFlip", prob=1.0), dict(type="RandomFlip", prob=0.0)]
        pack = [dict(type="PackDetInputs", meta_keys=meta)]
        pipeline = deepcopy(loader.pipeline)
        config.tta_pipeline = [*pipeline[:-1], dict(type="TestTimeAug", transforms=[flips, pack])]
    loader.pipeline = config.tta_pipeline
    config.model = dict(**config.tta_model, module=config.model)


def save_predictions(config: Config, out: str) -> None:
    """Write predictions beside the RUN: PNGs in a folder (semantic), or a `.pkl` file (instance)."""
    if is_semantic(config):
        if Path(out).is_file() or Path(out).suffix in (".pkl", ".pickle"):
            raise ConfigError(f"--out {out}: a semantic test writes a folder of PNGs; name a folder.")
        evaluators = config.test_evaluator
        for evaluator in evaluators if isinstance(evaluators, list) else [evaluators]:
            evaluator.update(output_dir=out, keep_results=True)
        return
    if Path(out).suffix not in (".pkl", ".pickle"):
        raise ConfigError(f"--out {out}: an instance test writes one file; its name must end in .pkl.")
    evaluators = config.test_evaluator
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    config.test_evaluator = [*evaluators, dict(type="DumpDetResults", out_file_path=out)]
