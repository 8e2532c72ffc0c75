"""Shows sections of a page in a notebook, in a frame of their own, so that no style reaches past it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from segloop.viz.page import Section, page


@dataclass(frozen=True)
class Framed:
    """A page that notebooks show as it is, `height` pixels high; nothing of it is asked of a network."""

    text: str
    height: int = 640

    def _repr_html_(self) -> str:
        style = "width:100%;border:0;border-radius:10px"
        return f'<iframe srcdoc="{escape(self.text)}" style="{style}" height="{self.height}"></iframe>'


def framed(title: str, *sections: Section | None, height: int = 640) -> Framed:
    """Return sections as a notebook shows them; those that are None had nothing to say."""
    kept: Sequence[Section] = [each for each in sections if each is not None]
    return Framed(page(title, kept), height)


def framed_file(path: Path | str, *, height: int = 900) -> Framed:
    """Return a page that a tool wrote, with all it holds."""
    return Framed(Path(path).read_text(encoding="utf-8"), height)
