"""BibTeX is read as far as references need it, and citations are numbered as they come."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.analysis.report.bibliography import Citations, read_references
from segloop.analysis.report.model import SOURCES
from segloop.utils.errors import FormatError

ROOT = Path(__file__).resolve().parents[3]
BIB = """\
% @article{not, title = {a comment}}
@inproceedings{one,
  author = {He, Kaiming and Ross Girshick and A B C and D E},
  title = "Mask {R-CNN}, and
     more",
  booktitle = {ICCV}, year = 2017,
  eprint = {1703.06870}
}
@misc{two, title = {Alone}, year = {2020}, doi = {10.1/x}}
"""


def references(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "references.bib"
    file.write_text(text)
    return file


def test_entries_are_read(tmp_path: Path) -> None:
    found = read_references(references(tmp_path, BIB))
    assert list(found) == ["one", "two"]
    text = "K. He, R. Girshick, A. B. C et al.: Mask R-CNN, and more. ICCV, 2017."
    assert found["one"].text == text
    assert found["one"].url == "https://arxiv.org/abs/1703.06870"
    assert (found["two"].text, found["two"].url) == ("Alone. 2020.", "https://doi.org/10.1/x")


def test_faults_are_told_together(tmp_path: Path) -> None:
    file = references(
        tmp_path, "@misc{a, year = 2000}\n@misc{b, title={x}, year=1}\n@misc{b, title={x}, year=1}"
    )
    with pytest.raises(FormatError, match=r"(?s)a has no title.*b stands there twice"):
        read_references(file)


def test_numbers_follow_the_citations(tmp_path: Path) -> None:
    citations = Citations(read_references(references(tmp_path, BIB)))
    assert [citations.number(key) for key in ("two", "one", "two", "three")] == [1, 2, 1, None]
    assert [each.key for each in citations.used] == ["two", "one"]
    assert citations.unknown == ["three"]


def test_what_the_code_and_the_tasks_cite_is_there() -> None:
    from segloop.analysis.report.goals import read_task

    known = set(read_references(ROOT / "docs/references.bib"))
    tasks = (read_task(file) for file in (ROOT / "configs").glob("*/goals.yaml"))
    cited = set(SOURCES.values()) | {key for task in tasks for key in task.cite}
    assert cited - known == set()
