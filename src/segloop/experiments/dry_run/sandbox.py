"""Points everything that a run writes into a folder that is thrown away afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.data.demo import MakeDemo
from segloop.experiments.data_checks import innermost
from segloop.experiments.dry_run.report import BAD, NOTE, Row

if TYPE_CHECKING:
    from mmengine.config import Config

# Arguments of metrics that name a file, a folder, or the beginning of file names.
WRITTEN_BY_METRICS = ("outfile_prefix", "output_dir", "out_file_path", "out_dir")
LOCAL_BACKENDS = ("LocalVisBackend", "TensorboardVisBackend")
# What the others import only when they are first written to, in the middle of a start.
PACKAGES = {
    "TensorboardVisBackend": "tensorboard",
    "WandbVisBackend": "wandb",
    "MLflowVisBackend": "mlflow",
    "ClearMLVisBackend": "clearml",
    "NeptuneVisBackend": "neptune",
    "DVCLiveVisBackend": "dvclive",
    "AimVisBackend": "aim",
    "LocalMLflowBackend": "mlflow",
    "OfflineWandbBackend": "wandb",
    "PlainDVCLiveBackend": "dvclive",
}
DEMO_SCENES = 80  # enough to try the steps on


def into_scratch(config: Config, scratch: Path) -> tuple[Config, Path]:
    """Return a copy of a run's config that writes into `scratch` only, and the work_dir there."""
    config = deepcopy(config)
    work_dir = scratch / "work" / (Path(config.work_dir).resolve().name or "run")
    config.work_dir = str(work_dir)
    config.log_level = "WARNING"
    if (visualizer := config.get("visualizer")) is not None:
        if visualizer.get("save_dir"):
            visualizer.save_dir = str(scratch / "drawn")
        kept = [each for each in visualizer.get("vis_backends") or () if each.get("type") in LOCAL_BACKENDS]
        for backend in kept:
            backend.pop("save_dir", None)
        visualizer.vis_backends = kept
    hooks = config.setdefault("default_hooks", {})
    record = hooks.get("record", {"type": "RecordTrainingHook"})
    if record:  # what was read is of no interest, and gigabytes take minutes
        hooks["record"] = {**record, "hash_data": False}
    (hooks.get("checkpoint") or {}).pop("out_dir", None)
    (hooks.get("visualization") or {}).pop("show", None)  # it would open a window
    for hook in config.get("custom_hooks") or ():
        if hook.get("type") == "RunFolderHook":
            hook["folder"] = str(work_dir / "test" / Path(hook["folder"]).name)
        if hook.get("type") == "InstancePicturesHook":
            hook.update(folder=str(scratch / "drawn") if hook.get("folder") else None, show=False)
    for name in ("val_evaluator", "test_evaluator"):
        for number, (metric, key) in enumerate(_written(config.get(name))):
            metric[key] = str(scratch / f"{name}-{number}" / Path(metric[key]).name)
            Path(metric[key]).parent.mkdir(parents=True, exist_ok=True)
    return config, work_dir


def outputs(config: Config, evaluator: str) -> list[Path]:
    """Return what the metrics of an evaluator write outside of the work_dir."""
    return [Path(metric[key]) for metric, key in _written(config.get(evaluator))]


def backend_rows(config: Config) -> Iterator[Row]:
    """Yield what is to say of the config's ways of logging: missing packages, and what is not tried."""
    visualizer = config.get("visualizer") or {}
    names = [str(each.get("type")) for each in visualizer.get("vis_backends") or ()]
    missing = {PACKAGES[n]: n for n in names if n in PACKAGES and find_spec(PACKAGES[n]) is None}
    for package, name in missing.items():
        yield Row(BAD, "logging", f"{name} needs a package that is not installed: pip install {package}")
    elsewhere = [n for n in names if n not in LOCAL_BACKENDS and n not in missing.values()]
    if elsewhere:
        yield Row(NOTE, "logging", f"not tried, for it would leave a run behind: {', '.join(elsewhere)}")


def demo_in_scratch(config: Config, scratch: Path, make_demo: MakeDemo | None) -> dict[str, int] | None:
    """Draw a few scenes of the demo set where the run would draw it, but in `scratch`, and read those.

    Return how many images the whole set will have by split; None where there is nothing to draw.
    """
    demo = config.get("demo")
    if make_demo is None or not demo or Path(demo["root"]).exists():
        return None
    root = scratch / "demo" / demo["task"]
    readers = [
        dataset
        for split in ("train", "val", "test")
        if (loader := config.get(f"{split}_dataloader"))
        and (dataset := innermost(loader["dataset"])).get("data_root") == demo["root"]
    ]
    if not readers:
        return None
    whole = make_demo(demo["task"], str(root), seed=demo.get("seed", 0), count=DEMO_SCENES)
    for dataset in readers:
        dataset["data_root"] = str(root)
    return dict(whole)


def _written(evaluator: Any) -> Iterator[tuple[Any, str]]:
    for metric in evaluator if isinstance(evaluator, list | tuple) else [evaluator]:
        if isinstance(metric, dict):
            yield from ((metric, key) for key in WRITTEN_BY_METRICS if isinstance(metric.get(key), str))
            yield from _written(metric.get("metrics"))
