"""Every command that README and docs tell to type is typed, in a copy of the repository, and does what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec

import pytest

from supplementary.viz.browser import chromium
from tests.documented import pages, table
from tests.documented.sandbox import Failed, Sandbox, opened


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Return the copy that each page gets anew; what pages presume is made once."""
    with opened(tmp_path_factory.mktemp("documented")) as ready:
        yield ready


def to_run(name: str) -> list[pages.Command]:
    """Return a page's commands but for exceptions, and make targets and benchmarks that an earlier page tells."""
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


def test_each_exception_is_still_needed() -> None:
    texts = [command.text for name in pages.PAGES for command in pages.commands_of(name)]
    for entries in (table.EXCEPTIONS, table.NEEDS):
        unused = [each for each in entries if not any(re.fullmatch(each, text) for text in texts)]
        assert unused == []
    assert set(table.PAGES) <= set(pages.PAGES)
