"""The address of the code is the one that files or git tell, and none is made up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from segloop.analysis.report.repository import read_repository, web_address


def test_an_address_comes_from_the_citation_file_or_the_project(tmp_path: Path) -> None:
    assert read_repository(tmp_path).name == ""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n\n[project.urls]\nHomepage = "https://a.org"\nRepository = "https://b.org"\n\n[tool.x]\n'
    )
    assert read_repository(tmp_path).url == "https://b.org"
    (tmp_path / "CITATION.cff").write_text("title: X\nversion: 1.0\nrepository-code: https://c.org\n")
    found = read_repository(tmp_path)
    assert (found.name, found.version, found.url) == ("X", "1.0", "https://c.org")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def test_without_one_it_is_where_git_cloned_from(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert read_repository(tmp_path).url == ""
    git(tmp_path, "remote", "add", "origin", "git@example.org:lab/segloop.git")
    assert read_repository(tmp_path).url == "https://example.org/lab/segloop"
    (tmp_path / "copy").mkdir()
    assert read_repository(tmp_path / "copy").url == "", "a copy inside another repository is not that one"


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://example.org/lab/segloop.git", "https://example.org/lab/segloop"),
        ("https://me:secret@example.org/lab/segloop", "https://example.org/lab/segloop"),
        ("ssh://git@example.org:2222/lab/segloop.git", "https://example.org/lab/segloop"),
        ("git@example.org:lab/segloop.git", "https://example.org/lab/segloop"),
        ("/srv/git/segloop", ""),
        ("../segloop", ""),
        ("C:/git/segloop", ""),
        ("file:///srv/git/segloop", ""),
        ("http://localhost:3000/lab/segloop", ""),
        ("http://192.168.0.2/lab/segloop", ""),
        ("", ""),
    ],
)
def test_what_a_browser_cannot_open_is_left_out(remote: str, address: str) -> None:
    assert web_address(remote) == address
