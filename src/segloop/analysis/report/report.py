"""Puts a report together from its list of sections, and writes it as HTML and as Markdown.

A section is a function from `Contents` to a `Part`, or to None where there is nothing to say. Another one is
added by its line in SECTIONS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from segloop.analysis.report import about, closing, comparison, model, results, training
from segloop.analysis.report.bibliography import Citations, Reference
from segloop.analysis.report.blocks import Fold, Gallery, Part, Row, Side, Table
from segloop.analysis.report.contents import Contents
from segloop.analysis.report.html import MADE_BY, html_page
from segloop.analysis.report.markdown import markdown_pages
from segloop.utils.atomic import write_text
from segloop.utils.errors import UserError, listing
from segloop.utils.staging import staged

Section = Callable[[Contents], "Part | None"]
SECTIONS: tuple[Section, ...] = (
    about.problem,
    about.goals,
    about.data,
    model.architecture,
    model.model_size,
    model.losses_and_metrics,
    model.hyper_parameters,
    training.training,
    training.curves,
    results.results,
    comparison.comparison,
    results.best_and_worst,
    results.errors,
    training.times,
    training.environment,
    training.libraries,
    closing.limits,
    closing.repository,
    closing.bibliography,
)


def write_report(contents: Contents, out: Path, *, sections: Sequence[Section] = SECTIONS) -> list[Path]:
    """Write `out` (.html), the same in Markdown beside it, and its pictures in a folder; return all three."""
    if out.suffix != ".html":
        raise UserError(f"--out {out}: a report is written to a name that ends in .html.")
    folder, markdown = out.with_name(f"{out.stem}_files"), out.with_suffix(".md")
    _require_free(out, markdown, folder)
    parts = [part for section in sections if (part := section(contents)) is not None]
    title = contents.task.title or contents.first.run.meta["experiment"]
    lead = _lead(contents)
    html = _whole_html(title, parts, contents, lead)
    citations = Citations(contents.references)
    text, files = markdown_pages(title, parts, citations=citations, lead=lead, folder=folder.name)
    text += _markdown_references(citations)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, html)  # the first, for by it the next call knows that the rest is a report's, too
        with staged(folder, replace=True) as place:
            place.mkdir()
            for name, content in files.items():
                (place / name).write_bytes(content)
        write_text(markdown, text)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from error
    return [out, markdown, folder]


def _require_free(out: Path, markdown: Path, folder: Path) -> None:
    """Refuse to write over what is no report: a README.md beside --out README.html, a folder."""
    try:
        if out.is_file() and _signature() in out.read_text(encoding="utf-8", errors="replace"):
            return
        taken = [each for each in (out, markdown) if each.exists()]
        taken += [folder] if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())) else []
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from error
    if taken:
        raise UserError(
            "This is there already, and is no report of before:\n"
            f"{listing([str(each) for each in taken])}\nSay another name with --out."
        )


def _signature() -> str:
    from segloop.viz.page import words

    return f"Made by {words(MADE_BY)}"


def _lead(contents: Contents) -> str:
    names = ", ".join(facts.name for facts in contents.runs)
    first = contents.first.run.meta
    return f"{names}; data set {(first.get('data') or {}).get('name') or 'unknown'}, split {first['split']}."


def _whole_html(title: str, parts: Sequence[Part], contents: Contents, lead: str) -> str:
    citations = Citations(contents.references)
    names = classes_shown(parts)
    html = html_page(title, parts, citations=citations, lead=lead, classes=names)
    # the references are numbered by the sections before them, so their place is filled at the end
    items = "".join(_item(number, each) for number, each in enumerate(citations.used, start=1))
    told = f"<ol>{items}</ol>" if items else "<p>Nothing is cited.</p>"
    empty = re.compile(r'(<section id="bibliography"><h2>Bibliography</h2>)(</section>)')
    return empty.sub(lambda match: f"{match[1]}{told}{match[2]}", html)


def _item(number: int, each: Reference) -> str:
    from segloop.viz.page import tag

    parts = [each.text]
    if each.url:
        parts += [" ", tag("a", each.url, href=each.url)]
    return tag("li", *parts, id=f"reference-{number}")


def _markdown_references(citations: Citations) -> str:
    from segloop.analysis.report.markdown import escaped

    lines = [
        f"{number}. {escaped(each.text)}" + (f" <{each.url}>" if each.url else "")
        for number, each in enumerate(citations.used, start=1)
    ]
    return "\n" + ("\n".join(lines) if lines else "Nothing is cited.") + "\n"


def classes_shown(parts: Sequence[Part]) -> list[str]:
    """Return the classes that rows and pictures are about, in their order."""
    found: dict[str, None] = {}
    waiting = [block for part in parts for block in part.blocks]
    while waiting:
        block = waiting.pop(0)
        if isinstance(block, Table):
            found |= dict.fromkeys(name for row in block.rows if isinstance(row, Row) for name in row.classes)
        elif isinstance(block, Gallery):
            found |= dict.fromkeys(name for photo in block.photos for name in photo.classes)
        elif isinstance(block, Fold | Side):
            waiting += block.blocks
    return list(found)
