"""The configs that mmdetection and mmsegmentation bring along, and which distinct models they hold.

Needs: zoo.py, which reads it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOS = {"mmseg": "mmsegmentation", "mmdet": "mmdetection"}

# Fragments of other configs, data sets without a model, and classification for pretraining.
NOT_EXPERIMENTS = {"_base_", "common", "classification"}

# What a data set, a schedule, pretraining or testing decides, and the shape of the network does not.
NOT_ARCHITECTURE = {
    "class_weight",
    "data_preprocessor",
    "frozen_stages",
    "ignore_index",
    "init_cfg",
    "norm_eval",
    "num_classes",
    "num_stuff_classes",
    "num_things_classes",
    "pretrained",
    "sampler",
    "test_cfg",
    "with_cp",
}

# mmdetection holds detectors of every kind; these words in a model say that it predicts masks.
MASK_WORDS = ("mask_head", "panoptic_head", "SOLO", "YOLACT", "RTMDetIns", "CondInst", "BoxInst")


@dataclass
class Model:
    """One architecture: its key, the config that stands for it, and all configs that hold it."""

    repo: str
    key: str
    structure: str
    config: Path
    members: list[Path] = field(default_factory=list)

    @property
    def family(self) -> str:
        return self.config.parent.name

    @property
    def name(self) -> str:
        return f"{self.repo}/{self.family}/{self.config.stem}"


def config_root(repo: str) -> Path:
    """Return the folder of the configs that came with `repo`, without importing it."""
    spec = importlib.util.find_spec(repo)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{REPOS[repo]} is not installed")
    return Path(spec.submodule_search_locations[0]) / ".mim" / "configs"


def list_configs(repo: str, pattern: str = "") -> list[Path]:
    """Return the experiment configs of `repo` whose path in the config folder contains `pattern`, sorted."""
    root = config_root(repo)
    found = (path for path in root.rglob("*.py") if not NOT_EXPERIMENTS & set(path.relative_to(root).parts))
    return sorted(path for path in found if pattern in path.relative_to(root).as_posix())


def architecture(model: Any, *, sizes: bool = True) -> Any:
    """Return a model dict without what is not architecture; without `sizes`, numbers do not count either."""
    if isinstance(model, dict):
        kept = sorted(key for key in model if key not in NOT_ARCHITECTURE)
        return {key: architecture(model[key], sizes=sizes) for key in kept}
    if isinstance(model, (list, tuple)):
        items = [architecture(item, sizes=sizes) for item in model]
        return items if sizes or any(isinstance(item, dict) for item in items) else 0
    if isinstance(model, str):
        return "BN" if model in ("SyncBN", "MMSyncBN") else model
    if model is None or isinstance(model, bool):
        return model
    if isinstance(model, (int, float)):
        return model if sizes else 0
    return str(model)


def predicts_masks(repo: str, model: Any) -> bool:
    """Say whether a model segments pictures; all of mmsegmentation's do, and trackers take clips."""
    preprocessor = model.get("data_preprocessor") or {}
    if preprocessor.get("type") == "TrackDataPreprocessor":
        return False
    return repo == "mmseg" or any(word in json.dumps(architecture(model)) for word in MASK_WORDS)


def distinct_models(
    repo: str, configs: Iterable[Path], *, progress: Callable[[int], None] = lambda done: None
) -> tuple[list[Model], dict[Path, str]]:
    """Return the distinct segmentation models in `configs`, and why configs could not be read.

    New structures come first, then the other sizes of structures that were seen, so that a run that is cut
    short has met as many operators as it could.
    """
    from mmengine.config import Config

    models: dict[str, Model] = {}
    unreadable: dict[Path, str] = {}
    for done, path in enumerate(configs, 1):
        progress(done)
        try:
            model = Config.fromfile(path, import_custom_modules=False).get("model")
        except Exception as error:  # whatever a config raises while it is executed is the finding
            unreadable[path] = f"{type(error).__name__}: {error}"
            continue
        if not model or not predicts_masks(repo, model):
            continue
        key, structure = (_digest(architecture(model, sizes=sizes)) for sizes in (True, False))
        models.setdefault(key, Model(repo, key, structure, path)).members.append(path)
    for model in models.values():
        # The plainest name: `mask-rcnn_r50_fpn_1x_coco` stands for its albu and instaboost variants.
        model.config = min(model.members, key=lambda path: (len(path.name), path))
    return list(_structures_first(models.values())), unreadable


def _structures_first(models: Iterable[Model]) -> Iterator[Model]:
    ordered = sorted(models, key=lambda model: (model.family, len(model.name), model.name))
    seen: set[str] = set()
    later = []
    for model in ordered:
        if model.structure in seen:
            later.append(model)
        else:
            seen.add(model.structure)
            yield model
    yield from later


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
