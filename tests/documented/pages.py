"""Reads which commands README and docs tell to type, in the order of each page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    page.relative_to(ROOT).as_posix(): page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}

# The programs that a page may tell to start. A line that begins with another word shows what is printed.
PROGRAMS = (
    *("python", "make", "dvc", "streamlit", "curl", "export", "for", "pip", "git", "docker", "kaggle", "sed"),
    *("unzip", "csDownload", "csEvalInstanceLevelSemanticLabeling", "torchrun", "tensorboard", "mlflow"),
)
# In running text these name a command only; the others are told to be typed there, too.
OURS = re.compile(
    r"(\w+=\S+ +)*(python (tools/|supplementary/|benchmarks/|-m )|make [a-z]|dvc |streamlit |curl )"
)
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
OTHERS = ("python", "yaml", "json")  # languages of blocks that nobody types
INLINE = re.compile(r"`([^`]+)`")
COMMENT = re.compile(r"\s{2,}#\s.*|\s#\s.*")
FIRST = re.compile(r"(?:\w+=(?:\"[^\"]*\"|\S*) +)*([\w.-]+)(?= |$)")


@dataclass(frozen=True)
class Command:
    """What is typed at once: a line, or a loop; `line` is where it begins in the page, from 1."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def commands_of(name: str) -> list[Command]:
    """Return the commands of a page from top to bottom; what stands there twice is told once."""
    text = PAGES[name].read_text(encoding="utf-8")
    found: list[tuple[int, str]] = []
    for fence in FENCE.finditer(text):
        if fence[1] not in OTHERS:
            found += lines_of(fence[2], offset=fence.start(2))
    rest = FENCE.sub(lambda fence: re.sub(r"[^\n]", " ", fence[0]), text)  # each place stays where it is
    for code in INLINE.finditer(rest):
        words = " ".join(code[1].split())
        if OURS.match(words):
            found.append((code.start(), words))
    seen: dict[str, Command] = {}
    for place, words in sorted(found):
        seen.setdefault(words, Command(name, text.count("\n", 0, place) + 1, words))
    return list(seen.values())


def shell_lines(page: Path) -> list[str]:
    """Return all lines of a page's fenced blocks but for those in Python, YAML and JSON."""
    fences = FENCE.finditer(page.read_text(encoding="utf-8"))
    return [line for fence in fences if fence[1] not in OTHERS for line in fence[2].splitlines()]


def lines_of(block: str, *, offset: int) -> list[tuple[int, str]]:
    r"""Return the commands of a fenced block with their places; lines that go on and loops are one.

    >>> lines_of("$ python a.py \\\n  --b   # why\nprinted\n", offset=5)
    [(5, 'python a.py --b')]
    """
    found: list[tuple[int, str]] = []
    place, held, start = offset, "", 0
    for line in block.splitlines(keepends=True):
        bare = COMMENT.sub("", line.rstrip("\n")).strip()
        if not held:
            start, bare = place, bare.removeprefix("$ ")
        place += len(line)
        if bare.endswith("\\"):
            held += bare[:-1].rstrip() + " "
            continue
        whole = held + bare
        if whole.startswith("for ") and not whole.endswith("done"):
            held = whole + ("; " if not whole.endswith("do") else " ")
            continue
        held = ""
        first = FIRST.match(whole)
        if first and first[1] in PROGRAMS:
            found.append((start, whole))
    return found
