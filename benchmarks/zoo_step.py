"""One training step of one model of the zoo, on drawn samples, without downloads; the worker of zoo.py.

Needs: zoo.py, which starts it.
"""

from __future__ import annotations

import copy
import gc
import json
import os
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BATCH = 2
SIZES = (64, 128, 512)  # the larger ones for what does not fit into the first
INSTANCES = 3


def walk(node: Any) -> Iterator[dict]:
    """Yield every dict in a config, the outer ones first."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from walk(item)


def small_model(model: dict, size: int) -> dict:
    """Return a model config that needs no download, no GPU and no large picture."""
    model = copy.deepcopy(model)
    for node in walk(model):
        if node.get("type") in ("SyncBN", "MMSyncBN"):
            node["type"] = "BN"
        if "pretrained" in node:
            node["pretrained"] = None
        init_cfg = node.get("init_cfg")
        if any(str(init.get("type")).startswith("Pretrained") for init in walk(init_cfg)):
            node["init_cfg"] = None
        if node is not model and "img_size" in node:  # position embeddings and relative biases of this size
            node["img_size"] = size if isinstance(node["img_size"], int) else (size, size)
        if node.get("type") == "CLIPTextEncoder":
            node["templates"] = ["a photo of a {}."]  # instead of a few dozen phrasings of each class
    # Padding to the size of a data set and resizing at random belong to the data.
    preprocessor = model.get("data_preprocessor") or {}
    preprocessor.pop("batch_augments", None)
    preprocessor.pop("size_divisor", None)
    if str(preprocessor.get("type")).startswith("Seg"):
        preprocessor["size"] = (size, size)
    return model


def fewest_classes(model: dict) -> int:
    """Return a number of classes that every head of a model has."""
    names = ("num_classes", "num_things_classes")
    found = [node[name] for node in walk(model) for name in names if isinstance(node.get(name), int)]
    return max(1, min((number for number in found if number > 0), default=2))


def semantic_sample(model: dict, size: int, rng: Any) -> Any:
    """Return a semantic sample: blocks of classes, a strip to ignore, and the edges between the blocks."""
    import numpy as np
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    blocks = rng.integers(0, fewest_classes(model), (4, 4))
    labels = np.kron(blocks, np.ones((size // 4, size // 4), dtype=np.int64)).astype(np.int64)
    edges = np.zeros_like(labels)
    edges[:: size // 4], edges[:, :: size // 4] = 1, 1
    labels[:4] = 255
    sample = SegDataSample()
    sample.gt_sem_seg = PixelData(data=torch.from_numpy(labels)[None])
    sample.gt_edge_map = PixelData(data=torch.from_numpy(edges)[None])
    sample.gt_depth_map = PixelData(data=torch.from_numpy(rng.random((1, size, size), dtype=np.float32)) + 1)
    sample.set_metainfo({**picture_info(size), "reduce_zero_label": False})
    return sample


def instance_sample(model: dict, size: int, rng: Any) -> Any:
    """Return a sample of rectangles with boxes, masks and a semantic map."""
    import numpy as np
    import torch
    from mmdet.structures import DetDataSample
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData, PixelData

    corners = rng.integers(0, size // 2, (INSTANCES, 2))
    extents = rng.integers(size // 4, size // 2, (INSTANCES, 2))
    boxes = np.concatenate([corners, corners + extents], axis=1)
    masks = np.zeros((INSTANCES, size, size), dtype=np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = 1
    labels = torch.from_numpy(rng.integers(0, fewest_classes(model), INSTANCES))
    sample = DetDataSample()
    sample.gt_instances = InstanceData(
        bboxes=HorizontalBoxes(torch.from_numpy(boxes.astype(np.float32))),
        labels=labels,
        masks=BitmapMasks(masks, size, size),
        instances_ids=torch.arange(INSTANCES),
    )
    sample.ignored_instances = InstanceData(bboxes=HorizontalBoxes(torch.zeros(0, 4)), labels=labels[:0])
    roi_head = model.get("roi_head") or {}
    stride = 8 if "semantic_head" in roi_head else 1  # mmdet's pipelines shrink the map for HTC and SCNet
    semantic = np.zeros((1, size, size), dtype=np.int64)
    for label, mask in zip(labels.tolist(), masks, strict=True):
        semantic[0][mask > 0] = label
    sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(semantic[:, ::stride, ::stride].copy()))
    sample.set_metainfo({**picture_info(size), "flip": False, "flip_direction": None})
    return sample


def picture_info(size: int) -> dict[str, Any]:
    shapes = dict.fromkeys(("img_shape", "ori_shape", "pad_shape", "batch_input_shape"), (size, size))
    return {**shapes, "scale_factor": (1.0, 1.0), "img_path": "drawn", "img_id": 0}


def training_step(repo: str, config: Path, size: int) -> dict[str, Any]:
    """Build the model of a config, take one training step, and return what it cost."""
    import numpy as np
    import torch
    from mmengine.config import Config
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.optim import OptimWrapper
    from mmengine.registry import MODELS, DefaultScope
    from mmengine.runner import set_random_seed
    from mmengine.utils import import_modules_from_strings

    MMLogger.get_instance("zoo", log_level="ERROR")  # init_weights would tell about every parameter
    MessageHub.get_current_instance().update_info_dict({"iter": 0, "epoch": 0})  # the runner's part
    set_random_seed(0)
    loaded = Config.fromfile(config, import_custom_modules=False)
    DefaultScope.get_instance(f"zoo-{time.monotonic_ns()}", scope_name=repo)
    __import__(f"{repo}.models")
    if loaded.get("custom_imports"):
        import_modules_from_strings(**loaded["custom_imports"])
    architecture = small_model(loaded["model"], size)
    model = MODELS.build(architecture)
    notes = {}
    try:
        model.init_weights()
    except (AttributeError, TypeError) as error:  # some cannot without their pretrained weights
        notes["note"] = f"init_weights: {error}"
    model.train()
    rng = np.random.default_rng(0)
    draw = semantic_sample if repo == "mmseg" else instance_sample
    data = {
        "inputs": [
            torch.from_numpy(rng.integers(0, 256, (3, size, size), dtype=np.uint8)) for _ in range(BATCH)
        ],
        "data_samples": [draw(architecture, size, rng) for _ in range(BATCH)],
    }
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-6))
    logs = model.train_step(data, optimizer)
    loss = float(logs["loss"])
    if not np.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss}: {logs}")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"loss": round(loss, 4), "parameters_m": round(parameters / 1e6, 1), **notes}


def attempt(repo: str, config: Path) -> dict[str, Any]:
    """Return the outcome of a training step as data; nothing that a model raises ends the worker."""
    begin = time.perf_counter()
    outcome: dict[str, Any] = {}
    for size in SIZES:
        try:
            outcome = {"status": "pass", "size": size, **training_step(repo, config, size)}
        except Exception as error:
            outcome = failure(error)
        gc.collect()
        if outcome.get("reason") != "error":
            break
    outcome["seconds"] = round(time.perf_counter() - begin, 1)
    return outcome


def failure(error: Exception) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    place = frames[-1]
    return {
        "status": "fail",
        "reason": reason(error),
        "error": f"{type(error).__name__}: {' '.join(str(error).split())[:400]}",
        "place": f"{'/'.join(Path(place.filename).parts[-3:])}:{place.lineno}",
    }


def reason(error: BaseException) -> str:
    """Sort an error into one of a few reasons."""
    text = str(error)
    chain = f"{text} {error.__cause__} {error.__context__}"
    if type(error).__name__ == "MissingDependency" and "operator" in text:
        return "operator missing"
    if "mmcv._ext" in chain or "Please install onedl-mmcv" in text:
        return "needs compiled operators"
    if "the network is off" in chain or "offline" in chain.lower() or "huggingface" in chain.lower():
        return "needs a download"
    if isinstance(error, ImportError) or "is not installed" in text or "please install" in text.lower():
        return "missing package"
    if "is not in the" in text and "registry" in text:
        return "missing package"
    if isinstance(error, FileNotFoundError):
        return "needs a file"
    return "error"


def refuse_network(*args: Any, **kwargs: Any) -> None:
    raise OSError("the network is off while the zoo runs")


def worker(operators: str) -> None:
    """Answer each line `{"repo", "config"}` on standard input with an outcome on standard output."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what models print is not an answer
    socket.socket.connect = refuse_network  # type: ignore[method-assign]
    warnings.simplefilter("ignore")
    if operators != "plain":
        import segloop.ops

        segloop.ops.install()
    for line in sys.stdin:
        task = json.loads(line)
        answers.write(json.dumps(attempt(task["repo"], Path(task["config"]))) + "\n")


if __name__ == "__main__":
    worker(sys.argv[1])
