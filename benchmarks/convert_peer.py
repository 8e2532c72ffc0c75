"""Converts what it is told to on standard input and says how long it took: a peer of `convert_speed.py`.

    python benchmarks/convert_peer.py ours|datumaro|loop

`datumaro` needs nothing of SegLoop, so that it runs in an environment of its own. A task is a line of JSON.

Needs: to be started by convert_speed.py.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Task = dict[str, Any]


def main() -> None:
    """Answer each task with seconds, CPU seconds and the peak of the memory in kB."""
    convert: Callable[[Task], None] = {"ours": ours, "datumaro": datumaro, "loop": usual_loop}[sys.argv[1]]
    logging.disable(logging.CRITICAL)  # Datumaro warns once per object
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        convert(json.loads(line))
        answer = {
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - cpu,
            "peak_kb": most_resident_kb(),
        }
        print(json.dumps(answer), flush=True)


def most_resident_kb() -> int:
    """Return the most memory that this process held; ru_maxrss would begin with what its parent held."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


def ours(task: Task) -> None:
    """Convert as `tools/convert.py --workers 1` does, its counts of losses included."""
    from data_converters.base import ReadOptions, WriteOptions
    from data_converters.convert import convert

    report = convert(
        Path(task["source"]),
        Path(task["target"]),
        from_format=task["from"],
        to_format=task["to"],
        read_options=ReadOptions(size_hw=task.get("size_hw"), split=task.get("split")),
        write_options=WriteOptions(media="none", instances=task.get("instances", "components")),
        workers=1,
    )
    assert report.exit_code == 0, report


def datumaro(task: Task) -> None:
    """Convert with Datumaro's own API."""
    from datumaro.components.dataset import Dataset

    names = {"mmseg": "common_semantic_segmentation", "coco": "coco_instances", "cvat": "cvat"}
    read = Dataset.import_from(task["source"], names[task["from"]])
    read.export(task["target"], names[task["to"]], save_media=False)


def usual_loop(task: Task) -> None:
    """Turn a CSV of ships into COCO as notebooks do it: pandas, a mask for each row, pycocotools."""
    import numpy as np
    import pandas as pd
    from pycocotools import mask as coco

    height, width = task["size_hw"]
    frame = pd.read_csv(task["source"])
    images: list[Task] = []
    annotations: list[Task] = []
    for image_id, (name, rows) in enumerate(frame.groupby("ImageId"), 1):
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        for runs in rows["EncodedPixels"].dropna():
            numbers = np.asarray(runs.split(), dtype=int)
            flat = np.zeros(height * width, np.uint8)
            for start, length in zip(numbers[0::2] - 1, numbers[1::2], strict=True):
                flat[start : start + length] = 1
            encoded = coco.encode(np.asfortranarray(flat.reshape(width, height).T))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "segmentation": {"size": [height, width], "counts": encoded["counts"].decode("ascii")},
                    "area": int(coco.area(encoded)),
                    "bbox": coco.toBbox(encoded).tolist(),
                    "iscrowd": 0,
                }
            )
    whole = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "ship"}]}
    Path(task["target"]).write_text(json.dumps(whole), encoding="utf-8")


def masks_of(file: Path) -> Iterator[tuple[int, int]]:
    """Yield image and area of each annotation of a COCO file, in their order."""
    for each in json.loads(file.read_text(encoding="utf-8"))["annotations"]:
        yield each["image_id"], int(each["area"])


if __name__ == "__main__":
    main()
