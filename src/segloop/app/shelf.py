"""Lists what there is to open: RUNs, models, data sets. A choice is a name out of a list, never a path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from segloop.analysis.runs import Run, list_runs, read_run
from segloop.data.info import FILE_NAME, VERSIONS, home_of
from segloop.utils.atomic import read_record
from segloop.utils.errors import UserError, nearest

WORK_DIRS, DATA = "SEGLOOP_WORK_DIRS", "SEGLOOP_DATA"
DEEPEST = 3  # levels below the folders that are looked through
PUBLISHED = "published"  # what tools/publish_model.py makes in a work_dir
WEIGHTS = ("*.pth", "*.safetensors")


@dataclass(frozen=True)
class Shelf:
    """The two folders that everything is taken from; what is linked to from elsewhere is not listed."""

    work_dirs: Path
    data: Path

    @classmethod
    def of_environment(cls) -> Shelf:
        """Return the folders that SEGLOOP_WORK_DIRS and SEGLOOP_DATA name, else `work_dirs` and `data`."""
        return cls(Path(os.environ.get(WORK_DIRS) or "work_dirs"), Path(os.environ.get(DATA) or "data"))

    def runs(self) -> dict[str, Path]:
        """Return the folders of the RUNs by `<work_dir>/<run>`, the newest first."""
        found = [
            (
                str((read_record(run / "meta.json") or {}).get("finished") or ""),
                self._named(run.parent.parent),
                run,
            )
            for work_dir in self._folders(self.work_dirs)
            for run in list_runs(work_dir)
            if self._is_ours(run)
        ]
        found.sort(key=lambda each: (each[0], each[1], each[2].name), reverse=True)
        return {f"{work_dir}/{run.name}": run for _, work_dir, run in found}

    def models(self) -> dict[str, Path]:
        """Return what predicts, by name: work_dirs and published folders with weights, exported files."""
        found: dict[str, Path] = {}
        for folder in self._folders(self.work_dirs):
            if not self._is_ours(folder):
                continue
            files = [each for pattern in WEIGHTS for each in folder.glob(pattern) if each.name[0] != "."]
            if any(folder.glob("*.py")) and any(map(self._is_ours, files)):
                found[self._named(folder)] = folder
            for file in sorted(folder.glob("*.onnx")):
                if file.name[0] != "." and self._is_ours(file):
                    found[f"{self._named(folder)}/{file.name}"] = file
        return found

    def datasets(self) -> dict[str, Path]:
        """Return the prepared data sets by their place below the data folder, versions of labels too."""
        return {
            folder.relative_to(self.data).as_posix(): folder
            for folder in self._folders(self.data)
            if folder != self.data and (folder / FILE_NAME).is_file()
        }

    def open_run(self, name: str) -> Run:
        """Open one of the RUNs; of data that were moved, it says where they lie now."""
        run = read_run(chosen(name, self.runs(), what="RUN"))
        here = self.data_root(run)
        if here is None:
            return run
        return replace(run, meta={**run.meta, "data": {**run.meta["data"], "root": str(here.resolve())}})

    def data_root(self, run: Run) -> Path | None:
        """Return where a RUN's data lie if they were moved: below our data folder; None if they were not."""
        told = str((run.meta.get("data") or {}).get("root") or "")
        if run.data_root.is_dir():
            return None
        root = Path(told)
        here = self.data / root.relative_to(home_of(root).parent)
        return here if told and here.is_dir() else None

    def _named(self, folder: Path) -> str:
        name = folder.relative_to(self.work_dirs).as_posix()
        return self.work_dirs.resolve().name if name == "." else name

    def _is_ours(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.work_dirs.resolve())

    def _folders(self, top: Path, depth: int = 0) -> Iterator[Path]:
        """Yield a folder and those below it, without hidden ones and those of tests and logs."""
        inside = folders_in(top)
        if inside is None:
            return
        yield top
        names = {each.name for each in inside}
        ends = "img_dir" in names or ("test" in names and not _stands_alone(top / "test"))
        if depth < DEEPEST and not ends:
            for each in inside:
                yield from self._folders(each, depth + 1)
        else:
            yield from (each for each in inside if each.name == PUBLISHED)
            yield from folders_in(top / VERSIONS) or ()


def _stands_alone(folder: Path) -> bool:
    """Return whether a folder is a work_dir or a data set by itself, whatever it is called."""
    files = (folder / name for name in ("train.json", FILE_NAME))
    return any(map(os.path.isfile, files)) or bool(list_runs(folder))  # False of what may not be read


def folders_in(folder: Path) -> list[Path] | None:
    """Return the folders in one, by name, without hidden ones; None where it is none or may not be read.

    A disk that is mounted has a `lost+found` that is nobody's but the system's.
    """
    try:
        with os.scandir(folder) as entries:  # it tells files from folders without asking for each
            return sorted(Path(each) for each in entries if each.name[0] != "." and _is_folder(each))
    except OSError:
        return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return Path(entry).is_dir() if entry.is_symlink() else entry.is_dir()


def chosen(name: str, known: Mapping[str, Path], *, what: str) -> Path:
    """Return what a name stands for; one that is not listed is refused, whatever it looks like.

    >>> chosen("a", {"a": Path("x")}, what="RUN")
    PosixPath('x')
    """
    if name not in known:
        raise UserError(f"There is no {what} {name!r} here.{nearest(name, known)}")
    return known[name]
