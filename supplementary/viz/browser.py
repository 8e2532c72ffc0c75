"""Drives a headless Chromium over its own protocol: opens pages, clicks, types, uploads, takes pictures.

    with Browser() as page:
        page.open("http://localhost:8501")
        page.click("Results")
        page.picture(Path("results.png"))

It needs Chromium and the package websockets, which comes with streamlit.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.utils.errors import MissingDependency

if TYPE_CHECKING:
    from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage")
PATIENCE_S = 240.0  # a model comes with torch, which a busy machine takes minutes to load
# The smallest element whose text, or whose name for a screen reader, is the one that is meant.
_FIND = """
(text) => {
  const seen = (each) => each.getBoundingClientRect().width > 0 && each.getBoundingClientRect().height > 0;
  const told = (each) =>
    [each.getAttribute("aria-label"), each.innerText].filter(Boolean).map((t) => t.trim());
  const kinds = "button, a, label, summary, [role=option], [role=tab], input, p, h1, h2, h3";
  const found = [...document.querySelectorAll(kinds)]
    .filter((each) => seen(each) && told(each).some((t) => t === text || t.startsWith(text)));
  return found[0] || null;
}
"""


def chromium() -> str | None:
    """Return the Chromium of this machine, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def require_chromium() -> str:
    """Return the Chromium of this machine, or say how to get one."""
    program = chromium()
    if program is None:
        raise MissingDependency("chromium", why="a page is looked at with it", command="apt install chromium")
    return program


def shoot(page: Path, *, width: int, height: int) -> Image.Image:
    """Return the top of a page on disk, as a screen of this size shows it, RGB."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        size = (f"--window-size={width},{height}", f"--screenshot={shot}")
        command = [require_chromium(), *FLAGS, *size, page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(shot) as image:
            return image.convert("RGB")


class Browser:
    """One page of a headless Chromium; a context manager that ends it."""

    def __init__(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        program = require_chromium()
        self._folder = tempfile.TemporaryDirectory(prefix="segloop-browser-", ignore_cleanup_errors=True)
        self.downloads = Path(self._folder.name) / "downloads"
        self.downloads.mkdir()
        self._process = subprocess.Popen(
            [
                program,
                *FLAGS,
                "--remote-debugging-port=0",
                f"--user-data-dir={self._folder.name}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0
        self._stack = ExitStack()
        self.console: list[str] = []
        try:
            self._socket = self._connect()
            for domain in ("Page", "Runtime", "DOM", "Log"):
                self.ask(f"{domain}.enable")
            self.resize(width, height, dark=dark)
            self.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser."""
        self._stack.close()
        self._process.terminate()
        self._process.wait(20)
        self._folder.cleanup()

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Be a screen of this size, light or dark."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address: str) -> None:
        """Go to a page."""
        self.ask("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """Return what an expression comes to in the page."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def wait(self, script: str, *, what: str = "") -> Any:
        """Wait until an expression is true in the page, and return its value."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.1)
        raise TimeoutError(
            f"{what or script}: not so after {PATIENCE_S:.0f} s; the page says:\n{self.text()[:2000]}"
        )

    def settle(self) -> None:
        """Wait until the app has stopped running."""
        time.sleep(0.25)
        busy = "[data-stale=true], [data-testid=stSkeleton], [data-testid=stSpinner]"
        app = "document.querySelector('[data-testid=stApp]')"
        self.wait(
            f"document.querySelector('h1') && {app} && {app}.dataset.testScriptState !== 'running'"
            f" && !document.querySelector('{busy}')",
            what="the app is still running",
        )
        time.sleep(0.35)

    def wait_for(self, text: str) -> None:
        """Wait until the page shows a text."""
        self.wait(f"document.body && document.body.innerText.includes({json.dumps(text)})", what=text)

    def text(self) -> str:
        """Return what can be read on the page."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    def click(self, text: str) -> None:
        """Click what has this text, or this name."""
        self.wait(f"!!({_FIND})({json.dumps(text)})", what=f"there is no {text!r} to click")
        self.run(f"({_FIND})({json.dumps(text)}).scrollIntoView({{block: 'center'}})")
        self.press_at(*self._middle(f"({_FIND})({json.dumps(text)})"))

    def press_at(self, x: float, y: float) -> None:
        """Click a place of the screen."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.ask("Input.insertText", text=text)

    def key(self, name: str, code: int) -> None:
        """Press a key: Enter 13, Tab 9, ArrowRight 39 …"""
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)
        if name == "Enter":
            self.ask("Input.dispatchKeyEvent", type="char", key=name, text="\r", windowsVirtualKeyCode=code)

    def upload(self, files: list[Path]) -> None:
        """Give files to the page's first file input."""
        self.wait("!!document.querySelector('input[type=file]')")
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=node, files=[str(file.resolve()) for file in files])

    def download(self, text: str, name: str) -> bytes:
        """Click, wait for a file of this name, return its bytes and remove it."""
        self.click(text)
        file, end = self.downloads / name, time.monotonic() + PATIENCE_S
        while not file.is_file() or any(self.downloads.glob("*.crdownload")):
            if time.monotonic() > end:
                raise TimeoutError(
                    f"no {name}; there are {sorted(each.name for each in self.downloads.iterdir())}"
                )
            time.sleep(0.1)
        data = file.read_bytes()
        file.unlink()
        return data

    def picture(self, file: Path, *, whole: bool = False) -> Path:
        """Write what the screen shows as PNG."""
        found = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(found["data"]))
        return file

    def ask(self, method: str, **params: Any) -> Any:
        """Send a command of the protocol and return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if told.get("id") == self._number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return told.get("result", {})
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        if told.get("method") == "Runtime.exceptionThrown":
            self.console.append(str(told["params"]["exceptionDetails"])[:500])
        if told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            entry = told["params"]["entry"]
            self.console.append(f"{entry.get('text')} {entry.get('url', '')}"[:500])

    def _middle(self, script: str) -> tuple[float, float]:
        sides = "(b) => [b.x, b.y, b.width, b.height]"
        box = self.run(f"({sides})({script}.getBoundingClientRect())")
        return box[0] + box[2] / 2, box[1] + box[3] / 2

    def _connect(self) -> Any:
        from websockets.sync.client import connect

        port, end = Path(self._folder.name) / "DevToolsActivePort", time.monotonic() + PATIENCE_S
        while not port.is_file() or not port.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("Chromium does not start")
            time.sleep(0.05)
        number = port.read_text().splitlines()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{number}/json", timeout=20) as answer:
            pages = [each for each in json.load(answer) if each["type"] == "page"]
        return self._stack.enter_context(connect(pages[0]["webSocketDebuggerUrl"], max_size=None))
