"""An experiment on objects for a set: Mask R-CNN from scratch, as large as the machine allows."""

from __future__ import annotations

import math

from segloop.data.statistics.anchors import STRIDES, Anchors, fit_anchors
from segloop.experiments.proposal.lines import Choice, normalisation
from segloop.experiments.proposal.seen import Seen

SMALL, MEDIUM, LARGE = 20.0, 32.0, 128.0  # pixels: the side of the median object
CPU_WINDOW, GPU_WINDOW = 320, 1024
CPU_PIXELS, GPU_PIXELS = 4 * 256**2, 8 * 1024**2  # of a batch
CPU_SIDE, GPU_SIDE = 1024, 2048  # the longest side that an image is predicted in
MOST_BATCH = {False: 4, True: 8}


def stem(seen: Seen) -> str:
    """Return the name of the experiment, in OpenMMLab's way."""
    return f"mask-rcnn_{'r50' if seen.gpu else 'r18'}_fpn_gn_{seen.name}"


def scale(seen: Seen) -> float:
    """Return by how much images are enlarged, so that the finest level sees the objects.

    Large objects are made smaller. Images are enlarged as long as the usual one stays one that this machine
    predicts; a few larger ones take their time.
    """
    side = seen.object_side or MEDIUM
    wanted = 2.0 if side < SMALL else 1.5 if side < MEDIUM else 1.0
    if side > LARGE:
        wanted = max(0.1, 96 / side)
    most = (GPU_SIDE if seen.gpu else CPU_SIDE) / seen.usual_side
    return math.floor(min(wanted, max(most, 1.0)) * 20) / 20


def anchors(seen: Seen) -> Anchors | None:
    """Return the anchors that meet nearly all boxes as the network sees them; None without objects."""
    return fit_anchors(seen.tally.boxes, factor=scale(seen))


def window(seen: Seen) -> int | None:
    """Return the side of the training window in the scaled image; None where images are taken whole."""
    factor, most = scale(seen), GPU_WINDOW if seen.gpu else CPU_WINDOW
    longest = max(max(size) for size in seen.sizes) * factor
    if seen.wanted_window is None:
        return most if longest > 1.2 * most else None
    wanted = math.ceil(seen.wanted_window * factor / 32) * 32
    return min(wanted, most) if longest > wanted else None


def batch_size(seen: Seen) -> int:
    """Return how many images make a batch."""
    side = window(seen)
    pixels = side**2 if side else max(h * w for h, w in seen.sizes) * scale(seen) ** 2
    fitting = int((GPU_PIXELS if seen.gpu else CPU_PIXELS) / pixels)
    return max(1, min(MOST_BATCH[seen.gpu], fitting, max(1, seen.training_images // 2)))


def choices(seen: Seen) -> list[Choice]:
    """Return what was chosen and why."""
    side, factor = window(seen), scale(seen)
    found = [
        Choice("scale", f"x {factor:g}", f"the median object is {seen.object_side or 0:.0f} pixels wide"),
        Choice("crop", f"{side}x{side}" if side else "none", "of the scaled image, around objects"),
    ]
    if (fitting := anchors(seen)) is not None:
        scales = f"scales {list(fitting.scales)}"
        found.append(Choice("anchors", scales, f"they meet {100 * fitting.met:.3g} % of the boxes"))
    limit = Choice("objects", f"up to {_room(seen)} an image", f"the fullest holds {seen.most_objects}")
    weights = Choice("weights", "none", "the guide's Dice loss looks at each class alike")
    return [*found, limit, weights] if not seen.gpu else [*found, limit]


def config_lines(seen: Seen, *, batch: int) -> list[str]:
    """Return the lines of the config below `_base_`, schedule aside."""
    factor, side = scale(seen), window(seen)
    test = "data" if "test" in seen.splits else "dict(split='val', **data)"
    height, width = seen.largest_hw
    test_batch = max(1, min(4, int((GPU_PIXELS if seen.gpu else CPU_PIXELS) / (height * width * factor**2))))
    lines = [
        f"num_classes = {seen.num_classes}",
        f"data_root = '{{{{$SEGLOOP_DATA:data}}}}/{seen.name}'",
        "demo = None  # nothing is drawn if the data are missing",
        f"scaled = dict(type='Resize', scale_factor={factor})",
        "train_pipeline = [",
        "    _base_.load,",
        *(["    scaled,"] if factor != 1 else []),
        *([f"    dict(type='InstanceCrop', size={side}, prob=0.75),"] if side else []),
        "    dict(type='RandomFlip', prob=0.5),  # where no side is up: _base_.flip",
        "    dict(type='PackDetInputs'),",
        "]",
        "test_pipeline = [_base_.test_pipeline[0], scaled, *_base_.test_pipeline[2:]]",
        "data = dict(data_root=data_root)  # classes, colours, files: dataset.json",
        f"train_dataloader = dict(batch_size={batch}, dataset=dict(pipeline=train_pipeline, **data))",
        f"val_dataloader = dict(batch_size={test_batch}, dataset=dict(pipeline=test_pipeline, **data))",
        f"test_dataloader = dict(batch_size={test_batch}, dataset=dict(pipeline=test_pipeline, "
        f"{'' if test == 'data' else 'split=' + repr('val') + ', '}**data))",
        "val_evaluator = dict(scores=['match', 'coco'])",
        "test_evaluator = dict(scores=['match', 'coco'])",
        *_model(seen),
    ]
    rate, why = (
        ("2e-4", "as the other R50 configs") if seen.gpu else ("2e-3", "thin layers learn slowly at 1e-3")
    )
    lines.append(f"optim_wrapper = dict(optimizer=dict(lr={rate}))  # {why}")
    return lines


def _model(seen: Seen) -> list[str]:
    lines = ["model = dict("]
    if (colors := normalisation(seen)) is not None:
        lines.append(
            f"    data_preprocessor=dict(mean={colors[0]}, std={colors[1]}),  # of the training images"
        )
    if not seen.gpu:
        lines.append("    guide=dict(num_classes=num_classes),")
    if (fitting := anchors(seen)) is not None:
        lines += [
            f"    rpn_head=dict(anchor_generator=dict(scales={list(fitting.scales)}, "
            f"ratios={list(fitting.ratios)}, strides={list(STRIDES)})),"
        ]
    lines.append(
        "    roi_head=dict(bbox_head=dict(num_classes=num_classes), mask_head=dict(num_classes=num_classes)),"
    )
    room = _room(seen)
    if room > 100:
        lines += [
            f"    train_cfg=dict(rpn_proposal=dict(nms_pre={2 * room}, max_per_img={room})),",
            "    test_cfg=dict(",
            f"        rpn=dict(nms_pre={2 * room}, max_per_img={2 * room}), rcnn=dict(max_per_img={room}),",
            "    ),",
        ]
    return [*lines, ")"]


def _room(seen: Seen) -> int:
    """Return how many detections an image may have: mmdet's 100, or more than the fullest holds."""
    return max(100, math.ceil(seen.most_objects * 1.25 / 100) * 100 if seen.most_objects > 75 else 100)
