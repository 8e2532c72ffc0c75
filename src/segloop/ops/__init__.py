"""The mmcv operators in plain PyTorch, used where mmcv came without compiled ones.

Call `install()` before anything imports mmcv: mmcv binds its operators at first import.
"""

from segloop.ops.extension import OpsStatus, install, status

__all__ = ["OpsStatus", "install", "status"]
