"""RoIAlign: the mean (or the maximum) of bilinear samples in each bin of each region of interest.

The mean over a bin is separable. Along each axis a bin is a short window of pixels with weights, so it is a
weighted sum of one small rectangle of pixels, however many samples were asked for. With many channels the
pixels are rows of a table [N*H*W, C] and each bin is one bag of `embedding_bag`; the gradient is the same
with the bags turned round, pixel by pixel. With few channels (masks) the image lines are the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from segloop.ops import lookup
from segloop.ops.lookup import CHUNK, computable, pixel_rows

FEW_CHANNELS = 8  # below, a row of channels is too short to be worth a look-up


class Windows(NamedTuple):
    """Per region and bin along one axis: the first pixel [R, P], weights [R, P, K], pixels needed [R]."""

    first: Tensor
    weight: Tensor
    span: Tensor

    def positions(self, regions: Tensor, span: int, size: int) -> Tensor:
        """Return the pixels [n, P, span] of some regions; past the border the weight is zero anyway."""
        steps = torch.arange(span, device=self.first.device, dtype=self.first.dtype)
        return (self.first[regions, :, None] + steps).clamp_(max=size - 1)


class Samples(NamedTuple):
    """Per region, bin and sample along one axis: coordinate [R, P, G] and whether it counts."""

    at: Tensor
    valid: Tensor
    grid: Tensor


class Taps(NamedTuple):
    """Bags of pixels: which regions they belong to, `pixel` and `weight` [regions, bins, taps per bag]."""

    regions: Tensor
    pixel: Tensor
    weight: Tensor

    def bags(self) -> tuple[Tensor, Tensor]:
        """Return pixels and weights one bag after another, as look-ups want them."""
        return self.pixel.flatten(0, 1), self.weight.flatten(0, 1)


@torch.no_grad()
def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write the pooled regions to `output` [R, C, P, Q]; in max mode (0) also where each maximum was."""
    if output.numel() == 0:
        return
    rows, columns = _samples(
        rois, (aligned_height, aligned_width), spatial_scale, sampling_ratio, aligned, input.shape[2:]
    )
    batch = rois[:, 0].long()
    if pool_mode == 0:
        _max_forward(input, batch, rows, columns, output, argmax_y, argmax_x)
        return
    y, x = _windows(rows, input.shape[2]), _windows(columns, input.shape[3])
    if input.shape[1] < FEW_CHANNELS:
        _mean_of_lines(input, batch, y, x, output)
    else:
        _mean_of_pixels(input, batch, y, x, output)


