"""What every test shares."""

from __future__ import annotations

import segloop.ops

segloop.ops.install()  # before any test module imports mmcv
