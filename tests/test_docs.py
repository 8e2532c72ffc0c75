"""What documents tell to type can be typed, what they link to is there, and the site has each page."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from segloop.utils.cli import Parser
from supplementary.viz.browser import Browser, chromium

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def commands() -> Iterator[tuple[str, str]]:
    """Yield each command of a tool in README and docs, with the page that tells it."""
    for page in PAGES:
        for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if language in ("python", "yaml", "json"):
                continue
            for line in text.replace("\\\n", " ").splitlines():
                bare = re.sub(r"\s{2,}#.*|\s#\s.*", "", line.strip()).removeprefix("$ ")
                if re.match(r"python tools/\w+\.py\b", bare):
                    yield page.relative_to(ROOT).as_posix(), bare


def parse(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a tool's parser read a command; what only the values would tell is not asked."""
    words = shlex.split(line.split("|")[0].split("&&")[0].split(">")[0])[1:]
    name = Path(words[0]).stem
    seen: list[tuple[argparse.ArgumentParser, list[str]]] = []

    def read(
        self: argparse.ArgumentParser, args: list[str] | None = None, namespace: object = None
    ) -> object:
        seen.append((self, words[1:] if args is None else list(args)))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", words)
        patch.setattr(argparse.ArgumentParser, "parse_args", read)
        patch.setattr(Parser, "parse_args", read)  # else the command would be run
        tool = importlib.import_module(f"tools.{name}")
        with pytest.raises(KeyboardInterrupt):
            tool.main(*[""] * len(inspect.signature(tool.main).parameters))
    ((parser, given),) = seen
    mixed = not any(each.nargs in (argparse.PARSER, argparse.REMAINDER) for each in parser._actions)
    known = parser.parse_known_intermixed_args if mixed else parser.parse_known_args
    _, unknown = known([word for word in given if word != "…"])
    assert unknown == [], f"{name} does not know {unknown}"


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_a_command_in_a_document_has_flags_that_its_tool_knows(
    page: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        parse(line, monkeypatch)
    except SystemExit:
        pytest.fail(f"{page}: {line}\n{capsys.readouterr().err}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    gone = []
    for target in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        name, _, _ = target.partition("#")
        if name and not re.match(r"\w+:", name) and not (page.parent / name).exists():
            gone.append(target)
    assert gone == []


def test_the_site_has_each_page_in_its_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"- ([\w/-]+\.md)$", text, re.MULTILINE))
    there = {
        page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.is_relative_to(ROOT / "docs")
    }
    assert named == there | {"index.md"}
    assert yaml.safe_load(text)["strict"]


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_can_be_searched(tmp_path: Path) -> None:
    mkdocs = Path(sys.executable).with_name("mkdocs")
    found = str(mkdocs) if mkdocs.exists() else shutil.which("mkdocs")
    if found is None:
        pytest.skip("mkdocs is not installed: pip install -r requirements/lab.txt")
    run = subprocess.run(
        [found, "build", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr
    assert "WARNING" not in run.stderr
    site = tmp_path / "site"
    assert "mDice_fg" in (site / "search" / "search_index.json").read_text(encoding="utf-8")
    text = (site / "tour.html").read_text(encoding="utf-8")
    assert re.findall(r'<script src="(\w+:)?//[^"]*"', text) == [], "a page fetches something"
    if chromium() is None:
        pytest.skip("no Chromium here: that the search runs from disk is not looked at")
    with Browser() as page:
        page.open((site / "tour.html").as_uri())
        page.wait("document.readyState === 'complete'")
        page.run("document.querySelector('.md-search__input').focus()")
        page.type("mDice_fg")
        page.wait("!!document.querySelector('.md-search-result__item a')")
        assert page.console == []
