"""Time prediction beside mmseg's and mmdet's own loop, in turns: python benchmarks/predict_speed.py CONFIG …

The peer is the loop that everybody writes: `inference_model` or `inference_detector`, image by image. Ours is
what `tools/predict.py` does, from the files to the kept results. Both take turns in one process on the same
images; what is reported is the ratio of neighbouring turns, by the clock and by the processor's time (which
other programs on the machine do not change), and how far the outputs differ. Without a checkpoint the weights
are random, which costs the same.

Needs: images.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from segloop import ops

ops.install()

from data_converters.inputs import find_inputs  # noqa: E402
from segloop.data.masks import decode  # noqa: E402
from segloop.experiments.config import is_semantic, load_config  # noqa: E402
from segloop.experiments.predict.find import bare_model  # noqa: E402
from segloop.experiments.predict.load import load  # noqa: E402
from segloop.experiments.predict.results import InstancePrediction  # noqa: E402
from segloop.experiments.predict.run import Predicted, predict_images, remove_kept  # noqa: E402
from segloop.utils.quiet import quiet  # noqa: E402


def main() -> None:
    """Load both, let them take turns, print the ratio and the difference."""
    args = parse_args()
    quiet()
    torch.set_num_threads(args.threads)
    images = list(find_inputs(args.images).images)[: args.count]
    config = load_config(args.config)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = args.checkpoint or random_weights(config, Path(folder) / "random.pth")
        model = load(args.config, checkpoint, device="cpu", precision=args.precision, thresholds=None)
        peer = make_peer(config, str(checkpoint))
        files = [str(image.file) for image in images]

        def ours() -> Predicted:
            remove_kept(Path(folder) / "kept")
            return predict_images(model, images, Path(folder) / "kept", workers=1)

        def theirs() -> list[Any]:
            return [peer(file) for file in files]

        ratios, seconds = take_turns({"ours": ours, "theirs": theirs}, turns=args.turns)
        print(f"{Path(args.config).stem}: {len(images)} images, {args.threads} thread(s), {model}")
        for name, (wall, spent) in seconds.items():
            each = 1e3 * spent / len(images)
            print(f"  {name:7}{len(images) / wall:7.2f} images/s, {each:7.1f} ms of a core an image")
        for clock, values in ratios.items():
            middle = statistics.median(values)
            print(f"  times faster by {clock}: {middle:.2f} ({min(values):.2f} to {max(values):.2f})")
        print(f"  differing pixels: {difference(ours(), theirs()):.2e} of all")


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config")
    parser.add_argument("checkpoint", nargs="?", help="default: random weights")
    parser.add_argument("--images", nargs="+", required=True, help="files, folders or patterns")
    parser.add_argument("--count", type=int, default=16, help="images a turn (16)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each (3)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", default="auto", help="ours (auto)")
    return parser.parse_args()


def take_turns(
    peers: dict[str, Callable[[], Any]], *, turns: int
) -> tuple[dict[str, list[float]], dict[str, tuple[float, float]]]:
    """Return the ratios of each turn by two clocks, and each peer's best seconds by both."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
    for turn in range(turns + 1):  # the first fills caches and is not counted
        for name in [*peers][:: (-1) ** turn]:
            wall, core = time.perf_counter(), time.process_time()
            peers[name]()
            spent[name].append((time.perf_counter() - wall, time.process_time() - core))
    rows = {name: each[1:] for name, each in spent.items()}
    pairs = list(zip(rows["theirs"], rows["ours"], strict=True))
    ratios = {
        clock: [theirs[place] / ours[place] for theirs, ours in pairs]
        for place, clock in enumerate(("the clock", "processor time"))
    }
    best = {name: (min(w for w, _ in each), min(c for _, c in each)) for name, each in rows.items()}
    return ratios, best


def random_weights(config: Any, path: Path) -> Path:
    """Write weights as the config starts a training with, and return the path."""
    from mmengine.registry import MODELS, DefaultScope

    import segloop.experiments.components  # noqa: F401

    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(config.get("default_scope", "mmseg")):
        network = MODELS.build(bare_model(config))
    for module in network.modules():  # a network that knows nothing still has to tell classes apart
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1, 0.1)
    head = network.decode_head if is_semantic(config) else network.roi_head.bbox_head
    names = [f"class {number}" for number in range(head.num_classes)]
    described = {"classes": names, "palette": [[number, 0, 0] for number in range(len(names))]}
    torch.save({"state_dict": network.state_dict(), "meta": {"dataset_meta": described}}, path)
    return path


def make_peer(config: Any, checkpoint: str) -> Callable[[str], Any]:
    """Return the usual function that predicts one file."""
    steps = config.test_dataloader.dataset.pipeline
    config.test_pipeline = config.test_dataloader.dataset.pipeline = [
        {"type": "LoadAnnotations"} if str(step["type"]) in ("LoadIndexMask", "LoadInstances") else step
        for step in steps
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_semantic(config):
            from mmseg.apis import inference_model, init_model

            network = init_model(config, checkpoint, device="cpu")
            return lambda file: inference_model(network, file).pred_sem_seg.data[0].numpy()
        from mmdet.apis import inference_detector, init_detector

        detector = init_detector(config, checkpoint, device="cpu")
        return lambda file: inference_detector(detector, file).pred_instances


def difference(ours: Predicted, theirs: Sequence[Any]) -> float:
    """Return the share of differing pixels: of index maps, or of the masks of objects, one by one."""
    wrong = total = 0
    for key, other in zip(ours.entries(), theirs, strict=True):
        found = ours.load.prediction(key[1])
        if isinstance(found, InstancePrediction):
            bad, count = _of_objects(found, other)
        else:
            bad, count = int((found.mask != other).sum()), other.size
        wrong, total = wrong + bad, total + count
    return wrong / max(total, 1)


def _of_objects(found: InstancePrediction, other: Any) -> tuple[int, int]:
    masks = other.masks.numpy()
    masks = masks[masks.any(axis=(1, 2))]  # empty ones are no objects here
    if len(masks) != len(found):
        return int(masks.sum()), int(masks.size)
    drawn = [decode(runs, found.size_hw) for runs in found.runs]
    return sum(int((one != two).sum()) for one, two in zip(drawn, masks, strict=True)), int(masks.size)


if __name__ == "__main__":
    main()
