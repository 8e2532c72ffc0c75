"""Knows what stands under each top-level key of an OpenMMLab config, and who builds it with what."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from mmengine.runner import Runner
from torch.utils.data import DataLoader

from segloop.experiments.strict import hints, shapes
from segloop.experiments.strict.signatures import signature_of, words_of
from segloop.experiments.strict.sources import Keys
from segloop.experiments.strict.walk import HOOK_NAMES, Fault, Role, Section, Walk, misspelt
from segloop.utils.errors import nearest

MODEL_KINDS = ("model", "task util", "weight initializer")
DATA_KINDS = ("dataset", "transform", "task util", "model")


def _role(*kinds: str, given: str = "", consumed: str = "", default: str | None = None) -> Role:
    return Role(kinds, frozenset(given.split()), frozenset(consumed.split()), default)


SAMPLER = _role("data sampler", given="dataset seed")
BATCH_SAMPLER = _role("data sampler", given="sampler batch_size")
COLLATE = _role("function", given="data_batch batch")
WORKER_INIT = _role("function", given="worker_id")
DATASET = _role("dataset")
TRANSFORM = _role("transform")
METRIC = _role("metric")
HOOK = _role("hook", consumed="priority")
SCHEDULER = _role("parameter scheduler", given="optimizer", consumed="convert_to_iter_based")
OPTIMIZER = _role("optimizer", given="params")
DECAYS = {"bias_decay_mult", "norm_decay_mult", "dwconv_decay_mult", "decay_mult"}
WRAPPER = Role(
    ("optim_wrapper",),
    frozenset({"optimizer"}),
    frozenset({"optimizer", "constructor", "paramwise_cfg"}),
    "OptimWrapper",
)
TRAIN_LOOP = _role("loop", given="runner dataloader")
EVALUATION_LOOP = _role("loop", given="runner dataloader evaluator")
MODEL = _role("model")


def _model(walk: Walk, value: Any, keys: Keys) -> None:
    walk.component(value, keys, MODEL)


def _tta_model(walk: Walk, value: Any, keys: Keys) -> None:
    walk.component(value, keys, _role("model", given="module"))


def _data_preprocessor(walk: Walk, value: Any, keys: Keys) -> None:
    walk.component(value, keys, MODEL)


def _model_wrapper(walk: Walk, value: Any, keys: Keys) -> None:
    walk.component(
        value,
        keys,
        _role("model_wrapper", given="module device_ids", default="MMDistributedDataParallel"),
    )


def _pipeline(walk: Walk, value: Any, keys: Keys) -> None:
    for index, transform in enumerate(_listed(walk, value, keys)):
        walk.component(transform, (*keys, index), TRANSFORM)


def _loader(walk: Walk, value: Any, keys: Keys) -> None:
    if isinstance(value, list | tuple):  # several loaders in turn
        for index, inner in enumerate(value):
            _loader(walk, inner, (*keys, index))
        return
    if not _is_dict(walk, value, keys):
        return
    own = typing.get_type_hints(shapes.DataLoading)
    torchs = signature_of(DataLoader).arguments
    parts = {"dataset": DATASET, "sampler": SAMPLER, "batch_sampler": BATCH_SAMPLER}
    parts |= {"collate_fn": COLLATE, "worker_init_fn": WORKER_INIT}
    for key, inner in value.items():
        if key in parts:
            if inner is not None and not callable(inner):
                walk.component(inner, (*keys, key), parts[key])
        elif key in own:
            walk.value(inner, (*keys, key), own[key])
        elif key not in torchs:
            guess = nearest(str(key), {**own, **torchs})
            walk.fault((*keys, key), f"a data loader takes no {key!r}.{guess}")
        elif torchs[key].refuses(inner):
            walk.fault((*keys, key), f"a data loader's {key!r} cannot be {inner!r}")
    for key in ("dataset", "sampler"):
        if key not in value and "batch_sampler" not in value:
            walk.fault(keys, f"a data loader needs {key!r}")


def _train_loop(walk: Walk, value: Any, keys: Keys) -> None:
    if not _is_dict(walk, value, keys):
        return
    if "type" in value:
        walk.component(value, keys, TRAIN_LOOP)
        return
    name = "EpochBasedTrainLoop" if value.get("by_epoch") else "IterBasedTrainLoop"
    if "by_epoch" not in value:
        walk.fault(keys, f"needs 'type' or 'by_epoch'.{nearest('type', map(str, value))}")
    walk.component(value, keys, _role("loop", given="runner dataloader", consumed="by_epoch", default=name))


def _evaluation_loop(default: str) -> Callable[[Walk, Any, Keys], None]:
    def visit(walk: Walk, value: Any, keys: Keys) -> None:
        walk.component(value, keys, Role(EVALUATION_LOOP.kinds, EVALUATION_LOOP.given, frozenset(), default))

    return visit


def _evaluator(walk: Walk, value: Any, keys: Keys) -> None:
    if isinstance(value, Mapping) and "metrics" in value:
        walk.component(value, keys, _role("evaluator", consumed="metrics", default="Evaluator"))
        _evaluator(walk, value["metrics"], (*keys, "metrics"))
    elif isinstance(value, list | tuple):
        for index, metric in enumerate(value):
            walk.component(metric, (*keys, index), METRIC)
    else:
        walk.component(value, keys, METRIC)


def _optim_wrapper(walk: Walk, value: Any, keys: Keys) -> None:
    if not _is_dict(walk, value, keys):
        return
    constructor = value.get("constructor", "DefaultOptimWrapperConstructor")
    role = _role("optimizer wrapper constructor")
    built_by = walk.resolve(constructor, (*keys, "constructor"), role, scope=walk.scope)
    if "optimizer" not in value and any(
        isinstance(inner, Mapping) and "optimizer" in inner for inner in value.values()
    ):
        for key, inner in value.items():  # one wrapper for each part of the model
            if isinstance(inner, Mapping):
                _optim_wrapper(walk, inner, (*keys, key))
        return
    walk.component(value, keys, WRAPPER)
    if "optimizer" in value:
        walk.component(value["optimizer"], (*keys, "optimizer"), OPTIMIZER)
    else:
        walk.fault(keys, f"needs 'optimizer'.{nearest('optimizer', map(str, value))}")
    if isinstance(value.get("clip_grad"), Mapping):
        walk.shape(value["clip_grad"], (*keys, "clip_grad"), shapes.ClipNorm)
        walk.section.words.update(typing.get_type_hints(shapes.ClipNorm))
    paramwise = value.get("paramwise_cfg")
    if paramwise is not None and _is_dict(walk, paramwise, (*keys, "paramwise_cfg")) and built_by:
        _paramwise(walk, paramwise, (*keys, "paramwise_cfg"), words_of(built_by))
        _decayed(walk, value.get("optimizer"), paramwise, (*keys, "optimizer"))


def _decayed(walk: Walk, optimizer: Any, paramwise: Mapping, keys: Keys) -> None:
    """mmengine multiplies a weight decay that the config names, and none that is the optimizer's default."""
    custom = paramwise.get("custom_keys")
    settings = [paramwise, *(custom.values() if isinstance(custom, Mapping) else ())]
    names = {str(key) for each in settings if isinstance(each, Mapping) for key in each} & DECAYS
    if names and isinstance(optimizer, Mapping) and optimizer.get("weight_decay") is None:
        walk.fault(keys, f"needs 'weight_decay' (0 for none): paramwise_cfg has {', '.join(sorted(names))}")


