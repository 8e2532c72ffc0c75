"""Silences what a user can do nothing about: import chatter and third parties' deprecation notices."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator

# Each line of this kind comes from code that is not ours; none tells a user what to do.
WARNINGS = (
    (DeprecationWarning, ""),
    (PendingDeprecationWarning, ""),
    (FutureWarning, ""),
    (SyntaxWarning, ""),
    (UserWarning, ".*pkg_resources.*"),
    (UserWarning, ".*__floordiv__.*"),
    (UserWarning, ".*meshgrid.*indexing.*"),
    (UserWarning, ".*`build_loss`.*|.*build_.*would be deprecated.*"),
    (UserWarning, ".*For consistence, meta_keys.*"),
    (UserWarning, ".*Fail to import.*MultiScaleDeformableAttention.*"),
    (UserWarning, ".*pin_memory.*no accelerator.*"),
    (UserWarning, ".*The draw is False, it means that the hook for visualization.*"),
    (UserWarning, ".*The shape of value will convert from.*"),
    # with class weights it advises what fails; without, ours sets what it advises
    (UserWarning, "Default ``avg_non_ignore`` is False.*"),
    (UserWarning, "faster_coco_eval is not installed.*"),
    (UserWarning, ".*init_cfg without.*|.*train_cfg and test_cfg is deprecated.*"),
)
# Libraries that by themselves tell their makers what is run (names of models, versions, errors): ONNX Runtime
# from 1.29 on, MLflow from 3.2 on, W&B offline, too (errors). Who wants that sets the variable.
REPORTS = {
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
}


def report_nothing() -> None:
    """Keep libraries that are imported from now on from reporting to their makers."""
    for name, value in REPORTS.items():
        os.environ.setdefault(name, value)


def quiet() -> None:
    """Filter the warnings above in this process and in data loader workers; SEGLOOP_NOISY=1 keeps them."""
    report_nothing()
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its newest version
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if noisy() or sys.warnoptions:  # the user said with -W what to show
        return
    for category, message in WARNINGS:
        warnings.filterwarnings("ignore", category=category, message=message)


@contextlib.contextmanager
def silent_imports() -> Iterator[None]:
    """Hold back what imports print; show it only if the import fails."""
    if noisy():
        yield
        return
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    except BaseException:
        sys.stderr.write(said.getvalue())
        raise


def noisy() -> bool:
    """Return whether the user asked to see everything."""
    return os.environ.get("SEGLOOP_NOISY", "") not in ("", "0")
