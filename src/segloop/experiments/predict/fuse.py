"""Makes a network's convolutions cheaper for prediction: batch norm inside them, ReLU and sums with them.

Nothing is trusted: the fused copy and the network get the same noise, and if what comes out differs by more
than rounding, the network stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from mmcv.cnn import ConvModule, fuse_conv_bn
from torch import Tensor, nn
from torch.nn import functional as F

TOLERANCE = 1e-3  # of the largest output; float32 sums in another order differ by some 1e-6
_PROBE_HW = (96, 128)  # divides by 32, and differs by side


class FusedConv2d(nn.Conv2d):
    """A `Conv2d` with the same parameters that computes a ReLU and a sum, if asked, in the same pass.

    The weights lie channel by channel, and oneDNN lays them out for the image at each call, which takes it
    next to nothing. Laid out once for any size (`_reorder_convolution_weight`) they made a convolution of
    256 channels on 7x9 pixels 38 times as slow: where another layout suits the size, they are laid out
    anew from that one, one number at a time. `relu` and `dtype` are set by `absorb`.
    """

    relu: bool
    dtype: torch.dtype
    laid_out: tuple[Tensor, Tensor | None] | None

    def forward(self, image: Tensor, add: Tensor | None = None) -> Tensor:
        """Convolve `image` [N, C, H, W], and add `add` before the ReLU."""
        image, place = image.to(self.dtype), self._geometry()
        if self.laid_out is None:
            weights = self.weight.detach().to(self.dtype, memory_format=torch.channels_last)
            self.laid_out = weights, None if self.bias is None else self.bias.detach().to(self.dtype)
        weights, bias = self.laid_out
        if add is None:
            kind = "relu" if self.relu else "none"
            return torch.ops.mkldnn._convolution_pointwise(image, weights, bias, *place, kind, [], "")
        after = "relu" if self.relu else None
        return torch.ops.mkldnn._convolution_pointwise.binary(
            image, add.to(self.dtype), weights, bias, *place, "add", 1.0, after, [], ""
        )

    def _geometry(self) -> tuple[list[int], list[int], list[int], int]:
        return list(self.padding), list(self.stride), list(self.dilation), self.groups  # type: ignore[arg-type]


class _FusedBlock:
    """The forward pass of a residual block whose convolutions absorb what follows."""

    def forward(self, image: Tensor) -> Tensor:
        """Return the block's features."""
        block: Any = self
        identity = image if block.downsample is None else block.downsample(image)
        features = block.conv1(image)
        if not hasattr(block, "conv3"):
            return block.conv2(features, identity)
        return block.conv3(block.conv2(features), identity)


def fuse(
    model: nn.Module, *, dtype: torch.dtype = torch.float32, absorbing: bool = True
) -> tuple[nn.Module, str | None]:
    """Return a fused copy of a model in eval mode and None; or the model itself, and why it was not fused.

    `absorbing` is for a CPU; elsewhere batch norm alone goes into the convolutions.
    """
    try:
        before = probe(model)
        fused = fuse_conv_bn(deepcopy(model)).eval()
        if absorbing:
            absorb(fused, dtype=dtype)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            worst = difference(before, probe(fused))
    except (
        RuntimeError,
        TypeError,
        ValueError,
        AttributeError,
        AssertionError,
        NotImplementedError,
    ) as error:
        return model, f"could not be tried: {str(error).partition(chr(10))[0]}"
    limit = TOLERANCE if dtype == torch.float32 else 30 * TOLERANCE
    return (
        (fused, None)
        if worst <= limit
        else (model, f"changed the output by {worst:.1e} of its largest value")
    )


