"""What pages presume: small sets, downloads that look like the real ones, trained models, tests of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """Commands that make files and folders in a sandbox, from what other pieces made."""

    makes: tuple[str, ...]
    commands: tuple[str, ...]
    needs: tuple[str, ...] = ()


def demo(task: str) -> Piece:
    """Return the piece of a task's demo set."""
    return Piece((f"data/{task}",), (f"python tools/prepare.py {task} --demo",))


def download(task: str, folder: str, counts: dict[str, int]) -> Piece:
    """Return the piece of a download, drawn in the form of the real one."""
    draw = f"from segloop.data.demo.{task} import draw_native as draw"
    return Piece((folder,), (f'python -c "{draw}; draw({folder!r}, counts={counts}, size=96)"',))


def trained(config: str, *needs: str) -> Piece:
    """Return the piece of a work_dir."""
    name = config.rsplit("/", 1)[-1]
    return Piece((f"work_dirs/{name}",), (f"python tools/train.py configs/{config}.py",), needs)


def tested(config: str, trained: str, split: str = "test") -> Piece:
    """Return the piece of a RUN."""
    name = config.rsplit("/", 1)[-1]
    command = f"python tools/test.py configs/{config}.py --split {split}"
    return Piece((f"work_dirs/{name}/test",), (command,), (trained,))


ONE, TWO = "config_experiment_1", "config_experiment_2"
CRAFT = "spacecraft/mask-rcnn_r18_fpn_gn_spacecraft_demo"
CELLS = "cells/mask-rcnn_r18_fpn_gn_cells_demo"
SHIPS = "ships/unet_dropout_ships_demo"
RUN_1 = f"work_dirs/{ONE}/test/test-best_mDice_fg_iter_2"
RUN_2 = f"work_dirs/{TWO}/test/test-best_mDice_fg_iter_2"

PIECES = {
    **{task: demo(task) for task in ("multiclass", "ships", "cells", "spacecraft", "cityscapes")},
    "trained 1": trained(ONE, "multiclass"),
    "trained 2": trained(TWO, "multiclass"),
    "trained ships": trained(SHIPS, "ships"),
    "trained craft": trained(CRAFT, "spacecraft"),
    "trained cells": trained(CELLS, "cells"),
    "tested 1": tested(ONE, "trained 1"),
    "tested 2": tested(TWO, "trained 2"),
    "tested craft": tested(CRAFT, "trained craft", "val"),
    "tested ships": tested(SHIPS, "trained ships", "val"),
    "analyzed 2": Piece((f"{RUN_2}/analysis",), (f"python tools/analyze.py {RUN_2}",), ("tested 2",)),
    # images that nobody labelled, under the names that pages give them
    "photos": Piece(
        ("photos", "photo.jpg", "scans", "list.txt"),
        (
            "mkdir -p photos scans/a && cp data/multiclass/img_dir/test/* photos/",
            "cd photos && cp $(ls | head -n 1) test_0003.png 2> /dev/null || true",
            "python -c \"import cv2; a = cv2.imread('photos/test_0000.png'); cv2.imwrite('photo.jpg', a);"
            " cv2.imwrite('scans/a/b.tif', a)\"",
            "ls photos | head -n 2 | sed 's|^|photos/|' > list.txt",
        ),
        ("multiclass",),
    ),
    "downloaded ships": download(
        "ships", "downloads/airbus-ship-detection", {"train_v2": 24, "test_v2": 2}
    ),
}
