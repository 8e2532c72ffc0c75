"""The texts of errors."""

from __future__ import annotations

from segloop.utils.errors import (
    ConfigError,
    DataError,
    FormatError,
    MissingDependency,
    UserError,
    listing,
    nearest,
    together,
)


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


def test_several_errors_are_told_as_one() -> None:
    one = DataError("a")
    assert together([one, DataError("a")]) is one
    both = together([one, DataError("b")])
    assert (type(both), str(both)) == (DataError, "a\n\nb")
    assert type(together([ConfigError("a"), ConfigError("b")])) is ConfigError
    assert type(together([one, ConfigError("b")])) is UserError
