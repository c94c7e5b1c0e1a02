# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that a test drives: keys, media, script switched off, screenshots.

Speaks the DevTools protocol over the pipe that `--remote-debugging-pipe` opens: the browser reads
messages from file descriptor 3 and writes to 4, each a JSON text that ends with a zero byte. No
port is opened and no library is needed.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--enable-logging=stderr", "--v=0", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
SECONDS = 60
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40, "End": 35}
COMPLAINTS = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")


class Chromium:
    """One browser with one page; use it as a context manager."""

    def __init__(self, profile: Path):
        self.profile = profile
        self.events: list[dict] = []
        self.buffer = b""
        self.number = 0
        self.session: str | None = None

    def __enter__(self) -> "Chromium":
        theirs_in, self.out = (_high(fd) for fd in os.pipe())
        self.into, theirs_out = (_high(fd) for fd in os.pipe())
        command = [BROWSER, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={self.profile}"]
        wire = f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", wire, "chromium", *command, "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        found = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self.send("Network.emulateNetworkConditions", **offline)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=SECONDS)
        os.close(self.into)
        os.close(self.out)

    def _read(self, until: float) -> dict:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.into], [], [], max(0, until - time.monotonic()))
            chunk = os.read(self.into, 1 << 16) if ready else b""
            if not chunk:
                raise TimeoutError("Chromium does not answer")
            self.buffer += chunk
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def send(self, method: str, **parameters) -> dict:
        """Call a method of the protocol and return its result; events are kept on the way."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while True:
            answer = self._read(until)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path: Path, *, width: int = 1200, height: int = 900) -> None:
        """Open a file in a window of this size and wait until it has loaded."""
        self.resize(width, height)
        self.events.clear()
        self.send("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + SECONDS
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read(until))

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Give the window another size, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def ask(self, expression: str):
        """Evaluate JavaScript in the page and return its value."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys one after the other: names of KEYS, or single characters."""
        for key in keys:
            code = KEYS.get(key, ord(key.upper()[0]))
            event = {"key": key, "windowsVirtualKeyCode": code}
            event |= {"code": key} if key in KEYS else {"text": key}
            if key == "Enter":
                event["text"] = "\r"
            self.send("Input.dispatchKeyEvent", type="keyDown", **event)
            self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    def complaints(self) -> list[str]:
        """Return what the console says since the page was opened."""
        self.ask("0")  # everything said before has then arrived
        return [json.dumps(e["params"]) for e in self.events if e.get("method") in COMPLAINTS]

    def picture(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        found = self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["data"]))


def _high(descriptor: int) -> int:
    """Move a descriptor out of the way of 3 and 4."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved
