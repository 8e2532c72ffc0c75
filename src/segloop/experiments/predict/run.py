"""Predicts a long list of images: decoded ahead of the model, kept behind it, each image once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segloop.data.annotations import ImageRecord, LabelSet
from segloop.experiments.predict.kept import FILE_NAME, Kept, LoadKept, Place
from segloop.experiments.predict.model import Model
from segloop.experiments.predict.plan import Batch, file_stamp, plan_batches
from segloop.experiments.predict.results import Prediction
from segloop.utils.errors import DataError, UserError
from segloop.utils.locks import alone_in
from segloop.utils.workers import cpu_count

AHEAD = 2  # batches that are decoded while the model works on one
MOST_WORKERS = 8


@dataclass(frozen=True)
class Predicted:
    """The images of a run: where each one's prediction lies, and why some have none."""

    images: Sequence[ImageRecord]
    load: LoadKept
    places: dict[str, Place]
    skipped: dict[str, str] = field(default_factory=dict)
    done_before: int = 0

    @property
    def classes(self) -> LabelSet:
        """The model's classes."""
        return self.load.classes

    def entries(self, *, skipped: bool = False) -> list[tuple[ImageRecord, Place]]:
        """Return what `load` takes, in the order of the images; `skipped` adds those without a prediction."""
        found = [(image, self.places[image.image_id]) for image in self.images]
        return [each for each in found if skipped or each[1].error is None]


def predict_images(
    model: Model,
    images: Sequence[ImageRecord],
    folder: Path,
    *,
    resume: bool = False,
    anew: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Predicted:
    """Predict images and keep what was found in `folder`, which survives a killed process.

    `resume` goes on with what is kept there: batches are the same, and of those that are done none is done
    again, so the results are those of an undisturbed run to the bit. `anew` begins again. An image that
    cannot be read costs one line, given to `tell`, and is among the `skipped`. On a CPU batches are done side
    by side; elsewhere, and where there is one core, `workers` threads decode. With 0 this thread does all.
    """
    batches = plan_batches(
        images,
        batch_size=model.settings.batch_size,
        most_pixels=model.most_pixels,
        input_size=model.input_size,
    )
    kept = Kept.open(folder, model.about, resume=resume, anew=anew)
    try:
        waiting = [batch for batch in batches if not kept.has(batch.stamps)]
        total = sum(len(batch.images) for batch in waiting)
        done = 0
        with ThreadPoolExecutor(1) as behind:
            writing: Future[None] | None = None
            for batch, found in _predicted(model, waiting, every=batches, workers=workers):
                if writing is not None:
                    writing.result()
                for image_id, each in found.items():
                    if isinstance(each, str):
                        tell(f"{image_id}: {each}")
                writing = behind.submit(kept.add, found, _stamps(batch, found))
                done += len(batch.images)
                if progress is not None:
                    progress(done, total)
            if writing is not None:
                writing.result()
        kept.close()
    except KeyboardInterrupt:
        tell(f"Stopped. {len(kept.places)} of {len(images)} image(s) are done; --resume goes on with them.")
        raise
    except OSError as error:  # what decoding raises is told of the image; here it is the disk
        raise UserError(
            f"{folder} cannot be written: {error.strerror or error}. Make room, then go on with --resume."
        ) from error
    finally:
        with suppress(OSError):
            kept.close()
    ids = [image.image_id for image in images]
    return Predicted(
        images=images,
        load=LoadKept(kept.path, model.classes),
        places={image_id: kept.places[image_id] for image_id in ids},
        skipped={image_id: why for image_id in ids if (why := kept.places[image_id].error) is not None},
        done_before=len(images) - total,
    )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep a folder of kept predictions to this process until they are written elsewhere, and remove it then.

    Another process would begin it anew, or remove it, under the writers of this one.
    """
    with alone_in(folder, f"Another process is adding to {folder}. Wait for its end, or name another OUT."):
        yield
        remove_kept(folder)


def remove_kept(folder: Path) -> None:
    """Remove what a run kept, and its folder if nothing else is in it."""
    (folder / FILE_NAME).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _stamps(batch: Batch, found: dict[str, Prediction | str]) -> dict[str, str]:
    """Return the states of a batch's files; of one that could not be read that of now.

    Where a disk was gone, `--resume` finds another state once it is back, and predicts the image.
    """
    return {
        image.image_id: file_stamp(image.file)
        if isinstance(found[image.image_id], str)
        else batch.stamps[image.image_id]
        for image in batch.images
    }


def _predicted(
    model: Model, batches: Sequence[Batch], *, every: Sequence[Batch], workers: int | None
) -> Iterator[tuple[Batch, dict[str, Prediction | str]]]:
    if workers != 0 and hasattr(model.predictor, "model"):  # torch's
        from segloop.experiments.predict.lanes import count_lanes, predict_in_lanes

        lanes = count_lanes(model, every)
        if lanes > 1:
            yield from predict_in_lanes(model, batches, _read_and_predict, lanes=lanes)
            return
    for batch, samples in _decoded(model, batches, workers=workers):
        yield batch, _predict(model, batch, samples)


def _read_and_predict(model: Model, batch: Batch) -> dict[str, Prediction | str]:
    return _predict(model, batch, [_decode(model, image) for image in batch.images])


def _predict(
    model: Model, batch: Batch, samples: Sequence[dict[str, Any] | str]
) -> dict[str, Prediction | str]:
    found: dict[str, Prediction | str] = {}
    groups: dict[tuple[int, ...], list[tuple[str, dict[str, Any]]]] = {}
    for image, sample in zip(batch.images, samples, strict=True):
        if isinstance(sample, str):
            found[image.image_id] = sample
        else:  # one size, if the header told the truth
            groups.setdefault(model.shape_of(sample), []).append((image.image_id, sample))
    for group in groups.values():
        predictions = model.predict_samples([sample for _, sample in group])
        found.update(zip([image_id for image_id, _ in group], predictions, strict=True))
    return {image.image_id: found[image.image_id] for image in batch.images}


def _decode(model: Model, image: ImageRecord) -> dict[str, Any] | str:
    """Return the sample of an image, or what is wrong with it."""
    if image.file is None:
        return "there is no image file"
    try:
        return model.pictures.of_file(image.file)
    except DataError as error:
        return str(error)
    except OSError as error:  # a link that leads nowhere, or a file that is gone or may not be read
        return f"cannot be read: {error.strerror or error}"


def _decoded(
    model: Model, batches: Sequence[Batch], *, workers: int | None
) -> Iterator[tuple[Batch, list[dict[str, Any] | str]]]:
    """Yield batches with their samples while the next ones are decoded."""
    count = min(MOST_WORKERS, cpu_count()) if workers is None else workers
    if count < 1:
        for batch in batches:
            yield batch, [_decode(model, image) for image in batch.images]
        return
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[tuple[Batch, list[Future[dict[str, Any] | str]]]] = deque()
        try:
            for batch in batches:
                waiting.append((batch, [pool.submit(_decode, model, image) for image in batch.images]))
                if len(waiting) > AHEAD:
                    yield _taken(waiting)
            while waiting:
                yield _taken(waiting)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _taken(
    waiting: deque[tuple[Batch, list[Future[dict[str, Any] | str]]]],
) -> tuple[Batch, list[dict[str, Any] | str]]:
    batch, futures = waiting.popleft()
    return batch, [future.result() for future in futures]
