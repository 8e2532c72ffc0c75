"""Time the HTTP service under loads of 1 to 64 at once, with a real client on loopback.

    python benchmarks/serve_load.py shore.onnx photo.png [--seconds 10] [--threads N]

The service runs in a process of its own. For each load that many clients ask, again and again, for some
seconds; told are answers a second, how long half and 95 % of them took, and how many images a batch held.
Last comes the same model without HTTP, one image at a time and in batches: what the service costs.

Needs: an exported model.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

LOADS = (1, 2, 4, 8, 16, 32, 64)
TOOL = Path(__file__).resolve().parents[1] / "tools/serve.py"


def main() -> None:
    """Run the loads and print the table."""
    options = parse_args()
    command = [
        sys.executable,
        "-u",
        str(TOOL),
        str(options.model),
        "--port",
        "0",
        "--batch",
        str(options.batch),
    ]
    if options.threads:
        command += ["--threads", str(options.threads)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = next(told for told in process.stdout if "/predict" in told).split("/predict")[0]
        body = options.image.read_bytes()
        print("| at once | answers a second | median, ms | 95 %, ms | images a batch | not 200 |")
        print("|---:|---:|---:|---:|---:|---:|")
        for load in LOADS:
            print(line(address, body, load, seconds=options.seconds, to=options.to), flush=True)
    finally:
        process.terminate()
        process.wait()
    print(alone(options))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="a file of tools/export.py")
    parser.add_argument("image", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each load (default: 10)")
    parser.add_argument("--threads", type=int, help="of the model (default: all cores)")
    parser.add_argument("--batch", type=int, default=8, help="most images of a batch (default: 8)")
    parser.add_argument("--to", default="png", help="png, overlay, coco or rle (default: png)")
    return parser.parse_args()


def line(address: str, body: bytes, load: int, *, seconds: float, to: str) -> str:
    """Return the row of one load."""
    import httpx

    before = batches(httpx.get(f"{address}/metrics").text)
    times: list[float] = []
    failed = [0]
    lock = threading.Lock()
    end = time.perf_counter() + seconds

    def ask() -> None:
        with httpx.Client(base_url=address, timeout=120) as client:
            while time.perf_counter() < end:
                begin = time.perf_counter()
                status = client.post("/predict", params={"to": to}, content=body).status_code
                with lock:
                    times.append(time.perf_counter() - begin)
                    failed[0] += status != 200

    begin = time.perf_counter()
    clients = [threading.Thread(target=ask) for _ in range(load)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    took = time.perf_counter() - begin
    images, count = (
        a - b for a, b in zip(batches(httpx.get(f"{address}/metrics").text), before, strict=True)
    )
    if not times:
        return f"| {load} | no answer within {seconds:g} s | | | | |"
    times.sort()
    late = times[min(len(times) - 1, int(0.95 * len(times)))]
    return (
        f"| {load} | {len(times) / took:.1f} | {1000 * statistics.median(times):.0f} | {1000 * late:.0f} "
        f"| {images / max(count, 1):.1f} | {failed[0]} |"
    )


def batches(metrics: str) -> tuple[float, float]:
    """Return the images in all batches so far, and the number of batches."""
    found = [
        re.search(rf"^segloop_batch_images_{name} (\S+)$", metrics, re.MULTILINE) for name in ("sum", "count")
    ]
    images, count = (float(each[1]) if each else 0.0 for each in found)
    return images, count


def alone(options: argparse.Namespace) -> str:
    """Return how fast the model is without HTTP."""
    from segloop.experiments.onnx.model import OnnxModel
    from segloop.experiments.onnx.pictures import read_rgb

    model, image = OnnxModel.load(options.model, threads=options.threads), read_rgb(options.image)
    rates = []
    for many in (1, options.batch):
        model.predict_batch([image] * many)
        done, begin = 0, time.perf_counter()
        while time.perf_counter() < begin + options.seconds:
            model.predict_batch([image] * many)
            done += many
        rates.append(done / (time.perf_counter() - begin))
    return (
        f"Without HTTP, in one process: {rates[0]:.1f} images a second one by one, "
        f"{rates[1]:.1f} in batches of {options.batch}."
    )


if __name__ == "__main__":
    main()
