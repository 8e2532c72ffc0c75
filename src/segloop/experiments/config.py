"""Loads a config with the user's overrides; what is wrong with it is said with file and line."""

from __future__ import annotations

import ast
import logging
import re
import traceback
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.experiments.records import TRAIN_FILE, seconds_of
from segloop.utils.atomic import read_record
from segloop.utils.checkpoint_files import last_checkpoint, noted_checkpoint, numbered_checkpoints
from segloop.utils.errors import ConfigError, listing, nearest
from segloop.utils.flags import CONFIGS

if TYPE_CHECKING:
    from mmengine.config import Config

CLOCKS_S = 60.0  # by which the clock of a disk may differ from ours
FOLDS = 5  # where `kfold` in a config does not say how many


def load_config(
    path: Path | str, *, overrides: Sequence[str] = (), work_dir: Path | str | None = None
) -> Config:
    """Read a config file, merge `KEY=VALUE` overrides, and settle where the run is kept.

    The work_dir is the one given here, else the config's own, else `work_dirs/<config name>`, and for fold
    2 of 5 `work_dirs/<config name>-fold2of5`.
    """
    path = find_config(path)
    from mmengine.config import Config  # takes a second; a misspelt path should not cost it

    from segloop.experiments.config_text import WrittenConfig

    logging.disable(logging.INFO)  # mmengine tells of each environment variable that it put in
    try:
        config = WrittenConfig.of(Config.fromfile(str(path)))
    except Exception as error:
        raise ConfigError(_explain(error, path)) from error
    finally:
        logging.disable(logging.NOTSET)
    former = config.get("data_root")
    merge_overrides(config, overrides)
    _require_replaced(config, path)
    move_root(config, former)
    settle_schedule(config)
    if work_dir is not None:
        config.work_dir = str(work_dir)
    elif config.get("work_dir") is None:
        config.work_dir = str(Path("work_dirs") / f"{path.stem}{_fold_suffix(config)}")
    return config


def find_config(path: Path | str) -> Path:
    """Return the config's path; a missing one is answered with the configs whose names are close."""
    path = Path(path)
    if path.is_file():
        if path.suffix not in CONFIGS:
            raise ConfigError(f"{path} is not a config: its name must end in .py, .json or .yaml.")
        return path
    if path.is_dir():
        return _only(path)
    known = _known_below(next((parent for parent in path.parents if parent.is_dir()), Path()))
    by_name = {Path(found).name: found for found in known}
    guess = nearest(path.name, by_name)
    for name, found in by_name.items():
        guess = guess.replace(f"'{name}'", f"'{found}'")
    choices = f"\nConfigs there:\n{listing(known)}" if known and not guess else ""
    raise ConfigError(f"There is no config {str(path)!r}.{guess}{choices}")


def merge_overrides(config: Config, overrides: Sequence[str]) -> None:
    """Merge `KEY=VALUE` texts as OpenMMLab's `--cfg-options` does (dotted keys, lists, numbers, None)."""
    from mmengine.config import DictAction

    values: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--cfg-options takes KEY=VALUE, and {text!r} is not of that form.")
        try:
            values[key.strip()] = DictAction._parse_iterable(value)
        except (AssertionError, ValueError) as error:
            raise ConfigError(f"--cfg-options {text!r}: the value cannot be read: {error}") from error
    for key, value in values.items():
        try:
            config.merge_from_dict({key: value})
        except (KeyError, TypeError, IndexError, AssertionError) as error:
            reason = str(error.args[0]) if error.args else str(error)
            raise ConfigError(f"--cfg-options {key}={value!r} does not fit the config: {reason}") from error


