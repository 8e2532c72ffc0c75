"""Shows the batches of a config as the model gets them: augmented, normalised, padded, with their labels."""

from __future__ import annotations

import copy
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segloop.experiments.config import is_semantic
from segloop.experiments.folds import with_folds
from segloop.experiments.launch import Options, check_data, prepare
from segloop.experiments.mistakes import config_mistakes, require_seed
from segloop.utils.errors import ConfigError, DataError, listing
from segloop.utils.quiet import noisy, silent_imports
from segloop.viz.closeup import SPREAD

if TYPE_CHECKING:
    from mmengine.config import Config

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Classes:
    """What the classes of the data are called, their colours, and which one means nothing."""

    names: tuple[str, ...]
    palette: tuple[tuple[int, ...], ...]
    background: int | None = None
    ignore_index: int = 255


@dataclass(frozen=True, eq=False)
class Shown:
    """One image of a batch as the model gets it: RGB [H, W, 3] uint8, and its labels.

    A semantic one has `mask` [H, W]; else there are `masks` [N, H, W], `labels` and `boxes_xyxy` of its
    objects and `ignored` [H, W], what is neither learnt nor background.
    """

    name: str
    image: np.ndarray
    steps: tuple[str, ...] = ()  # what happened to it, as far as it tells
    mask: np.ndarray | None = None
    masks: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), bool))
    labels: tuple[int, ...] = ()
    boxes_xyxy: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    ignored: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch: its images, and what the tensor that the model gets is like."""

    images: tuple[Shown, ...]
    shape: tuple[int, ...]
    mean: tuple[float, ...]  # of each channel, as the model gets it
    deviation: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Browsed:
    """The first batches of a split, the classes, and the steps of the pipeline."""

    config: str
    split: str
    seed: int
    semantic: bool
    classes: Classes
    pipeline: tuple[str, ...]
    work_dir: Path
    batches: Iterator[Batch]
    listed: bool = False  # whether they are images that were asked for
    elsewhere: tuple[str, ...] = ()  # those of them that this split does not have


def browse(
    options: Options, *, split: str = "train", count: int = 4, only: Sequence[str] | None = None
) -> Browsed:
    """Prepare the first `count` batches of a split; they are loaded as they are asked for.

    Those of the training split are the ones that a training of this seed begins with. With `only` they are
    the images of these ids, in their order, as far as the split has them: a LIST may name all splits' images.
    """
    config = prepare(options)
    require_seed(config)
    there = [name for name in SPLITS if config.get(f"{name}_dataloader")]
    if split not in there:
        raise ConfigError(f"{options.config} has no {split}_dataloader; choose {', '.join(there)}.")
    check_data(config, (split,), make_demo=options.make_demo)
    if config.get("kfold") and split != "test":
        config = with_folds(config)
    seed = (config.get("randomness") or {}).get("seed") or 0
    loader, elsewhere = _loader(config, split, seed=seed, only=only)
    preprocess = _preprocessor(config)
    return Browsed(
        config=options.config,
        split=split,
        seed=seed,
        semantic=is_semantic(config),
        classes=classes_of(loader.dataset),
        pipeline=tuple(step_text(step) for step in _pipeline(config[f"{split}_dataloader"]["dataset"])),
        work_dir=Path(config.work_dir),
        batches=_batches(loader, preprocess, count=count, seed=seed, training=split == "train"),
        listed=only is not None,
        elsewhere=elsewhere,
    )


def _loader(
    config: Config, split: str, *, seed: int, only: Sequence[str] | None
) -> tuple[Any, tuple[str, ...]]:
    """Build the split's loader as a run does, in this process; with `only`, one of these images alone.

    Return it with the ids that the split does not have.
    """
    elsewhere: tuple[str, ...] = ()
    with silent_imports():
        from mmengine.registry import init_default_scope
        from mmengine.runner import Runner

        import segloop.experiments.components  # noqa: F401
        from segloop.data.sampling import placed
    init_default_scope(config.get("default_scope", "mmseg"))
    settings = copy.deepcopy(config[f"{split}_dataloader"])
    settings.num_workers = 0  # samples are the same in any number of processes
    settings.persistent_workers = False
    settings.pop("prefetch_factor", None)
    quiet = nullcontext() if noisy() else redirect_stdout(io.StringIO())  # pycocotools thinks aloud
    with config_mistakes(), quiet:
        if only is not None:
            settings.dataset, elsewhere = _chosen(settings.dataset, only)
            settings.sampler = {"type": "DefaultSampler", "shuffle": False}
            settings.pop("batch_sampler", None)
        loader = Runner.build_dataloader(settings, seed=seed)
    if not len(loader.dataset):
        raise DataError(f"The split {split!r} is empty once it is loaded.")
    return placed(loader, seed=seed, endless=split == "train" and only is None), elsewhere


def _chosen(settings: Mapping[str, Any], only: Sequence[str]) -> tuple[Any, tuple[str, ...]]:
    """Build a data set, leave the images of these ids in it, in their order, and return which it lacks."""
    from mmengine.registry import DATASETS

    from segloop.experiments.run_images import ImageNames

    dataset = DATASETS.build(settings)
    if not hasattr(dataset, "get_subset_"):
        raise ConfigError(f"{settings.get('type')} joins data sets, and a LIST cannot choose from them.")
    dataset.full_init()
    names = ImageNames(dataset)
    places = {
        names.image_id(Path(dataset.get_data_info(place)["img_path"])): place for place in range(len(dataset))
    }
    names_there = [name for name in dict.fromkeys(only) if name in places]
    elsewhere = tuple(name for name in dict.fromkeys(only) if name not in places)
    if not names_there:
        raise DataError(
            "No image of the LIST is in this split; --split chooses another. A line of it is an id: the path "
            f"below the split's folder, without suffix.\n{listing(elsewhere)}"
        )
    dataset.get_subset_([places[name] for name in names_there])
    return dataset, elsewhere


def _preprocessor(config: Config) -> Any:
    """Build what turns a batch of images into the model's tensor."""
    with silent_imports():
        from mmengine.registry import MODELS
    settings = config.model.get("data_preprocessor") or config.get("data_preprocessor")
    with config_mistakes():
        return MODELS.build(settings or {"type": "BaseDataPreprocessor"})


