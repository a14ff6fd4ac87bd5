"""Chromium without a window, asked over a pipe (Chrome DevTools Protocol, --remote-debugging-pipe): messages are JSON, each
ended by a NUL."""
import base64
import itertools
import json
import os
import pathlib
import select
import subprocess
import tempfile
import time

PATIENCE = 60  # seconds for one answer


class Browser:
    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()
        to_browser, self.out = os.pipe()
        self.back, from_browser = os.pipe()
        self.numbers, self.buffer, self.events = itertools.count(1), b"", []

        def place_pipes():  # the browser reads 3 and writes 4
            first, second = os.dup(to_browser), os.dup(from_browser)
            os.dup2(first, 3)
            os.dup2(second, 4)

        words = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
                 "--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND",
                 f"--user-data-dir={self.folder.name}", "--remote-debugging-pipe", "about:blank"]
        environment = dict(os.environ, HOME=self.folder.name)
        self.process = subprocess.Popen(words, preexec_fn=place_pipes, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        os.close(to_browser)
        os.close(from_browser)
        self.session = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.ask("Browser.close")
            self.process.wait(PATIENCE)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.back)
        self.folder.cleanup()

    def receive(self, patience=PATIENCE):
        """The next message, or None after `patience` seconds."""
        end = time.monotonic() + patience
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                return None
            more = os.read(self.back, 1 << 20)
            if not more:
                raise RuntimeError("the browser has ended")
            self.buffer += more
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def ask(self, method, **parameters):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while (answer := self.receive()) is not None:
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)
        raise RuntimeError(f"{method}: no answer for {PATIENCE} s")

    def open(self, path, width, dark):
        """Shows a file, as wide as a phone or a screen. Returns what was loaded and what went wrong."""
        self.events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.ask("Page.navigate", url=pathlib.Path(path).resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            event = self.receive()
            if event is None:
                raise RuntimeError(f"{path} was not loaded in {PATIENCE} s")
            self.events.append(event)
        while (event := self.receive(0.2)) is not None:  # what comes late
            self.events.append(event)
        loads = [event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        wrong = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Network.loadingFailed")
        faults = [event["params"] for event in self.events if event.get("method") in wrong]
        return loads, faults

    def value(self, expression):
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self, path, clip=None):
        """The whole page, or a part (x, y, width, height), as PNG."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        x, y, width, height = clip or (0, 0, size["width"], size["height"])
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True,
                        clip={"x": x, "y": y, "width": width, "height": height, "scale": 1})
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))
