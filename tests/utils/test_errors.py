"""The texts of errors."""

from __future__ import annotations

from segloop.utils.errors import DataError, FormatError, MissingDependency, UserError, listing, nearest


def test_every_error_says_place_and_remedy() -> None:
    assert str(FormatError("odd run", file="a.csv", where="line 3")) == "a.csv: line 3: odd run"
    assert DataError("x", image_id="a/1").image_id == "a/1"
    missing = MissingDependency("onnx", why="export writes it", command="pip install segloop[onnx]")
    assert str(missing).endswith("Install it with: pip install segloop[onnx]")
    assert all(issubclass(kind, UserError) for kind in (DataError, FormatError, MissingDependency))


def test_lists_are_cut_and_counted() -> None:
    assert listing(["a", "b", "c"], most=2).splitlines() == ["  a", "  b", "  … and 1 more"]


def test_nearest_name() -> None:
    assert nearest("resmue", ["resume", "seed"]) == " Did you mean 'resume'?"
    assert nearest("zzz", ["resume"]) == ""
