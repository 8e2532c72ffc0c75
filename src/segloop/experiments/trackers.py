"""Trackers of experiments that need no server: MLflow in a file, W&B offline, DVCLive beside the logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.registry import VISBACKENDS
from mmengine.visualization import DVCLiveVisBackend, MLflowVisBackend, WandbVisBackend

from segloop.utils.errors import MissingDependency
from segloop.utils.quiet import report_nothing


@VISBACKENDS.register_module()
class LocalMLflowBackend(MLflowVisBackend):
    """MLflow with its store in a SQLite file, work_dirs/mlflow.db, where no `tracking_uri` is given.

    mmengine's own names a folder as the store, which MLflow 3.7 and newer refuse. Look at it with
    `mlflow ui --backend-store-uri sqlite:///work_dirs/mlflow.db`.

    Args:
        save_dir: the run's folder of logs; the visualizer gives it.
        tracking_uri: another store, or a server.
        exp_name: the experiment; by default segloop.
        kwargs: what mmengine's `MLflowVisBackend` takes.
    """

    def __init__(
        self, save_dir: str, tracking_uri: str | None = None, exp_name: str = "segloop", **kwargs: Any
    ) -> None:
        report_nothing()
        if tracking_uri is None:
            top = _top(save_dir)
            tracking_uri = f"sqlite:///{(top / 'mlflow.db').as_posix()}"
            kwargs.setdefault("artifact_location", (top / "mlartifacts").as_uri())
        super().__init__(save_dir, tracking_uri=tracking_uri, exp_name=exp_name, **kwargs)


@VISBACKENDS.register_module()
class OfflineWandbBackend(WandbVisBackend):
    """W&B that keeps its runs in the work_dir until `wandb sync` sends them; nothing is sent before.

    Args:
        save_dir: the run's folder of logs; the visualizer gives it.
        init_kwargs: what `wandb.init` takes; `dict(mode='online')` sends at once.
        kwargs: what mmengine's `WandbVisBackend` takes.
    """

    def __init__(self, save_dir: str, init_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        report_nothing()
        settings = {"mode": "offline", "project": "segloop", **(init_kwargs or {})}
        super().__init__(save_dir, init_kwargs=settings, **kwargs)


@VISBACKENDS.register_module()
class PlainDVCLiveBackend(DVCLiveVisBackend):
    """DVCLive that writes files and leaves git alone: no commit, no experiment, no `dvc init`, no dvc.yaml.

    Args:
        save_dir: the run's folder of logs; the visualizer gives it. The files go to its `dvclive`.
        init_kwargs: what `dvclive.Live` takes; `dict(save_dvc_exp=True)` makes each run an experiment of DVC.
        kwargs: what mmengine's `DVCLiveVisBackend` takes.
    """

    def __init__(self, save_dir: str, init_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        # By itself DVCLive writes its plots into the repository's own dvc.yaml, and folds its lines anew.
        settings = {"dir": str(Path(save_dir) / "dvclive"), "save_dvc_exp": False, "dvcyaml": None}
        settings |= init_kwargs or {}
        super().__init__(save_dir, init_kwargs=settings, **kwargs)

    def _init_env(self) -> None:
        """Open the files; mmengine's runs `dvc init -f --no-scm` in a folder without git."""
        try:
            from dvclive import Live
        except ImportError as error:
            raise MissingDependency(
                "dvclive", why="PlainDVCLiveBackend writes with it", command="pip install dvclive"
            ) from error
        self._dvclive = Live(**{"report": None, "cache_images": False, **self._init_kwargs})

    def close(self) -> None:
        """Write what is left."""
        if hasattr(self, "_dvclive"):
            self._dvclive.end()


def _top(save_dir: str) -> Path:
    """Return the folder of all work_dirs: vis_data lies in a session's folder, and that in a work_dir."""
    parents = Path(save_dir).resolve().parents
    return parents[min(2, len(parents) - 1)]
