"""The pins, the ranges, the Makefile and the metadata say the same thing, and set-up happens when it must."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import segloop

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Packages whose import name is not their distribution's name.
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "mmengine": "onedl-mmengine",
    "mmcv": "onedl-mmcv",
    "mmseg": "onedl-mmsegmentation",
    "mmdet": "onedl-mmdetection",
    "PIL": "pillow",
    "cvat_sdk": "cvat-sdk",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def pins(file: str) -> list[Requirement]:
    """Return the requirements of a file; paths and `-e .` are not among them."""
    lines = (line.split(" #")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and line[0] not in "#.-"]


def ranges(*extras: str) -> dict[str, Requirement]:
    """Return what pyproject.toml allows, by canonical name."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(found.name): found for found in map(Requirement, lines)}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("file", "extras"),
    [
        ("requirements.txt", ()),
        ("requirements/dev.txt", ("dev", "bench", "export", "serve", "notebooks", "app")),
        ("requirements/app.txt", ("app",)),
        ("requirements/serve.txt", ("serve",)),
        ("requirements/lab.txt", ("dvc", "docs")),
    ],
)
def test_every_pin_is_exact_single_and_inside_its_range(
    file: str, extras: tuple[str, ...], python: str
) -> None:
    valid = [pin for pin in pins(file) if not pin.marker or pin.marker.evaluate({"python_version": python})]
    names = [canonicalize_name(pin.name) for pin in valid]
    assert len(names) == len(set(names)), "two pins for one package on one Python"
    for pin in valid:
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin
        allowed = ranges(*extras)[canonicalize_name(pin.name)]
        assert allowed.specifier.contains(str(pin.specifier)[2:]), f"{pin} is outside {allowed}"


def test_every_dependency_is_pinned() -> None:
    pinned = {canonicalize_name(pin.name) for pin in pins("requirements.txt")}
    assert set(ranges()) - pinned == set()


def test_requirements_end_with_the_library_itself() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("\n")
    assert lines[-2:] == ["-e .", ""]


def test_the_stand_in_for_opencv_has_the_version_of_the_headless_one_and_depends_on_nothing() -> None:
    stand_in = tomllib.loads((ROOT / "requirements/opencv-python/pyproject.toml").read_text(encoding="utf-8"))
    headless = next(pin for pin in pins("requirements.txt") if pin.name == "opencv-python-headless")
    assert stand_in["project"]["name"] == "opencv-python"
    assert str(headless.specifier) == f"=={stand_in['project']['version']}"
    assert "dependencies" not in stand_in["project"], "pip would install it after the headless one"
    assert "./requirements/opencv-python " in (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_the_image_holds_what_is_tested_and_lets_nothing_else_in() -> None:
    image = {pin.name: str(pin.specifier) for pin in pins("requirements/serve.txt")}
    tested = {
        pin.name: str(pin.specifier)
        for file in ("requirements.txt", "requirements/dev.txt")
        for pin in pins(file)
        if not pin.marker or pin.marker.evaluate({"python_version": "3.12"})
    }
    assert {name: tested.get(name) for name in image} == image
    assert "torch" not in image
    docker = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("\n")
    copied = {word for line in docker if line.startswith("COPY ") for word in line.split()[1:-1]}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / word).exists() for word in copied)
    (user,) = (line.split()[1] for line in docker if line.startswith("USER "))
    assert int(user.split(":")[0]) > 0


@pytest.mark.parametrize("file", ["Dockerfile", "docs/serve.md"])
def test_a_container_that_writes_to_a_folder_does_so_as_its_owner(file: str) -> None:
    text = re.sub(r"\\\n#?\s*", "", (ROOT / file).read_text(encoding="utf-8"))
    writing = [line for line in text.split("\n") if "docker run" in line and "--out" in line]
    assert writing
    assert all('--user "$(id -u):$(id -g)"' in line for line in writing)


# Peers of benchmarks that live in an environment of their own, which the script names.
PEERS = {"datumaro"}


def test_every_third_party_import_is_declared() -> None:
    declared = set(ranges(*PROJECT["optional-dependencies"])) | PEERS
    ours = {"segloop", "data_converters", "tools", "benchmarks", "tests", "supplementary"} | set(
        sys.stdlib_module_names
    )
    undeclared = set()
    for folder in ("src", "data_converters", "tools", "benchmarks"):
        for file in (ROOT / folder).rglob("*.py"):
            siblings = {path.stem for path in file.parent.iterdir()}
            for name in imports(file) - ours - siblings:
                if canonicalize_name(DISTRIBUTIONS.get(name, name)) not in declared:
                    undeclared.add(f"{file.relative_to(ROOT)}: {name}")
    assert undeclared == set()