@torch.no_grad()
def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add the gradient of the pooled regions to `grad_input` [N, C, H, W]."""
    if grad_output.numel() == 0:
        return
    batch = rois[:, 0].long()
    if pool_mode == 0:
        _max_backward(grad_output, batch, argmax_y, argmax_x, grad_input)
        return
    height, width = grad_input.shape[2:]
    rows, columns = _samples(
        rois, (aligned_height, aligned_width), spatial_scale, sampling_ratio, aligned, (height, width)
    )
    y, x = _windows(rows, height), _windows(columns, width)
    if grad_input.shape[1] < FEW_CHANNELS:
        _spread_plane_by_plane(grad_output, batch, y, x, grad_input)
    else:
        _spread_to_pixels(grad_output, batch, y, x, grad_input)


def _samples(
    rois: Tensor,
    bins: tuple[int, int],
    scale: float,
    ratio: int,
    aligned: bool,
    size_hw: tuple[int, int] | torch.Size,
) -> tuple[Samples, Samples]:
    """Return where each region is sampled along y and along x; ratio 0 takes about one sample per pixel."""
    corners = computable(rois[:, 1:]) * scale - (0.5 if aligned else 0.0)
    found = []
    for axis, count in ((1, bins[0]), (0, bins[1])):
        start = corners[:, axis]
        length = corners[:, axis + 2] - start
        if not aligned:
            length = length.clamp(min=1.0)
        size = length / count
        # a region that is no number, or without an end, has no samples
        grid = torch.full_like(size, ratio) if ratio > 0 else size.ceil().nan_to_num(0.0, 0.0, 0.0)
        steps = torch.arange(max(1, int(grid.max())), device=rois.device, dtype=size.dtype)
        inside = (steps + 0.5) * size[:, None] / grid[:, None]
        edges = start[:, None] + torch.arange(count, device=rois.device) * size[:, None]
        at = edges[:, :, None] + inside[:, None]
        pixels = size_hw[0] if axis == 1 else size_hw[1]
        # Up to a pixel outside a sample takes the border's value, farther out it is zero, and it counts.
        valid = (at >= -1.0) & (at <= pixels) & (steps < grid[:, None])[:, None]
        found.append(Samples(at, valid, grid))
    return found[0], found[1]


def _windows(samples: Samples, size: int) -> Windows:
    """Merge the samples of each bin into one window of neighbouring pixels with weights."""
    at = samples.at.nan_to_num(0.0).clamp(0, size - 1)
    low = at.floor()
    share = samples.valid / samples.grid.clamp(min=1)[:, None, None]
    above = (at - low) * share
    first = low.amin(2, keepdim=True)
    steps = (low - first).long()
    counted = torch.where(samples.valid, steps, 0)
    span = counted.flatten(1).amax(1) + 2
    weight = at.new_zeros(*at.shape[:2], int(span.max()))
    weight.scatter_add_(2, counted, share - above)
    weight.scatter_add_(2, counted + 1, above)
    return Windows(first[:, :, 0].int(), weight, span)


def _taps(y: Windows, x: Windows, batch: Tensor, size_hw: tuple[int, int]) -> Iterator[Taps]:
    """Yield bags of pixels for regions whose windows are equally large, so that nothing is padded far.

    Pixels are counted from the start of their image; regions of one image are neighbours.
    """
    height, width = size_hw
    keys, group = torch.unique(y.span * (int(x.span.max()) + 1) + x.span, return_inverse=True)
    order = (group * (int(batch.max()) + 1) + batch).argsort(stable=True)
    bins = y.first.shape[1] * x.first.shape[1]
    for regions in order.split(torch.bincount(group, minlength=len(keys)).tolist()):
        tall, wide = int(y.span[regions[0]]), int(x.span[regions[0]])
        for some in regions.split(max(1, CHUNK // (bins * tall * wide))):
            lines = y.positions(some, tall, height) * width
            index = lines[:, :, None, :, None] + x.positions(some, wide, width)[:, None, :, None]
            weight = y.weight[some, :, None, :tall, None] * x.weight[some, None, :, None, :wide]
            taps = (len(some), bins, tall * wide)
            yield Taps(some, index.reshape(taps), weight.reshape(taps))


def _taps_by_image(
    y: Windows, x: Windows, batch: Tensor, size_hw: tuple[int, int]
) -> Iterator[tuple[int, list[Taps]]]:
    """Yield the number of each image that has regions, and their bags."""
    found: dict[int, list[Taps]] = {}
    for taps in _taps(y, x, batch, size_hw):
        images, counts = (
            values.tolist() for values in batch[taps.regions].unique_consecutive(return_counts=True)
        )
        for image, *parts in zip(images, *(values.split(counts) for values in taps), strict=True):
            found.setdefault(image, []).append(Taps(*parts))
    yield from found.items()


def _mean_of_pixels(input: Tensor, batch: Tensor, y: Windows, x: Windows, output: Tensor) -> None:
    channels, height, width = input.shape[1:]
    flat = output.flatten(2)
    table = computable(input[:0]).new_empty(height * width, channels)  # fresh memory costs more than the work
    for image, blocks in _taps_by_image(y, x, batch, (height, width)):
        rows = pixel_rows(input[image : image + 1], out=table)
        for some in _batches(blocks, flat.shape[2] * channels):
            pooled = lookup.weighted_sums(rows, [taps.bags() for taps in some])
            regions = torch.cat([taps.regions for taps in some])
            flat[regions] = pooled.view(len(regions), -1, channels).transpose(1, 2).to(output.dtype)


def _batches(blocks: list[Taps], per_region: int) -> Iterator[list[Taps]]:
    """Yield neighbouring blocks together: they can be tiny, and each look-up wakes the threads."""
    waiting: list[Taps] = []
    count = 0
    for taps in blocks:
        waiting.append(taps)
        count += len(taps.regions) * per_region
        if count >= CHUNK:
            yield waiting
            waiting, count = [], 0
    if waiting:
        yield waiting


def _spread_to_pixels(grad: Tensor, batch: Tensor, y: Windows, x: Windows, grad_input: Tensor) -> None:
    channels, height, width = grad_input.shape[1:]
    rows, part = pixel_rows(grad), max(1, CHUNK // channels)
    turned = rows.new_empty(channels * part)
    bins = torch.arange(len(rows), device=grad.device, dtype=torch.int32).view(len(grad), -1)
    for image, blocks in _taps_by_image(y, x, batch, (height, width)):
        plane, at = grad_input[image].view(channels, -1), 0
        own = bins[torch.cat([taps.regions for taps in blocks])].flatten()
        for sums in lookup.spread(
            [taps.bags() for taps in blocks], rows, plane.shape[1], rows=own, part=part
        ):
            here = turned[: sums.numel()].view(channels, -1)
            plane[:, at : at + len(sums)].add_(lookup.transpose(sums, here))
            at += len(sums)


def _mean_of_lines(input: Tensor, batch: Tensor, y: Windows, x: Windows, output: Tensor) -> None:
    """Sum lines first, each line of the image a row of the table, then columns within each sum."""
    number, channels, height, width = input.shape
    table = computable(input).reshape(number * channels * height, width)
    planes = batch[:, None].int() * channels + torch.arange(channels, device=batch.device, dtype=torch.int32)
    order = y.span.argsort()
    for some in order.split(max(1, CHUNK // (channels * output.shape[2] * width))):
        tall, wide = int(y.span[some].max()), int(x.span[some].max())
        lines = planes[some, :, None, None] * height + y.positions(some, tall, height)[:, None]
        weight = y.weight[some, None, :, :tall].to(table.dtype).expand(lines.shape)
        summed = lookup.weighted_sum(table, lines.reshape(-1, tall), weight.reshape(-1, tall)).view(
            len(some), channels, -1, width
        )
        columns = x.positions(some, wide, width).long().flatten(1)[:, None, None]
        picked = summed.gather(3, columns.expand(*summed.shape[:3], -1)).unflatten(3, (-1, wide))
        output[some] = (picked * x.weight[some, None, None, :, :wide]).sum(-1).to(output.dtype)


def _spread_plane_by_plane(grad: Tensor, batch: Tensor, y: Windows, x: Windows, grad_input: Tensor) -> None:
    # index_add of single numbers is a plain loop, of short rows a call for each.
    number, channels, height, width = grad_input.shape
    planes = computable(grad_input[:0]).new_zeros(channels, number * height * width)
    values = computable(grad).flatten(2).transpose(0, 1)
    for regions, pixel, weight in _taps(y, x, batch, (height, width)):
        pixel = pixel + batch[regions, None, None] * (height * width)
        for plane, value in zip(planes, values, strict=True):
            share = value[regions][..., None] * weight
            plane.index_add_(0, pixel.flatten(), share.flatten().to(plane.dtype))
    grad_input.add_(planes.view(channels, number, height, width).transpose(0, 1))


def _max_forward(
    input: Tensor,
    batch: Tensor,
    rows: Samples,
    columns: Samples,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
) -> None:
    """Take the largest sample of each bin, region by region with equal grids."""
    table = pixel_rows(input)
    height, width = input.shape[2:]
    where_yx = [rows.at.new_zeros(output.shape) for _ in range(2)]
    tall, wide = (axis.grid.int().clamp(min=0) for axis in (rows, columns))  # upside down: no samples
    grids = torch.stack([tall, wide], 1)
    for grid in torch.unique(grids, dim=0):
        high, broad = grid.tolist()
        regions = (grids == grid).all(1).nonzero()[:, 0]
        per_region = output[0].numel() * max(1, high * broad)
        for some in regions.split(max(1, CHUNK // per_region)) if high * broad else ():
            y, x = rows.at[some, :, :high], columns.at[some, :, :broad]
            shape = (len(some), y.shape[1], x.shape[1], high, broad)
            y_all = y[:, :, None, :, None].expand(shape).flatten(3)
            x_all = x[:, None, :, None].expand(shape).flatten(3)
            index, weight = _corners(y_all, x_all, batch[some, None, None, None], height, width)
            values = lookup.weighted_sum(table, index.view(-1, 4), weight.view(-1, 4))
            best, where = values.view(*y_all.shape, -1).max(3)
            where = where.flatten(1, 2)
            output[some] = best.permute(0, 3, 1, 2).to(output.dtype)
            for target, at in zip(where_yx, (y_all, x_all), strict=True):
                found = at.flatten(1, 2).gather(2, where)
                target[some] = found.transpose(1, 2).unflatten(2, shape[1:3])
        if not high * broad:  # an empty region has no samples: mmcv's start values stay
            output[regions], where_yx[0][regions], where_yx[1][regions] = -10000.0, -1.0, -1.0
    # mmcv made these tensors in the type of the features, and bfloat16 cannot say where a maximum was.
    argmax_y.data, argmax_x.data = where_yx


def _max_backward(
    grad_output: Tensor, batch: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor
) -> None:
    number, channels, height, width = grad_input.shape
    planes = batch[:, None] * channels + torch.arange(channels, device=batch.device)
    index, weight = _corners(
        computable(argmax_y), computable(argmax_x), planes[:, :, None, None], height, width
    )
    weight = torch.where((argmax_y == -1.0)[..., None], 0.0, weight)
    share = weight * computable(grad_output)[..., None]
    total = share.new_zeros(grad_input.numel()).index_add_(0, index.flatten(), share.flatten())
    grad_input.add_(total.view(number, channels, height, width))


def _corners(y: Tensor, x: Tensor, plane: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return flat indices and bilinear weights [..., 4] of the pixels around each point of a plane."""
    valid = (y >= -1.0) & (y <= height) & (x >= -1.0) & (x <= width)
    y, x = y.nan_to_num(0.0).clamp(0, height - 1), x.nan_to_num(0.0).clamp(0, width - 1)
    low_y, low_x = y.floor(), x.floor()
    part_y, part_x = y - low_y, x - low_x
    top, left = low_y.long(), low_x.long()
    bottom, right = (top + 1).clamp_(max=height - 1), (left + 1).clamp_(max=width - 1)
    lines = torch.stack([top, top, bottom, bottom], -1) + (plane * height)[..., None]
    index = lines * width + torch.stack([left, right, left, right], -1)
    rows = torch.stack([1 - part_y, 1 - part_y, part_y, part_y], -1)
    return index, rows * torch.stack([1 - part_x, part_x, 1 - part_x, part_x], -1) * valid[..., None]
