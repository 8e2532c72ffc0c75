"""Holds two trainings' records of their origin against each other: data, versions, code, hardware, config."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from segloop.utils.atomic import read_record, write_json
from segloop.utils.errors import ConfigError
from segloop.utils.locks import alone_in
from segloop.utils.processes import is_alive, machine

FORMAT = 2  # of train.json
TRAIN_FILE = "train.json"
CLAIM = ".claim.json"  # of a training that runs
BUSY = (
    "{folder}: a training writes there now{process}. Wait for it, or choose another folder with --work-dir."
)
KINDS = ("data", "versions", "code", "hardware", "config")
HARDWARE = ("cpu", "instructions", "gpu", "system", "machine", "threads")

# The parts of a config that a training's result depends on, without how its data are brought to it.
DECISIVE = {
    *("model", "data_preprocessor", "model_wrapper_cfg", "find_unused_parameters", "sync_bn", "compile"),
    *("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler", "auto_scale_lr", "kfold"),
    *("val_dataloader", "val_cfg", "val_evaluator", "default_hooks", "custom_hooks", "log_processor"),
    *("default_scope", "randomness", "env_cfg"),
}
INDIFFERENT = {
    *("num_workers", "persistent_workers", "prefetch_factor", "pin_memory", "dist_cfg", "mp_cfg"),
    *("live_line", "record", "visualization", "timer", "checkpoint"),  # weights go by their hash
}
_ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """One thing that is not what it was: its kind (of KINDS), its name, what was recorded, what is now.

    `told` says it in other words.
    """

    kind: str
    name: str
    recorded: Any
    now: Any
    told: str | None = None

    def __str__(self) -> str:
        if self.told is not None:
            return f"{self.kind}: {self.told}"
        return f"{self.kind}: {self.name}: recorded {_shown(self.recorded)}, now {_shown(self.now)}"


def running_process(work_dir: Path) -> int | None:
    """Return the process of this machine that trains in a work_dir now; None where there is none."""
    for name in (CLAIM, TRAIN_FILE):
        record = read_record(work_dir / name) or {}
        process = record.get("process")
        if record.get("state") != "running" or record.get("machine") != machine() or type(process) is not int:
            continue
        if is_alive(process, noted=seconds_of(record.get("started"))):
            return process
    return None


def require_alone(folder: Path) -> None:
    """Refuse a work_dir that another training writes to: each would replace and remove the other's files."""
    process = running_process(folder)
    if process not in (None, os.getpid()):
        raise ConfigError(BUSY.format(folder=folder, process=f" (process {process})"))


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a work_dir for a block, from its beginning on.

    A record is there only when the data were looked at, and two trainings that start together would not see
    each other's. One process of several sees to it.
    """
    from mmengine.dist import is_main_process

    from segloop.experiments.distributed import once
    from segloop.experiments.provenance import now

    def claim() -> None:
        with alone_in(folder, BUSY.format(folder=folder, process="")):
            require_alone(folder)
            told = {"state": "running", "process": os.getpid(), "machine": machine(), "started": now()}
            write_json(folder / CLAIM, told)

    once(claim)
    try:
        yield
    finally:
        if is_main_process():
            (folder / CLAIM).unlink(missing_ok=True)


def seconds_of(noted: Any) -> float | None:
    """Return a time of a record in seconds of the epoch; None for what is no time.

    >>> seconds_of("1970-01-01T00:01:40Z"), seconds_of("yesterday")
    (100.0, None)
    """
    try:
        found = datetime.strptime(str(noted), "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None
    return found.replace(tzinfo=timezone.utc).timestamp()


def differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return all that differs between the origins of two trainings, as `train.json` holds them."""
    return [
        *_data(recorded, now),
        *_unequal("versions", _versions(recorded), _versions(now)),
        *_code(recorded.get("code") or {}, now.get("code") or {}),
        *_hardware(recorded, now),
    ]


def config_differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return the values on which two trainings' results depend and in which their configs differ."""

    def decisive(config: Mapping[str, Any]) -> dict[str, Any]:
        return dict(_leaves({key: value for key, value in config.items() if key in DECISIVE}))

    return list(_unequal("config", decisive(recorded), decisive(now)))


def _data(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    one, other = recorded.get("data") or {}, now.get("data") or {}
    read, reads = one.get("read"), other.get("read")
    if read or reads:
        yield from _unequal("data", {"files read": _files(read)}, {"files read": _files(reads)})
    else:  # nothing names files, so the whole folder must do
        yield from _unequal(
            "data", {"content": one.get("content_hash")}, {"content": other.get("content_hash")}
        )
    yield from _unequal("data", _weights(recorded), _weights(now))


def _files(read: Mapping[str, Any] | None) -> str | None:
    return f"{read.get('files')} files, {read.get('hash')}" if read else None


def _weights(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"weights {each.get('key')}": each.get("sha256") or each.get("file")
        for each in record.get("weights") or ()
    }


def _versions(record: Mapping[str, Any]) -> dict[str, Any]:
    return {**(record.get("versions") or {}), "mmcv operators": (record.get("operators") or {}).get("kind")}


def _code(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Compare the source itself; commits may differ in what no training runs."""
    if recorded.get("source") != now.get("source"):
        yield Difference("code", "source", _state(recorded), _state(now))


def _state(code: Mapping[str, Any]) -> str:
    commit = code.get("commit")
    at = f", commit {commit[:7]}{' with changes' if code.get('dirty') else ''}" if commit else ""
    return f"{code.get('source')}{at}"


def _hardware(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    def decisive(record: Mapping[str, Any]) -> dict[str, Any]:
        hardware = record.get("hardware") or {}
        own = {key: record.get(key) for key in ("device", "processes")}
        return {key: hardware.get(key) for key in HARDWARE} | own

    return _unequal("hardware", decisive(recorded), decisive(now))


def _unequal(kind: str, recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*recorded, *now}):
        one, other = recorded.get(name, _ABSENT), now.get(name, _ABSENT)
        if one != other:
            yield Difference(kind, name, None if one is _ABSENT else one, None if other is _ABSENT else other)


def _leaves(value: Any, keys: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            if key not in INDIFFERENT:
                yield from _leaves(inner, f"{keys}.{key}" if keys else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping) for inner in value):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{keys}.{number}")
    else:
        yield keys, list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _shown(value: Any) -> str:
    text = "nothing" if value is None else re.sub(r"(\b[0-9a-f]{12})[0-9a-f]{52}\b", r"\1…", str(value))
    return text if len(text) <= 100 else f"{text[:99]}…"
