"""Which way imports point, what every file has, and that README's tree is true."""

from __future__ import annotations

import ast
import fnmatch
import functools
import json
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
CODE = ("src", "tools", "data_converters", "supplementary", "benchmarks", "tests", "configs")

HEAVY = {"torch", "mmengine", "mmcv", "mmseg", "mmdet", "torchvision", "tensorboard"}
APP = ("datasets", "found", "images", "loop", "picks", "pictures", "shelf", "uploads")  # `outcome` predicts
# Rooms that run on a laptop without the training stack.
LIGHT = (
    "segloop.analysis",
    *(f"segloop.app.{name}" for name in APP),
    "segloop.viz",
    "segloop.cvat",
    "segloop.utils",
    "segloop.data.annotations",
    "segloop.data.masks",
    "segloop.data.checks",
    "segloop.data.cityscapes",
    "segloop.data.coco_losses",
    "segloop.data.fact_store",
    "segloop.data.overlaps",
    "segloop.data.similar",
    "segloop.data.splits",
    "segloop.data.groups",
    "segloop.data.inspection",
    "segloop.data.digests",
    "segloop.data.statistics",
    "segloop.data.demo",
    "segloop.data.info",
    "segloop.data.planting",
    "segloop.data.png",
    "segloop.data.true_objects",
    "segloop.experiments.onnx.model",
    "segloop.experiments.onnx.notes",
    "segloop.experiments.onnx.pictures",
    "segloop.experiments.predict.results",
    "segloop.experiments.serving.answers",
    "segloop.experiments.serving.batching",
    "segloop.experiments.serving.server",
    "segloop.experiments.serving.uploads",
    "data_converters",
)
HUB = (
    "segloop.data.annotations",
    "segloop.data.masks",
    "segloop.data.drawing",
    "segloop.data.info",
    "segloop.data.png",
    "segloop.data.inspection.findings",
)
# What a search for thresholds reads of a data set: true masks, and the objects behind them.
TRUTH = ("segloop.data.index_masks", "segloop.data.true_objects", "segloop.data.groups")
# What training shares with analysis: the files of a RUN, how to count, how to score. Never a report.
COUNTING = tuple(
    f"segloop.analysis.{name}"
    for name in (
        *("confusion_file", "counts", "instance_scores", "instances", "match_file"),
        *("matching", "overlaps", "results_file", "runs", "scores", "ship_scores", "thresholds"),
    )
)
# Room: what it may import besides itself, Python's library and third parties.
ARROWS = {
    "segloop.utils": (),
    "segloop.ops": ("segloop.utils",),
    "segloop.data": ("segloop.utils",),
    "segloop.viz": ("segloop.utils", *HUB, "segloop.data.statistics", "segloop.data.palette"),
    "segloop.analysis": ("segloop.utils", "segloop.viz", *HUB, *TRUTH),
    "segloop.cvat": (
        *("segloop.utils", "segloop.viz", *HUB),
        *(f"segloop.data.{name}" for name in ("palette", "image_files", "layout", "digests", "index_masks")),
        # what overlaps is found once, for scores and for what people changed; RUNs are read where they lie
        "segloop.analysis.overlaps",
        "segloop.analysis.runs",
    ),
    # above all other rooms: nothing imports it but the app in supplementary/
    "segloop.app": tuple(f"segloop.{room}" for room in ("utils", "data", "viz", "analysis", "experiments")),
    "segloop.experiments": ("segloop.utils", "segloop.ops", "segloop.data", "segloop.viz", *COUNTING),
    "data_converters": ("segloop.utils", "segloop.data"),
}
ABOVE_THE_LIBRARY = {"tools", "data_converters", "supplementary", "configs", "tests", "benchmarks"}
# Modules without a test file of their own: the file that tests them.
TESTED_IN = {
    "data_converters/__main__.py": "tests/data_converters/test_cli.py",
    # what it measures is only seen in the tallies of whole sets
    "src/segloop/data/statistics/measure.py": "tests/data/statistics/test_gather.py",
    # what sections are made from, seen in what they say
    "src/segloop/analysis/report/contents.py": "tests/analysis/report/test_about.py",
    # what a person sees of a loop that was pulled
    "src/segloop/cvat/status.py": "tests/cvat/test_pull.py",
    "src/segloop/experiments/components.py": "tests/experiments/test_config.py",
    # through whole dry runs: what they are for is to work together
    "src/segloop/experiments/dry_run/data.py": "tests/experiments/dry_run/test_training.py",
    "src/segloop/experiments/dry_run/loops.py": "tests/experiments/dry_run/test_training.py",
    "src/segloop/experiments/dry_run/stopwatch.py": "tests/experiments/dry_run/test_training.py",
    "src/segloop/experiments/dry_run/trial.py": "tests/experiments/dry_run/test_training.py",
    "src/segloop/experiments/hooks/pictures.py": "tests/experiments/test_instance_recorder.py",
    # through mmcv's own classes, all in one place: that is how they are called
    "src/segloop/ops/deform_attention.py": "tests/ops/test_core.py",
    "src/segloop/ops/focal.py": "tests/ops/test_core.py",
    "src/segloop/ops/functions.py": "tests/ops/test_golden.py",
    "src/segloop/ops/nms.py": "tests/ops/test_core.py",
    "src/segloop/ops/roi_align.py": "tests/ops/test_core.py",
    "src/segloop/ops/roi_pool.py": "tests/ops/test_core.py",
    "src/segloop/ops/rotated.py": "tests/ops/test_core.py",
}


