"""What the doctor asks of each layer, every layer in a process of its own, since an import may crash."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARK = "doctor> "  # begins the line with the answer; whatever a library prints stays apart from it

# OpenMMLab's own distributions write the same folders as the continuations that we install.
ORIGINALS = {
    "onedl-mmengine": ("mmengine", "mmengine-lite"),
    "onedl-mmcv": ("mmcv", "mmcv-full", "mmcv-lite"),
    "onedl-mmsegmentation": ("mmsegmentation", "mmseg"),
    "onedl-mmdetection": ("mmdet", "mmdetection"),
}


def plain(module: str, *, package: str | None = None) -> Callable[[], dict[str, Any]]:
    """Return a probe that imports `module` and tells the version of `package`, by default its top level."""

    def probe() -> dict[str, Any]:
        importlib.import_module(module)
        top = importlib.import_module(package or module.split(".")[0])
        return {"version": getattr(top, "__version__", "") or version_of(top.__name__)}

    return probe


def torch() -> dict[str, Any]:
    """Import torch, hand an array over to numpy, and name the device."""
    torch = importlib.import_module("torch")
    torch.zeros(1).numpy()  # fails where torch and numpy do not fit
    answer = {"version": torch.__version__}
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        bfloat16 = "" if torch.cuda.is_bf16_supported() else "no "
        answer["detail"] = f"CUDA: {card.name}, {card.total_memory / 2**30:.0f} GiB, {bfloat16}bfloat16"
        return answer
    answer["detail"] = f"{torch.get_num_threads()} threads, {_cpu_bfloat16(torch)}"
    if torch.backends.mps.is_available():
        answer["detail"] = f"MPS; CPU: {answer['detail']}"
    if torch.version.cuda and Path("/proc/driver/nvidia/version").exists():
        answer["warning"] = f"a GPU driver is here, but torch for CUDA {torch.version.cuda} finds no GPU"
        answer["mend"] = "nvidia-smi  # says whether the driver is too old for this torch"
    return answer


def _cpu_bfloat16(torch: Any) -> str:
    info = Path("/proc/cpuinfo")
    words = set(info.read_text(encoding="utf-8", errors="replace").split()) if info.exists() else set()
    fast = [flag for flag in ("amx_bf16", "avx512_bf16", "bf16") if flag in words]
    if not fast:
        return "no fast bfloat16 on this CPU"
    if not torch.backends.mkldnn.is_available():
        return f"the CPU has {fast[0]}, but this torch was built without oneDNN and does not use it"
    return f"bfloat16 by {fast[0]}"


def cv2() -> dict[str, Any]:
    """Import cv2, and tell which distributions wrote it and whether it needs libGL."""
    owners = cv2_owners()
    try:
        module = importlib.import_module("cv2")
        build = module.getBuildInformation()
    except (ImportError, AttributeError) as error:
        hint = f" (installed: {', '.join(owners)})" if owners else ""
        return {"error": f"{type(error).__name__}: {error}{hint}"}
    gui = re.search(r"GUI: +(\w+)", build)
    windows = gui[1] if gui else "the system"
    answer = {"version": module.__version__, "detail": ", ".join(owners) or module.__file__}
    answer["detail"] += ", needs no libGL" if windows == "NONE" else f", opens windows by {windows}"
    if len(owners) > 1:
        answer["warning"] = f"{' and '.join(owners)} overwrite each other's files"
    return answer


def cv2_owners() -> list[str]:
    """Return the names of the distributions that wrote the folder cv2/."""
    owners = set()
    for distribution in importlib.metadata.distributions():
        name = _name(distribution)
        if name.startswith("opencv") and any(
            str(file).startswith("cv2/") for file in distribution.files or ()
        ):
            owners.add(name)
    return sorted(owners)


def packages() -> dict[str, Any]:
    """Look for OpenMMLab's own distributions beside the continuations: one overwrites the other."""
    installed = {_name(found): found.version for found in importlib.metadata.distributions()}
    for ours, originals in ORIGINALS.items():
        rivals = [name for name in originals if name in installed]
        if ours in installed and rivals:
            return {
                "error": f"{' and '.join(rivals)} and {ours} overwrite each other's files",
                "mend": f"{{pip}} uninstall -y {' '.join(rivals)} && "
                f"{{pip}} install --force-reinstall --no-deps {ours}=={installed[ours]}",
            }
    return {"version": str(len(installed)), "detail": "distributions, none in another's place"}


