"""What of a set is where in CVAT: project and tasks by their ids, written down before and after each step."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from segloop.cvat.labels import Carrier
from segloop.cvat.packages import Frame
from segloop.cvat.snapshot import labels_from_plain, labels_to_plain
from segloop.data.annotations import LabelSet
from segloop.utils.atomic import write_json
from segloop.utils.errors import FormatError, UserError

FORMAT = 1
FILE_NAME = "manifest.json"
# How far a task is. What is `planned` may exist on the server all the same: it is looked for by its name.
PLANNED, CREATED, UPLOADED, VERIFIED = "planned", "created", "uploaded", "verified"


@dataclass(frozen=True)
class SentFrame:
    """An image as it lies in a task, frame by frame."""

    name: str
    image_id: str
    split: str | None
    size_hw: tuple[int, int]
    rank: int | None
    sha256: str
    semantic: bool = False  # whether the set holds an index map of it

    @classmethod
    def of(cls, frame: Frame, sha256: str) -> SentFrame:
        """Return what is written down of a frame."""
        return cls(frame.name, frame.image_id, frame.split, frame.size_hw, frame.rank, sha256, frame.semantic)

    @property
    def frame_id(self) -> str:
        """The name without its suffix."""
        return self.name.rpartition(".")[0] or self.name


@dataclass
class TaskEntry:
    """A task: its key in the loop's folder, what it was made for, and how far it is.

    `sent_sha256` is of the XML that the task was last given and compared with.
    """

    key: str
    kind: str  # truth, or predictions
    name: str
    frames: tuple[SentFrame, ...]
    state: str = PLANNED
    id: int | None = None
    masks: str = "rle"
    sent_sha256: str | None = None


@dataclass
class Manifest:
    """The loop's memory. It holds no name, password or token of anybody's."""

    folder: Path
    host: str
    organization: str | None
    token: str  # in the names of what we make, so that it can be found again after a lost answer
    name: str
    source: Mapping[str, Any] = field(default_factory=dict)
    labels: LabelSet = field(default_factory=LabelSet)  # of the set
    sent_labels: LabelSet = field(default_factory=LabelSet)  # as declared in CVAT
    carrier: Carrier = field(default_factory=Carrier)
    facts: Mapping[str, Any] = field(default_factory=dict)
    project_id: int | None = None
    label_ids: dict[str, int] = field(default_factory=dict)
    tasks: list[TaskEntry] = field(default_factory=list)

    @classmethod
    def new(cls, folder: Path, *, host: str, organization: str | None, name: str) -> Manifest:
        """Begin a loop; nothing is written yet."""
        return cls(folder, host, organization, secrets.token_hex(4), name)

    @property
    def project_name(self) -> str:
        """The project's name in CVAT; CVAT allows several of one name, but not ours."""
        return f"{self.name[:200]} [segloop {self.token}]"

    def task_folder(self, entry: TaskEntry) -> Path:
        """Return where the files of a task are kept."""
        return self.folder / "tasks" / entry.key

    def add_task(self, kind: str, frames: Sequence[SentFrame]) -> TaskEntry:
        """Plan a task with the next number of its kind."""
        number = 1 + sum(each.kind == kind for each in self.tasks)
        key = f"{kind}-{number:03d}"
        entry = TaskEntry(key, kind, f"{self.name[:180]} {key} [segloop {self.token}]", tuple(frames))
        self.tasks.append(entry)
        return entry

    def save(self) -> None:
        """Write the manifest down, the old one or the new one whatever happens."""
        value = {
            "format": FORMAT,
            "host": self.host,
            "organization": self.organization,
            "token": self.token,
            "name": self.name,
            "source": dict(self.source),
            "labels": labels_to_plain(self.labels),
            "sent_labels": labels_to_plain(self.sent_labels),
            "carrier": asdict(self.carrier),
            "facts": _plain(self.facts),
            "project_id": self.project_id,
            "label_ids": self.label_ids,
            "tasks": [asdict(each) for each in self.tasks],
        }
        write_json(self.folder / FILE_NAME, value)


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return those facts that a JSON file can hold."""
    found = {}
    for name, value in facts.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            continue
        found[name] = value
    return found


def read_manifest(folder: Path) -> Manifest | None:
    """Return the loop of a folder; None where none was begun."""
    file = folder / FILE_NAME
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be read ({error})", file=file) from None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise FormatError(f"is of another version of SegLoop; this one reads format {FORMAT}", file=file)
    try:
        tasks = [
            replace(TaskEntry(**each), frames=tuple(map(_frame, each["frames"]))) for each in value["tasks"]
        ]
        return Manifest(
            folder,
            value["host"],
            value["organization"],
            value["token"],
            value["name"],
            value["source"],
            labels_from_plain(value["labels"]),
            labels_from_plain(value["sent_labels"]),
            Carrier(**value["carrier"]),
            value["facts"],
            value["project_id"],
            value["label_ids"],
            tasks,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"is damaged ({type(error).__name__}: {error})", file=file) from None


def _frame(value: Mapping[str, Any]) -> SentFrame:
    height, width = value["size_hw"]
    return SentFrame(**{**value, "size_hw": (height, width)})


def need_manifest(folder: Path) -> Manifest:
    """Return the loop of a folder that something was pushed from."""
    found = read_manifest(folder)
    if found is None:
        raise UserError(
            f"{folder} holds no {FILE_NAME}; push something first, or name the loop's folder: --loop DIR"
        )
    return found


def check_place(manifest: Manifest, *, host: str, organization: str | None) -> None:
    """Refuse another server or organization than the loop began with: its ids mean something else there."""
    if (manifest.host, manifest.organization or "") != (host, organization or ""):

        def where(place: str, inside: str | None) -> str:
            return f"{place} (organization {inside})" if inside else place

        raise UserError(
            f"{manifest.folder} belongs to {where(manifest.host, manifest.organization)}, not to "
            f"{where(host, organization)}. --host and --org name another server, and --loop DIR begins "
            "another loop"
        )