def python_files(*folders: str) -> list[Path]:
    """Return every Python file below the folders, in order."""
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def module_name(file: Path) -> str:
    """Return a file's dotted name as it is imported."""
    base = SRC if SRC in file.parents else ROOT
    parts = file.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(source: str, package: str) -> set[str]:
    """Return the dotted names that a source imports, also inside functions; `package` resolves the dots."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


@functools.cache
def graph() -> dict[str, set[str]]:
    """Return what each module of the library and of data_converters imports, each name as its module."""
    files = {module_name(file): file for file in python_files("src", "data_converters")}

    def as_module(name: str) -> str:
        parts = name.split(".")
        prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
        return next((prefix for prefix in prefixes if prefix in files), name)

    found = {}
    for name, file in files.items():
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        found[name] = {as_module(each) for each in imported_by(file.read_text(encoding="utf-8"), package)}
    return found


def within(name: str, rooms: tuple[str, ...]) -> bool:
    """Return whether a module is one of the rooms or lies in one."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def test_imports_are_seen_in_functions_and_behind_dots() -> None:
    source = "import a.b\ndef f():\n    from c import d\n    from . import e\n    from ..g import h\n"
    assert imported_by(source, "p.q") == {"a.b", "c.d", "p.q.e", "p.g.h"}


def test_the_library_imports_nothing_above_it() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, names in graph().items()
        for name in names
        if module.startswith("segloop") and name.split(".")[0] in ABOVE_THE_LIBRARY
    ]
    assert wrong == []


def test_arrows_between_rooms() -> None:
    rooms = {path.parent.name for path in (SRC / "segloop").glob("*/__init__.py")}
    assert {f"segloop.{room}" for room in rooms} <= set(ARROWS), "a new room needs its arrows here"
    wrong = []
    for module, names in graph().items():
        room = next((room for room in ARROWS if within(module, (room,))), None)
        if room is None:
            continue
        ours = [
            name
            for name in names
            if name.split(".")[0] in ("segloop", "data_converters") and name != "segloop"
        ]
        wrong += [f"{module} imports {name}" for name in ours if not within(name, (room, *ARROWS[room]))]
    assert wrong == []


def test_light_rooms_reach_no_heavy_package_through_any_door() -> None:
    wrong = []
    for start in (module for module in graph() if within(module, LIGHT)):
        seen, waiting = {start}, [start]
        while waiting:
            module = waiting.pop()
            wrong += [
                f"{start} reaches {name} by {module}"
                for name in graph()[module]
                if name.split(".")[0] in HEAVY
            ]
            news = {name for name in graph()[module] if name in graph()} - seen
            seen |= news
            waiting += news
    assert wrong == []


def test_importing_the_light_rooms_loads_nothing_heavy() -> None:
    modules = sorted(module for module in graph() if within(module, LIGHT))
    assert len(modules) > 10
    loaded = loaded_after(f"import {', '.join(modules)}")
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("tool", python_files("tools"), ids=lambda file: file.name)
def test_help_loads_nothing_heavy(tool: Path) -> None:
    """What makes `--help` slow is an import, and an import can be seen without a clock."""
    code = (
        f"import runpy, sys; sys.argv = [{str(tool)!r}, '--help']\n"
        f"try: runpy.run_path({str(tool)!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "else: raise AssertionError('--help does not end the tool')"
    )
    slow = HEAVY | {"numpy", "cv2", "pandas", "scipy", "matplotlib", "pycocotools", "cvat_sdk", "PIL", "yaml"}
    assert loaded_after(code) & slow == set()


def loaded_after(code: str) -> set[str]:
    """Run code in a fresh Python and return the top-level names of what it has loaded."""
    tail = "\nimport json, sys; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("folder", CODE)
def test_every_module_says_what_it_is_for(folder: str) -> None:
    silent = []
    for file in python_files(folder):
        source = file.read_text(encoding="utf-8")
        opening = (
            source.lstrip().startswith("#") if folder == "configs" else False
        )  # a config may open with comments
        if not opening and not ast.get_docstring(ast.parse(source)):
            silent.append(str(file.relative_to(ROOT)))
    assert silent == []


def test_files_fit_a_reader() -> None:
    lines = {
        file.relative_to(ROOT): len(file.read_text("utf-8").splitlines()) for file in python_files(*CODE)
    }
    assert {str(file): count for file, count in lines.items() if count > 400} == {}
    tools = {str(file): count for file, count in lines.items() if file.parts[0] == "tools" and count > 100}
    assert tools == {}, "a tool parses its arguments and calls the library"