def _batches(loader: Any, preprocess: Any, *, count: int, seed: int, training: bool) -> Iterator[Batch]:
    import torch

    from segloop.data.seeds import ITERATION, kept_generators, seed_generators, seed_of

    for number, raw in enumerate(itertools.islice(loader, count)):
        with kept_generators(), torch.no_grad():
            seed_generators(seed_of(seed, ITERATION, number, 0))  # as the training loop does
            data = preprocess(raw, training)
        yield _batch(data, preprocess)


def _batch(data: Mapping[str, Any], preprocess: Any) -> Batch:
    import torch

    inputs = data["inputs"]
    tensors = list(inputs)
    samples = data.get("data_samples") or [None] * len(tensors)
    flat = torch.cat([tensor.float().flatten(1) for tensor in tensors], dim=1)
    shapes = {tuple(tensor.shape) for tensor in tensors}
    shape = (len(tensors), *(shapes.pop() if len(shapes) == 1 else ()))
    return Batch(
        images=tuple(
            shown(sample, as_rgb(tensor, preprocess)) for tensor, sample in zip(tensors, samples, strict=True)
        ),
        shape=shape,
        mean=tuple(flat.mean(dim=1).tolist()),
        deviation=tuple(flat.std(dim=1).tolist()),
    )


def as_rgb(tensor: Any, preprocess: Any) -> np.ndarray:
    """Return a model's input [C, H, W] as an RGB image [H, W, 3] uint8: normalisation is taken back.

    Without `bgr_to_rgb` the model gets blue first, as cv2 reads, and with `rgb_to_bgr` too.
    """
    values = tensor.float()
    if getattr(preprocess, "_enable_normalize", False):
        values = values * preprocess.std.view(-1, 1, 1) + preprocess.mean.view(-1, 1, 1)
    image = values.round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    if image.shape[2] == 1:
        return image.repeat(3, axis=2)
    image = image[..., :3]
    turned = getattr(preprocess, "channel_conversion", getattr(preprocess, "_channel_conversion", False))
    return np.ascontiguousarray(image if turned else image[..., ::-1])


