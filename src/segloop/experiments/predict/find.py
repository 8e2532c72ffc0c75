"""Finds what a model is made of: the config, the weights, the names of its classes, its thresholds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.data.annotations import RGB, Label, LabelSet
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.experiments.config import find_checkpoint, find_config, load_config
from segloop.experiments.data_checks import data_root, innermost
from segloop.utils.atomic import read_record
from segloop.utils.errors import ConfigError, UserError

if TYPE_CHECKING:
    from mmengine.config import Config

WEIGHTS = (".pth", ".pt", ".safetensors")


@dataclass(frozen=True)
class Found:
    """The files of a model; `run` is what a RUN folder says of its test, where one was named."""

    config_file: Path
    config: Config
    checkpoint: Path
    run: Mapping[str, Any]


def is_checkpoint(word: str) -> bool:
    """Return whether a word of a command line names weights, and no image."""
    return word in ("best", "last") or Path(word).suffix.lower() in WEIGHTS


def find_model(
    target: Path | str, checkpoint: Path | str | None = None, *, overrides: Sequence[str] = ()
) -> Found:
    """Return config and weights by a config, a work_dir, a RUN, a published folder, or a file of weights.

    Without a checkpoint: the one that a RUN was made with, the only one of a published folder, else the best
    of the work_dir, else its newest.
    """
    target = Path(target)
    run: Mapping[str, Any] = {}
    if is_checkpoint(target.name) and target.is_file():
        checkpoint = target if checkpoint is None else checkpoint
        target = target.parent
    if target.is_dir() and (target / "config.py").is_file():  # a RUN, or a published model
        config_file, run = target / "config.py", read_record(target / "meta.json") or {}
    else:
        config_file = find_config(target)
    config = load_config(config_file, overrides=overrides)
    if run:
        work_dir = target.parent.parent
        tested = run.get("checkpoint")
        if checkpoint is None and isinstance(tested, dict) and tested.get("file"):
            checkpoint = work_dir / str(tested["file"])
            _require_tested(checkpoint, digest=tested.get("sha256"), run=target)
    elif target.is_dir():
        work_dir = target
        alone = sorted(path for path in target.glob("*.safetensors") if not path.name.startswith("."))
        if checkpoint is None and len(alone) == 1:
            checkpoint = alone[0]
    else:
        work_dir = Path(config.work_dir)
    return Found(config_file, config, find_checkpoint(checkpoint, work_dir=work_dir), run)


def _require_tested(checkpoint: Path, *, digest: str | None, run: Path) -> None:
    """Refuse a checkpoint that is not what a RUN tested: its predictions would be taken for the RUN's."""
    from segloop.experiments.run_images import sha256

    if checkpoint.is_file():
        if digest in (None, sha256(checkpoint)):
            return
        reason = "whose file is another since: it was trained anew"
    else:
        reason = "which is gone"
    raise ConfigError(
        f"{run} was made with {checkpoint}, {reason}. "
        "Name a checkpoint (a file, best or last), or test again."
    )


def test_steps(config: Config) -> list[Mapping[str, Any]]:
    """Return the steps of the config's test pipeline; those of a test with augmentation are not meant."""
    loader = config.get("test_dataloader") or config.get("val_dataloader")
    steps = list(innermost(loader.dataset).get("pipeline") or []) if loader else []
    if not steps or any("TestTimeAug" in str(step.get("type")) for step in steps):
        steps = list(config.get("test_pipeline") or [])
    if not steps:
        raise ConfigError(
            "The config has no test_dataloader with a pipeline, so nothing says how to load an image."
        )
    return steps


def bare_model(config: Config) -> dict[str, Any]:
    """Return the model's config without augmentation around it, and without files of class weights."""
    model = config.model
    while "module" in model and "TTA" in str(model.get("type")):
        model = model.module
    from mmengine.config import ConfigDict  # mmdet asks for attributes

    return ConfigDict(_without_weights(model.to_dict() if isinstance(model, ConfigDict) else dict(model)))


def class_names(found: Found, notes: Mapping[str, Any], *, count: int | None, semantic: bool) -> LabelSet:
    """Return the model's classes: as its weights name them, else the RUN, the config, or dataset.json.

    `notes` is what stands beside the weights; `count` how many classes the network has.
    """
    if semantic and count == 1:
        raise ConfigError(
            "model.decode_head.num_classes is 1, and a pixel that is not of this class is of none: no index "
            "is left for it. A network with one output tells two classes apart, and a pixel is of the second "
            "above the head's threshold: --cfg-options model.decode_head.num_classes=2 "
            "model.decode_head.out_channels=1"
        )
    told: list[Mapping[str, Any]] = [_of_notes(notes), found.run]
    loader = found.config.get("test_dataloader")
    if loader:
        told.append(innermost(loader.dataset).get("metainfo") or {})
    told.append(_of_data(found.config))
    names = next((list(each["classes"]) for each in told if _fits(each.get("classes"), count)), None)
    if names is None:
        names = [f"class {number}" for number in range(count or 1)]
    colors = next((each["palette"] for each in told if _is_palette(each.get("palette"), len(names))), None)
    background = next((each["background"] for each in told if isinstance(each.get("background"), int)), None)
    if not semantic:
        background = None
    elif background is None and names[0].lower() in ("background", "_background_", "bg"):
        background = 0
    labels = tuple(
        Label(str(name), color=None if colors is None else _color(colors[place]))
        for place, name in enumerate(names)
    )
    return LabelSet(labels, background=background)


def data_classes(config: Config) -> list[str] | None:
    """Return the classes of the data that the config tests on; None where neither it nor the data tell."""
    loader = config.get("test_dataloader")
    dataset = innermost(loader.dataset) if loader else {}
    if dataset.get("join"):
        return [str(dataset["join"])]
    names = (dataset.get("metainfo") or {}).get("classes") or _of_data(config).get("classes")
    return None if names is None else [str(name) for name in names]


def _without_weights(value: Any) -> Any:
    """Losses read files of class weights when they are built; a prediction has no loss and may lack them."""
    if isinstance(value, dict):
        return {
            key: None if key == "class_weight" and isinstance(each, str) else _without_weights(each)
            for key, each in value.items()
        }
    return type(value)(map(_without_weights, value)) if type(value) in (list, tuple) else value


def _of_notes(notes: Mapping[str, Any]) -> dict[str, Any]:
    described = notes.get("dataset_meta")
    told = dict(described) if isinstance(described, Mapping) else dict(notes)
    told = {key.lower(): value for key, value in told.items() if isinstance(key, str)}
    for key in ("classes", "palette", "background"):
        if isinstance(told.get(key), str):  # as a safetensors file keeps it
            try:
                told[key] = json.loads(told[key])
            except ValueError:
                told.pop(key)
    return told


def _of_data(config: Config) -> dict[str, Any]:
    root = data_root(config, split="test")
    if root is None or not (root / FILE_NAME).is_file():
        return {}
    try:
        info = DatasetInfo.read(root)
    except UserError:  # it may lie there and be of no use; nobody asked for it
        return {}
    return {"classes": info.class_names, "palette": info.palette, "background": info.background}


def _fits(names: Any, count: int | None) -> bool:
    return isinstance(names, list | tuple) and len(names) > 0 and count in (None, len(names))


def _is_palette(colors: Any, count: int) -> bool:
    try:
        return len(colors) >= count and all(len(_color(color)) == 3 for color in colors)
    except (TypeError, ValueError, IndexError):
        return False


def _color(color: Any) -> RGB:
    red, green, blue = (int(value) for value in color)
    return red, green, blue
