"""Cells of the Sartorius competition: train/ with train.csv, cut into splits by wells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_converters.base import ReadOptions
from data_converters.prepare.base import NEAR_DUPLICATES, Found, Group, Part, Progress, Seen
from data_converters.prepare.roots import find_root
from data_converters.run_csv import open_table, split_row
from segloop.data.annotations import image_id_of

CSV, IMAGES, UNLABELLED = "train.csv", "train", "test"
HINT = (
    "kaggle competitions download -c sartorius-cell-instance-segmentation brings it (docs/tasks/cells.md). "
    "Nothing at hand? python tools/prepare.py cells --demo"
)
# `shsy5y[diff]_E10-4_Vessel-714_Ph_3` is field of view 4 of well E10 on a plate.
_WELL = re.compile(r"(.+?_[A-P]\d{1,2})-\d")


def find(source: Path, *, options: ReadOptions) -> Found:
    """Find the competition's CSV and its images; wells stay together when splits are cut."""
    wanted = (CSV,) if options.images else (CSV, f"{IMAGES}/")
    root, _ = find_root(source, wanted, task="cells", hint=HINT)
    table = open_table(root / CSV, form="sartorius", usual=CSV)
    notes = []
    group: Group = ByWell(root / CSV)
    if table.find("sample_id") is None:
        group = NEAR_DUPLICATES
        notes.append(f"{CSV} has no sample_id; images that look alike stay together in place of wells.")
    if left := _files_in(root / UNLABELLED):
        notes.append(f"{left} image(s) in {UNLABELLED}/ have no labels and are left out; predict on them.")
    images = options.images or root / IMAGES
    return Found(
        parts=(Part(format="sartorius", source=root / CSV, options=replace(options, images=images)),),
        root=root,
        groups=(group,),
        grouped_by="well" if isinstance(group, ByWell) else "picture (near-duplicates)",
        facts={"source": "Sartorius - Cell Instance Segmentation (Kaggle)"},
        notes=tuple(notes),
    )


def _files_in(folder: Path) -> int:
    return sum(each.suffix == ".png" for each in folder.iterdir()) if folder.is_dir() else 0


@dataclass(frozen=True)
class ByWell:
    """Names the well that an image shows: cells some hours later, and their neighbours, are no new ones."""

    csv: Path

    def __call__(
        self, seen: Sequence[Seen], *, workers: int | None = None, progress: Progress | None = None
    ) -> list[str]:
        """Return one group an image; one whose rows name no sample is a group of its own."""
        wells = self.wells()
        if progress is not None:
            progress(len(seen), len(seen))
        return [wells.get(each.image_id) or each.image_id for each in seen]

    def wells(self) -> dict[str, str]:
        """Return the well of each image."""
        table = open_table(self.csv, form="sartorius", usual=CSV)
        named, sample = table.place("id"), table.place("sample_id")
        delimiter, found = table.delimiter.encode(), {}
        with table.file.path.open("rb") as file:
            file.seek(table.body)
            for raw in file:
                fields = split_row(raw, delimiter) or []
                if len(fields) > max(named, sample):
                    found[fields[named]] = fields[sample]
        return {
            image_id_of(name.decode("utf-8", "replace")): well_of(text.decode("utf-8", "replace"))
            for name, text in found.items()
        }


def well_of(sample_id: str) -> str:
    """Return the plate and well of a sample; a name of another kind is taken whole.

    >>> well_of("shsy5y[diff]_E10-4_Vessel-714_Ph_3"), well_of("dish 7")
    ('shsy5y[diff]_E10', 'dish 7')
    """
    match = _WELL.match(sample_id)
    return match[1] if match else sample_id.strip()
