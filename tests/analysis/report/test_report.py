"""A whole report: every section, both forms, whole or not at all, and clicked through in a browser."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from segloop.analysis.analysis_folder import write_analysis
from segloop.analysis.analyze import analyze
from segloop.analysis.report.bibliography import read_references
from segloop.analysis.report.blocks import Paragraph, Part, cite
from segloop.analysis.report.contents import Contents
from segloop.analysis.report.report import SECTIONS, classes_shown, write_report
from segloop.analysis.report.repository import read_repository
from segloop.utils.errors import UserError
from supplementary.viz.browser import chromium
from tests.analysis.report.made import contents_of, facts_of, write_data, write_training
from tests.viz.test_page import Balance

ROOT = Path(__file__).resolve().parents[3]
BROWSER = chromium()
CLICKS = """<script>
const told = {};
const rows = () => [...document.querySelectorAll("table.sorts")].find((each) =>
  each.caption.textContent === "Scores by class").tBodies[0];
const names = () => [...rows().rows].map((row) => row.cells[0].textContent);
const head = rows().parentNode.tHead.rows[0].cells[1].querySelector("button");
told.before = names();
head.click(); told.up = names(); told.sort = head.parentNode.getAttribute("aria-sort");
head.click(); told.down = names();
const choice = document.querySelector("#by-class");
choice.value = "disc"; choice.dispatchEvent(new Event("change"));
const visible = (row) => row.offsetParent !== null;
told.shown = [...rows().rows].filter(visible).map((row) => row.cells[0].textContent);
told.status = document.querySelector("#by-class-told").textContent;
choice.value = ""; choice.dispatchEvent(new Event("change"));
const figure = document.querySelector("figure.zooms");
figure.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
told.large = figure.classList.contains("large"); told.expanded = figure.getAttribute("aria-expanded");
dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
told.small = !figure.classList.contains("large");
const fold = document.querySelector("details");
dispatchEvent(new Event("beforeprint")); told.printed = fold.open;
dispatchEvent(new Event("afterprint")); told.after = fold.open;
told.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
document.title = JSON.stringify(told);
</script></body>"""


def whole(root: Path) -> Contents:
    folder = write_training(root, shift=5)
    write_data(root)
    write_analysis(analyze(facts_of(folder, root).run, repeats=100, workers=0), topk=2)
    references = read_references(ROOT / "docs/references.bib")
    return Contents([facts_of(folder, root)], repository=read_repository(ROOT), references=references)


def test_every_section_is_there_in_both_forms(tmp_path: Path) -> None:
    page, text, folder = write_report(whole(tmp_path), tmp_path / "out/report.html")
    html, markdown = page.read_text(), text.read_text()
    balance = Balance()
    balance.feed(html)
    assert (balance.wrong, balance.open) == ([], [])
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert headings == re.findall(r"^## (.*)$", markdown, re.MULTILINE)
    assert len(headings) == len(SECTIONS) - 1, "all but the comparison, which takes two"
    for link in re.findall(r"\(<report_files/(.*?)>\)", markdown):
        assert (folder / link).is_file()
    assert not [link for link in balance.links if link.startswith("#") and link[1:] not in balance.ids]


def test_what_is_cited_is_listed_and_nothing_else(tmp_path: Path) -> None:
    page, text, _ = write_report(whole(tmp_path), tmp_path / "report.html")
    html = page.read_text()
    cited = {int(number) for number in re.findall(r'href="#reference-(\d+)"', html)}
    listed = {int(number) for number in re.findall(r'id="reference-(\d+)"', html)}
    assert cited == listed != set()
    assert "1. O. Ronneberger" in text.read_text()


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    contents = whole(tmp_path)
    first = [file.read_bytes() for file in write_report(contents, tmp_path / "a/r.html")[:2]]
    assert first == [file.read_bytes() for file in write_report(contents, tmp_path / "b/r.html")[:2]]


def test_a_section_is_a_function(tmp_path: Path) -> None:
    def mine(report: Contents) -> Part:
        return Part("Mine", [Paragraph([report.first.name, cite("nobody")])])

    page, text, _ = write_report(contents_of(tmp_path), tmp_path / "r.html", sections=[mine, lambda _: None])
    assert "<h2>Mine</h2>" in page.read_text()
    assert "net/test-last\\[nobody?\\]" in text.read_text()


def test_an_old_report_is_replaced_with_its_pictures(tmp_path: Path) -> None:
    contents = contents_of(tmp_path)
    write_report(contents, tmp_path / "r.html", sections=[lambda report: Part("Old", [])])
    (tmp_path / "r_files/old.svg").touch()
    folder = write_report(contents, tmp_path / "r.html")[2]
    assert not (folder / "old.svg").exists()
    assert (folder / "network.svg").is_file()


def test_a_folder_that_the_user_keeps_there_is_told_of(tmp_path: Path) -> None:
    contents = contents_of(tmp_path)
    with pytest.raises(UserError, match=r"ends in \.html"):
        write_report(contents, tmp_path / "report.pdf")
    (tmp_path / "taken").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write_report(contents, tmp_path / "taken/report.html")


def test_classes_are_found_in_folds(tmp_path: Path) -> None:
    contents = contents_of(tmp_path)
    parts = [part for section in SECTIONS if (part := section(contents)) is not None]
    assert classes_shown(parts) == ["ground", "disc", "bar"]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_clicks_through_it(tmp_path: Path, width: int) -> None:
    page, _, _ = write_report(whole(tmp_path), tmp_path / "report.html")
    page.write_text(page.read_text().replace("</body>", CLICKS))
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
        f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2000",
        "--virtual-time-budget=2000", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title
    told = json.loads(title[1])
    assert sorted(told["up"]) == sorted(told["before"])
    assert told["up"] == told["down"][::-1]
    assert told["sort"] == "ascending"
    assert told["shown"] == ["disc"]
    assert "of other classes are hidden" in told["status"]
    assert (told["large"], told["expanded"], told["small"]) == (True, "true", True)
    assert (told["printed"], told["after"]) == (True, False)
    assert told["wide"] <= 0, "nothing sticks out of the page"


def test_only_an_earlier_report_is_written_over(tmp_path):
    contents, section = whole(tmp_path), [lambda report: Part("Camera", [Paragraph("It saw.")])]
    out = tmp_path / "README.html"
    mine = [tmp_path / "README.md", tmp_path / "README_files/mine.jpg"]
    for each in mine:
        each.parent.mkdir(exist_ok=True)
        each.write_text("mine")
    with pytest.raises(UserError, match=r"no report of before:\n.*README\.md\n.*README_files"):
        write_report(contents, out, sections=section)
    assert [each.read_text() for each in mine] == ["mine", "mine"]
    for each in mine:
        each.unlink()
    write_report(contents, out, sections=section)
    write_report(contents, out, sections=section)
    assert "Camera" in mine[0].read_text()
