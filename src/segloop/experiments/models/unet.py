"""A U-Net with batch norm and dropout inside the network, for images of any size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F


@MODELS.register_module()
class DropoutUNet(BaseModule):
    """Encode by halving, decode by doubling, and join each level with the encoder's features of its size.

    Unlike mmseg's `UNet` it drops features inside the network, where they are learnt, and takes any
    height and width: a level that does not divide by two is brought to its partner's size on the way up.

    Args:
        in_channels: channels of the image.
        channels: channels of each level, finest first; their number is the depth.
        dropout: probability per level, finest first, of dropping a whole feature map (Dropout2d)
            after the level's convolutions; neighbouring pixels agree, so dropping single values
            would hide nothing.
        convs: 3x3 convolutions per level.

    Returns, from `forward`, one map per level, coarsest first, the finest `[N, channels[0], H, W]`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: Sequence[int] = (32, 64, 128, 256, 512),
        dropout: Sequence[float] = (0.0, 0.0, 0.1, 0.2, 0.3),
        convs: int = 2,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg or dict(type="Kaiming", layer="Conv2d", nonlinearity="relu"))
        if len(dropout) != len(channels):
            raise ValueError(f"{len(channels)} levels need {len(channels)} dropout rates, not {len(dropout)}")
        self.encoder = nn.ModuleList()
        before = in_channels
        for width, rate in zip(channels, dropout, strict=True):
            self.encoder.append(_block(before, width, convs=convs, dropout=rate))
            before = width
        self.reduce = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for width, rate in list(zip(channels, dropout, strict=True))[-2::-1]:
            self.reduce.append(nn.Conv2d(before, width, 1, bias=False))
            self.decoder.append(_block(2 * width, width, convs=convs, dropout=rate))
            before = width

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the decoder's maps, coarsest first; the last has the image's own height and width."""
        skips = []
        features = image
        for level, block in enumerate(self.encoder):
            # ceil_mode keeps the last row and column of odd sizes
            features = block(F.max_pool2d(features, 2, ceil_mode=True) if level else features)
            skips.append(features)
        outputs = [skips.pop()]
        for reduce, block in zip(self.reduce, self.decoder, strict=True):
            skip = skips.pop()
            # 1x1 before the enlargement: the same result as after it, at a quarter of the cost
            above = F.interpolate(
                reduce(outputs[-1]), size=skip.shape[2:], mode="bilinear", align_corners=False
            )
            outputs.append(block(torch.cat([skip, above], dim=1)))
        return tuple(outputs)


def _block(before: int, width: int, *, convs: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(convs):
        layers += [
            nn.Conv2d(before, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        before = width
    if dropout:
        layers.append(nn.Dropout2d(dropout))
    return nn.Sequential(*layers)
