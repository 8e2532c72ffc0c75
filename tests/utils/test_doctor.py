"""The doctor finds each known fault, simulated by packages on PYTHONPATH, and names the command for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from segloop.utils import doctor

Break = Callable[[str, str], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Break:
    """Return a function that puts a package with a given source in front of the real one."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(name: str, source: str) -> None:
        file = tmp_path.joinpath(*name.split("."), "__init__.py")
        for folder in (file.parent, *file.parent.parents):
            if folder == tmp_path:
                break
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "__init__.py").touch()
        file.write_text(source, encoding="utf-8")

    return write


def look(*layers: str) -> dict[str, doctor.Finding]:
    """Return the findings of a few layers by name."""
    return {finding.layer: finding for finding in doctor.diagnose(layers)}


def test_a_sound_layer_tells_its_version(package: Break) -> None:
    package("pandas", "__version__ = '9.8.7'\nprint('chatter'); print('{\"error\": 1}')")
    finding = look("pandas")["pandas"]
    assert (finding.state, finding.version, finding.mend) == ("ok", "9.8.7", "")


def test_a_missing_package_is_mended_by_the_tested_set(package: Break) -> None:
    package("pandas", "raise ModuleNotFoundError(\"No module named 'pandas'\")")
    finding = look("pandas")["pandas"]
    assert finding.state == "fault"
    assert "No module named 'pandas'" in finding.detail
    assert finding.mend.endswith("-m pip install -r requirements.txt")


def test_missing_libgl_is_mended_by_the_headless_cv2(package: Break) -> None:
    package(
        "cv2", "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
    )
    finding = look("cv2")["cv2"]
    assert finding.state == "fault"
    assert "libGL.so.1" in finding.detail
    assert finding.mend.endswith("doctor.py --fix --only cv2")


