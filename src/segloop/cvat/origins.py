"""Who had an image in CVAT: the task, the job, the person, and whether somebody looked at it at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from segloop.utils.atomic import write_json
from segloop.utils.errors import FormatError, UserError, listing

FILE_NAME = "pull.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the labels of one image came from.

    `looked` tells whether the job was finished, None where nobody can know; `deleted` whether the frame was
    deleted in CVAT. `file` is the export that held it, `sha256` that file's.
    """

    task: str | None = None
    task_id: int | None = None
    job_id: int | None = None
    assignee: str | None = None
    state: str | None = None
    looked: bool | None = None
    deleted: bool = False
    file: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Origins:
    """The origins of a set's images by `<split>/<image_id>`, and what holds for all of them."""

    images: Mapping[str, Origin] = field(default_factory=dict)
    source: str | None = None  # the server's project, or the files that were read
    facts: Mapping[str, Any] = field(default_factory=dict)

    def of(self, name: str) -> Origin | None:
        """Return the origin of an image."""
        return self.images.get(name)

    def write(self, file: Path) -> None:
        """Write the origins down; equal ones once."""
        table = list(dict.fromkeys(self.images.values()))
        places = {each: number for number, each in enumerate(table)}
        value = {
            "format": FORMAT,
            "source": self.source,
            "facts": dict(self.facts),
            "origins": [_told(each) for each in table],
            "images": {name: places[each] for name, each in self.images.items()},
        }
        write_json(file, value)


def _told(origin: Origin) -> dict[str, Any]:
    return {name: value for name, value in asdict(origin).items() if value is not None and value is not False}


def find_origins(source: Path) -> Path | None:
    """Return the `pull.json` of a data set: in its folder or in the one above, or None."""
    folders = [source, source.parent] if source.is_dir() else [source.parent]
    return next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()), None)


def read_origins(file: Path) -> Origins:
    """Read a `pull.json`; all that is wrong with it is told together."""
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise FormatError(f"not valid JSON ({error})", file=file) from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise FormatError(f"no record of a pull, or of another format than {FORMAT}", file=file)
    problems = list(_problems(raw))
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=file)
    table = [Origin(**each) for each in raw["origins"]]
    images = {name: table[place] for name, place in raw["images"].items()}
    return Origins(images=images, source=raw.get("source"), facts=raw.get("facts") or {})


def _problems(raw: Mapping[str, Any]) -> Iterator[str]:
    table, images = raw.get("origins"), raw.get("images")
    if not isinstance(table, list) or not isinstance(images, dict):
        yield "it needs a list `origins` and an object `images`"
        return
    known = set(Origin.__dataclass_fields__)
    for number, each in enumerate(table):
        if not isinstance(each, dict):
            yield f"origins[{number}] is no object"
        elif set(each) - known:
            yield f"origins[{number}] has unknown keys: {', '.join(sorted(set(each) - known))}"
    for name, place in images.items():
        if type(place) is not int or not 0 <= place < len(table):
            yield f"images.{name}: there is no origin {place!r}"
