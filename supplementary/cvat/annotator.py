"""An automatic annotator, who draws the true labels into CVAT's tasks as a careful person would."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_converters import cvat_loop
from segloop.cvat.labels import Carrier
from segloop.cvat.manifest import Manifest
from segloop.cvat.push import SENT
from segloop.data.annotations import ImageRecord, Instance, LabelledImages
from segloop.data.drawing import bitmaps, with_instances
from segloop.data.masks import Runs, canonical


@dataclass
class Corrected:
    """What the annotator did: images seen, objects erased and drawn."""

    images: int = 0
    mended: int = 0
    erased: int = 0
    drawn: int = 0


def corrected(record: ImageRecord, truth: ImageRecord, carrier: Carrier, done: Corrected) -> ImageRecord:
    """Return an image of a task with what is not true erased, and what is missing drawn.

    Objects that are right stay as they are, identity and all; new ones have none, as on CVAT's page.
    """
    assert truth.size_hw is not None
    there = bitmaps(record.instances, truth.size_hw)
    wanted: dict[tuple[str, bytes], Instance] = {}
    for each, runs in zip(truth.instances, bitmaps(truth.instances, truth.size_hw), strict=True):
        wanted[_key(each.label, runs)] = each
    kept = []
    for each, runs in zip(record.instances, there, strict=True):
        if each.label == carrier.ignore or wanted.pop(_key(each.label, runs), None) is not None:
            kept.append(each)
    new = [replace(each, uid=None, attributes={}, source="manual") for each in wanted.values()]
    done.images += 1
    done.erased += len(record.instances) - len(kept)
    done.drawn += len(new)
    done.mended += bool(new or len(kept) < len(record.instances))
    return replace(record, instances=(*kept, *new))


def _key(label: str, runs: Runs | None) -> tuple[str, bytes]:
    return label, b"" if runs is None else canonical(runs).tobytes()


def true_records(truth: LabelledImages) -> Mapping[str, ImageRecord]:
    """Return the true objects of all images, by the names that they have in CVAT."""
    found = {}
    for record in truth:
        found[f"{record.split}/{record.image_id}"] = with_instances(record, truth.labels)
    return found


def annotate(server: Any, manifest: Manifest, truth: Mapping[str, ImageRecord]) -> Corrected:
    """Correct all tasks of a loop through the server's own interface."""
    done = Corrected()
    with tempfile.TemporaryDirectory() as scratch:
        for entry in manifest.tasks:
            task = server.find_task(entry.id)
            export, fixed = Path(scratch) / f"{entry.key}.zip", Path(scratch) / f"{entry.key}.xml"
            server.export(task, export)
            records = [
                corrected(record, truth[record.image_id], manifest.carrier, done)
                for record in cvat_loop.read(export)
            ]
            cvat_loop.write(manifest.sent_labels, records, fixed)
            task.import_annotations("CVAT 1.1", fixed)
    return done


def annotate_files(
    manifest: Manifest, target: Path, truth: Mapping[str, ImageRecord]
) -> tuple[Corrected, list[Path]]:
    """Correct all tasks as if they had been exported from the web page; return where the exports lie."""
    done, files = Corrected(), []
    target.mkdir(parents=True, exist_ok=True)
    for entry in manifest.tasks:
        records = [
            corrected(record, truth[record.image_id], manifest.carrier, done)
            for record in cvat_loop.read(manifest.task_folder(entry) / SENT)
        ]
        files.append(target / f"{entry.key}.xml")
        cvat_loop.write(manifest.sent_labels, records, files[-1])
    return done, files
