"""A server with nothing in it, and what a test puts there."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

BINARY = os.environ.get("AWAITD_BIN", "awaitd")


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)


class Server:
    def __init__(self, *flags):
        self.folder = tempfile.mkdtemp(prefix="awaitd-ui-data-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.flags = flags
        self.origin = f"http://127.0.0.1:{self.port}"
        self.ui = f"{self.origin}/ui/"
        self.token = None
        self.process = None
        self.start()

    def start(self):
        told = ["serve", "--listen", f"127.0.0.1:{self.port}", *self.flags]
        if "--data-dir" not in self.flags:
            told += ["--memory"]
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(
            [BINARY, *told], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, cwd=self.folder
        )
        for _ in range(600):
            try:
                if self.ask("GET", "/readyz").status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            raise AssertionError(f"the server did not start: {log.read()[-2000:]}")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None, **headers):
        data = body.encode() if isinstance(body, str) else body
        if data is None and method in ("POST", "PUT"):
            data = b""
        request = urllib.request.Request(self.origin + path, data=data, method=method)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def put(self, queue, body="hello", query="", **headers):
        """Puts a job; its number."""
        answer = self.ask("POST", f"/v1/queues/{queue}/jobs?{query}", body, **headers)
        assert answer.status == 201, answer.body
        return answer.headers["Location"].rsplit("/", 1)[1]

    def bury(self, queue, body="hello", error="it broke", query="", **headers):
        """Puts a job and has it die; its number."""
        job = self.put(queue, body, query, **headers)
        got = self.ask("POST", f"/v1/queues/{queue}/get")
        assert got.headers["Awaitd-Job"] == job, "the queue was not empty"
        assert self.ask("POST", got.headers["Location"] + "/nack?dead=true", error).status == 204
        return job

    def queue(self, name):
        return self.ask("GET", f"/v1/queues/{name}").json()
