"""What people do between the commands of a page: work in CVAT, export from it, bring files of their own."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.documented.sandbox import Sandbox


def finish_jobs(sandbox: Sandbox) -> None:
    """Erase an object of each task in the stand-in for CVAT's server, and finish all jobs."""
    assert sandbox.stand_in is not None
    for task in sandbox.stand_in.state.tasks.values():
        del task.shapes[:1]
        for job in task.jobs:
            job.state, job.assignee = "completed", "anna"


def export(folder: Path, loop: str, *names: str) -> None:
    """Erase an object of each image on CVAT's web page, and export the tasks as zips of these names."""
    from data_converters import cvat_loop
    from segloop.cvat.manifest import need_manifest
    from segloop.cvat.push import SENT

    manifest = need_manifest(folder / loop)
    for entry, name in zip(manifest.tasks, names, strict=True):
        records = list(cvat_loop.read(manifest.task_folder(entry) / SENT))
        for number, record in enumerate(records):
            records[number] = replace(record, instances=record.instances[1:])
        xml = folder / ".home/annotations.xml"
        cvat_loop.write(manifest.sent_labels, records, xml)
        with zipfile.ZipFile(folder / name, "w") as packed:
            packed.write(xml, "annotations.xml")


def list_images(sandbox: Sandbox, root: str, split: str, name: str, count: int = 4) -> None:
    """Write a LIST of some images of a split."""
    files = sorted((sandbox.folder / root / "img_dir" / split).iterdir())[:count]
    (sandbox.folder / name).write_text("".join(f"{file.stem}\n" for file in files), encoding="utf-8")


def find_all(folder: Path, truth: str) -> None:
    """Write results.json as a model that finds all that is true gives it."""
    found = json.loads((folder / truth).read_text(encoding="utf-8"))["annotations"]
    results = [
        {name: each[name] for name in ("image_id", "category_id", "bbox", "segmentation")} | {"score": 0.9}
        for each in found
    ]
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")


def forget(folder: Path, *places: str) -> None:
    """Remove sets that were prepared from downloads, before others take their place."""
    for place in places:
        described = folder / place / "dataset.json"
        if described.exists() and json.loads(described.read_text(encoding="utf-8"))["generator"] is None:
            shutil.rmtree(folder / place)


def remove(folder: Path, place: str) -> None:
    """Remove a set, whatever it is of."""
    shutil.rmtree(folder / place, ignore_errors=True)


def torchvision_resnet(target: Path, depth: int = 50) -> None:
    """Save a ResNet in torchvision's layout, as people bring it with weights of ImageNet."""
    import torch
    from mmseg.models import ResNet

    network = ResNet(depth=depth, norm_cfg={"type": "BN"}, style="pytorch")
    torch.save(network.state_dict() | {"fc.weight": torch.rand(10, 2048), "fc.bias": torch.rand(10)}, target)


if __name__ == "__main__":
    export(Path.cwd(), *sys.argv[1:])
