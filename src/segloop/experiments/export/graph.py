"""Turns an mmseg model into an ONNX graph: RGB bytes of any size and number in, logits of that size out."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import torch
from mmseg.models import EncoderDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from segloop.experiments.onnx.model import INPUT, INSTALL, OUTPUT
from segloop.utils.errors import ConfigError, MissingDependency, UserError

OPSET = 18
EXPORTERS = ("auto", "torchscript", "dynamo")
TRACED = (2, 96, 128)  # images, height, width: what is seen once; any other size must come out as well


class SemanticGraph(nn.Module):
    """A model with its normalisation: images [N, H, W, 3] uint8, RGB, to logits [N, C, H, W] float32."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: EncoderDecoder, *, divisor: int = 1, pad_value: float = 0.0) -> None:
        super().__init__()
        self.model, self.divisor, self.pad_value = model, divisor, pad_value
        preprocessor = model.data_preprocessor
        self.normalized = preprocessor._enable_normalize
        if self.normalized:
            self.register_buffer("mean", preprocessor.mean.view(1, -1, 1, 1))
            self.register_buffer("std", preprocessor.std.view(1, -1, 1, 1))
        # Files are read as BGR; whoever does not convert trains on that.
        self.bgr = not preprocessor._channel_conversion

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        values = image.permute(0, 3, 1, 2)
        values = (values.flip(1) if self.bgr else values).float()
        values = (values - self.mean) / self.std if self.normalized else values
        height, width = image.shape[1], image.shape[2]
        if self.divisor > 1:
            below, right = -height % self.divisor, -width % self.divisor
            values = F.pad(values, (0, right, 0, below), value=self.pad_value)
        # mmseg resizes logits to `img_shape`
        logits = self.model.encode_decode(values, [{"img_shape": values.shape[2:]}])
        return logits[:, :, :height, :width]


def write_graph(graph: nn.Module, path: Path, *, exporter: str = "auto") -> str:
    """Write the graph to an ONNX file with free number, height and width; return the exporter that did it.

    `torchscript` traces in seconds and `dynamo` takes minutes, so the second is tried where the first fails.
    """
    for package in ("onnx", "onnxscript"):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingDependency(package, why="export needs it", command=INSTALL) from error
    ways: dict[str, Callable[[nn.Module, Path], None]] = {"torchscript": _trace, "dynamo": _dynamo}
    chosen = list(ways) if exporter == "auto" else [exporter]
    said = []
    for name in chosen:
        try:
            # both print their progress and warn of every comparison of sizes; the check tells more
            with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.no_grad():
                warnings.simplefilter("ignore")
                ways[name](graph, path)
            return name
        except UserError:
            raise
        except Exception as error:  # an operator, a branch, a shape: exporters raise of all kinds
            said.append(f"{name}: {type(error).__name__}: {_first_line(error)}")
    raise ConfigError("This model cannot be exported by torch as it is:\n  " + "\n  ".join(said))


def _example() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    count, height, width = TRACED
    return torch.randint(0, 256, (count, height, width, 3), generator=generator, dtype=torch.uint8)


def _trace(graph: nn.Module, path: Path) -> None:
    free = {INPUT: {0: "batch", 1: "height", 2: "width"}, OUTPUT: {0: "batch", 2: "height", 3: "width"}}
    torch.onnx.export(
        graph,
        (_example(),),
        str(path),
        dynamo=False,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes=free,
        opset_version=OPSET,
    )


def _dynamo(graph: nn.Module, path: Path) -> None:
    batch, height, width = (torch.export.Dim(name) for name in ("batch", "height", "width"))
    torch.onnx.export(
        graph,
        (_example(),),
        str(path),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: batch, 1: height, 2: width},),
        opset_version=OPSET,
        external_data=False,  # one file that holds all
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300] or "no reason given"
