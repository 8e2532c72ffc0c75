"""The probes look at distributions and at what an import brings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from segloop.utils import doctor, probes


def opencv(folder: Path, name: str, *files: str) -> None:
    """Write the metadata of an installed distribution that owns the files."""
    info = folder / f"{name.replace('-', '_')}-4.12.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 4.12.0\n")
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()  # from Python 3.12 on, files that are missing are not told
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def test_the_owners_of_cv2_are_those_that_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    opencv(tmp_path, "opencv-python", "opencv_python-4.12.0.dist-info/INSTALLER")  # the empty stand-in
    opencv(tmp_path, "opencv-python-headless", "cv2/__init__.py", "cv2/cv2.abi3.so")
    assert probes.cv2_owners() == ["opencv-python-headless"]
    opencv(tmp_path, "opencv-contrib-python", "cv2/__init__.py")
    assert probes.cv2_owners() == ["opencv-contrib-python", "opencv-python-headless"]


def test_two_owners_are_a_warning_even_while_cv2_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "cv2_owners", lambda: ["opencv-python", "opencv-python-headless"])
    answer = probes.cv2()
    assert answer["warning"] == "opencv-python and opencv-python-headless overwrite each other's files"
    finding = doctor._finding("cv2", answer)
    assert (finding.state, finding.mend.rpartition("doctor.py ")[2]) == ("warning", "--fix --only cv2")


def test_one_owner_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "cv2_owners", lambda: ["opencv-python-headless"])
    assert "warning" not in probes.cv2()


def test_the_operators_in_use_are_named() -> None:
    answer = probes.ops()
    assert answer["version"] in ("torch", "compiled")
    assert answer["detail"]


def test_a_mask_travels_through_pycocotools() -> None:
    assert probes.pycocotools()["version"]


def test_torch_tells_device_and_bfloat16() -> None:
    answer = probes.torch()
    assert "bfloat16" in answer["detail"]


def test_a_probe_does_not_see_its_neighbours_as_packages() -> None:
    """`segloop/utils` is the script's own folder; as an entry of sys.path it would hide `errors`, `cli`, …"""
    done = subprocess.run(
        [sys.executable, probes.__file__, "segloop"], capture_output=True, text=True, check=True, timeout=60
    )
    answer = json.loads(done.stdout.split(probes.MARK)[1])
    assert Path(answer["detail"]).name == "segloop"
    assert "warning" not in answer


def test_every_layer_that_waits_for_another_comes_after_it() -> None:
    order = {layer: place for place, layer in enumerate(doctor.LAYERS)}
    late = [
        (layer, need) for layer, needs in doctor.NEEDS.items() for need in needs if order[need] > order[layer]
    ]
    assert late == []