def mirror(file: Path) -> str:
    """Return where the tests of a module belong."""
    place = file.relative_to(SRC / "segloop") if SRC in file.parents else file.relative_to(ROOT)
    return str(Path("tests", place.parent, f"test_{file.name}"))


def test_every_module_has_its_test_file() -> None:
    modules = [file for file in python_files("src", "tools", "data_converters") if file.name != "__init__.py"]
    wanted = {
        name: TESTED_IN.get(name, mirror(ROOT / name)) for name in (str(m.relative_to(ROOT)) for m in modules)
    }
    assert {name: test for name, test in wanted.items() if not (ROOT / test).exists()} == {}


def test_exceptions_of_the_mirror_are_still_needed() -> None:
    assert [
        name for name in TESTED_IN if not (ROOT / name).exists() or (ROOT / mirror(ROOT / name)).exists()
    ] == []


def tracked_files() -> list[Path]:
    """Return the files that belong to the repository, tracked or new, or skip where there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    files = (ROOT / name for name in done.stdout.split("\0") if name)
    return [file for file in files if file.is_file()]


def test_no_private_machine_is_named() -> None:
    private = re.compile(r"(?<![\w.])/(root|work|opt/wheels|opt/pypi|home/\w+|Users/\w+)/")
    told = []
    for file in tracked_files():
        if b"\0" in (content := file.read_bytes()):
            continue
        for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
            if private.search(line) and file != Path(__file__).resolve():
                told.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert told == []


def tree_paths(text: str) -> list[str]:
    r"""Return the paths that README's tree names: the fenced block under the heading `The tree`.

    A line holds one or more names, then two blanks, then what it is; deeper means further to the right.
    """
    block = re.search(r"^#+ The tree\n.*?^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block, "README.md has no fenced block under a heading 'The tree'"
    paths: list[str] = []
    above: list[tuple[int, str]] = []
    for line in block[1].splitlines():
        bare = line.translate(str.maketrans("│├└─", "    "))
        if not bare.strip():
            continue
        column = len(bare) - len(bare.lstrip())
        if column > 60:  # the rest of a description
            continue
        names = re.split(r"\s{2,}", bare.strip())[0].replace(",", " ").split()
        above = [(left, folder) for left, folder in above if left < column]
        parent = above[-1][1] if above else ""
        paths += [parent + name for name in names]
        if names[-1].endswith("/"):
            above.append((column, parent + names[-1]))
    return paths


def test_a_tree_is_read_with_lines_and_without() -> None:
    drawn = (
        "# The tree\n\n```\na.md b.md  two\nsrc/x/   lib\n├── y/   why\n│   └── z.py\n└── w.py  what\n```\n"
    )
    assert tree_paths(drawn) == ["a.md", "b.md", "src/x/", "src/x/y/", "src/x/y/z.py", "src/x/w.py"]
    plain = "## The tree\n```text\nsrc/x/       lib\n  y/   why\n    z.py\n  w.py  what\n```\n"
    assert tree_paths(plain) == ["src/x/", "src/x/y/", "src/x/y/z.py", "src/x/w.py"]


def test_the_tree_in_the_readme_is_true() -> None:
    told = [path.rstrip("/") for path in tree_paths((ROOT / "README.md").read_text(encoding="utf-8"))]
    wrong = [path for path in told if not any(ROOT.glob(path))]
    assert wrong == [], "README's tree names what does not exist"

    files = {file.relative_to(ROOT) for file in tracked_files()}
    wanted = {file.parts[0] for file in files} - {".gitignore", ".gitattributes"}
    wanted |= {str(file) for file in files if file.parts[0] == "tools" or is_experiment(file)}
    wanted |= {
        str(file.parent)
        for file in files
        if file.parts[:2] == ("src", "segloop") and file.name == "__init__.py"
    }
    shown = [*told, *(str(parent) for path in told for parent in Path(path).parents)]
    missing = [
        path for path in sorted(wanted) if not any(fnmatch.fnmatch(path, pattern) for pattern in shown)
    ]
    assert missing == [], "README's tree leaves these out"


def is_experiment(file: Path) -> bool:
    """Return whether a file is a config that somebody trains."""
    return file.parts[0] == "configs" and file.parts[1] != "_base_" and file.suffix == ".py"


@pytest.mark.parametrize("folder", ["benchmarks", "supplementary"])
def test_scripts_that_no_test_runs_find_what_they_import(folder: str) -> None:
    missing = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
                continue
            if node.module.split(".")[0] in ("segloop", "data_converters", "benchmarks"):
                module = import_module(node.module)
                missing += [
                    f"{file.relative_to(ROOT)}: {node.module}.{each.name}"
                    for each in node.names
                    if not hasattr(module, each.name) and find_spec(f"{node.module}.{each.name}") is None
                ]
    assert missing == []
