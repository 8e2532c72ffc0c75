"""Tells a config's mistake from a bug: what a constructor refuses is said in words."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from segloop.analysis.scores import HEADLINE
from segloop.analysis.ship_scores import RULES as SHIPS
from segloop.utils.errors import ConfigError, UserError, nearest

if TYPE_CHECKING:
    from mmengine.config import Config

BUILDER = "mmengine/registry/build_functions.py"
CONSTRUCTORS = {"__init__", "__new__", "__post_init__"}
OPENMMLAB = ("mmengine.", "mmcv.", "mmseg.", "mmdet.")
REFUSALS = (ValueError, TypeError, AssertionError, KeyError, NotImplementedError)
NEEDED = {
    "train": ("model", "train_dataloader", "train_cfg", "optim_wrapper"),
    "test": ("model", "test_dataloader", "test_cfg", "test_evaluator"),
}
SCORES = {"SegLoopSemanticMetric": HEADLINE, "SegLoopShipsMetric": (*HEADLINE, *SHIPS)}
SAME_NAMES = (*SCORES, "IoUMetric")  # whatever else they give, mmseg's aAcc, mIoU …
TRAIN_LOOPS = ("IterBasedTrainLoop", "EpochBasedTrainLoop", "IterTrainLoop", "EpochTrainLoop")
LOOPS = {"train": "IterBasedTrainLoop", "val": "ValLoop", "test": "TestLoop"}
VALIDATION = ("val_dataloader", "val_cfg", "val_evaluator")


@contextmanager
def config_mistakes() -> Iterator[None]:
    """Within the block, turn what a constructor says of its arguments into a ConfigError."""
    try:
        yield
    except UserError:
        raise
    except REFUSALS as error:
        told = refusal(error)
        if told is None:
            raise
        raise ConfigError(told) from error


def refusal(error: BaseException) -> str | None:
    """Return what a constructor refuses, in words; None for an error from anywhere else, a bug.

    Our own constructors refuse with a ValueError; another error in them is a bug of ours. In other people's,
    a value that the strict check let pass is what is most likely wrong.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    builders = [frame for frame in frames if frame.f_code.co_filename.replace("\\", "/").endswith(BUILDER)]
    if not builders:
        return None
    module = str(frames[-1].f_globals.get("__name__"))
    constructing = frames[-1].f_code.co_name in CONSTRUCTORS
    if module.startswith(OPENMMLAB):  # theirs refuse in functions of their own as well
        within = {frame.f_code.co_name for frame in frames[frames.index(builders[-1]) :]}
        constructing |= isinstance(error, ValueError | AssertionError) and bool(within & CONSTRUCTORS)
    # a wrapper asks its data set for what that has not: `ClassBalancedDataset` for `get_cat_ids`
    if not (constructing or isinstance(error, NotImplementedError)):
        return None
    if module.startswith("segloop.") and not isinstance(error, ValueError):
        return None
    text = " ".join(str(error).split()) or type(error).__name__
    return f"The config's {_name(builders[-1])} cannot be built: {text}"


def require_parts(config: Mapping[str, Any], what: str) -> None:
    """Refuse a config without what `train` or `test` needs; name all that is missing."""
    missing = [name for name in NEEDED[what] if not config.get(name)]
    given = [name for name in VALIDATION if config.get(name) is not None]
    if what == "train" and given and len(given) < len(VALIDATION):
        missing += [name for name in VALIDATION if name not in given]
    if missing:
        raise ConfigError(f"The config has no {', no '.join(missing)}, which it needs to {what}.")
    _require_single(config)
    for name in NEEDED[what][1:2]:
        if config[name].get("batch_size", 1) is None:
            raise ConfigError(f"{name}.batch_size is None; it must be 1 or more.")
    require_seed(config)


def require_seed(config: Mapping[str, Any]) -> None:
    """Refuse a seed that the generators of random numbers do not take."""
    seed = (config.get("randomness") or {}).get("seed")
    if isinstance(seed, int) and not 0 <= seed < 2**32:
        raise ConfigError(f"The seed is {seed}; it must be 0 to {2**32 - 1}.")


