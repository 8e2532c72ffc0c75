"""The cells' download is found, wells stay together, and the drawn set takes the same road."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.prepare.base import NEAR_DUPLICATES, Seen
from data_converters.prepare.cells import ByWell, find, well_of
from data_converters.prepare.cli import make_parser, read_options
from data_converters.prepare.record import Wish
from data_converters.prepare.road import prepare
from data_converters.prepare.tasks import find_task
from segloop.data.demo.cells import draw_native
from segloop.data.demo.cells.culture import plan
from segloop.data.info import DatasetInfo
from segloop.utils.errors import DataError, UserError

HEADER = "id,annotation,width,height,cell_type,plate_time,sample_date,sample_id,elapsed_timedelta"
COUNT = 14


def download(root: Path, *rows: str, header: str = HEADER) -> Path:
    """Write what the competition ships, without pictures."""
    for folder in ("train", "test", "train_semi_supervised", "LIVECell_dataset_2021"):
        (root / folder).mkdir(parents=True)
    (root / "test" / "7ae19de7bc2a.png").touch()
    (root / "train.csv").write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    (root / "sample_submission.csv").write_text("id,predicted\n7ae19de7bc2a,\n")
    return root


def row(image_id: str, sample: str) -> str:
    return f"{image_id},1 2,8,6,cort,11h30m00s,2019-06-16,{sample},0 days 11:30:00"


def test_the_labelled_part_of_the_download_is_found(tmp_path: Path) -> None:
    root = download(tmp_path / "sartorius", row("a", "x"))
    found = find(tmp_path, options=ReadOptions(repair=True))
    (part,) = found.parts
    assert (found.root, part.format, part.source) == (root, "sartorius", root / "train.csv")
    assert (part.options.images, part.options.repair, part.split) == (root / "train", True, None)
    assert found.grouped_by == "well"
    assert found.notes == ("1 image(s) in test/ have no labels and are left out; predict on them.",)


def test_images_may_lie_elsewhere(tmp_path: Path) -> None:
    root = download(tmp_path / "sartorius", row("a", "x"))
    (root / "train").rename(tmp_path / "pictures")
    with pytest.raises(DataError, match=r"Looked for.*\n  train\.csv, train/\n"):
        find(root, options=ReadOptions())
    options = ReadOptions(images=tmp_path / "pictures")
    assert find(root, options=options).parts[0].options.images == tmp_path / "pictures"


def test_what_is_missing_is_told_with_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="kaggle competitions download -c sartorius"):
        find(tmp_path, options=ReadOptions())


def test_samples_of_one_well_are_one_group() -> None:
    first = well_of("shsy5y[diff]_E10-4_Vessel-714_Ph_3")
    assert first == well_of("shsy5y[diff]_E10-1_Vessel-714_Ph_3") == "shsy5y[diff]_E10"
    assert first != well_of("shsy5y[diff]_E1-4_Vessel-714_Ph_3")
    assert well_of("cort[6-OHDA]_B2-1_Vessel-1_Ph_1") == "cort[6-OHDA]_B2"
    assert well_of("dish 7") == "dish 7"


def test_wells_are_read_from_the_table(tmp_path: Path) -> None:
    rows = [row("a", "p_A1-1_x"), row("b", "p_A1-2_x"), row("a", "p_A1-1_x"), row("c", '"p_A2-1_x, old"')]
    root = download(tmp_path / "s", *rows, row("d", ""))
    seen = [Seen(name, None, None, {}) for name in ("c", "b", "a", "d", "e")]
    assert ByWell(root / "train.csv")(seen) == ["p_A2", "p_A1", "p_A1", "d", "e"]


def test_without_samples_images_that_look_alike_stay_together(tmp_path: Path) -> None:
    root = download(tmp_path / "s", "a,1 2,8,6,cort", header="id,annotation,width,height,cell_type")
    found = find(root, options=ReadOptions())
    assert found.groups == (NEAR_DUPLICATES,)
    assert "no sample_id" in found.notes[0]


def test_a_drawn_download_becomes_a_set_whose_splits_share_no_well(tmp_path: Path) -> None:
    draw_native(tmp_path / "native", counts={"train": COUNT, "test": 1}, size=64, workers=1)
    wish = Wish(
        task=find_task("cells"),
        source=tmp_path / "native",
        drawing=None,
        options=ReadOptions(repair=True),
    )
    outcome = prepare(wish, tmp_path / "cells", workers=1)
    info = DatasetInfo.read(tmp_path / "cells")
    assert sum(info.splits.values()) == COUNT
    assert info.class_names == ("shsy5y", "astro", "cort")
    assert "Nothing was lost" in str(outcome.report)
    samples = {shot.image_id: shot.sample.sample_id for shot in plan(0, "train", COUNT)}
    homes: dict[str, set[str]] = {}
    for split, file in info.coco.items():
        images = json.loads((tmp_path / "cells" / file).read_text(encoding="utf-8"))["images"]
        for image in images:
            homes.setdefault(well_of(samples[Path(image["file_name"]).stem]), set()).add(split)
    assert all(len(splits) == 1 for splits in homes.values())
    assert set.union(*homes.values()) == {"train", "val", "test"}


def test_repair_is_asked_for_and_only_of_cells() -> None:
    def options(*words: str) -> ReadOptions:
        args = make_parser("").parse_args([*words])
        return read_options(find_task(args.task), args)

    assert options("cells", "--demo", "--repair").repair
    assert not options("cells", "SRC").repair
    with pytest.raises(UserError, match="ships has no use for --repair"):
        options("ships", "SRC", "--repair")