def torchvision() -> dict[str, Any]:
    """Import torchvision where it is installed; SegLoop does not need it, but a broken one is in the way."""
    try:
        version = importlib.metadata.version("torchvision")
    except importlib.metadata.PackageNotFoundError:
        return {"detail": "not installed, not needed"}
    try:
        importlib.import_module("torchvision")
    except Exception as error:  # RuntimeError: operator torchvision::nms does not exist
        return {
            "error": f"torchvision {version} does not fit this torch ({error})",
            "mend": "{pip} uninstall -y torchvision  # SegLoop does not need it",
        }
    return {"version": version}


def ops() -> dict[str, Any]:
    """Tell which operators mmcv uses, with ours installed where it has none."""
    status = segloop("segloop.ops").install()
    answer = {"version": status.kind, "detail": status.reason}
    importlib.import_module("mmcv.ops")
    return answer


def with_ops(module: str) -> Callable[[], dict[str, Any]]:
    """Return a probe that imports `module` the way the tools do, with the operators in place."""

    def probe() -> dict[str, Any]:
        segloop("segloop.ops").install()
        return plain(module)()

    return probe


def pycocotools() -> dict[str, Any]:
    """Import pycocotools and send a mask through its compiled part."""
    numpy = importlib.import_module("numpy")
    mask = importlib.import_module("pycocotools.mask")
    square = numpy.asfortranarray(numpy.eye(3, dtype=numpy.uint8))
    if not (mask.decode(mask.encode(square)) == square).all():
        return {"error": "a mask comes back changed from its compiled part"}
    return {"version": version_of("pycocotools")}


def segloop_itself() -> dict[str, Any]:
    """Tell where `import segloop` finds the library."""
    try:
        found = importlib.import_module("segloop")
    except ImportError:
        return {"error": "segloop is not installed in this environment"}
    place = Path(str(found.__file__)).resolve().parent
    answer = {"version": found.__version__, "detail": str(place)}
    if place != Path(__file__).resolve().parents[1]:
        answer["warning"] = f"`import segloop` takes {place}, which is not this checkout"
        answer["mend"] = "{here}{pip} install --no-deps -e ."
    return answer


def segloop(module: str) -> Any:
    """Import one of our modules, from this checkout where segloop is not installed."""
    with contextlib.suppress(ImportError):
        return importlib.import_module(module)
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    return importlib.import_module(module)


def _name(distribution: importlib.metadata.Distribution) -> str:
    return (distribution.metadata["Name"] or "").lower().replace("_", "-")


def version_of(package: str) -> str:
    """Return the version of the distribution that brings `package`, or an empty string."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


PROBES: dict[str, Callable[[], dict[str, Any]]] = {
    "segloop": segloop_itself,
    "packages": packages,
    "numpy": plain("numpy"),
    "torch": torch,
    "torchvision": torchvision,
    "tensorboard": plain("torch.utils.tensorboard", package="tensorboard"),
    "scipy": plain("scipy.optimize"),
    "pandas": plain("pandas"),
    "matplotlib": plain("matplotlib.figure"),
    "cv2": cv2,
    "mmengine": plain("mmengine"),
    "mmcv": plain("mmcv"),
    "ops": ops,
    "mmseg": with_ops("mmseg.models"),
    "pycocotools": pycocotools,
    "mmdet": with_ops("mmdet.models"),
    "cvat_sdk": plain("cvat_sdk"),
}


def main() -> None:
    """Run the probe named on the command line and print its answer as JSON on a marked line."""
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]  # our neighbours would hide packages
    try:
        answer = PROBES[sys.argv[1]]()
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(f"\n{MARK}{json.dumps(answer)}", flush=True)
    os._exit(0)  # the answer is out; a library that crashes while Python ends is not the user's trouble


if __name__ == "__main__":
    main()