def _require_replaced(config: Config, path: Path) -> None:
    """Refuse `{{$NAME}}` where mmengine left it as it is, to be taken for a part of a path."""

    def left(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield from re.findall(r"\{\{\s*\$[^}]*\}\}", value)
        elif isinstance(value, dict | list | tuple):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from left(inner)

    names = list(dict.fromkeys(left(config.to_dict())))
    if names:
        raise ConfigError(
            f"{path}: {', '.join(names)} is not replaced by what is set. Write it in the file, with "
            "a default that has no blank: {{$NAME:default}}"
        )


def move_root(config: Config, former: Any) -> None:
    """Let `data_root=DIR` as an override move every path of the config that begins with the former root.

    The base has passed its `data_root` on to the loaders by then, which a plain override would not reach. The
    root of `demo` stays: what a user names by hand is never drawn.
    """
    root = config.get("data_root")
    if not isinstance(former, str) or not isinstance(root, str) or root == former:
        return
    former, root = former.rstrip("/"), root.rstrip("/") or "/"

    def moved(value: Any) -> Any:
        if isinstance(value, str):
            inside = value == former or value.startswith(f"{former}/")
            return root + value[len(former) :] if inside else value
        if isinstance(value, dict):
            for key in list(value):
                value[key] = moved(value[key])
        elif isinstance(value, list):
            value[:] = map(moved, value)
        elif isinstance(value, tuple):
            return tuple(map(moved, value))
        return value

    for key in [key for key in config if key not in ("demo", "data_root")]:
        config[key] = moved(config[key])


def settle_schedule(config: Config) -> None:
    """Fit iteration-wise schedulers into the training: `train_cfg.max_iters` alone sets its length.

    A scheduler without an `end` lasts to the end; one that would begin after the end is dropped.
    """
    loop, schedulers = config.get("train_cfg"), config.get("param_scheduler")
    limit = loop.get("max_iters") if isinstance(loop, dict) else None
    if isinstance(schedulers, dict) and "type" not in schedulers:  # some for each of several optimizers
        for name in schedulers:
            schedulers[name] = _fitted(schedulers[name], limit)
    elif schedulers is not None:
        config.param_scheduler = _fitted(schedulers, limit)


def _fitted(given: Any, limit: Any) -> Any:
    """Return one scheduler or several as a list that ends at `limit`; what is of the wrong kind as it is.

    The strict check tells of that.
    """
    schedulers = given if isinstance(given, list | tuple) else [given]
    if not limit or not all(isinstance(each, dict) for each in schedulers):
        return given
    ends = [limit, *(each.get(key, 0) for each in schedulers for key in ("begin", "end"))]
    if not all(isinstance(end, int | float) for end in ends):
        return given
    for scheduler in schedulers:
        if not scheduler.get("by_epoch", True) and "T_max" not in scheduler:
            scheduler["end"] = min(scheduler.get("end", limit), limit)
    return [
        scheduler
        for scheduler in schedulers
        if scheduler.get("by_epoch", True) or scheduler.get("begin", 0) < limit
    ]


def _fold_suffix(config: Config) -> str:
    """Return what the name of a fold's work_dir ends in, so that no fold takes another's place."""
    asked = config.get("kfold")
    if not isinstance(asked, dict) or asked.get("fold") is None:
        return ""
    return f"-fold{asked['fold']}of{asked.get('folds', FOLDS)}"


def save_config(config: Config, path: Path | str) -> None:
    """Write the merged config to a `.py`, `.json` or `.yaml` file."""
    path = Path(path)
    if path.suffix not in CONFIGS:
        raise ConfigError(f"{path}: a config is saved as .py, .json or .yaml.")
    if config.filename and path.exists() and path.samefile(config.filename):
        raise ConfigError(f"{path} is the config itself; save what it comes to in another file.")
    try:
        config.dump(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


def is_semantic(config: Config) -> bool:
    """Return whether this is a semantic (mmseg) experiment, not an instance one (mmdet)."""
    return config.get("default_scope", "mmseg") == "mmseg"


def find_checkpoint(given: Path | str | None, *, work_dir: Path | str) -> Path:
    """Return the checkpoint file that is meant: a file, a folder's best or newest one, or `best`/`last`."""
    folder = Path(work_dir)
    if given is not None and str(given) not in ("best", "last"):
        path = Path(given).expanduser()
        if path.is_file():
            return path
        if not path.is_dir():
            near = sorted(path.parent.glob("*.pth")) or sorted(folder.glob("*.pth"))
            there = f" There are:\n{listing(map(str, near))}" if near else ""
            raise ConfigError(f"There is no checkpoint {str(path)!r}.{there}")
        folder = path
    best = sorted(folder.glob("best_*.pth"), key=lambda found: found.stat().st_mtime)
    former = {path for path in (*best, *numbered_checkpoints(folder)) if _is_of_former(path)}
    best = [path for path in best if path not in former]
    if best and str(given) != "last":
        return best[-1]
    last = last_checkpoint(folder)
    if last is None or (last in former and last != noted_checkpoint(folder)):
        there = f"\nOf an earlier training there are, to be named:\n{listing(map(str, sorted(former)))}"
        raise ConfigError(
            f"There is no checkpoint in {folder}. Train first: python tools/train.py CONFIG"
            f"{there if former else ''}"
        )
    return last


def _is_of_former(path: Path) -> bool:
    """Return whether a checkpoint was there before the training that its folder's record tells of."""
    record = read_record(path.parent / TRAIN_FILE) or {}
    first = [*(record.get("earlier") or ()), record][0]
    began = seconds_of(first.get("started")) if isinstance(first, dict) else None
    if began is None or path.name == record.get("best_checkpoint"):
        return False
    return path.stat().st_mtime < began - CLOCKS_S


def _only(folder: Path) -> Path:
    """Take a run's folder for its config: OpenMMLab writes `<config>.py` into every work_dir."""
    own = [found for found in sorted(folder.glob("*.py")) if found.is_file()]
    if len(own) == 1:
        return own[0]
    known = [str(found) for found in own] or _known_below(folder)
    raise ConfigError(f"{folder} is a folder; name one config.\n{listing(known)}")


def _known_below(folder: Path) -> list[str]:
    """Return the configs of a folder, else those of `configs`.

    Below a folder without a `configs` two levels are looked at: environments and data may lie there.
    """
    for place in (folder / "configs", folder, Path("configs")):
        deep = "configs" in place.absolute().parts
        found = place.rglob("*.py") if deep else (*place.glob("*.py"), *place.glob("*/*.py"))
        if known := [str(path) for path in sorted(found) if not _is_base(path)]:
            return known
    return []


def _is_base(path: Path) -> bool:
    return any(part.startswith("_") for part in path.parts)


def _explain(error: Exception, path: Path) -> str:
    if isinstance(error, SyntaxError):
        place = f"{error.filename}:{error.lineno}" if error.lineno else str(path)
        return f"{_own_place(error, path) or place}: {error.msg}"
    if isinstance(error, FileNotFoundError) and _own_place(error, path) is None:
        missing = re.search(r"'?([^\s']+\.(?:py|json|ya?ml))'?", str(error))
        return f"{path}: its _base_ {missing[1] if missing else ''} does not exist."
    place = _own_place(error, path) or str(path)
    return f"{place}: {type(error).__name__}: {error}"


def _own_place(error: Exception, path: Path) -> str | None:
    """Find the line of a config file that an error came from."""
    if isinstance(error, SyntaxError):  # mmengine parses a temporary copy, so look which file it was
        bases = (folder / "_base_" for folder in path.absolute().parents[:2])
        for candidate in chain([path], path.parent.glob("*.py"), *(base.rglob("*.py") for base in bases)):
            try:
                ast.parse(candidate.read_text(encoding="utf-8"), filename=str(candidate))
            except SyntaxError as found:
                if found.lineno == error.lineno:
                    return f"{_relative(str(candidate))}:{found.lineno}"
            except OSError:
                continue
        return None
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.name == "<module>" and "site-packages" not in frame.filename:
            return f"{_relative(frame.filename)}:{frame.lineno}"
    return None


def _relative(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
