"""Who had an image in CVAT: the task, the job, the person, and whether somebody looked at it at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segloop.utils.atomic import read_json
from segloop.utils.errors import FormatError, UserError, listing

FILE_NAME = "pull.json"  # `Pulled.write_provenance` writes it beside what was pulled
FORMAT = 1
_CHANGES = ("added", "removed", "changed")
_KEYS = ("task", "task_id", "job_id", "assignee", "state")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the labels of one image came from; `looked` is None where nobody can know.

    `changed` says whether CVAT held anything else than it was given, be it no more than a mark.
    """

    task: str | None = None
    task_id: int | None = None
    job_id: int | None = None
    assignee: str | None = None
    state: str | None = None
    looked: bool | None = None
    changed: bool = False
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class Origins:
    """The origins of a set's images by `<split>/<image_id>`, and the file that told them."""

    images: Mapping[str, Origin] = field(default_factory=dict)
    file: Path | None = None

    def of(self, name: str) -> Origin | None:
        """Return the origin of an image."""
        return self.images.get(name)


def find_origins(source: Path) -> Path | None:
    """Return the record of a pull: in a data set's folder, or beside it; None where there is none."""
    folders = [source, source.parent] if source.is_dir() else [source.parent]
    return next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()), None)


def read_origins(file: Path) -> Origins:
    """Read the record of a pull; all that is wrong with it is told together."""
    try:
        raw = read_json(file)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror or error}.") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise FormatError(f"no record of a pull, or of another format than {FORMAT}", file=file)
    problems = list(_problems(raw))
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=file)
    images = {name: Origin(looked=False) for name in raw.get("waiting", ())}
    images |= {name: Origin(deleted=True) for name in raw.get("deleted", ())}
    for each in raw["images"]:
        split = each.get("split")
        name = f"{split}/{each['image_id']}" if split else each["image_id"]
        told = {key: each.get(key) for key in _KEYS}
        changed = any(each.get(key) for key in _CHANGES)
        images[name] = Origin(**told, looked=each.get("looked_at"), changed=changed)
    return Origins(images=images, file=file)


def _problems(raw: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(raw.get("images"), list):
        yield "it needs a list `images`"
        return
    for number, each in enumerate(raw["images"]):
        if not isinstance(each, dict) or not isinstance(each.get("image_id"), str):
            yield f"images[{number}] has no image_id"
    for key in ("deleted", "waiting"):
        names = raw.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            yield f"{key} must be a list of images"
