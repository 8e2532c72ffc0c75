"""Reads checkpoints as data, never as code, and says which layers do not fit a model."""

from __future__ import annotations

import json
import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segloop.experiments import tensor_file
from segloop.experiments.inert import Inert, InertHistory, named_globals, stand_ins, suspects
from segloop.utils.errors import ConfigError, listing

MapLocation = str | torch.device | None

VERSIONS = "module_versions"  # among the notes of a safetensors file

_trusting = False


@contextmanager
def trusting(trust: bool = True) -> Iterator[None]:
    """Within the block, load files that need to run code all the same (`--unsafe-load`)."""
    global _trusting
    before, _trusting = _trusting, trust
    try:
        yield
    finally:
        _trusting = before


def read_checkpoint(path: Path | str, *, map_location: MapLocation = "cpu") -> Any:
    """Load a `.pth` or `.safetensors` file; nothing that it names is imported or called.

    Of a `.pth` file tensors, numbers, texts, numpy arrays and containers are read. Objects of other classes,
    which official checkpoints hold beside the weights, become None; mmengine's histories become dicts of
    `log_history`, `count_history` and `max_length`. A file that names functions of Python's library, as a
    hostile one must, is refused. mmengine's own loader lets a file run when it cannot read it as data.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ConfigError(f"There is no checkpoint {str(path)!r}.")
    if path.suffix == tensor_file.SUFFIX:
        weights, notes = tensor_file.read_tensors(path, map_location=map_location)
        return {"meta": notes, "state_dict": _with_versions(weights, notes)}
    try:
        return _read_data(path, map_location)
    except pickle.UnpicklingError as error:
        if _trusting:
            return _run(path, map_location)
        raise ConfigError(
            f"{path} cannot be loaded safely: {_reason(error)}\n"
            "Loading it would let it run whatever it likes with your rights. If you made it yourself or "
            "trust whoever did, --unsafe-load loads it all the same; else ask for a file of weights only."
        ) from error
    except Exception as error:  # there is no end to what a damaged file can do to its reader
        raise ConfigError(f"{path} is not a whole checkpoint: {_reason(error)}") from error


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """Return a file's tensors by name, whether bare or under `state_dict` or `model`."""
    return weights_in(read_checkpoint(path), path=path)


def weights_in(content: Any, *, path: Path | str) -> dict[str, Tensor]:
    """Return the tensors of what was read from `path`, by name."""
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


@dataclass(frozen=True)
class Fit:
    """How a file's tensors and a model's differ; names of tensors, `reshaped` with both shapes."""

    wanted: int
    missing: list[str]
    extra: list[str]
    reshaped: list[str]

    @property
    def exact(self) -> bool:
        """Whether each tensor of the one is one of the other, of the same shape."""
        return not (self.missing or self.extra or self.reshaped)

    @property
    def fitting(self) -> int:
        """How many of the model's tensors the file has."""
        return self.wanted - len(self.missing) - len(self.reshaped)

    def parts(self) -> list[str]:
        """Return the differences as text, one block for each kind."""
        return [
            f"{title} ({len(names)}):\n{listing(names, most=5)}"
            for title, names in (
                ("Of another shape", self.reshaped),
                ("The model has, the checkpoint lacks", self.missing),
                ("The checkpoint has, the model lacks", self.extra),
            )
            if names
        ]


def compare_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> Fit:
    """Compare a file's tensors with those of a model, wrapped for several processes, for views, or both."""
    wanted = {_unwrapped(name): value for name, value in model.state_dict().items()}
    given = {_unwrapped(name): value for name, value in weights.items()}
    return Fit(
        wanted=len(wanted),
        missing=[name for name in wanted if name not in given],
        extra=[name for name in given if name not in wanted],
        reshaped=[
            f"{name}: {tuple(given[name].shape)} in the checkpoint, {tuple(value.shape)} in the model"
            for name, value in wanted.items()
            if name in given and given[name].shape != value.shape
        ],
    )


def _unwrapped(name: str) -> str:
    while name.startswith("module."):
        name = name.removeprefix("module.")
    return name


def require_fit(
    model: nn.Module, weights: Mapping[str, Tensor], *, path: Path | str, classes: str | None = None
) -> None:
    """Refuse a checkpoint of another model; name the layers that are missing, left over or reshaped.

    `classes` is what `class_difference` says, if anything; it is told as well. Weights that are no numbers
    are refused, too: each pixel would be of the first class, without a word.
    """
    fit = compare_weights(model, weights)
    if not fit.exact:
        counts = f"{fit.fitting} of {fit.wanted} tensors fit the config's."
        parts = [*fit.parts(), *([classes] if classes else [])]
        raise ConfigError("\n".join([f"{path} is a checkpoint of another model: {counts}", *parts]))
    learnt = {_unwrapped(name) for name, _ in model.named_parameters()}
    bad = [name for name in weights if _unwrapped(name) in learnt and not weights[name].isfinite().all()]
    if bad:
        raise ConfigError(
            f"{path}: weights are nan or infinite, as of a training that went astray:\n{listing(bad, most=5)}"
        )