def imports(file: Path) -> set[str]:
    """Return the top-level names that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_one_version_and_one_licence_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert PROJECT["version"] == segloop.__version__
    assert f"\nversion: {segloop.__version__}\n" in citation
    assert f"\nlicense: {PROJECT['license']}\n" in citation
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


def test_the_public_matrix_covers_each_supported_python_and_the_oldest_torch() -> None:
    workflow = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    matrix = re.search(r"python: \[(.*)\]", workflow)
    assert matrix
    assert re.findall(r"3\.\d+", matrix[1]) == list(PYTHONS)
    supported = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(8, 16) if f"3.{minor}" in supported] == [
        int(each[2:]) for each in PYTHONS
    ]
    oldest = str(ranges()["torch"].specifier).removeprefix(">=")
    assert f"torch=={oldest}.0" in workflow


def test_ci_runs_make_test_and_nothing_else() -> None:
    file = ROOT / ".ci/run"
    assert file.stat().st_mode & 0o111, "not executable"
    lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "${BASH_SOURCE[0]}")/.."', "exec make test"]


FAKE_PYTHON = """\
#!/bin/sh
# Stands in for an interpreter: notes how it was called, and makes a copy of itself for `-m venv`.
echo "$*" >> "$CALLS"
case "$*" in
  *"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *"pip install"*) echo "Collecting numpy==1.5 (from -r requirements.txt (line 1))"; exit ${PIP_EXIT:-0} ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder, with a blank in its path, that holds the Makefile and what it reads."""
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    folder = tmp_path / "my clone"
    for name in ("Makefile", "requirements.txt", "pyproject.toml", "requirements"):
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place)
        else:
            shutil.copy(ROOT / name, place)
    python = tmp_path / "a python"
    python.write_text(FAKE_PYTHON, encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("PYTHON", str(python))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "TORCH"):  # this test may run under `make test`
        monkeypatch.delenv(name, raising=False)
    return folder


def make(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run make in the folder."""
    return subprocess.run(["make", *args], cwd=folder, capture_output=True, text=True, check=False)


def calls(folder: Path) -> list[str]:
    """Return how the fake interpreter was called since the last time."""
    file = folder.parent / "calls"
    found = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def installs(found: list[str]) -> list[str]:
    """Return the requirement files that pip was sent to."""
    return [line.split(" -r ")[1] for line in found if "pip install" in line]


def test_make_alone_lists_every_command(checkout: Path) -> None:
    done = make(checkout)
    for target in ("help", "install", "demo", "app", "check", "test", "test-all", "bench"):
        assert re.search(rf"^  make {target} +\w", done.stdout, re.MULTILINE), target
    assert calls(checkout) == []


def test_make_sets_up_once_and_again_only_when_the_pins_or_the_place_change(checkout: Path) -> None:
    done = make(checkout, "lint")
    assert done.returncode == 0, done.stderr
    assert "  numpy==1.5\n" in done.stdout
    assert installs(calls(checkout)) == ["requirements.txt", "requirements/dev.txt"]

    make(checkout, "lint")
    assert installs(calls(checkout)) == []

    (checkout / "requirements.txt").touch()  # as `git checkout` does
    make(checkout, "lint")
    assert installs(calls(checkout)) == []

    with (checkout / "requirements.txt").open("a") as file:
        file.write("einops==0.8\n")
    make(checkout, "install")
    again = calls(checkout)
    assert installs(again) == ["requirements.txt"]
    assert not any("-m venv" in call for call in again), (
        "the environment is kept, with what the user put there"
    )

    moved = checkout.rename(checkout.with_name("moved"))
    make(moved, "install")
    assert installs(calls(moved)) == ["requirements.txt"]


def test_the_app_installs_what_it_needs_and_no_developers_tools(checkout: Path) -> None:
    done = make(checkout, "app")
    assert done.returncode == 0, done.stderr
    found = calls(checkout)
    assert installs(found) == ["requirements.txt", "requirements/app.txt"]
    assert any("streamlit run supplementary/app/app.py" in call for call in found)
    assert pins("requirements/app.txt") == [
        pin for pin in pins("requirements/dev.txt") if pin.name == "streamlit"
    ]


def test_a_failed_installation_is_told_and_tried_again(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_EXIT", "1")
    done = make(checkout, "install")
    assert done.returncode != 0
    assert "The installation failed; see .venv/install.log" in done.stderr
    monkeypatch.setenv("PIP_EXIT", "0")
    calls(checkout)
    assert make(checkout, "install").returncode == 0
    assert installs(calls(checkout)) == ["requirements.txt"]


def test_cpu_torch_comes_from_its_own_index(checkout: Path) -> None:
    make(checkout, "install", "TORCH=cpu")
    (pip,) = (call for call in calls(checkout) if "pip install" in call)
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in pip


def test_without_a_supported_python_make_says_which_it_needs(checkout: Path) -> None:
    done = make(checkout, "install", "PYTHON=false")
    assert done.returncode != 0
    assert "SegLoop needs Python 3.10, 3.11, 3.12 or 3.13" in done.stderr
    assert not (checkout / ".venv").exists()


def test_an_environment_of_a_python_that_is_not_supported_is_made_anew(checkout: Path) -> None:
    python = checkout / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\ncase "$*" in *version_info*) exit 1 ;; esac\n', encoding="utf-8")
    python.chmod(0o755)
    assert make(checkout, "install").returncode == 0
    assert any("-m venv" in call for call in calls(checkout))


def test_another_python_than_that_of_the_environment_is_told(checkout: Path) -> None:
    assert make(checkout, "install").returncode == 0
    other = checkout.parent / "another"
    other.write_text("#!/bin/sh\necho 3.13\n", encoding="utf-8")
    other.chmod(0o755)
    python = checkout / ".venv/bin/python"
    python.write_text(python.read_text(encoding="utf-8") + "echo 3.11\n", encoding="utf-8")
    done = make(checkout, "install", f"PYTHON={other}")
    assert done.returncode != 0
    assert f"In .venv is Python 3.11; {other} is 3.13. To change: rm -r .venv" in done.stderr
    assert "false is none" in make(checkout, "install", "PYTHON=false").stderr
    assert make(checkout, "lint", f"PYTHON={other}").returncode == 0, "it is about the setting up alone"


def test_the_tests_run_the_linters_first(checkout: Path) -> None:
    assert make(checkout, "test").returncode == 0
    modules = [call.split()[1] for call in calls(checkout) if call.startswith("-m ") and "pip" not in call]
    assert modules == ["venv", "ruff", "ruff", "mypy", "pytest"]
