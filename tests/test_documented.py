"""Every command that README and docs tell to type is typed, in a copy of the repository, and does what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
        if table.exception_for(command.text) is None
        and not (command.text in earlier and command.text.startswith(("make ", "python benchmarks/")))
    ]


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", [name for name in pages.PAGES if to_run(name)])
def test_the_commands_of_a_page_do_what_it_says(name: str, sandbox: Sandbox) -> None:
    page = table.PAGES.get(name, table.Page())
    sandbox.lay()
    sandbox.bring(*page.presumes)
    try:
        for command in to_run(name):
            try:
                sandbox.run(table.filled(command.text, name), codes=table.codes_of(command.text, name))
            except Failed as failed:
                pytest.fail(f"{command}\n{failed}", pytrace=False)
        assert [place for place in page.writes if not (sandbox.folder / place).exists()] == []
    finally:
        sandbox.stop_server()


def test_each_exception_is_still_needed() -> None:
    texts = [command.text for name in pages.PAGES for command in pages.commands_of(name)]
    used = {table.exception_for(text) for text in texts}
    assert set(table.EXCEPTIONS) - used == set()
    assert set(table.PAGES) <= set(pages.PAGES)
