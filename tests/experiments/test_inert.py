"""What a pickle names is known before it is read, and stand-ins do nothing."""

from __future__ import annotations

import argparse
import datetime
import io
import pathlib
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from segloop.experiments.inert import Inert, named_globals, stand_ins, suspects

DATA = {
    "weights": OrderedDict(a=torch.ones(2, requires_grad=True), b=torch.nn.Parameter(torch.ones(1))),
    "best": np.float64(1.0),
    "palette": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "args": argparse.Namespace(lr=0.1),
    "path": pathlib.Path("a"),
    "when": datetime.date(2026, 1, 1),
    "parts": (slice(1), {2}, complex(1, 2)),
}


@pytest.mark.parametrize("legacy", [False, True])
def test_names_are_read_from_both_formats_of_torch(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.ones(1), "b": HistoryBuffer()}, path, _use_new_zipfile_serialization=not legacy)
    names = named_globals(path)
    assert {"torch.FloatStorage", "torch._utils._rebuild_tensor_v2", "builtins.getattr"} <= names
    assert "mmengine.logging.history_buffer.HistoryBuffer" in names


def test_records_are_no_suspects(tmp_path: Path) -> None:
    torch.save(DATA, tmp_path / "a.pth")
    assert suspects(named_globals(tmp_path / "a.pth")) == []


@pytest.mark.parametrize(
    "call",
    [
        (eval, ("1",)),
        (exec, ("1",)),
        (__import__, ("os",)),
        (open, ("x",)),
        (subprocess.Popen, ("ls",)),
        (pickle.loads, (b"",)),
        (zipfile.ZipFile, ("x",)),
        (io.open_code, ("x",)),
    ],
    ids=lambda call: call[0].__name__,
)
def test_what_harm_is_done_with_is_suspect(tmp_path: Path, call: tuple[Any, tuple]) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, tuple]:
            return call

    torch.save(Hostile(), tmp_path / "a.pth")
    (name,) = suspects(named_globals(tmp_path / "a.pth"))
    assert name.rpartition(".")[2] == call[0].__name__


def test_stand_ins_can_be_made_and_filled_and_do_nothing() -> None:
    allowed = {
        each[1]: each[0]
        for each in stand_ins(["some.where.Config", "builtins.getattr"])
        if type(each) is tuple
    }
    config = allowed["some.where.Config"]
    made = config(1, key=2)
    made.__setstate__({"a": 1})
    assert isinstance(made, Inert)
    assert isinstance(config.__new__(config, 3), Inert)
    assert allowed["builtins.getattr"](config, "anything") is config
    with pytest.raises(AttributeError, match="__globals__"):
        allowed["builtins.getattr"](test_records_are_no_suspects, "__globals__")


def test_objects_in_arrays_are_not_let_in() -> None:
    kinds = {each.__name__ for each in stand_ins([]) if isinstance(each, type)}
    assert {"Float64DType", "Int64DType", "BoolDType", "ndarray"} <= kinds
    assert not {"ObjectDType", "VoidDType"} & kinds
