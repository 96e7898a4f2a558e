"""A headless Chromium, driven by the WebDriver protocol over plain HTTP, and a server that lists what it is asked."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
)
ENTER, TAB = "\ue007", "\ue004"


def missing_programs() -> str:
    """What is not there to drive a browser with; empty if all is."""
    names = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"needs {' and '.join(names)} (apt-get install chromium chromium-driver)" if names else ""


class Browser:
    """One window."""

    def __init__(self, port: int, profile: Path) -> None:
        self.at = f"http://127.0.0.1:{port}"
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": shutil.which("chromium"),
                "args": [*OPTIONS, f"--user-data-dir={profile}"],
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        opened = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.at += f"/session/{opened['sessionId']}"

    def _send(self, method: str, path: str, data: Any = None) -> Any:
        body = None if method != "POST" else json.dumps(data or {}).encode()
        request = urllib.request.Request(self.at + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()[:500]) from error

    def open(self, url: str) -> None:
        self._send("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a function body returns in the page."""
        return self._send("POST", "/execute/sync", {"script": script, "args": arguments})

    def click(self, css: str) -> None:
        self._send("POST", f"/element/{self._find(css)}/click")

    def type(self, css: str, keys: str) -> None:
        self._send("POST", f"/element/{self._find(css)}/value", {"text": keys})

    def _find(self, css: str) -> str:
        found: dict[str, str] = self._send("POST", "/element", {"using": "css selector", "value": css})
        return next(iter(found.values()))

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self._send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screen(self, width: int, height: int, mobile: bool = False) -> None:
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )

    def scheme(self, name: str) -> None:
        """Whether the page's reader likes it ``light`` or ``dark``."""
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def complaints(self) -> list[str]:
        """What stands in the console since the last look."""
        return [entry["message"] for entry in self._send("POST", "/se/log", {"type": "browser"})]

    def alerted(self) -> bool:
        try:
            self._send("GET", "/alert/text")
        except RuntimeError:
            return False
        return True

    def picture(self, file: Path) -> None:
        """A picture of the whole page."""
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        self._send("DELETE", "")


@contextmanager
def start_browser(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own, ended with what it started."""
    driver = subprocess.Popen(
        ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    )
    try:
        assert driver.stdout
        line = next(line for line in driver.stdout if "on port" in line and "success" in line)
        browser = Browser(int(line.rsplit("port", 1)[1].strip(" .\n")), profile)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        driver.terminate()
        driver.wait(10)


class _Handler(http.server.SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serve_folder(folder: Path, asked: list[str]) -> Iterator[str]:
    """A folder at an address of this machine; the list takes the paths that are asked for."""
    handler = type("Handler", (_Handler,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
