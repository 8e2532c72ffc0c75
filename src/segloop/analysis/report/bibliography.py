"""Reads references.bib, and numbers what a report cites in the order in which it does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segloop.utils.errors import FormatError, listing

_ENTRY = re.compile(r"@(\w+)\s*\{\s*([^,\s}]+)\s*,", re.ASCII)
_FIELD = re.compile(r"(\w+)\s*=\s*", re.ASCII)
_NEEDED = ("title", "year")


@dataclass(frozen=True)
class Reference:
    """One entry: who, what, where, when, and an address."""

    key: str
    author: str
    title: str
    year: str
    venue: str = ""
    url: str = ""

    @property
    def text(self) -> str:
        """The entry in one line, without the address."""
        who = f"{self.author}: " if self.author else ""
        where = f" {self.venue}," if self.venue else ""
        return f"{who}{self.title}.{where} {self.year}."


def read_references(file: Path) -> dict[str, Reference]:
    """Return the entries of a BibTeX file by key; whatever is wrong in it is told together.

    Braces and quotation marks around values are understood, macros and `#` are not.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise FormatError(f"cannot be read ({error.strerror})", file=file) from None
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("%"))
    found: dict[str, Reference] = {}
    wrong: list[str] = []
    for match in _ENTRY.finditer(text):
        key = match[2]
        fields = _fields(text, match.end())
        lost = [name for name in _NEEDED if not fields.get(name)]
        if key in found:
            wrong.append(f"{key} stands there twice")
        elif lost:
            wrong.append(f"{key} has no {' and no '.join(lost)}")
        else:
            found[key] = _reference(key, fields)
    if wrong:
        raise FormatError(f"{len(wrong)} problem(s)\n{listing(wrong)}", file=file)
    return found


def _reference(key: str, fields: Mapping[str, str]) -> Reference:
    people = [_person(name) for name in fields.get("author", "").split(" and ") if name.strip()]
    author = ", ".join(people[:3]) + (" et al." if len(people) > 3 else "")
    venue = fields.get("journal") or fields.get("booktitle") or fields.get("howpublished") or ""
    eprint = fields.get("eprint", "")
    url = fields.get("url") or (f"https://arxiv.org/abs/{eprint}" if eprint else "")
    url = url or (f"https://doi.org/{fields['doi']}" if fields.get("doi") else "")
    return Reference(key, author, fields["title"], fields["year"], venue or ("arXiv" if eprint else ""), url)


def _person(name: str) -> str:
    """Return `He, Kaiming` and `Kaiming He` as `K. He`."""
    last, comma, first = name.strip().partition(",")
    if not comma:
        first, _, last = name.strip().rpartition(" ")
    initials = " ".join(f"{part[0]}." for part in first.split() if part)
    return f"{initials} {last.strip()}".strip()


def _fields(text: str, start: int) -> dict[str, str]:
    """Return the fields of the entry whose body begins at `start`."""
    found: dict[str, str] = {}
    place = start
    while True:
        rest = re.compile(r"[\s,]*").match(text, place)
        place = rest.end() if rest else place
        name = _FIELD.match(text, place)
        if not name:
            return found
        value, place = _value(text, name.end())
        found[name[1].lower()] = " ".join(value.replace("{", "").replace("}", "").split())


def _value(text: str, place: int) -> tuple[str, int]:
    """Return the value that begins at a place, and where it ends."""
    if place < len(text) and text[place] == "{":
        depth = 0
        for end in range(place, len(text)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if depth == 0:
                return text[place + 1 : end], end + 1
        return text[place + 1 :], len(text)
    if place < len(text) and text[place] == '"':
        end = text.find('"', place + 1)
        end = len(text) if end < 0 else end
        return text[place + 1 : end], end + 1
    bare = re.compile(r"[^,}\s]*").match(text, place)
    assert bare
    return bare[0], bare.end()


class Citations:
    """Numbers references as they are cited; keys that references.bib lacks are collected."""

    def __init__(self, known: Mapping[str, Reference]) -> None:
        self.known = known
        self.used: list[Reference] = []
        self.unknown: list[str] = []

    def number(self, key: str) -> int | None:
        """Return the number of a reference, which it keeps; None for a key that nobody knows."""
        if key not in self.known:
            if key not in self.unknown:
                self.unknown.append(key)
            return None
        reference = self.known[key]
        if reference not in self.used:
            self.used.append(reference)
        return self.used.index(reference) + 1
