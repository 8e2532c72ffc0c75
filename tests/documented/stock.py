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


def run_of(config: str, trained: str, *, split: str) -> Piece:
    """Return the piece of a RUN."""
    name = config.rsplit("/", 1)[-1]
    command = f"python tools/test.py configs/{config}.py --split {split}"
    return Piece((f"work_dirs/{name}/test",), (command,), (trained,))


ONE, TWO = "config_experiment_1", "config_experiment_2"
CRAFT = "spacecraft/mask-rcnn_r18_fpn_gn_spacecraft_demo"
SHIPS = "ships/unet_dropout_ships_demo"
MODEL = f"work_dirs/{TWO}/best_mDice_fg_iter_2"
RUN_1 = f"work_dirs/{ONE}/test/test-best_mDice_fg_iter_2"
RUN_2 = f"work_dirs/{TWO}/test/test-best_mDice_fg_iter_2"
RUN_3 = f"work_dirs/{TWO}/test/test-iter_2"
SHORE_LABELS = "background starfish scallop nautilus fish leaf"
CONVERT = "python tools/convert.py data/multiclass {} --from mmseg"

PIECES = {
    # prepared sets, and the same in other forms
    **{task: demo(task) for task in ("multiclass", "ships", "cells", "spacecraft")},
    "elsewhere": Piece(("elsewhere",), ("mkdir elsewhere && cp -r data/* elsewhere/",), ("multiclass",)),
    "cvat export": Piece(("export.zip",), (CONVERT.format("export.zip --to cvat"),), ("multiclass",)),
    "nuclei": Piece(
        ("dsb2018_fluo", "stage1_train"),
        (
            "python tools/convert.py data/cells stage1_train --to masks --split train",
            "cp -r stage1_train dsb2018_fluo",
        ),
        ("cells",),
    ),
    # a set as somebody hands it over: images and index maps in folders, no word on what they are
    "steel": Piece(
        ("neu_seg", ".home/downloads/steel", "labels.zip", "pictures"),
        (
            "mkdir neu_seg && cp -r data/multiclass/img_dir data/multiclass/ann_dir neu_seg",
            "rm -r neu_seg/*/test",
            'python -c "import glob; import numpy as np; from PIL import Image;'
            " [Image.fromarray(np.array(Image.open(f)) % 4).save(f)"
            " for f in glob.glob('neu_seg/ann_dir/*/*.png')]\"",
            "mkdir -p .home/downloads && cp -r neu_seg .home/downloads/steel",
            "cp -r neu_seg/img_dir pictures",
            "python tools/convert.py neu_seg labels.zip --labels background inclusion patches scratches"
            " --to cvat",
        ),
        ("multiclass",),
    ),
    "livecell": Piece(
        ("data/livecell",),
        (
            "mkdir -p data/livecell/images",
            "cp -r data/cells/images/train data/livecell/images/livecell_train_val_images",
            "python -c \"import json; d = json.load(open('data/cells/annotations/instances_train.json'));"
            " d['categories'] = [{'id': 1, 'name': 'cell'}]; d['images'] = d['images'][:1];"
            " d['annotations'] = [a | {'category_id': 1} for a in d['annotations']"
            " if a['image_id'] == d['images'][0]['id']];"
            " [json.dump(d, open(f'data/livecell/livecell_coco_{s}.json', 'w')) for s in ('train', 'val')]\"",
        ),
        ("cells",),
    ),
    # downloads, drawn in the form of the real ones
    "downloaded ships": download("ships", "downloads/airbus-ship-detection", {"train_v2": 24, "test_v2": 2}),
    "downloaded cells": download("cells", "downloads/sartorius", {"train": 12, "test": 2}),
    "downloaded streets": download("cityscapes", "cityscapes", {"train": 6, "val": 2}),
    "downloaded satellites": download("spacecraft", "downloads/SatelliteDataset", {"train": 8, "val": 2}),
    "unpacked ships": Piece(
        ("train_v2", "test_v2", "train.csv", "sample_submission_v2.csv"),
        (
            "cp -r downloads/airbus-ship-detection/{train_v2,test_v2,sample_submission_v2.csv} .",
            "cp downloads/airbus-ship-detection/train_ship_segmentations_v2.csv train.csv",
        ),
        ("downloaded ships",),
    ),
    # images that nobody labelled, under the names that pages give them
    "photos": Piece(
        ("photos", "photo.jpg", "scans", "list.txt", "val_0000.png"),
        (
            "mkdir -p photos scans/a && cp data/multiclass/img_dir/test/* photos/",
            "cp data/multiclass/img_dir/val/val_0000.png .",
            "python -c \"import cv2; image = cv2.imread('photos/test_0000.png');"
            " cv2.imwrite('photo.jpg', image); cv2.imwrite('scans/a/b.tif', image)\"",
            "ls photos | head -n 2 | sed 's|^|photos/|' > list.txt",
        ),
        ("multiclass",),
    ),
    # trainings and their tests
    "trained 1": trained(ONE, "multiclass"),
    "trained 2": trained(TWO, "multiclass"),
    "trained ships": trained(SHIPS, "ships"),
    "trained craft": trained(CRAFT, "spacecraft"),
    "tested 1": run_of(ONE, "trained 1", split="test"),
    "tested 2": run_of(TWO, "trained 2", split="test"),
    "tested 3": Piece((RUN_3,), (f"python tools/test.py configs/{TWO}.py last",), ("trained 2",)),
    "tested craft": run_of(CRAFT, "trained craft", split="val"),
    "tested ships": run_of(SHIPS, "trained ships", split="val"),
    "analyzed 2": Piece((f"{RUN_2}/analysis",), (f"python tools/analyze.py {RUN_2}",), ("tested 2",)),
    "exported 2": Piece(
        ("u.onnx", "u8.onnx"),
        (f"python tools/export.py configs/{TWO}.py --out u.onnx && cp u.onnx u8.onnx",),
        ("trained 2",),
    ),
    "resnet50": Piece(
        ("resnet50.pth",),
        (
            'python -c "from pathlib import Path; from tests.documented.by_hand import torchvision_resnet;'
            " torchvision_resnet(Path('resnet50.pth'))\"",
        ),
    ),
    # what `make` has installed, and what DVC wants
    "installed": Piece(
        (),
        (
            "sum=$(make -s --eval 'sum: ; @echo $(SUM)' sum) && touch .venv/installed-$sum"
            " && touch .venv/installed-{dev,app,lab}-$sum",
        ),
    ),
    "git": Piece(
        (".git",),
        (
            "git init -q && git add -A . && git -c user.name=x -c user.email=x@y.z commit -qm x",
            "git config user.name x && git config user.email x@y.z",
        ),
    ),
    "cells in dvc": Piece(
        ("work_dirs/dvc/cells", "data/cells", "dvc.lock"), ("dvc repro report@cells",), ("git",)
    ),
    "goals and look": Piece(
        ("goals.yaml", "eda.json"),
        (
            "sed -n '/^```yaml/,/^```/p' docs/report.md | sed '1d;$d' > goals.yaml",
            "python tools/eda.py data/multiclass --out .home/eda && cp .home/eda/eda.json .",
        ),
        ("multiclass",),
    ),
    # of a data set, two versions of the labels; a loop that came back
    "version of shore": Piece(
        ("data/multiclass/versions",),
        (
            "python tools/cvat.py push data/multiclass --split train --to-files .home/loop",
            "python -m tests.documented.by_hand .home/loop .home/task.zip",
            "python tools/cvat.py pull .home/loop --from-files .home/task.zip",
            "python tools/cvat.py apply data/multiclass .home/loop",
        ),
        ("multiclass",),
    ),
    "pulled ships": Piece(
        ("work_dirs/cvat/ships",),
        (
            "python tools/cvat.py push data/ships --split test --to-files work_dirs/cvat/ships",
            "python -m tests.documented.by_hand work_dirs/cvat/ships .home/task.zip",
            "python tools/cvat.py pull work_dirs/cvat/ships --from-files .home/task.zip",
        ),
        ("ships",),
    ),
}
