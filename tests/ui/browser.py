"""A Chromium without a window, told what to do by WebDriver: HTTP and JSON, so nothing has to be installed for it."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

# Before anything of the page runs: what a smuggled script would leave behind, and what the policy stopped.
WITNESS = """
window.__violations = [];
window.__ran = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.__violations.push(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample);
});
window.alert = (words) => { window.__ran.push(String(words)); };
window.addEventListener('error', (event) => window.__violations.push('error: ' + event.message));
window.addEventListener('unhandledrejection', (event) => window.__violations.push('rejected: ' + event.reason));
"""


class Failed(Exception):
    """The browser could not do what it was told."""


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="awaitd-ui-")
        driver = shutil.which("chromedriver") or "/usr/bin/chromedriver"
        self.log = open(os.path.join(self.folder, "driver.log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [driver, "--port=0"], stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        self.root = f"http://127.0.0.1:{self._port()}"
        flags = [*FLAGS, f"--user-data-dir={self.folder}/profile"]
        chrome = {"args": flags, "binary": shutil.which("chromium") or "/usr/bin/chromium"}
        wanted = {"goog:chromeOptions": chrome, "goog:loggingPrefs": {"browser": "ALL"}}
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.root += f"/session/{made['sessionId']}"
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source=WITNESS)
        self.size(1280, 900)

    def _port(self):
        for _ in range(600):
            self.log.flush()
            with open(self.log.name, encoding="utf-8") as told:
                for line in told:
                    if "started successfully on port" in line:
                        return int(line.rstrip(".\n").rsplit(" ", 1)[1])
            time.sleep(0.1)
        raise Failed("chromedriver did not start")

    def close(self):
        try:
            self._ask("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait()
            self.log.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _ask(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.root + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Failed(error.read().decode()[:600]) from None

    def devtools(self, command, **parameters):
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def size(self, width, height):
        """Of the page itself, which a window without a screen cannot have as narrow as a phone."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def colours(self, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(args)})

    def until(self, script, *args, what=None):
        """Waits until a script's value is true, and returns it."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                value = self.run(script, *args)
            except Failed as error:
                # The page is another one meanwhile.
                if "stale" not in str(error) and "context" not in str(error):
                    raise
                value = None
            if value:
                return value
            time.sleep(0.05)
        raise Failed(f"never so: {what or script}\n{self.text()[:2000]}")

    def text(self):
        return self.run("return document.body.innerText")

    def press(self, *keys):
        """Keys, as from a keyboard."""
        down = [step for key in keys for step in ({"type": "keyDown", "value": key}, {"type": "keyUp", "value": key})]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": down}]})

    def type(self, words):
        self.press(*words)

    def click(self, element):
        self._ask("POST", f"/element/{element[ELEMENT]}/click", {})

    def console(self):
        return [line["message"] for line in self._ask("POST", "/se/log", {"type": "browser"})]

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._ask("GET", "/screenshot")))
