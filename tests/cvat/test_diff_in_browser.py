"""The page of a comparison in a real browser: nothing fails or sticks out, and what can be clicked works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from segloop.cvat.diff_folder import write_diff
from segloop.cvat.origins import Origin
from supplementary.viz.browser import Browser, chromium
from tests.cvat.labels_made import compared

pytest.importorskip("websockets")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(chromium() is None, reason="no Chromium here"),
]
NAMES = (
    "[...document.querySelectorAll('#images tbody tr')].filter((r) => !r.hidden)"
    ".map((r) => r.cells[0].innerText)"
)
WIDE = "document.documentElement.scrollWidth - innerWidth"
LARGE = "document.querySelectorAll('figure.large').length"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Browser]:
    who = {
        "test/x/1": Origin(task="truth-001", task_id=3, assignee="anna", looked=True),
        "test/2": Origin(task="truth-001", task_id=3, assignee="bert", looked=True),
    }
    file = write_diff(compared(tmp_path / "set", who), tmp_path / "diff")
    with Browser() as browser:
        browser.open(file.as_uri())
        browser.wait("document.readyState === 'complete'")
        yield browser
        assert browser.console == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_and_is_read_in_light_and_dark(page: Browser, width: int, dark: bool) -> None:
    page.resize(width, 844, dark=dark)
    assert page.run(WIDE) <= 0
    paper, ink = page.run(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert (_light(paper) > _light(ink)) != dark
    image = page.wait("document.querySelector('#pictures img').naturalWidth")
    assert image > 0


def _light(color: str) -> int:
    return sum(int(part) for part in color[4:-1].split(","))


def test_a_head_sorts_and_words_and_states_choose(page: Browser) -> None:
    first = page.run(NAMES)
    assert first == ["test/x/1", "test/2", "train/3"]
    page.run("document.querySelector('#images th button').click()")
    assert page.run(NAMES) == ["test/2", "test/x/1", "train/3"]
    page.run("document.querySelector('#images th button').click()")
    assert page.run(NAMES) == ["train/3", "test/x/1", "test/2"]
    page.run("document.querySelector('.filter input').focus()")
    page.type("bert")
    assert page.run(NAMES) == ["test/2"]
    assert (
        page.run("document.querySelector('.filter [role=status]').innerText")
        == "1 of 3 images, 0 of 1 pictures"
    )
    page.run("document.querySelector('.filter input').value = ''")
    page.run("{ const s = document.querySelector('.filter select'); s.value = 'changed'; s.onchange(); }")
    assert page.run(NAMES) == ["test/x/1"]
    assert not page.run("document.querySelector('#pictures figure').hidden")


def test_a_picture_gets_large_and_small_again(page: Browser) -> None:
    page.run(
        "document.querySelector('#pictures figure').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    small = page.run("document.querySelector('#pictures img').getBoundingClientRect().width")
    page.press_at(*page._middle("document.querySelector('#pictures img')"))
    assert page.run(LARGE) == 1
    assert page.run("document.querySelector('#pictures img').getBoundingClientRect().width") > small
    page.key("Escape", 27)
    assert page.run(LARGE) == 0
