"""A copy of the repository in which the commands of one page are run as they are typed."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cvat.standin.server import StandIn, running
from tests.documented import warm
from tests.documented.pages import ROOT
from tests.documented.stock import PIECES

BIN = Path(sys.executable).parent
PATIENCE_S = 900.0  # a busy machine may take its time
# What goes on until it is told to end, and what it answers once it is there.
SERVERS = {
    r"tools/serve\.py": "/health",
    r"streamlit run|make app": "/_stcore/health",
    r"tests\.cvat\.standin": "/api/server/about",
}
# Flags whose values are written.
OUTPUTS = (
    "--out",
    "--html",
    "--json",
    "--write-list",
    "--work-dir",
    "--overlays",
    "--to-files",
)


class Failed(AssertionError):
    """A command does not do what its page says."""


class Sandbox:
    """The copy, always in the same folder, so that what was made once stays true: paths stand in records."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "segloop"
        self._stock = home / "stock"
        self._address = str(Path(tempfile.mkdtemp(prefix="segloop-")) / "warm")
        self._exported: dict[str, str] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self.stand_in: StandIn | None = None  # for CVAT's server, where a page needs one
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.lay()
        self._warm = subprocess.Popen(
            [sys.executable, "-m", "tests.documented.warm", self._address, str(self.folder / ".bin/python")],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._warm.stdout is not None
        assert self._warm.stdout.readline() == b"ready\n", "the process that forks did not start"

    def close(self) -> None:
        """End all that was started."""
        self.stop_server()
        self._warm.kill()
        self._warm.communicate()
        shutil.rmtree(Path(self._address).parent, ignore_errors=True)

    def lay(self) -> None:
        """Put a fresh copy of the repository's files in place of what is there."""
        self.stop_server()
        self._exported = {}
        shutil.rmtree(self.folder, ignore_errors=True)
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.folder / name)
        for python in (self.folder / ".bin/python", self.folder / ".venv/bin/python"):
            warm.write_client(python, self._address)
        (self.folder / ".home").mkdir()

    def environment(self) -> dict[str, str]:
        """Return what a command finds in its environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEGLOOP", "CVAT"))}
        return {
            **kept,
            "PATH": os.pathsep.join([str(self.folder / ".bin"), str(BIN), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(self.folder / "src"), str(self.folder)]),
            "HOME": str(self.folder / ".home"),
            "OMP_NUM_THREADS": "1",
            "PORT": str(self.port),
            "STREAMLIT_SERVER_PORT": str(self.port),
            "STREAMLIT_SERVER_HEADLESS": "true",
            **self._exported,
        }

    def bring(self, *names: str) -> None:
        """Bring what a page presumes, made by its commands when it is asked for first."""
        for name in names:
            piece = PIECES[name]
            self.bring(*piece.needs)
            if piece.makes and all((self.folder / place).exists() for place in piece.makes):
                continue
            kept = self._stock / name
            if not kept.exists():
                for command in piece.commands:
                    self.run(command)
                for place in piece.makes:
                    copy(self.folder / place, kept / place)
            for place in piece.makes:
                if not (self.folder / place).exists():
                    copy(kept / place, self.folder / place)

    def run(self, text: str, *, codes: tuple[int, ...] = (0,)) -> str:
        """Run a line as bash does, look for what it says that it writes, and return what it prints."""
        if text.startswith("export "):
            self._exported.update(word.split("=", 1) for word in shlex.split(text)[1:])  # type: ignore[misc]
            return ""
        text = text.replace("$PORT", str(self.port))
        if path := next((path for form, path in SERVERS.items() if re.search(form, text)), None):
            return self._start(text, path)
        log = self.folder / ".home/told.txt"  # no pipe: that ends with the last who holds it
        with log.open("wb") as told:
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", text],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE_S,
            )
        printed = log.read_text(encoding="utf-8", errors="replace")
        if done.returncode not in codes:
            raise Failed(f"{text}\nended with {done.returncode}:\n{printed[-4000:]}")
        missing = [place for place in written_by(text) if not (self.folder / place).exists()]
        if missing:
            raise Failed(f"{text}\ndid not write {', '.join(missing)}:\n{printed[-4000:]}")
        return printed

    def _start(self, text: str, path: str) -> str:
        self.stop_server()
        log = self.folder / ".home/server.log"
        with log.open("wb") as told:
            self._server = subprocess.Popen(
                ["bash", "-c", text],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5).close()
                return ""
            except urllib.error.HTTPError:
                return ""  # it is there, and wants to know who asks
            except OSError:
                if self._server.poll() is not None or time.monotonic() > end:
                    raise Failed(f"{text}\ndoes not answer:\n{log.read_text('utf-8')[-4000:]}") from None
            time.sleep(0.1)

    @contextmanager
    def with_stand_in(self) -> Iterator[None]:
        """Run a stand-in for CVAT's server, of which `$CVAT_HOST` and a token tell."""
        with running() as self.stand_in:
            self._exported |= {"CVAT_HOST": self.stand_in.url, "CVAT_ACCESS_TOKEN": "token-of-anna"}
            yield
        self.stand_in = None

    def stop_server(self) -> None:
        """End what `run` has left running, as Ctrl-C does."""
        server, self._server = self._server, None
        if server is not None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(PATIENCE_S)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder; large files, which nothing writes into, are linked."""

    def one(file: str, place: str) -> None:
        if Path(file).stat().st_size > 1 << 20:
            os.link(file, place)
        else:
            shutil.copy2(file, place)

    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=one, symlinks=True, dirs_exist_ok=True)
    else:
        one(str(source), str(target))


def written_by(text: str) -> list[str]:
    """Return the files and folders that a command says that it writes.

    >>> written_by("python tools/predict.py a photos --out found.json --overlays seen > told.txt")
    ['found.json', 'seen', 'told.txt']
    """
    words = shlex.split(text)
    places = [value for flag, value in itertools.pairwise(words) if flag in (*OUTPUTS, ">")]
    return [place for place in places if not place.startswith(("-", "$"))]


@contextmanager
def opened(home: Path) -> Iterator[Sandbox]:
    """Give a sandbox below a folder, and end all that it has started."""
    sandbox = Sandbox(home)
    try:
        yield sandbox
    finally:
        sandbox.close()