def shown(sample: Any, image: np.ndarray) -> Shown:
    """Return an image with the labels of its data sample, of mmseg's kind or of mmdet's."""
    size_hw = image.shape[0], image.shape[1]
    told = {} if sample is None else dict(sample.metainfo)
    name = Path(str(told.get("img_path", ""))).name
    common: dict[str, Any] = {"name": name, "image": image, "steps": tuple(_happened(told, size_hw))}
    if hasattr(sample, "gt_sem_seg"):
        mask = sample.gt_sem_seg.data.squeeze(0).numpy()
        return Shown(**common, mask=mask)
    if not hasattr(sample, "gt_instances"):
        return Shown(**common)
    found = sample.gt_instances
    boxes = found.get("bboxes", np.zeros((0, 4)))
    ignored = _masks(getattr(sample, "ignored_instances", {}), size_hw)
    return Shown(
        **common,
        masks=_masks(found, size_hw),
        labels=tuple(found.labels.tolist()),
        boxes_xyxy=np.asarray(getattr(boxes, "tensor", boxes)),
        ignored=np.asarray(ignored.any(axis=0)) if len(ignored) else None,
    )


def _masks(instances: Any, size_hw: tuple[int, int]) -> np.ndarray:
    """Return the masks of instances, [N, H, W] bool, of the size of the padded image."""
    masks = instances.get("masks")
    if masks is None or not len(masks):
        return np.zeros((0, *size_hw), bool)
    pixels = masks.to_ndarray() if hasattr(masks, "to_ndarray") else np.asarray(masks)
    whole = np.zeros((len(pixels), *size_hw), bool)
    height, width = min(pixels.shape[1], size_hw[0]), min(pixels.shape[2], size_hw[1])
    whole[:, :height, :width] = pixels[:, :height, :width]
    return whole


def _happened(told: Mapping[str, Any], size_hw: tuple[int, int]) -> Iterator[str]:
    """Yield what an image tells of the way that it came."""
    if told.get("ori_shape"):
        height, width = told["ori_shape"][:2]
        yield f"from an image of {width}x{height}"
    inner = told.get("img_shape")
    if inner and tuple(inner[:2]) != size_hw:
        yield f"padded from {inner[1]}x{inner[0]}"


def classes_of(dataset: Any) -> Classes:
    """Return the classes of a data set, with colours for those that have none."""
    info = getattr(dataset, "metainfo", {})
    names = tuple(map(str, info.get("classes") or ()))
    given = info.get("palette") or ()
    fits = len(given) >= len(names) and not isinstance(given, str)
    palette = given if fits else [SPREAD[place % len(SPREAD)] for place in range(len(names))]
    ignore_index = getattr(dataset, "ignore_index", 255)
    return Classes(
        names, tuple(tuple(map(int, color)) for color in palette), info.get("background"), ignore_index
    )


def _pipeline(dataset: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    if "datasets" in dataset:
        return _pipeline(dataset["datasets"][0])
    return dataset.get("pipeline") or ()


def step_text(step: Mapping[str, Any]) -> str:
    """Return a step of a pipeline in one line, with what it was given.

    >>> step_text({"type": "RandomFlip", "prob": 0.5})
    'RandomFlip(prob=0.5)'
    """
    given = {key: value for key, value in step.items() if key != "type"}
    inner = given.pop("transforms", None)
    told = [f"{key}={value!r}" for key, value in given.items()]
    if isinstance(inner, list | tuple):
        told.insert(0, ", ".join(step_text(each) for each in inner if isinstance(each, Mapping)))
    return f"{step.get('type')}({', '.join(told)})" if told else str(step.get("type"))
