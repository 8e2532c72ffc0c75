"""Safetensors files are byte for byte what the reference implementation writes; liars are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from segloop.experiments.tensor_file import read_tensors, write_tensors
from segloop.utils.errors import FormatError

# {"w": [[1.0, 2.0]], "i": [3]} with the note format=pt, written by safetensors 0.8.0
REFERENCE = (
    b'\x90\x00\x00\x00\x00\x00\x00\x00{"__metadata__":{"format":"pt"},"i":{"dtype":"I64","shape":[1],'
    b'"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}   '
    b"\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@"
)


def test_writes_the_bytes_of_the_reference(tmp_path: Path) -> None:
    tensors = {"w": torch.tensor([[1.0, 2.0]]), "i": torch.tensor([3])}
    write_tensors(tmp_path / "a.safetensors", tensors, notes={"format": "pt"})
    assert (tmp_path / "a.safetensors").read_bytes() == REFERENCE


def test_comes_back_whole_whatever_its_kind_and_layout(tmp_path: Path) -> None:
    tensors = {
        "layout": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "turned": torch.rand(2, 3).t(),
        "number": torch.tensor(7),
        "empty": torch.empty(0, 3),
        "ä b": torch.tensor([True, False]),
        "half": torch.rand(3).half(),
        "brain": torch.rand(5).bfloat16(),
        "large": torch.tensor([2**63 - 1]),
    }
    write_tensors(tmp_path / "a.safetensors", tensors, notes={"k": "v"})
    read, notes = read_tensors(tmp_path / "a.safetensors")
    assert notes == {"k": "v"}
    assert set(read) == set(tensors)
    for name, value in tensors.items():
        assert read[name].dtype == value.dtype
        assert torch.equal(read[name], value)


def test_is_readable_by_the_reference(tmp_path: Path) -> None:
    reference = pytest.importorskip("safetensors.torch", reason="the reference is no dependency")
    write_tensors(tmp_path / "a.safetensors", {"a": torch.rand(3), "b": torch.tensor(True)})
    assert set(reference.load_file(tmp_path / "a.safetensors")) == {"a", "b"}


def entry(**changes: object) -> dict:
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ([], "tensors by name"),
        ({"a": 3}, "cannot be understood"),
        (entry(dtype="F31"), "cannot be understood"),
        (entry(shape=[2, -1]), "no size"),
        (entry(shape=[True, 2]), "no size"),
        (entry(shape=[3]), "which its shape does not take"),
        (entry(data_offsets=[4, 12]), "begins at 4"),
        (entry() | {"b": entry()["a"]}, "begins at 0"),
        (entry(shape=[2**40], data_offsets=[0, 2**42]), "its header tells of"),
        (entry() | {"__metadata__": {"a": 1}}, "texts by name"),
    ],
)
def test_can_report_a_header_that_lies(tmp_path: Path, header: object, message: str) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(FormatError, match=message):
        read_tensors(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x02}", b"\xff" * 8, REFERENCE[:40], REFERENCE[:-1]])
def test_can_report_a_file_that_is_cut_off_or_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(FormatError):
        read_tensors(tmp_path / "a.safetensors")


def test_can_report_numbers_without_a_name(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"a is torch\.complex64"):
        write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(1, dtype=torch.complex64)})
    assert list(tmp_path.iterdir()) == []