def _require_single(config: Mapping[str, Any]) -> None:
    """Refuse a list of loaders for a loop of mmengine's; one of a user's own may go through several."""
    for split, loop in LOOPS.items():
        loaders, kind = (
            config.get(f"{split}_dataloader"),
            (config.get(f"{split}_cfg") or {}).get("type", loop),
        )
        if isinstance(loaders, list | tuple) and str(kind) in (loop, *TRAIN_LOOPS):
            raise ConfigError(
                f"{split}_dataloader is a list, and a {kind} goes through one loader; to go through several "
                "sets as one: dataset=dict(type='ConcatDataset', datasets=[…])."
            )


def require_scores(config: Config) -> None:
    """Refuse to monitor a score that our metric does not give: a validation would tell hours later.

    A loss whose greatest would be taken for the best is refused whatever the metric: nothing would tell.
    """
    if wrong := list(_wrong_rules(config.get("default_hooks") or {})):
        raise ConfigError("\n".join(wrong))
    evaluator = config.get("val_evaluator")
    kind = evaluator.get("type") if isinstance(evaluator, dict) else None
    if kind not in (*SCORES, "SegLoopInstanceMetric"):
        return
    hooks = config.get("default_hooks") or {}
    saving, stopping = hooks.get("checkpoint") or {}, hooks.get("early_stop") or {}
    best = saving.get("save_best")
    wanted = [("checkpoint.save_best", name) for name in (best if isinstance(best, list) else [best]) if name]
    if stopping.get("patience") is not None:
        wanted.append(("early_stop.monitor", stopping.get("monitor")))
    prefix = f"{evaluator['prefix']}/" if evaluator.get("prefix") else ""
    names: Sequence[str]
    if kind in SCORES:
        names, of_classes = SCORES[kind], "IoU.<class>, Dice.<class>"
    else:
        from segloop.experiments.instance_metrics import DEFAULT, headline

        asked = {"max_dets": evaluator["max_dets"]} if evaluator.get("max_dets") else {}
        names, of_classes = headline(evaluator.get("scores", DEFAULT), **asked), "<score>.<class>"
    known = [f"{prefix}{name}" for name in names]
    wrong = [
        f"default_hooks.{place}={name!r}: a validation gives no such score.{nearest(str(name), known)}"
        for place, name in wanted
        if name not in (*known, "auto") and "loss" not in str(name) and "." not in str(name)
    ]
    if wrong:
        raise ConfigError("\n".join([*wrong, f"There are: {', '.join(known)}, {of_classes}, val_loss"]))


def _wrong_rules(hooks: Mapping[str, Any]) -> Iterator[str]:
    saving, stopping = hooks.get("checkpoint") or {}, hooks.get("early_stop") or {}
    names, rules = (
        [each] if not isinstance(each, list | tuple) else each
        for each in (saving.get("save_best"), saving.get("rule"))
    )
    rules = rules * len(names) if len(rules) == 1 else rules
    monitored = [("checkpoint", "save_best", *each) for each in zip(names, rules, strict=False)]
    if stopping.get("patience") is not None:
        monitored.append(("early_stop", "monitor", stopping.get("monitor"), stopping.get("rule")))
    for hook, key, name, rule in monitored:
        if "loss" in str(name) and rule == "greater":
            yield (
                f"default_hooks.{hook}.{key}={name!r} with rule='greater' would take the worst for the best; "
                f"set default_hooks.{hook}.rule=less"
            )


def require_names(config: Config, part: str) -> None:
    """Refuse an evaluator whose metrics give scores of the same names: the end of a validation would tell."""
    evaluator = config.get(part)
    if isinstance(evaluator, Mapping):
        evaluator = evaluator.get("metrics")
    seen: dict[Any, str] = {}
    for metric in evaluator if isinstance(evaluator, list | tuple) else ():
        kind = str(metric.get("type")).rpartition(".")[2]
        if kind not in SAME_NAMES:
            continue
        if former := seen.get(metric.get("prefix")):
            raise ConfigError(
                f"{part}: {former} and {kind} give scores of the same names (mIoU …). "
                "Give one of them a prefix: prefix='other' makes other/mIoU."
            )
        seen[metric.get("prefix")] = kind


def _name(builder: FrameType) -> str:
    built = builder.f_locals.get("obj_cls") or builder.f_locals.get("runner_cls")
    return getattr(built, "__name__", "component")
