"""What follows from the counts for a config: each piece of advice with the lines to paste."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np

from segloop.data.annotations import LabelSet
from segloop.data.statistics.anchors import STRIDES, fit_anchors, usual_anchors
from segloop.data.statistics.bins import SIZES, quantile
from segloop.data.statistics.tally import Tally
from segloop.data.statistics.weights import SCHEMES, class_weights, object_weights

LINE = 96  # characters
# A window is so many times as long as nearly every object: with objects it must hold some of them whole.
CONTEXT = {"semantic": 1.5, "instances": 4.0}
NEARLY = 0.95
WINDOW_STEP, LEAST_WINDOW = 32, 64  # pixels: what backbones halve evenly
SCHEME_NAMES = {
    "inverse": "inverse frequency",
    "median_frequency": "median frequency",
    "effective_number": "effective number",
}


@dataclass(frozen=True)
class Advice:
    """One thing to set, and why.

    `settings` are what a config assigns, as nested dicts; `step` is a step of a training pipeline, as a
    config writes it; `options` follows `--cfg-options` with the semantic configs of this repository.
    """

    key: str
    title: str
    why: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    step: str = ""
    options: str = ""

    @property
    def config(self) -> str:
        """Lines to paste into a config; several pieces of advice go together by `joined`."""
        return config_text(self.settings)


def joined(advice: Sequence[Advice], *, scheme: str = "median_frequency") -> str:
    """Return lines for a config with all advice, of the class weights those of one scheme.

    A second `model = …` in one file would throw the first away, so they are put into one.
    """
    whole: dict[str, Any] = {}
    for each in advice:
        if not each.key.startswith("weights.") or each.key == f"weights.{scheme}":
            _merge(each.settings, whole)
    return config_text(whole)


def config_text(settings: Mapping[str, Any]) -> str:
    """Return settings as a config writes them, in lines that fit a screen.

    >>> print(config_text({"model": {"head": {"num_classes": 3}}}))
    model = dict(head=dict(num_classes=3))
    """
    return "\n".join(f"{name} = {_written(value, 0, len(name) + 3)}" for name, value in settings.items())


def _written(value: Any, indent: int, used: int) -> str:
    """Return a value as Python, broken into lines where it does not fit behind `used` characters."""
    if isinstance(value, Mapping):
        head, tail, parts = "dict(", ")", [(f"{key}=", each) for key, each in value.items()]
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        head, tail, parts = "[", "]", [("", each) for each in value]
    else:
        return repr(value)
    flat = head + ", ".join(name + _written(each, 0, -LINE) for name, each in parts) + tail
    if used + len(flat) <= LINE:
        return flat
    deeper = indent + 4
    lines = [
        f"{' ' * deeper}{name}{_written(each, deeper, deeper + len(name) + 1)},\n" for name, each in parts
    ]
    return f"{head}\n{''.join(lines)}{' ' * indent}{tail}"


def _merge(news: Mapping[str, Any], whole: dict[str, Any]) -> None:
    for key, value in news.items():
        if isinstance(value, Mapping):
            _merge(value, whole.setdefault(key, {}))
        else:
            whole[key] = value


def advise(tally: Tally, labels: LabelSet, *, folder: PurePath, kind: str) -> list[Advice]:
    """Return what follows for training on what was counted; weights are said to lie in `folder`.

    `kind` is `semantic` (index maps) or `instances`.
    """
    found = [_normalisation(tally)]
    if kind == "semantic":
        found += [_prior(tally, labels), *_weights(tally, labels, folder), _window(tally, kind)]
    else:
        found += [_anchors(tally), _most_objects(tally), _window(tally, kind), _object_weights(tally, labels)]
    return [each for each in found if each is not None]


def advise_instances(tally: Tally) -> Advice | None:
    """Return the anchors for those who train on the connected parts of a semantic set as objects."""
    return _anchors(tally)


def weights_of(tally: Tally, *, kind: str) -> dict[str, list[float]]:
    """Return the class weights by scheme: of pixels for semantic sets, of objects for the others."""
    if kind != "semantic":
        return object_weights(tally.objects.tolist())
    count = tally.num_labels
    patch = (quantile(tally.sizes.sum(axis=0), SIZES.values, 0.5) or 1.0) ** 2
    return class_weights(tally.pixels[:count].tolist(), tally.pixels_beside[:count].tolist(), patch=patch)


def weights_file(scheme: str) -> str:
    """Return the name of the file that holds the weights of a scheme."""
    return f"class_weights.{scheme}.json"


def _normalisation(tally: Tally) -> Advice | None:
    if tally.mean_rgb is None or tally.std_rgb is None:
        return None
    mean = [round(float(each), 2) for each in tally.mean_rgb]
    std = [max(round(float(each), 2), 1.0) for each in tally.std_rgb]  # black pictures divide by nothing
    return Advice(
        key="normalisation",
        title="Normalisation",
        why="The mean and deviation of the pixels themselves, for a training from scratch. With pretrained "
        "weights keep the values that these were trained with.",
        settings={"model": {"data_preprocessor": {"mean": mean, "std": std, "bgr_to_rgb": True}}},
        options=f"model.data_preprocessor.mean={_list(mean)} model.data_preprocessor.std={_list(std)}",
    )


def _prior(tally: Tally, labels: LabelSet) -> Advice | None:
    background = labels.background
    if background is None or not 0 < tally.pixels[background] < tally.scored or len(labels) < 2:
        return None
    share = min(max(round(float(tally.pixels[background] / tally.scored), 3), 0.001), 0.999)
    start: dict[str, Any] = {"type": "ClassPrior", "background_share": share}
    if background != 0:
        start["background"] = background
    return Advice(
        key="prior",
        title="Where the head starts",
        why=f"{_percent(share)} of the pixels are background. A head whose first prediction says so does "
        "not spend its first hundred iterations on learning it.",
        settings={"model": {"decode_head": {"init_cfg": start}}},
        options=f"model.decode_head.init_cfg.background_share={share}",
    )


def _weights(tally: Tally, labels: LabelSet, folder: PurePath) -> list[Advice]:
    weights = weights_of(tally, kind="semantic")
    background = labels.background
    whys = {
        "inverse": "Each class pulls alike, however few its pixels. Strong: rare classes are soon found "
        "where they are not.",
        "median_frequency": "A class is weighed by its share of the images that hold it, so a class that few "
        "images show is not punished for that.",
        "effective_number": "Between none and inverse: what many patches have shown already counts for less.",
    }
    found = []
    for scheme in SCHEMES:
        path = (folder / weights_file(scheme)).as_posix()
        # With weights, mmseg's cross entropy fails on avg_non_ignore=True; without, it ignores them as well.
        losses = [
            {"type": "CrossEntropyLoss", "class_weight": path, "avg_non_ignore": False},
            {"type": "BatchDiceLoss", "background": background},
        ]
        found.append(
            Advice(
                key=f"weights.{scheme}",
                title=f"Class weights, {SCHEME_NAMES[scheme]}",
                why=f"{whys[scheme]} From {_span(weights[scheme], labels.names)}.",
                settings={"model": {"decode_head": {"loss_decode": losses}}},
                options=f"{shlex.quote(f'model.decode_head.loss_decode.0.class_weight={path}')} "
                "model.decode_head.loss_decode.0.avg_non_ignore=False",
            )
        )
    return found


def _object_weights(tally: Tally, labels: LabelSet) -> Advice | None:
    if len(labels) < 2 or np.count_nonzero(tally.objects) < 2:
        return None
    weights = weights_of(tally, kind="instances")["median_frequency"]
    loss = {"type": "CrossEntropyLoss", "use_sigmoid": False, "class_weight": [*weights, 1.0]}
    return Advice(
        key="weights.median_frequency",
        title="Class weights, median frequency of objects",
        why="For the classifier of a detector, whose last entry is the background. mmdet takes the list "
        f"itself and no file. From {_span(weights, labels.names)}.",
        settings={"model": {"roi_head": {"bbox_head": {"loss_cls": loss}}}},
    )


@dataclass(frozen=True)
class Window:
    """The side of a window that shows nearly all objects with what is around them.

    `whole` says that small images, whose side is `least`, are no larger. `longest` is that of large objects.
    """

    side: int
    longest: float
    least: int
    whole: bool


def window_size(tally: Tally, kind: str) -> Window | None:
    """Return the window to train on; None where there are no objects."""
    longest = _longest_sides(tally)
    if longest is None or not tally.image_sizes:
        return None
    sides = np.sort(np.repeat([min(size) for size in tally.image_sizes], [*tally.image_sizes.values()]))
    least = int(sides[len(sides) // 20])
    wanted = max(LEAST_WINDOW, math.ceil(longest * CONTEXT[kind] / WINDOW_STEP) * WINDOW_STEP)
    return Window(side=wanted, longest=longest, least=least, whole=wanted >= least)


def _window(tally: Tally, kind: str) -> Advice | None:
    window = window_size(tally, kind)
    if window is None:
        return None
    wanted = window.side
    told = f"{_percent(NEARLY)} of the objects are at most {window.longest:.0f} pixels long"
    if window.whole:
        return Advice(
            key="window",
            title="No crop",
            why=f"{told}, and images have sides of {window.least} pixels: a window that holds objects whole "
            "and what is around them is as large as the image. Train on whole images.",
        )
    area = float(
        np.average([wanted**2 / (h * w) for h, w in tally.image_sizes], weights=[*tally.image_sizes.values()])
    )
    step = (
        f"dict(type='RareClassCrop', size={wanted}, prob=0.75)"
        if kind == "semantic"
        else f"dict(type='RandomCrop', crop_size=({wanted}, {wanted}))"
    )
    return Advice(
        key="window",
        title=f"Crop of {wanted}x{wanted}",
        why=f"{told}; a window {CONTEXT[kind]:g} times as long shows them whole with what is around them, at "
        f"{_percent(area)} of a whole image's cost. A step of the training pipeline, after loading.",
        step=step,
        options=f"train_dataloader.dataset.pipeline.1.size={wanted}" if kind == "semantic" else "",
    )


def _anchors(tally: Tally) -> Advice | None:
    fitting = fit_anchors(tally.boxes)
    if fitting is None:
        return None
    usual = usual_anchors(tally.boxes)
    anchors = {
        "type": "AnchorGenerator",
        "scales": list(fitting.scales),
        "ratios": list(fitting.ratios),
        "strides": list(STRIDES),
    }
    return Advice(
        key="anchors",
        title="Anchors",
        why=f"They meet {_percent(fitting.met)} of the boxes with an IoU of 0.5 or more, "
        f"{fitting.per_place} at each place; the usual ones (scale 8, ratios 0.5, 1, 2) meet "
        f"{_percent(usual.met)}. For images in their own size: multiply the scales by what the pipeline "
        "enlarges them by.",
        settings={"model": {"rpn_head": {"anchor_generator": anchors}}},
    )


def _most_objects(tally: Tally) -> Advice | None:
    most = max(tally.per_image[-1], default=0)
    if most <= 75:  # mmdet's 100 leaves room for some wrong ones
        return None
    room = math.ceil(most * 1.25 / 100) * 100
    proposals = max(1000, 2 * room)
    return Advice(
        key="most_objects",
        title=f"Up to {room} objects an image",
        why=f"One image holds {most}. Mask R-CNN's usual limit of 100 detections would cut the rest off.",
        settings={
            "model": {
                "test_cfg": {
                    "rcnn": {"max_per_img": room},
                    "rpn": {"nms_pre": proposals, "max_per_img": proposals},
                }
            }
        },
    )


def _longest_sides(tally: Tally) -> float | None:
    """Return the side that 95 % of the boxes do not surpass."""
    wide, high = np.nonzero(tally.boxes)
    counts = np.bincount(np.maximum(wide, high), tally.boxes[wide, high], SIZES.count)
    return quantile(counts, SIZES.values, NEARLY)


def _span(weights: Sequence[float], names: Sequence[str]) -> str:
    """Say which class has the least weight and which the most."""
    by_weight: Mapping[str, float] = dict(zip(names, weights, strict=True))
    low, high = min(by_weight, key=by_weight.__getitem__), max(by_weight, key=by_weight.__getitem__)
    return f"{by_weight[low]:g} ({low}) to {by_weight[high]:g} ({high})"


def _list(values: Sequence[float]) -> str:
    return "[" + ",".join(map(str, values)) + "]"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
