"""Every command of README and docs is typed, in a copy of the repository, and does what its page says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

import pytest

from supplementary.viz.browser import chromium
from tests.documented import pages, table
from tests.documented.sandbox import Failed, Sandbox, opened, written_by
from tests.documented.stock import PIECES


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Return the copy that each page gets anew; what pages presume is made once."""
    with opened(tmp_path_factory.mktemp("documented")) as ready:
        yield ready


def to_run(name: str) -> list[pages.Command]:
    """Return a page's commands, without exceptions, and targets and benchmarks that an earlier page tells."""
    earlier: set[str] = set()
    for page in pages.PAGES:
        if page == name:
            break
        earlier |= {command.text for command in pages.commands_of(page)}
    return [
        command
        for command in pages.commands_of(name)
        if table.matching(table.EXCEPTIONS, command.text) is None
        and not (command.text in earlier and command.text.startswith(("make ", "python benchmarks/")))
    ]


def lacks(text: str) -> str | None:
    """Return what a command needs and this machine does not have."""
    name = table.matching(table.NEEDS, text)
    if name == "a Chromium":
        return name if chromium() is None else None
    return name if name and find_spec(name) is None else None


@contextmanager
def prepared(sandbox: Sandbox, name: str) -> Iterator[Sandbox]:
    """Lay the sandbox out as a page presumes it."""
    page = table.PAGES.get(name, table.Page())
    sandbox.lay()
    sandbox.bring(*page.presumes)
    with sandbox.with_stand_in() if page.cvat else nullcontext():
        try:
            yield sandbox
        finally:
            sandbox.stop_server()


def type_in(sandbox: Sandbox, command: pages.Command) -> None:
    """Do by hand what comes before a command, and run it."""
    page = table.PAGES.get(command.page, table.Page())
    for part, by_hand in page.before.items():
        if part in command.text:
            by_hand(sandbox)
    codes = table.codes_of(command.text, command.page)
    try:
        sandbox.run(table.filled(command.text, command.page), codes=codes)
    except Failed as failed:
        pytest.fail(f"{command}\n{failed}", pytrace=False)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", [name for name in pages.PAGES if to_run(name)])
def test_the_commands_of_a_page_do_what_it_says(name: str, sandbox: Sandbox) -> None:
    with prepared(sandbox, name):
        for command in to_run(name):
            if lacks(command.text) is None:
                type_in(sandbox, command)
        page = table.PAGES.get(name, table.Page())
        assert [place for place in page.writes if not (sandbox.folder / place).exists()] == []


def test_each_line_of_the_table_is_still_needed() -> None:
    texts = [command.text for name in pages.PAGES for command in pages.commands_of(name)]
    for entries in (table.EXCEPTIONS, table.NEEDS):
        unused = [each for each in entries if not any(re.fullmatch(each, text) for text in texts)]
        assert unused == []
    for name, page in table.PAGES.items():
        told = " ".join(command.text for command in pages.commands_of(name))
        assert [each for each in (*page.stands_for, *page.before, *page.codes) if each not in told] == [], (
            name
        )
    used = {piece for page in table.PAGES.values() for piece in page.presumes}
    assert set(PIECES) - used - {piece for each in PIECES.values() for piece in each.needs} == set()


def test_no_program_that_a_page_tells_to_start_is_overlooked() -> None:
    shown = {"groups"}  # a column of a table that a tool prints
    lines = [line.strip() for page in pages.PAGES.values() for line in pages.shell_lines(page)]
    words = {first[1] for line in lines if (first := pages.FIRST.match(line.removeprefix("$ ")))}
    assert [each for each in words - {*pages.PROGRAMS} - shown if shutil.which(each)] == []


def test_commands_are_found_in_blocks_and_in_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`python tools/a.py\nX` and `tools/b.py`\n\n"
        "```\n$ python c.py \\\n    --d  # why\nprinted\nfor i in 1 2; do\n  dvc $i\ndone\n```\n"
        "```python\npython = 1\n```\n",
        encoding="utf-8",
    )
    monkeypatch.setitem(pages.PAGES, "page", page)
    found = [(command.line, command.text) for command in pages.commands_of("page")]
    assert found == [
        (1, "python tools/a.py X"),
        (5, "python c.py --d"),
        (8, "for i in 1 2; do dvc $i; done"),
    ]


def test_placeholders_are_filled_and_commands_kept_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.PAGES, "page", table.Page(stands_for={"OLD RUN": "a", "RUN…": "b"}))
    assert table.filled("x OLD RUN RUN… RUN/y A_RUN", "page") == f"x a b {table.RUN_2}/y A_RUN"
    given = ["tools/train.py", "c.py", "--cfg-options", "a=1", "train_cfg.max_iters=9", "--seed", "1"]
    assert table.shortened(given) == [
        *("tools/train.py", "c.py", "--seed", "1", "--cfg-options", "a=1"),
        *table.TRAINING,
    ]
    assert table.shortened(["tools/test.py", "c.py"]) == ["tools/test.py", "c.py"]
    assert table.shortened(["benchmarks/cells_baseline.py"]) == ["benchmarks/cells_baseline.py", "--help"]


def test_what_a_command_says_that_it_writes_is_looked_for() -> None:
    assert written_by("python a.py b --out c.json --seed 1 --overlays d > e.txt") == ["c.json", "d", "e.txt"]
