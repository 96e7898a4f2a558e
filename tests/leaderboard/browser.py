"""A headless Chromium, controlled by the WebDriver protocol over HTTP, and a local server that lists its requests."""

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
from collections.abc import Iterator, Mapping
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
    """Return which programs are missing and how to install them; an empty string if none is."""
    names = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"needs {' and '.join(names)} (apt-get install chromium chromium-driver)" if names else ""


class Browser:
    """One browser window.

    What a page's script returns may be any JSON value, so that `run` and `devtools` return ``Any``.

    Args:
        port: the port of chromedriver.
        profile: a folder for the browser's profile.
    """

    def __init__(self, port: int, profile: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": shutil.which("chromium"),
                "args": [*OPTIONS, f"--user-data-dir={profile}"],
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        session = self._send("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.url += f"/session/{session['sessionId']}"

    def _send(self, method: str, path: str, data: Mapping[str, object] | None = None) -> Any:
        body = None if method != "POST" else json.dumps(data or {}).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()[:500]) from error

    def open(self, url: str) -> None:
        self._send("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """Run a function body in the page and return its result."""
        return self._send("POST", "/execute/sync", {"script": script, "args": arguments})

    def click(self, css: str) -> None:
        self._send("POST", f"/element/{self._element(css)}/click")

    def type(self, css: str, keys: str) -> None:
        self._send("POST", f"/element/{self._element(css)}/value", {"text": keys})

    def _element(self, css: str) -> str:
        answer: dict[str, str] = self._send("POST", "/element", {"using": "css selector", "value": css})
        return next(iter(answer.values()))

    def devtools(self, command: str, **parameters: object) -> Any:
        """Send a command of the DevTools protocol."""
        return self._send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )

    def set_colour_scheme(self, name: str) -> None:
        """Set the preferred colour scheme, ``light`` or ``dark``."""
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def console_messages(self) -> list[str]:
        """Return the messages on the console since the last call."""
        return [entry["message"] for entry in self._send("POST", "/se/log", {"type": "browser"})]

    def has_alert(self) -> bool:
        """Return whether the page has opened an alert."""
        try:
            self._send("GET", "/alert/text")
        except RuntimeError:
            return False
        return True

    def save_screenshot(self, file: Path) -> None:
        """Write a picture of the whole page."""
        screenshot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(screenshot["data"]))

    def close(self) -> None:
        self._send("DELETE", "")


@contextmanager
def start_browser(profile: Path) -> Iterator[Browser]:
    """Start a browser with its own profile, and end it with its processes."""
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
    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_folder(folder: Path, requests: list[str]) -> Iterator[str]:
    """Serve a folder on this machine and return its address; requested paths are added to the list."""
    handler = type("Handler", (_Handler,), {"requests": requests})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
