"""Photograph the pages of the analysis, the comparison and the report for the documentation.

    python supplementary/viz/screenshots.py RUN OTHER_RUN

Two tests on the same images; the first is analysed and reported, both are compared. Needs a Chromium. Writes
analysis.png, comparison.png and report.png, three parts of each page side by side.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from segloop.utils.cli import Parser, run

ROOT = Path(__file__).resolve().parents[2]
# Of each page the parts that are shown: nothing for its top, else the anchor of a section.
PARTS = {
    "analysis": ("", "worst", "suspects"),
    "comparison": ("", "images", "costs"),
    "report": ("", "architecture", "settings"),
}
WIDTH, HEIGHT = 980, 1180  # pixels of a part


def main() -> None:
    """Make the pages, take the pictures, and put those of a page side by side."""
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs=2, metavar="RUN", help="a RUN, a work_dir or a config")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="where the data lie, if moved")
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path(__file__).parent)
    args = parser.parse_args()
    from browser import require_chromium  # beside this file

    require_chromium()
    with tempfile.TemporaryDirectory() as folder:
        for name, page in make_pages(args.runs, Path(folder), data_root=args.data_root).items():
            text = page.read_text(encoding="utf-8")  # a page leaves out what there is nothing to say of
            shots = [
                photograph(page, part) for part in PARTS[name] if not part or f'<section id="{part}"' in text
            ]
            write_strip(shots, args.out / f"{name}.png")


def make_pages(runs: list[str], folder: Path, *, data_root: Path | None) -> dict[str, Path]:
    """Analyse the first RUN, in its place; write the comparison and the report into a folder."""
    from segloop.analysis.analysis_folder import write_analysis
    from segloop.analysis.analyze import analyze
    from segloop.analysis.comparable import open_runs
    from segloop.analysis.compare import compare
    from segloop.analysis.comparison_folder import write_comparison
    from segloop.analysis.instance_analysis import analyze_instances
    from segloop.analysis.report.bibliography import read_references
    from segloop.analysis.report.contents import Contents
    from segloop.analysis.report.facts import Facts
    from segloop.analysis.report.goals import Task, find_goals, read_task
    from segloop.analysis.report.report import write_report
    from segloop.analysis.report.repository import read_repository

    both = open_runs(runs)
    make = analyze_instances if both[0].kind == "instance" else analyze
    pages = {"analysis": write_analysis(make(both[0], data_root=data_root, topk=8), topk=8)}
    pages["comparison"] = write_comparison(compare(both, data_root=data_root, topk=2), folder / "comparison")
    facts = Facts(both[0], ROOT, given_root=data_root)
    goals = find_goals(
        facts.info.task if facts.info else None, data_root=facts.data_root, configs=ROOT / "configs"
    )
    contents = Contents(
        [facts],
        read_task(goals) if goals else Task(),
        read_repository(ROOT),
        read_references(ROOT / "docs/references.bib"),
    )
    pages["report"] = write_report(contents, folder / "report.html")[0]
    return pages


def photograph(page: Path, part: str) -> np.ndarray:
    """Return a part of a page, RGB; its anchor says which."""
    from browser import shoot

    with tempfile.TemporaryDirectory() as folder:
        # A shot begins at the top of the page whatever its anchor is, so what stands above is taken out.
        text = page.read_text(encoding="utf-8")
        if part:
            text = text[: text.index("<header>")] + "<main>" + text[text.index(f'<section id="{part}"') :]
        copy = Path(folder) / "page.html"
        copy.write_text(text, encoding="utf-8")
        return np.asarray(shoot(copy, width=WIDTH, height=HEIGHT))


def write_strip(shots: list[np.ndarray], out: Path) -> None:
    """Write pictures side by side at half their size, in few colours."""
    import cv2
    from sheets import write_sheet

    half = [cv2.resize(shot, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for shot in shots]
    gap = np.full((half[0].shape[0], 12, 3), 255, np.uint8)
    drawn = np.concatenate([part for shot in half for part in (shot, gap)][:-1], axis=1)
    write_sheet(drawn, out, colors=128)


if __name__ == "__main__":
    run(main)