def absorb(model: nn.Module, *, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Turn plain convolutions into `FusedConv2d`, those before a ReLU with it inside; return the model."""
    for module in model.modules():
        if (
            type(module) is nn.Conv2d
            and not isinstance(module.padding, str)
            and module.padding_mode == "zeros"
        ):
            module.__class__ = FusedConv2d
            module.relu, module.dtype, module.laid_out = False, dtype, None  # type: ignore[assignment]
    for module in list(model.modules()):
        if isinstance(module, nn.Sequential):
            _absorb_in_sequence(module)
        elif isinstance(module, ConvModule):
            _absorb_in_module(module)
        elif _is_plain_block(module):
            _absorb_in_block(module)
    return model


@torch.inference_mode()
def probe(model: nn.Module) -> list[Tensor]:
    """Return what a model's parts make of the same noise each time."""
    noise = torch.Generator().manual_seed(0)
    device = next(model.parameters()).device
    mean = getattr(getattr(model, "data_preprocessor", None), "mean", None)
    channels = 3 if mean is None else len(mean)
    image = torch.randn(1, channels, *_PROBE_HW, generator=noise).to(device)
    features = model.extract_feat(image)  # type: ignore[operator]
    outputs = list(_tensors(features))
    for name in ("decode_head", "rpn_head"):
        head = getattr(model, name, None)
        if isinstance(head, nn.ModuleList):  # a cascade: each head sees what the one before it made
            outputs += _tensors(model.encode_decode(image, [{"img_shape": _PROBE_HW}]))  # type: ignore[operator]
        elif isinstance(head, nn.Module):
            outputs += _tensors(head(features))
    roi_head: Any = getattr(model, "roi_head", None)
    for extractor, head in (("mask_roi_extractor", "mask_head"), ("bbox_roi_extractor", "bbox_head")):
        part, reader = getattr(roi_head, head, None), getattr(roi_head, extractor, None)
        if isinstance(part, nn.Module) and not isinstance(part, nn.ModuleList) and reader is not None:
            side = reader.roi_layers[0].output_size
            shape = (2, reader.out_channels, *side)
            outputs += _tensors(part(torch.randn(shape, generator=noise).to(device)))
    return outputs


def difference(before: list[Tensor], after: list[Tensor]) -> float:
    """Return the largest difference of two lists of maps, as a share of each map's largest value."""
    if [each.shape for each in before] != [each.shape for each in after]:
        return float("inf")
    worst = 0.0
    for one, other in zip(before, after, strict=True):
        scale = max(float(one.abs().max()), 1e-6) if one.numel() else 1.0
        gap = float((one.float() - other.float()).abs().max()) if one.numel() else 0.0
        worst = max(worst, gap / scale) if gap == gap else float("inf")
    return worst


def _absorb_in_sequence(sequence: nn.Sequential) -> None:
    """Give a ReLU that follows a convolution, with nothing between but a batch norm that is gone, to it."""
    conv: FusedConv2d | None = None
    for name, layer in sequence.named_children():
        if isinstance(layer, FusedConv2d):
            conv = layer
        elif conv is not None and type(layer) is nn.ReLU:
            conv.relu = True
            sequence._modules[name] = nn.Identity()
            conv = None
        elif type(layer) is not nn.Identity:
            conv = None


def _absorb_in_module(module: ConvModule) -> None:
    plain = tuple(module.order) == ("conv", "norm", "act") and isinstance(module.conv, FusedConv2d)
    normless = not module.with_norm or isinstance(module.norm, nn.Identity)
    if plain and normless and module.with_activation and type(module.activate) is nn.ReLU:
        module.conv.relu = True
        module.activate = nn.Identity()


def _is_plain_block(module: nn.Module) -> bool:
    """Return whether a module is a residual block of mmseg's or mmdet's ResNet, of our convolutions."""
    kind = type(module)
    if kind.__name__ not in ("BasicBlock", "Bottleneck") or not kind.__module__.startswith(
        ("mmseg.models.backbones.resnet", "mmdet.models.backbones.resnet")
    ):
        return False
    convs = [getattr(module, name, None) for name in ("conv1", "conv2", "conv3")]
    norms = [getattr(module, name, None) for name in ("norm1", "norm2", "norm3")]
    count = 3 if kind.__name__ == "Bottleneck" else 2
    return (
        all(isinstance(conv, FusedConv2d) for conv in convs[:count])
        and all(isinstance(norm, nn.Identity) for norm in norms[:count])
        and not getattr(module, "with_plugins", False)
        and type(getattr(module, "relu", None)) is nn.ReLU
    )


def _absorb_in_block(block: nn.Module) -> None:
    for name in ("conv1", "conv2", "conv3"):
        conv = getattr(block, name, None)
        if isinstance(conv, FusedConv2d):
            conv.relu = True
    block.__class__ = type(f"Fused{type(block).__name__}", (_FusedBlock, type(block)), {})


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


def best_class(logits: Tensor) -> Tensor:
    """Return the class of each pixel, [N, H, W] uint8 (int32 for more than 256), of logits [N, C, H, W].

    The same as `argmax(dim=1)`, which torch computes pixel by pixel on a CPU: here whole maps are compared.
    """
    count = logits.shape[1]
    kind = torch.uint8 if count <= 256 else torch.int32
    if logits.device.type != "cpu" or count > 64:
        return logits.argmax(dim=1).to(kind)
    best = logits[:, 0].clone()
    found = torch.zeros(best.shape, dtype=kind, device=logits.device)
    for number in range(1, count):
        layer = logits[:, number]
        found.masked_fill_(layer > best, number)
        torch.maximum(best, layer, out=best)
    return found


def resize_logits(logits: Tensor, size_hw: tuple[int, int], *, align_corners: bool) -> Tensor:
    """Return logits [N, C, H, W] at another size, as mmseg resizes them; at their own they are not copied."""
    if tuple(logits.shape[2:]) == tuple(size_hw):
        return logits
    return F.interpolate(logits, size=size_hw, mode="bilinear", align_corners=align_corners)
