"""What keeps a run from writing, told in words: folders that take no file, disks that are full."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segloop.utils.errors import FULL, ConfigError, UserError

# How torch says that a loader process found no room in /dev/shm.
SHARED_MEMORY = ("signal: Bus error", "insufficient shared memory")


def lacks_shared_memory(error: BaseException) -> bool:
    """Return whether a loader process ended for want of shared memory; torch may tell it as a cause."""
    return any(sign in f"{error} {error.__cause__}" for sign in SHARED_MEMORY)


def require_writable(folder: Path, *, keep: bool = True, flag: str = "--work-dir") -> None:
    """Refuse a work_dir, or what another flag names, that cannot be written before anything is computed.

    Without `keep` nothing is left of the attempt, not even a changed time.
    """
    what = "work_dir" if flag == "--work-dir" else "folder"
    made = [] if keep else [path for path in (folder, *folder.parents) if not path.exists()]
    before = folder.stat() if not keep and folder.is_dir() else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process of this run may have been faster
    except OSError as error:
        raise ConfigError(
            f"The {what} {folder} cannot be written: {error.strerror}. Choose another with {flag}."
        ) from error
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()
        if before is not None:
            with suppress(OSError):
                os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


@contextmanager
def full_disks(then: str) -> Iterator[None]:
    """Within the block, tell in words that a disk is full, or what loaders share, and what to do then."""
    try:
        yield
    except RuntimeError as error:
        if not lacks_shared_memory(error):
            raise
        raise UserError(
            "The memory that loader processes share (/dev/shm) is full. Start a container with "
            f"--shm-size=8g, or set num_workers=0 in the dataloaders, then {then}."
        ) from error
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise UserError(f"{error.strerror}. Make room, then {then}.") from error
