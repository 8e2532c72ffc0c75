"""Reads checkpoints as data, never as code, and says which layers do not fit a model."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segloop.utils.errors import ConfigError, listing


def read_checkpoint(path: Path | str, *, map_location: str | torch.device = "cpu") -> Any:
    """Load a `.pth` file with `weights_only=True`; a file that needs to run code is refused.

    mmengine's own loader retries without that guard when it fails, so a hostile file would run.
    """
    path = Path(path)
    try:
        with torch.serialization.safe_globals(_history_globals()):
            return torch.load(path, map_location=map_location, weights_only=True)
    except FileNotFoundError:
        raise ConfigError(f"There is no checkpoint {str(path)!r}.") from None
    except pickle.UnpicklingError as error:
        raise ConfigError(
            f"{path} cannot be loaded safely: it wants to run code, or it is no checkpoint. "
            f"{_first_line(error)}"
        ) from error
    except (RuntimeError, EOFError, ValueError, OSError) as error:
        raise ConfigError(f"{path} is not a whole checkpoint: {_first_line(error)}") from error


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """Return a file's tensors by name, whether bare or under `state_dict` or `model`."""
    content = read_checkpoint(path)
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} holds no weights, but a {type(content).__name__}.")
    weights = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if not weights:
        raise ConfigError(f"{path} holds no weights.")
    return weights


def require_fit(model: nn.Module, weights: Mapping[str, Tensor], *, path: Path | str) -> None:
    """Refuse a checkpoint of another model; name the layers that are missing, left over or reshaped."""
    wanted = {name.removeprefix("module."): value for name, value in model.state_dict().items()}
    given = {name.removeprefix("module."): value for name, value in weights.items()}
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    differ = [
        f"{name}: {tuple(given[name].shape)} in the checkpoint, {tuple(value.shape)} in the model"
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    if not (missing or extra or differ):
        return
    fitting = len(wanted) - len(missing) - len(differ)
    parts = [f"{path} is a checkpoint of another model: {fitting} of {len(wanted)} tensors fit the config's."]
    for title, names in (
        ("Of another shape", differ),
        ("The model has, the checkpoint lacks", missing),
        ("The checkpoint has, the model lacks", extra),
    ):
        if names:
            parts.append(f"{title} ({len(names)}):\n{listing(names, most=5)}")
    raise ConfigError("\n".join(parts))


def _history_globals() -> list[Callable | tuple[Callable, str]]:
    """Name the few harmless types that mmengine's message hub puts beside the tensors."""
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer

    def statistic(owner: Any, name: str) -> Any:
        # A HistoryBuffer pickles its methods as getattr(HistoryBuffer, name); with the real getattr allowed
        # a file could reach anything.
        if owner is HistoryBuffer and name in ("min", "max", "mean", "current"):
            return getattr(owner, name)
        raise pickle.UnpicklingError(f"it asks for the attribute {name!r} of {owner!r}.")

    allowed: list[Callable | tuple[Callable, str]] = [HistoryBuffer, np.ndarray, np.dtype]
    allowed += [(statistic, "builtins.getattr"), (statistic, "__builtin__.getattr")]
    multiarray = importlib.import_module(
        "numpy._core.multiarray" if hasattr(np, "_core") else "numpy.core.multiarray"
    )
    for name in ("_reconstruct", "scalar"):
        for module in ("numpy._core.multiarray", "numpy.core.multiarray"):  # files come from either numpy
            allowed.append((getattr(multiarray, name), f"{module}.{name}"))
    dtypes = getattr(np, "dtypes", None)
    kinds = ("Float64DType", "Float32DType", "Int64DType", "Int32DType", "BoolDType")
    return allowed + [getattr(dtypes, kind) for kind in kinds if hasattr(dtypes, kind)]


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
