"""Large zips go in pieces, go on where a connection broke, and take no more memory than a piece."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cvat_sdk import models
from cvat_sdk.core.exceptions import BackgroundRequestException
from PIL import Image

from segloop.cvat import uploads
from segloop.cvat.server import Server
from segloop.cvat.uploads import Megabytes, upload_labels
from segloop.data.annotations import ImageRecord, Instance, LabelledImages
from tests.cvat.loops import push
from tests.cvat.sets import LABELS, SIZE, box, set_of
from tests.cvat.standin.server import _ROUTES, StandIn
from tests.cvat.standin.wire import Answer, Call, Fault

SMALL = 1000  # bytes of a piece; an image of noise has nine times as many


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let zips of a few kilobytes be large ones."""
    monkeypatch.setattr(uploads, "PIECE", SMALL)
    monkeypatch.setattr("cvat_sdk.core.uploading.TUS_CHUNK_SIZE", SMALL)


@pytest.fixture
def noise(tmp_path: Path) -> LabelledImages:
    """Return an image that does not get smaller by packing, with an object."""
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    file = tmp_path / "noise.png"
    Image.fromarray(pixels).save(file)
    ship = Instance(label="0", shape=box(1, 1, 5, 5))
    record = ImageRecord(image_id="noise", name="noise.png", file=file, size_hw=SIZE, instances=(ship,))
    return set_of([record], LABELS)


def is_piece(method: str, path: str) -> bool:
    return method == "PATCH" and "/data/" in path


def sent(stand_in: StandIn) -> int:
    return sum(is_piece(*call) for call in stand_in.calls)


def there(stand_in: StandIn, images: LabelledImages) -> bool:
    """Tell whether the one task holds the one image, byte for byte, and its object once."""
    (task,) = stand_in.state.tasks.values()
    file = images.load(0).file
    assert file is not None
    return [frame.data for frame in task.frames] == [file.read_bytes()] and len(task.shapes) == 1


def test_a_large_zip_goes_in_pieces(
    server: Server, stand_in: StandIn, tmp_path: Path, noise: LabelledImages, pieces: None
) -> None:
    push(server, tmp_path / "loop", noise)
    assert there(stand_in, noise)
    assert sent(stand_in) == 10
    assert stand_in.largest == SMALL


@pytest.mark.parametrize("at", [0, 9])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(drop=True),
        Fault(midway=True),
        Fault(drop=True, late=True),
        Fault(status=502, late=True),
        Fault(status=429, headers={"Retry-After": "3"}),
        Fault(status=409),
    ],
)
def test_a_piece_that_gets_lost_is_sent_again_and_no_other(
    server: Server,
    stand_in: StandIn,
    tmp_path: Path,
    noise: LabelledImages,
    pieces: None,
    naps: list[float],
    at: int,
    fault: Fault,
) -> None:
    number = itertools.count()
    stand_in.plan = lambda _, method, path: fault if is_piece(method, path) and next(number) == at else None
    push(server, tmp_path / "loop", noise)
    assert there(stand_in, noise)
    assert sent(stand_in) == (10 if fault.late else 11)
    assert len([nap for nap in naps if nap >= 1]) == 1
    assert sum(method == "POST" and path == "/api/tasks" for method, path in stand_in.calls) == 1


def test_a_bad_line_is_waited_for(
    server: Server,
    stand_in: StandIn,
    tmp_path: Path,
    noise: LabelledImages,
    pieces: None,
    naps: list[float],
) -> None:
    """The SDK alone gives up after three lost pieces of a whole upload."""
    number = itertools.count()
    stand_in.plan = lambda _, method, path: (
        Fault(drop=True) if is_piece(method, path) and next(number) % 3 < 2 else None
    )
    push(server, tmp_path / "loop", noise)
    assert there(stand_in, noise)
    assert [nap for nap in naps if nap >= 1] == [1.0, 2.0] * 10


def test_an_upload_that_the_server_is_still_at_is_waited_for_and_not_sent_again(
    server: Server, stand_in: StandIn, tmp_path: Path, noise: LabelledImages, pieces: None
) -> None:
    stand_in.slow_requests = 2
    finishes = itertools.count()
    stand_in.plan = lambda _, method, path: (
        Fault(drop=True, late=True)
        if method == "POST" and path.endswith("/data") and next(finishes) == 1  # 0 begins the upload
        else None
    )
    push(server, tmp_path / "loop", noise)
    assert there(stand_in, noise)
    assert sent(stand_in) == 10


@pytest.mark.parametrize("version", ["2.23.1", "2.73.0"])
@pytest.mark.parametrize("late", [False, True])
def test_labels_whose_upload_was_not_finished_go_under_another_name(
    server: Server, stand_in: StandIn, tmp_path: Path, noise: LabelledImages, version: str, late: bool
) -> None:
    stand_in.version = version
    finishes = itertools.count()
    stand_in.plan = lambda _, method, path: (
        Fault(drop=True, late=late)
        if method == "POST" and path.endswith("/annotations") and next(finishes) == 1
        else None
    )
    push(server, tmp_path / "loop", noise)
    assert there(stand_in, noise)


def test_labels_keep_the_suffix_that_the_server_goes_by(tmp_path: Path) -> None:
    names = []

    class Task:
        import_annotations: Callable[[str, Path], None] = staticmethod(
            lambda form, file: names.append((file.name, file.read_text(encoding="utf-8")))
        )

    (tmp_path / "sent.xml").write_text("<annotations/>", encoding="utf-8")
    for _ in range(2):
        upload_labels(Task(), "CVAT 1.1", tmp_path / "sent.xml")
    assert {(Path(name).suffix, text) for name, text in names} == {(".xml", "<annotations/>")}
    assert len(dict(names)) == 2


def test_megabytes_are_shown() -> None:
    shown: list[tuple[int, int]] = []
    count = Megabytes(lambda done, total: shown.append((done, total)))
    with count.task(total=30_000_000, desc="Uploading data", unit="B"):
        for delta in (30_000_000, -30_000_000, 10_000_000, 20_000_000):  # the SDK looks for the end first
            count.advance(delta)
    assert shown == [(30, 30), (0, 30), (10, 30), (30, 30)]


def test_memory_holds_a_piece_and_not_the_zip(
    server: Server, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in is in this process, too, so it forgets what it gets."""
    piece, whole = 1 << 16, 1 << 23
    monkeypatch.setattr(uploads, "PIECE", piece)
    monkeypatch.setattr("cvat_sdk.core.uploading.TUS_CHUNK_SIZE", piece)
    archive = tmp_path / "images.zip"
    archive.write_bytes(bytes(whole))
    got = [0]

    def swallow(_: StandIn, call: Call, *__: object) -> Answer:
        got[0] += len(call.body)
        return Answer(204, headers={"Upload-Offset": str(got[0])})

    monkeypatch.setattr(
        "tests.cvat.standin.server._ROUTES",
        [(r"/api/tasks/(\d+)/(data)/([0-9a-f-]{36})", swallow), *_ROUTES],
    )
    task = server.client.tasks.create(models.TaskWriteRequest(name="t", labels=[]))
    tracemalloc.start()
    with pytest.raises(BackgroundRequestException, match="No media"):  # nothing was kept
        uploads.upload_images(task, server.client, archive)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert got[0] == whole
    assert peak < 20 * piece < whole / 4