def _paramwise(walk: Walk, value: Mapping, keys: Keys, words: frozenset[str]) -> None:
    declared = typing.get_type_hints(shapes.Paramwise)
    for key, inner in value.items():
        if key in declared:
            walk.value(inner, (*keys, key), declared[key])
        elif key not in words:
            walk.fault((*keys, key), f"nothing reads {key!r} here.{nearest(str(key), declared)}")
    custom = value.get("custom_keys")
    for name, settings in custom.items() if isinstance(custom, Mapping) else ():
        for key, inner in settings.items() if isinstance(settings, Mapping) else ():
            if key not in ("lr_mult", "decay_mult") and key not in words:
                guess = misspelt(str(key), ("lr_mult", "decay_mult"))
                note = walk.faults if guess else walk.doubts
                note.append(Fault((*keys, "custom_keys", name, key), f"nothing reads {key!r} here.{guess}"))
            elif not hints.fits(inner, float):
                walk.fault((*keys, "custom_keys", name, key), f"cannot be {inner!r}")


def _schedulers(walk: Walk, value: Any, keys: Keys) -> None:
    if isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _scheduler(walk, inner, (*keys, index))
    elif isinstance(value, Mapping) and "type" not in value:
        for key, inner in value.items():  # one list for each optimizer
            _schedulers(walk, inner, (*keys, key))
    else:
        _scheduler(walk, value, keys)


