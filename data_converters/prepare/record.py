"""Remembers how a set was prepared, so that the same command finds it there, and another one is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from data_converters.base import ReadOptions
from data_converters.prepare.base import Opened, Task
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.utils.atomic import read_record, write_json
from segloop.utils.errors import UserError, listing

PREPARED = Path(".segloop", "prepared.json")  # hidden: it is of this machine, and no part of the data
VERSIONS = "versions"  # later labels, which nobody can draw again
LABELS = {"mmseg": "index masks", "coco": "COCO"}  # in which a set is written


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A demo set that is to be drawn: how many images of each kind, how large; None as its generator does."""

    counts: Mapping[str, int] | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Wish:
    """All that a prepared set follows from."""

    task: Task
    source: Path | None
    drawing: Drawing | None
    seed: int = 0
    shares: Mapping[str, float] | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    from_format: str | None = None
    licence: str | None = None
    group_by: str | None = None  # `folder`, `none`, a table or a regex; None as names tell
    only: tuple[str, ...] = ()  # classes that are kept; all without any
    elsewhere: str = "--out names another folder"  # how a user makes a set beside one that is there
    opened: Opened | None = None  # what was opened on the way to the wish

    def value(self) -> dict[str, Any]:
        """Return the wish as JSON holds it."""
        options = {
            each.name: getattr(self.options, each.name)
            for each in fields(self.options)
            if getattr(self.options, each.name) != each.default
        }
        value: dict[str, Any] = {
            "task": self.task.name,
            "source": None if self.source is None else str(self.source.resolve()),
            "from": self.from_format,
            "options": {name: _plain(option) for name, option in options.items()},
            "shares": None if self.shares is None else dict(self.shares),
            "licence": self.licence,
            "seed": self.seed,
        }
        if self.group_by is not None:
            value["group by"] = self.group_by
        if self.only:
            value["only"] = list(self.only)
        if self.drawing is not None:
            generator = self.task.generator()
            counts = self.drawing.counts or generator.COUNTS
            value["demo"] = {"counts": dict(counts), "size": self._size(), "edition": generator.EDITION}
        return value

    def generator(self) -> str | None:
        """Return what dataset.json says of who drew the set; None for a real one."""
        if self.drawing is None:
            return None
        return f"{self.task.demo}, edition {self.task.generator().EDITION}, size {self._size()}"

    def _size(self) -> int:
        """Return the size of what is drawn."""
        assert self.drawing is not None
        usual: int = self.task.generator().SIZE
        return usual if self.drawing.size is None else self.drawing.size

    def note(self, root: Path) -> None:
        """Write the wish down in the set that came of it."""
        write_json(root / PREPARED, self.value())


def find_prepared(target: Path, wish: Wish, *, force: bool = False) -> DatasetInfo | None:
    """Return what a target says that the same wish made before; None for a place that is free to be written.

    A set of another wish is refused, and so is, with `force`, what no command can make again.
    """
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file, and a folder is to be made there; {wish.elsewhere}.")
    if not target.exists() or not any(target.iterdir()):
        return None
    noted = read_record(target / PREPARED)
    if force:
        _refuse_precious(target, noted, wish.elsewhere)
        return None
    if noted is None:
        raise UserError(
            f"{target} exists already, and nothing there says how it was made. --force replaces it if it is "
            f"a prepared set, {wish.elsewhere}."
        )
    differences = list(_differences(noted, wish.value()))
    if not differences:
        info = DatasetInfo.read(target)
        there = [name for name, files in (("mmseg", info.masks), ("coco", info.coco)) if files]
        wanted = wish.task.target.split("+")
        if there == wanted:
            return info
        differences = [f"labels: {_in_words(there)} there, {_in_words(wanted)} asked for"]
    raise UserError(
        f"{target} exists already and was prepared otherwise:\n{listing(differences)}\n"
        f"--force makes it anew, {wish.elsewhere}."
    )


def _in_words(targets: Sequence[str]) -> str:
    return " and ".join(LABELS[each] for each in targets) or "none"


def _refuse_precious(target: Path, noted: Mapping[str, Any] | None, elsewhere: str) -> None:
    if noted is None and not (target / FILE_NAME).is_file():
        raise UserError(f"{target} holds something that was not prepared by SegLoop; it is left alone.")
    if noted is None:
        info = DatasetInfo.read(target)
        if info.generator is None and info.content_hash is None:
            raise UserError(f"{target} holds something that was not prepared by SegLoop; it is left alone.")
    if any((target / VERSIONS).glob("*")):
        raise UserError(
            f"{target / VERSIONS} holds later versions of the labels, which --force would remove. Move them "
            f"first; {elsewhere}."
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], *, above: str = "") -> Iterator[str]:
    for key in dict.fromkeys([*now, *before]):
        there, wanted = before.get(key), now.get(key)
        if isinstance(there, Mapping) and isinstance(wanted, Mapping):
            yield from _differences(there, wanted, above=f"{above}{key} ")
        elif there != wanted:
            yield f"{above}{key}: {_said(there)} there, {_said(wanted)} asked for"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={each}" for key, each in value.items()) or "none"
    return "none" if value is None else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.resolve())
    return list(value) if isinstance(value, tuple) else value
