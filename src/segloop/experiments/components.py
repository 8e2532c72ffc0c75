"""Registers everything of ours with mmengine; the one module that configs name in `custom_imports`."""

from segloop import ops

ops.install()  # mmcv binds its operators at first import, and the modules below import mmcv

from segloop.data import semantic_dataset, transforms  # noqa: E402
from segloop.experiments import losses, metrics, optim, recording, run_folder  # noqa: E402
from segloop.experiments.hooks import patience, progress  # noqa: E402
from segloop.experiments.models import encoder_decoder, unet, weights  # noqa: E402

__all__ = [
    "encoder_decoder",
    "losses",
    "metrics",
    "optim",
    "patience",
    "progress",
    "recording",
    "run_folder",
    "semantic_dataset",
    "transforms",
    "unet",
    "weights",
]