def _scheduler(walk: Walk, value: Any, keys: Keys) -> None:
    walk.component(value, keys, SCHEDULER)
    if not isinstance(value, Mapping) or not _counts_iterations(walk.config.get("train_cfg")):
        return
    by_epoch = value.get("by_epoch", True) and not value.get("convert_to_iter_based")
    if by_epoch and "ReduceOnPlateau" not in str(value.get("type")):  # which goes by validations
        text = (
            "counts epochs (by_epoch=True is the default), and a training by iterations is one: it changes "
            "nothing until the end. Set by_epoch=False"
        )
        walk.doubts.append(Fault(keys, text))


def _counts_iterations(loop: Any) -> bool:
    kind = loop.get("type") if isinstance(loop, Mapping) else None
    if kind is None:
        return isinstance(loop, Mapping) and loop.get("by_epoch") is False
    return str(getattr(kind, "__name__", kind)).rpartition(".")[2] in ("IterBasedTrainLoop", "IterTrainLoop")


def _default_hooks(walk: Walk, value: Any, keys: Keys) -> None:
    if not _is_dict(walk, value, keys):
        return
    for name, hook in value.items():
        plain = str(name).rstrip("_0123456789")  # checkpoint_2 is a second one
        guess = "" if plain in HOOK_NAMES else misspelt(plain, HOOK_NAMES)
        if guess:
            walk.fault((*keys, name), f"there is no default hook {name!r}.{guess}")
        elif hook is not None:
            walk.component(hook, (*keys, name), HOOK)


def _custom_hooks(walk: Walk, value: Any, keys: Keys) -> None:
    for index, hook in enumerate(_listed(walk, value, keys)):
        walk.component(hook, (*keys, index), HOOK)


def _visualizer(walk: Walk, value: Any, keys: Keys) -> None:
    walk.component(value, keys, _role("visualizer", given="name"))


def _log_processor(walk: Walk, value: Any, keys: Keys) -> None:
    walk.component(value, keys, _role("log_processor", default="LogProcessor"))


Visit = Callable[[Walk, Any, Keys], None]
PLACES: dict[str, tuple[Visit, tuple[str, ...]]] = {
    "model": (_model, MODEL_KINDS),
    "tta_model": (_tta_model, MODEL_KINDS),
    "data_preprocessor": (_data_preprocessor, MODEL_KINDS),
    "model_wrapper_cfg": (_model_wrapper, ("model_wrapper",)),
    "train_dataloader": (_loader, DATA_KINDS),
    "val_dataloader": (_loader, DATA_KINDS),
    "test_dataloader": (_loader, DATA_KINDS),
    "tta_pipeline": (_pipeline, DATA_KINDS),
    "train_cfg": (_train_loop, ("loop",)),
    "val_cfg": (_evaluation_loop("ValLoop"), ("loop",)),
    "test_cfg": (_evaluation_loop("TestLoop"), ("loop",)),
    "val_evaluator": (_evaluator, ("metric", "task util")),
    "test_evaluator": (_evaluator, ("metric", "task util")),
    "optim_wrapper": (_optim_wrapper, ("optim_wrapper", "optimizer")),
    "param_scheduler": (_schedulers, ("parameter scheduler",)),
    "default_hooks": (_default_hooks, ("hook", "transform", "visualizer")),
    "custom_hooks": (_custom_hooks, ("hook", "transform", "model", "dataset")),
    "visualizer": (_visualizer, ("vis_backend",)),
    "log_processor": (_log_processor, ("log_processor",)),
}
READ = {
    *PLACES,
    *typing.get_type_hints(shapes.Experiment),
    *(name for name in inspect.signature(Runner.__init__).parameters if name != "self"),
}


def visit(walk: Walk) -> None:
    """Check everything under the keys that are read; what else the config holds is not looked at."""
    declared = typing.get_type_hints(shapes.Experiment)
    for key, value in walk.config.items():
        if value is None:
            continue
        if key in PLACES:
            look, kinds = PLACES[key]
            walk.section = Section(kinds)
            look(walk, value, (key,))
            walk.settle_plain()
        elif key in declared:
            walk.value(value, (key,), declared[key])


def _is_dict(walk: Walk, value: Any, keys: Keys) -> bool:
    if not isinstance(value, Mapping):
        walk.fault(keys, f"cannot be {value!r}: a dict belongs here")
    return isinstance(value, Mapping)


def _listed(walk: Walk, value: Any, keys: Keys) -> list[Any]:
    if not isinstance(value, list | tuple):
        walk.fault(keys, f"cannot be {value!r}: a list belongs here")
        return []
    return list(value)
