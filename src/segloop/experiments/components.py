"""Registers everything of ours with mmengine; the one module that configs name in `custom_imports`."""

from segloop import ops
from segloop.utils.quiet import silent_imports

ops.install()  # mmcv binds its operators at first import, and the modules below import mmcv

with silent_imports():  # mmseg prints which optional packages it did not find
    from segloop.data import (
        empty_images,
        instance_dataset,
        instance_transforms,
        sampling,
        semantic_dataset,
        transforms,
    )
    from segloop.experiments import (
        instance_metrics,
        loading,
        loops,
        losses,
        metrics,
        muon,
        optim,
        recording,
        run_folder,
        runner,
        ships_metric,
        trackers,
    )
    from segloop.experiments.hooks import buffers, checkpoint, finite, patience, pictures, plain, progress
    from segloop.experiments.models import (
        box_overlaps,
        encoder_decoder,
        guided,
        heads,
        mask_head,
        mask_tta,
        prior,
        tta,
        unet,
        weights,
    )

loading.install()  # whatever a config loads, it is read as data

__all__ = [
    "box_overlaps",
    "buffers",
    "checkpoint",
    "empty_images",
    "encoder_decoder",
    "finite",
    "guided",
    "heads",
    "instance_dataset",
    "instance_metrics",
    "instance_transforms",
    "loading",
    "loops",
    "losses",
    "mask_head",
    "mask_tta",
    "metrics",
    "muon",
    "optim",
    "patience",
    "pictures",
    "plain",
    "prior",
    "progress",
    "recording",
    "run_folder",
    "runner",
    "sampling",
    "semantic_dataset",
    "ships_metric",
    "trackers",
    "transforms",
    "tta",
    "unet",
    "weights",
]
