"""Which operators mmcv gets: compiled ones where they exist, ours elsewhere, and a message for the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from segloop.ops import extension
from segloop.ops.extension import BUILD_COMMAND, TorchExtension
from segloop.utils.errors import ConfigError, MissingDependency

SOURCE = Path(extension.__file__).parents[2]


def run(code: str, *, choice: str = "", path: Path | None = None, isolated: bool = False) -> str:
    """Run Python code in a fresh interpreter and return what it printed, or the last line of its error."""
    folders = [str(folder) for folder in (path, SOURCE) if folder]
    environment = {**os.environ, "SEGLOOP_OPS": choice, "PYTHONPATH": os.pathsep.join(folders)}
    flags = ["-S"] if isolated else []  # -S: no installed packages, as on a bare machine
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *flags, "-c", textwrap.dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


@pytest.fixture
def fake_mmcv(tmp_path: Path) -> Path:
    """Make a folder with an mmcv that has a compiled module, or what passes for one."""
    package = tmp_path / "mmcv"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_ext.py").write_text("def nms(): return 'compiled'\n")
    return tmp_path


REPORT = """
    import segloop.ops
    print(segloop.ops.install().kind, segloop.ops.install().kind, end=" ")
    from mmcv import _ext
    print(type(_ext).__name__, segloop.ops.status().kind)
"""


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("", "compiled compiled module compiled"),
        ("auto", "compiled compiled module compiled"),
        ("compiled", "compiled compiled module compiled"),
        ("torch", "torch torch TorchExtension torch"),
    ],
)
def test_compiled_operators_win_unless_ours_are_asked_for(
    fake_mmcv: Path, choice: str, expected: str
) -> None:
    assert run(REPORT, choice=choice, path=fake_mmcv) == expected


@pytest.mark.parametrize(("choice", "expected"), [("", "torch"), ("torch", "torch")])
def test_ours_stand_in_where_none_are_compiled(fake_mmcv: Path, choice: str, expected: str) -> None:
    (fake_mmcv / "mmcv" / "_ext.py").unlink()
    assert run(REPORT, choice=choice, path=fake_mmcv) == f"{expected} {expected} TorchExtension torch"


def test_compiled_is_refused_with_the_command_that_builds_it(fake_mmcv: Path) -> None:
    (fake_mmcv / "mmcv" / "_ext.py").unlink()
    message = run(REPORT, choice="compiled", path=fake_mmcv)
    assert "SEGLOOP_OPS=compiled" in message
    assert BUILD_COMMAND in message


def test_an_unknown_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLOOP_OPS", "nonsense")
    with pytest.raises(ConfigError, match="'nonsense' is not known; choose torch, compiled or auto"):
        extension.install()


def test_installing_twice_adds_one_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for choice in ("", "torch", "auto"):
        monkeypatch.setenv("SEGLOOP_OPS", choice)
        extension.install()
    assert sum(isinstance(finder, extension._Finder) for finder in sys.meta_path) == 1


def test_a_later_choice_of_torch_still_counts(fake_mmcv: Path) -> None:
    code = """
        import os, segloop.ops
        first = segloop.ops.install().kind
        os.environ["SEGLOOP_OPS"] = "torch"
        print(first, segloop.ops.install().kind)
    """
    assert run(code, path=fake_mmcv) == "compiled torch"


def test_works_without_mmcv() -> None:
    code = """
        import segloop.ops
        print(segloop.ops.status().kind, "|", segloop.ops.status().reason)
        print(segloop.ops.install().kind, "|", segloop.ops.install().reason)
    """
    lines = run(code, isolated=True).splitlines()
    assert lines == ["none | mmcv is not installed", "none | mmcv is not installed"]


def test_a_missing_operator_says_so_when_it_is_called() -> None:
    module = TorchExtension("mmcv._ext")
    operator = module.three_nn_forward  # nothing yet: mmcv looks all of them up at import
    with pytest.raises(MissingDependency, match="three_nn_forward") as caught:
        operator(1, 2, m=3)
    assert BUILD_COMMAND in str(caught.value)
    with pytest.raises(AttributeError):
        module.__path__  # noqa: B018 - a dunder is no operator


def test_mmdet_imports_and_every_operator_has_a_name() -> None:
    code = """
        import segloop.ops
        segloop.ops.install()
        import mmdet.models, mmseg.models, mmcv.ops
        from mmcv.utils import ext_loader
        print(ext_loader.check_ops_exist(), segloop.ops.status().kind)
    """
    assert run(code, choice="torch") == "True torch"
