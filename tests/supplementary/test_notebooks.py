"""Notebooks are short, hold prose and no logic, are kept without outputs, and run from top to bottom."""

from __future__ import annotations

import ast
import copy
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "supplementary/notebooks"
NOTEBOOKS = {
    "multiclass/eda": 12,
    "ships/eda": 60,  # cut by scene, and a scene has many tiles
    "cells/eda": 12,
    "cells/baseline": 12,
    "spacecraft/baseline": 12,
    "cityscapes/baseline": 8,
}  # and how many demo images they are run on
QUICK = ["train_cfg.max_iters=2", "train_cfg.val_interval=2", "train_dataloader.batch_size=1"]
QUICK += ["train_dataloader.num_workers=0", "val_dataloader.num_workers=0", "test_dataloader.num_workers=0"]
QUICK += ["train_dataloader.persistent_workers=False", "val_dataloader.persistent_workers=False"]
QUICK += ["test_dataloader.persistent_workers=False", "default_hooks.checkpoint.interval=2"]
LOGIC = (
    ast.FunctionDef,
    ast.ClassDef,
    ast.For,
    ast.While,
    ast.If,
    ast.Lambda,
    ast.ListComp,
    ast.Try,
    ast.With,
)


def read(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_these_and_no_others_are_there() -> None:
    found = {file.relative_to(FOLDER).with_suffix("").as_posix() for file in FOLDER.rglob("*.ipynb")}
    assert found == set(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_one_is_short_and_holds_prose_and_no_logic(name: str) -> None:
    cells = read(name)["cells"]
    code = [source(cell) for cell in cells if cell["cell_type"] == "code"]
    assert source(cells[0]).startswith("# ")
    assert len(cells) - len(code) >= 4, "prose"
    assert sum(len(text.splitlines()) for text in code) <= 60
    for text in code:
        tree = ast.parse("\n".join(line for line in text.splitlines() if not line.startswith("%")))
        assert [type(node).__name__ for node in ast.walk(tree) if isinstance(node, LOGIC)] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_one_is_kept_without_outputs(name: str) -> None:
    notebook = read(name)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "a calm diff"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_one_runs_from_top_to_bottom(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    monkeypatch.setenv("SEGLOOP_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    told = copy.deepcopy(read(name))
    (place,) = [cell for cell in told["cells"] if cell["metadata"].get("tags") == ["parameters"]]
    place["source"] = [f"work = {str(tmp_path)!r}\nimages = {NOTEBOOKS[name]}\noverrides = {QUICK!r}\n"]
    notebook = nbformat.reads(json.dumps(told), as_version=4)
    folder = str((FOLDER / name).parent)
    nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    data = [output.get("data", {}) for output in shown]
    framed = sum("<iframe" in each.get("text/html", "") for each in data)
    pictures = sum(bool({"image/png", "image/jpeg"} & set(each)) for each in data)
    assert (framed, pictures) == ((1, 2) if name.endswith("baseline") else (3, 0))
    assert not [output for output in shown if output["output_type"] == "error"]
