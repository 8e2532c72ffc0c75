"""A semantic experiment for a set: U-Net on a CPU, DeepLabV3+ on a GPU, and a config that says why."""

from __future__ import annotations

import numpy as np

from segloop.experiments.data_checks import IGNORED
from segloop.experiments.proposal.lines import Choice, normalisation, percent
from segloop.experiments.proposal.seen import Seen, size_text

CPU_WINDOW, GPU_WINDOW = 256, 512  # pixels: the largest windows that are proposed
CPU_PIXELS, GPU_PIXELS = 16 * 128**2, 8 * 512**2  # of a batch
SLIDE_FROM = {False: 1024, True: 2048}  # the longest side that is predicted in one piece, by `gpu`
MOST_BATCH = 16
MOSTLY = 0.5  # share of the pixels from which on a class is what a head should begin with


def stem(seen: Seen) -> str:
    """Return the name of the experiment, in OpenMMLab's way."""
    return f"{'deeplabv3plus_r50' if seen.gpu else 'unet_dropout'}_{seen.name}"


def window(seen: Seen) -> int | None:
    """Return the side of the training window; None where images are taken whole."""
    most = GPU_WINDOW if seen.gpu else CPU_WINDOW
    if seen.wanted_window is not None:
        return min(seen.wanted_window, most)
    return most if max(max(size) for size in seen.sizes) > most else None


def batch_size(seen: Seen) -> int:
    """Return how many images make a batch: as many pixels as this kind of machine takes at once."""
    side = window(seen)
    pixels = side**2 if side else max(h * w for h, w in seen.sizes)
    fitting = int((GPU_PIXELS if seen.gpu else CPU_PIXELS) / pixels)
    return max(2, min(MOST_BATCH, fitting, max(2, seen.training_images // 2)))


def choices(seen: Seen) -> list[Choice]:
    """Return what was chosen and why."""
    side, sizes = window(seen), seen.sizes
    if side is None:
        crop = Choice("crop", "none", f"images are {_span(sizes)}: taken whole")
    elif side == seen.wanted_window:
        crop = Choice("crop", f"{side}x{side}", "1.5 times the side that 95 % of the objects do not surpass")
    else:
        crop = Choice("crop", f"{side}x{side}", f"images are {_span(sizes)}, and this machine takes windows")
    found = [crop]
    share, place = _largest(seen)
    if share > MOSTLY:
        found.append(
            Choice("start", f"{percent(share)} {seen.labels.names[place]}", "what the head predicts at first")
        )
    rare, least = _rarest(seen)
    weights = f"the rarest class, {rare}, has {percent(least)} of the pixels; Dice looks at each class alike"
    found.append(Choice("weights", "none, a Dice loss", weights))
    return found


def config_lines(seen: Seen, *, batch: int) -> list[str]:
    """Return the lines of the config below `_base_`, schedule aside."""
    side, ignored = window(seen), seen.labels.ignore_index
    lines = [
        f"data_root = '{{{{$SEGLOOP_DATA:data}}}}/{seen.name}'",
        "demo = None  # nothing is drawn if the data are missing",
        "train_pipeline = [",
        "    _base_.train_pipeline[0],",
    ]
    background = seen.labels.background
    if side:
        extra = "" if background == 0 else f", background={background}"
        extra += "" if ignored == IGNORED else f", ignore_index={ignored}"
        lines.append(f"    dict(type='RareClassCrop', size={side}, prob=0.75{extra}),")
    lines += [
        "    dict(type='RandomFlip', prob=0.5, direction='horizontal'),",
        "    # where no side is up: dict(type='QuarterTurn'),",
        "    dict(type='PhotoMetricDistortion'),  # take it out where classes differ by colour alone",
        "    dict(type='PackSegInputs'),",
        "]",
        "data = dict(data_root=data_root)  # classes, colours, folders: dataset.json",
        f"train_dataloader = dict(batch_size={batch}, dataset=dict(pipeline=train_pipeline, **data))",
        f"val_dataloader = dict(batch_size={_test_batch(seen)}, dataset=data)",
        f"test_dataloader = dict(batch_size={_test_batch(seen)}, dataset={_test_data(seen)})",
        *_model(seen),
    ]
    if ignored != IGNORED:
        lines += [f"{name}_evaluator = dict(ignore_index={ignored})" for name in ("val", "test")]
    if not seen.gpu:
        lines.append("optim_wrapper = dict(optimizer=dict(lr=4e-3))  # thin layers learn slowly at 1e-3")
    return lines


def _model(seen: Seen) -> list[str]:
    background = seen.labels.background
    share, place = _largest(seen)
    lines = ["model = dict("]
    colors, ignored = None if seen.gpu else normalisation(seen), seen.labels.ignore_index
    padding = "" if ignored == IGNORED else f"seg_pad_val={ignored}, "
    if colors is not None:
        said = f"{padding}mean={colors[0]}, std={colors[1]}"
        lines.append(f"    data_preprocessor=dict({said}),  # of the training images")
    elif padding:
        lines.append(f"    data_preprocessor=dict({padding.rstrip(', ')}),")
    if (side := max(seen.largest_hw)) > SLIDE_FROM[seen.gpu]:
        crop = 1024 if seen.gpu else 512
        step = crop * 3 // 4
        slide = f"mode='slide', crop_size=({crop}, {crop}), stride=({step}, {step})"
        lines.append(f"    test_cfg=dict({slide}),  # images have up to {side} pixels a side")
    lines += ["    decode_head=dict(", f"        num_classes={seen.num_classes},"]
    lines += [] if ignored == IGNORED else [f"        ignore_index={ignored},"]
    if share > MOSTLY:
        extra = f", background={place}" if place else ""
        lines.append(f"        init_cfg=dict(background_share={min(round(share, 3), 0.999)}{extra}),")
    else:
        lines.append("        init_cfg=None,  # no class has most of the pixels")
    if background != 0:
        lines += [
            "        loss_decode=[",
            "            dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.0),",
            f"            dict(type='BatchDiceLoss', loss_weight=1.0, background={background}),",
            "        ],",
        ]
    return [*lines, "    ),", ")"]


def _test_data(seen: Seen) -> str:
    return "data" if "test" in seen.splits else "dict(split='val', **data)"


def _test_batch(seen: Seen) -> int:
    height, width = seen.largest_hw
    limit = 2048**2 if seen.gpu else 8 * 192**2
    return max(1, min(8, limit // (height * width)))


def _largest(seen: Seen) -> tuple[float, int]:
    """Return the share of the most frequent class, and which it is."""
    shares = seen.shares[: len(seen.labels)]
    return float(shares.max(initial=0.0)), int(shares.argmax())


def _rarest(seen: Seen) -> tuple[str, float]:
    names = seen.labels.names
    places = [place for place in range(len(names)) if place != seen.labels.background]
    place = min(places, key=lambda each: float(seen.shares[each]))
    return names[place], float(seen.shares[place])


def _span(sizes: list[tuple[int, int]]) -> str:
    small, large = min(sizes, key=np.prod), max(sizes, key=np.prod)
    return size_text(small) if small == large else f"{size_text(small)} to {size_text(large)}"