def test_an_import_that_crashes_cannot_take_the_doctor_along(package: Break) -> None:
    package("pandas", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    package("matplotlib.figure", "")
    found = look("pandas", "matplotlib")
    assert "crashes (SIGSEGV)" in found["pandas"].detail
    assert found["matplotlib"].state == "ok"


def test_an_import_that_never_ends_is_a_fault(package: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TIMEOUT_S", 0.3)
    package("pandas", "import time; time.sleep(60)")
    assert "takes more than" in look("pandas")["pandas"].detail


def test_what_needs_a_faulty_layer_waits_and_gets_no_command_of_its_own(package: Break) -> None:
    package("numpy", "raise ImportError('broken')")
    package("pandas", "import numpy")
    found = look("numpy", "pandas")
    assert found["numpy"].state == "fault"
    assert (found["pandas"].state, found["pandas"].detail, found["pandas"].mend) == (
        "waits",
        "needs numpy",
        "",
    )


def test_numpy_abi_mismatch_is_mended_by_reinstalling_both(package: Break) -> None:
    package("numpy", "")
    said = "numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88"
    package("pycocotools.mask", f"raise ValueError({said!r})")
    finding = look("pycocotools")["pycocotools"]
    pins = f"{doctor.pinned('numpy')} {doctor.pinned('pycocotools')}"
    assert finding.mend.endswith(f"pip install --force-reinstall --no-deps {pins}")
    assert pins.count("==") == 2


def test_torch_without_numpy_is_noticed_although_it_imports(package: Break) -> None:
    lone = "class Lone:\n def numpy(self): raise RuntimeError('Numpy is not available')\n"
    package("torch", lone + "def zeros(n): return Lone()")
    finding = look("torch")["torch"]
    assert finding.state == "fault"
    assert doctor.pinned("numpy") in finding.mend
    assert doctor.pinned("torch") in finding.mend


def test_mmcv_outside_the_accepted_range_is_mended_by_the_tested_set(package: Break) -> None:
    said = "MMCV==9.9.9 is used but incompatible. Please install mmcv>=2.0.0rc4, <2.4.0."
    package("mmseg", f"raise AssertionError({said!r})")
    finding = look("mmseg")["mmseg"]
    assert "MMCV==9.9.9" in finding.detail
    assert finding.mend.endswith("-r requirements.txt")


def test_openmmlab_originals_beside_the_continuations_are_removed(tmp_path: Path, package: Break) -> None:
    for name, version in (("mmcv", "2.1.0"), ("onedl_mmcv", "2.3.6")):
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    package("unused", "")
    finding = look("packages")["packages"]
    assert finding.state == "fault"
    assert "mmcv and onedl-mmcv overwrite each other's files" in finding.detail
    assert "pip uninstall -y mmcv && " in finding.mend
    assert finding.mend.endswith("pip install --force-reinstall --no-deps onedl-mmcv==2.3.6")


def test_a_torchvision_of_another_torch_is_removed(tmp_path: Path, package: Break) -> None:
    info = tmp_path / "torchvision-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.1\n")
    package("torchvision", "raise RuntimeError('operator torchvision::nms does not exist')")
    finding = look("torchvision")["torchvision"]
    assert finding.state == "fault"
    assert "pip uninstall -y torchvision" in finding.mend


def test_a_python_out_of_range_is_a_fault(package: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PYTHON_BELOW", sys.version_info[:2])
    package("pandas", "raise ImportError('no wheel for this Python')")
    found = look("python", "pandas")
    assert found["python"].state == "fault"
    assert found["python"].mend.startswith("make install PYTHON=")
    assert found["pandas"].state == "waits", "no use in installing into the wrong Python"


def test_memory_is_what_can_be_used_with_caches_and_limits_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "available_memory", lambda: 5 * 2**30)
    (finding,) = doctor.diagnose(["machine"])
    assert finding.detail.startswith("5 GiB of memory free, ")
    monkeypatch.setattr(doctor, "available_memory", lambda: 0)  # where the system does not tell
    (finding,) = doctor.diagnose(["machine"])
    assert "memory" not in finding.detail


def test_a_folder_that_cannot_be_written_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGLOOP_DATA", str(tmp_path / "file" / "data"))
    finding = look("data")["data"]
    assert finding.state == "fault"
    assert "cannot be written" in finding.detail
    assert finding.mend == f"mv {tmp_path / 'file'} {tmp_path / 'file'}.old"
    monkeypatch.setenv("SEGLOOP_DATA", str(tmp_path / "new" / "data"))
    assert look("data")["data"].detail.endswith("can be made")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"], "the doctor looks and leaves nothing behind"


def test_a_folder_is_given_to_the_user_and_never_what_lies_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    monkeypatch.setenv("SEGLOOP_DATA", "/nowhere/my data")
    finding = look("data")["data"]
    assert finding.detail == "/ cannot be written: Permission denied"
    assert finding.mend == "sudo mkdir -p '/nowhere/my data' && sudo chown $USER '/nowhere/my data'"
    monkeypatch.setenv("SEGLOOP_DATA", str(tmp_path))
    assert look("data")["data"].mend == f"sudo chown -R $USER {tmp_path}"


def test_pins_follow_the_markers_of_this_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKOUT", tmp_path)
    assert doctor.pinned("numpy") == "numpy"
    lines = 'scipy==2.0; python_version >= "3.{0}"\nscipy==1.0; python_version < "3.{0}"\nnumpy==1.5  # why\n'
    for minor, expected in ((sys.version_info[1], "scipy==2.0"), (sys.version_info[1] + 1, "scipy==1.0")):
        (tmp_path / "requirements.txt").write_text(lines.format(minor), encoding="utf-8")
        assert doctor.pinned("scipy") == expected
    assert doctor.pinned("numpy") == "numpy==1.5"


def test_commands_survive_blanks_in_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b").mkdir()
    monkeypatch.chdir(tmp_path / "a b")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "a b" / ".venv" / "bin" / "python"))
    assert doctor._command("{pip} check", "numpy") == ".venv/bin/python -m pip check"
    monkeypatch.chdir(tmp_path)
    assert doctor._command("{pip} check", "numpy") == "'a b/.venv/bin/python' -m pip check"


def test_commands_that_need_the_checkout_lead_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "my clone"
    checkout.mkdir()
    monkeypatch.setattr(doctor, "CHECKOUT", checkout)
    monkeypatch.setattr(sys, "executable", str(checkout / ".venv/bin/python"))
    install = ".venv/bin/python -m pip install -r requirements.txt"
    monkeypatch.chdir(checkout)
    assert doctor._command(doctor.REINSTALL, "numpy") == install
    monkeypatch.chdir(tmp_path)
    assert doctor._command(doctor.REINSTALL, "numpy") == f"cd '{checkout}' && {install}"


def test_fixing_cv2_removes_every_owner_and_brings_the_headless_one(tmp_path: Path) -> None:
    fetch, remove, bring = doctor.fix_cv2(tmp_path)
    headless = doctor.pinned("opencv-python-headless")
    assert "==" in headless
    assert fetch[-2] == headless
    assert (Path(fetch[-1]) / "pyproject.toml").exists()
    assert {"opencv-python", "opencv-python-headless"} <= set(remove[remove.index("--yes") + 1 :])
    assert bring[-2:] == [headless, "opencv-python"]
    assert fetch[fetch.index("--wheel-dir") + 1] == bring[bring.index("--find-links") + 1] == str(tmp_path)
    assert "--no-index" in bring, "all was fetched before anything was removed"
