"""What a test types in place of what a page leaves open, and how it keeps long commands short: a table to extend.

A new placeholder in a document: add it to `STANDS_FOR`, or to its page in `PAGES` if it means something else there.
A page that presumes data, a model or files: name the pieces (`stock.py`) in `presumes`. A command that cannot be run:
`EXCEPTIONS`, with the reason. `docs/…` without an entry presumes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.documented.stock import ONE, RUN_1, RUN_2, TWO


@dataclass(frozen=True)
class Page:
    """What one page presumes, and what its own placeholders stand for."""

    presumes: tuple[str, ...] = ()
    stands_for: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # exit codes that the page announces
    writes: tuple[str, ...] = ()  # what is there at the end, beside what flags name


# On any page. `$PORT` is free on this machine.
STANDS_FOR = {
    "CONFIG": f"configs/{TWO}.py",
    "CHECKPOINT": "best",
    "RUN": RUN_2,
    "127.0.0.1:8000": "127.0.0.1:$PORT",
    "iter_500.pth": "iter_2.pth",
}

PAGES: dict[str, Page] = {
    "docs/tour.md": Page(
        presumes=("photos",),
        writes=(
            "work_dirs/eda/multiclass/index.html",
            f"{RUN_2}/metrics.json",
            f"{RUN_2}/analysis/index.html",
            f"{RUN_2}/report.html",
        ),
    ),
}

# Exit codes of tools that end with others than 0 when nothing is wrong with the command.
CODES = {"tools/check.py": (0, 1)}

# What no test types: a pattern of the command, and why.
EXCEPTIONS = {
    r"(pip|docker|kaggle|csDownload) .*": "reaches for a network",
    r"git clone .*": "the sandbox is a copy",
    r"unzip .*": "the drawn downloads lie unpacked",
    r"make test(-all)?": "is what runs this test",
}

# How long commands are kept short: flags that are set in place of those that they have.
TRAINING = (
    "train_cfg.max_iters=2",
    "train_cfg.val_interval=2",
    "train_dataloader.batch_size=2",
    "train_dataloader.num_workers=0",
)
SHORT: dict[str, dict[str, tuple[str, ...]]] = {
    "tools/serve.py": {"--port": ("$PORT",)},
    "tools/train.py": {"--cfg-options": TRAINING},
    "tools/judge.py": {"--cfg-options": TRAINING},
    "tools/new_task.py": {"--minutes": ("1",)},
    "tools/prepare.py --demo": {"--count": ("24",), "--size": ("64",)},
}


def shortened(words: list[str]) -> list[str]:
    """Return a Python command with the flags of `SHORT`; of `--cfg-options` the keys are merged.

    >>> shortened(["tools/train.py", "c.py", "--cfg-options", "a=1", "train_cfg.max_iters=9"])[:4]
    ['tools/train.py', 'c.py', '--cfg-options', 'a=1']
    """
    for key, flags in SHORT.items():
        tool, *needed = key.split()
        if tool in words[:2] and set(needed) <= set(words):
            for flag, values in flags.items():
                words = with_flag(words, flag, [os.path.expandvars(value) for value in values])
    return words


def with_flag(words: list[str], flag: str, values: list[str]) -> list[str]:
    """Return the words with a flag's values in place of those that it had."""
    had: list[str] = []
    if flag in words:
        start = words.index(flag)
        end = next((i for i in range(start + 1, len(words)) if words[i].startswith("-")), len(words))
        had, words = words[start + 1 : end], words[:start] + words[end:]
    if flag == "--cfg-options":
        ours = {value.split("=")[0] for value in values}
        values = [*(each for each in had if each.split("=")[0] not in ours), *values]
    return [*words, flag, *values]


def filled(text: str, page: str) -> str:
    """Return a page's command with what its placeholders stand for, the longest first."""
    table = {**STANDS_FOR, **PAGES.get(page, Page()).stands_for}

    def pattern(name: str) -> str:
        before = r"(?<![\w/])" if re.match(r"\w", name) else ""
        return before + re.escape(name) + (r"(?!\w)" if re.search(r"\w$", name) else "")

    names = sorted(table, key=len, reverse=True)
    return re.sub("|".join(map(pattern, names)), lambda match: table[match[0]], text)


def codes_of(text: str, page: str) -> tuple[int, ...]:
    """Return the exit codes that a command may end with."""
    own = PAGES.get(page, Page()).codes
    return next((codes for part, codes in {**own, **CODES}.items() if part in text), (0,))


def exception_for(text: str) -> str | None:
    """Return the pattern of `EXCEPTIONS` that holds for a command."""
    return next((pattern for pattern in EXCEPTIONS if re.fullmatch(pattern, text)), None)