def require_own(model: nn.Module, path: Path | str, *, classes: Sequence[str] | None) -> None:
    """Refuse a checkpoint of another model, or one that was trained on other classes than the data's."""
    content = read_checkpoint(path)
    told = class_difference(content, classes)
    require_fit(model, weights_in(content, path=path), path=path, classes=told)
    if told:
        raise ConfigError(
            f"{path} is a checkpoint of other classes: {told}.\nIf only their names were changed since, give "
            "them as they were in the data set of the config: metainfo=dict(classes=…)."
        )


def trained_classes(content: Any) -> list[str] | None:
    """Return the names of the classes that a file says it was trained on; None where it does not say.

    OpenMMLab's checkpoints have them among their notes, and those that SegLoop published as JSON.
    """
    meta = content.get("meta") if isinstance(content, Mapping) else None
    if not isinstance(meta, Mapping):
        return None
    described = meta.get("dataset_meta")
    names = described.get("classes") if isinstance(described, Mapping) else meta.get("classes")
    if isinstance(names, str) and names.startswith("["):
        try:
            names = json.loads(names)
        except ValueError:
            return None
    return [str(name) for name in names] if isinstance(names, list | tuple) and names else None


def class_difference(content: Any, wanted: Sequence[str] | None) -> str | None:
    """Say how the classes of a checkpoint differ from those of the data; None where they do not.

    >>> class_difference({"meta": {"classes": ["cell"]}}, ["ship"])
    'it was trained on cell; the data have ship'
    """
    trained = trained_classes(content)
    if not trained or not wanted or trained == [str(name) for name in wanted]:
        return None
    return f"it was trained on {', '.join(trained)}; the data have {', '.join(map(str, wanted))}"


def require_start(model: nn.Module, path: Path | str) -> Fit:
    """Return how a file fits a model that starts from it; refuse one that gives less than half of it.

    Heads for other classes may start anew; where most of a model would, the file is another model's.
    """
    fit = compare_weights(model, read_weights(path))
    if 2 * fit.fitting < fit.wanted:
        counts = (
            f"{fit.fitting} of {fit.wanted} tensors fit the config's, so nearly all would start at random."
        )
        raise ConfigError("\n".join([f"{path} is a checkpoint of another model: {counts}", *fit.parts()]))
    return fit


def _read_data(path: Path, map_location: MapLocation) -> Any:
    names = named_globals(path)
    if culprits := suspects(names):
        raise pickle.UnpicklingError(f"it asks for {', '.join(culprits[:5])}, which no weights need.")
    with torch.serialization.safe_globals(stand_ins(names)):
        content = torch.load(path, map_location=map_location, weights_only=True)
    if isinstance(content, Inert):
        raise pickle.UnpicklingError(f"it is an object of the class {type(content).__name__}, not weights.")
    return _without_inert(content)


def _with_versions(weights: dict[str, Tensor], notes: Mapping[str, str]) -> OrderedDict[str, Tensor]:
    """Put the versions of the modules' layouts where torch looks for them, so that old ones are converted."""
    state = OrderedDict(weights)
    try:
        versions = json.loads(notes.get(VERSIONS, "{}"))
    except ValueError:
        versions = {}
    if isinstance(versions, dict):
        kept = {name: {"version": number} for name, number in versions.items() if isinstance(number, int)}
        state._metadata = OrderedDict(kept)  # type: ignore[attr-defined]
    return state


def _run(path: Path, map_location: MapLocation) -> Any:
    print(f"warning: --unsafe-load: {path} runs its own code while it is loaded.", file=sys.stderr)
    try:
        return torch.load(path, map_location=map_location, weights_only=False)
    except Exception as error:
        raise ConfigError(f"{path} cannot be loaded, not even unsafely: {_reason(error)}") from error


def _without_inert(value: Any) -> Any:
    """Put None or a plain history in place of each inert object; containers are changed where they are."""
    if isinstance(value, InertHistory):
        state = value.state if isinstance(value.state, dict) else {}
        logs, counts = (torch.as_tensor(state.get(name, ())) for name in ("_log_history", "_count_history"))
        return {"log_history": logs, "count_history": counts, "max_length": state.get("max_length", 1000000)}
    if isinstance(value, Inert) or (isinstance(value, type) and issubclass(value, Inert)):
        return None
    if isinstance(value, dict):
        for key in [key for key in value if isinstance(key, Inert)]:
            del value[key]
        for key, item in value.items():
            value[key] = _without_inert(item)
    elif isinstance(value, list):
        value[:] = [_without_inert(item) for item in value]
    elif type(value) is tuple:
        return tuple(_without_inert(item) for item in value)
    return value


def _reason(error: BaseException) -> str:
    """Return the line of an error that says what is wrong; torch's begins with how to switch it off."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("WeightsUnpickler error:")), None)
    return (told or (lines[0] if lines else type(error).__name__))[:300]
