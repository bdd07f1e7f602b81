"""A coordinator and edge daemons as real processes on loopback, for stories about the edge.

Nothing here sleeps for luck: `until` waits for a condition and names it when its deadline passes."""

import http.client
import json
import os
import random
import signal
import struct
import subprocess
import time
import urllib.parse
import zlib

DEADLINE_S = 90


def until(what, condition, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline_s} s still not: {what}")
        time.sleep(0.02)


def png(pixels, width):
    """Grey pixels as the bytes of a PNG."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    height = len(pixels) // width
    rows = b"".join(b"\0" + bytes(pixels[y * width:(y + 1) * width]) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


SHAPES = {
    "cross": lambda x, y: abs(x) < 3 or abs(y) < 3,
    "ring": lambda x, y: 5 < (x * x + y * y) ** 0.5 < 10,
    "stripes": lambda x, y: x % 6 < 3,
    "corner": lambda x, y: x < -2 and y < -2,
}


def picture(shape, seed, side=28):
    """One of the shapes, shifted and with noise; equal seeds, equal bytes."""
    rng = random.Random(f"{shape} {seed}")
    dx, dy = rng.randint(-2, 2), rng.randint(-2, 2)
    inside = SHAPES[shape]
    return png([min(255, (190 if inside(x - side // 2 + dx, y - side // 2 + dy) else 30) + rng.randint(0, 40))
                for y in range(side) for x in range(side)], side)


class Process:
    def start(self, argv, log):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(argv, stdout=out, stderr=out)

    def is_running(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self, with_signal=signal.SIGTERM):
        """Asks the process to end, and insists that it ends well (the sanitizers have a say in that)."""
        if with_signal:
            self.process.send_signal(with_signal)
        code = self.process.wait(timeout=DEADLINE_S)
        assert code == 0, f"exit code {code}; the end of its log:\n" + self.tail()

    def tail(self):
        with open(self.log, errors="replace") as f:
            return f.read()[-3000:]


class Coordinator(Process):
    def __init__(self, programs, directory, *settings):
        self.programs, self.data = programs, directory + "/coordinator"
        sets = [w for s in ("fleet.listen=tcp://127.0.0.1:0", "fleet.enrol_listen=tcp://127.0.0.1:0",
                            "round.updates=1", "round.score_wait_s=2", "recipe.filters=8", "recipe.gan_steps=2",
                            "recipe.consolidate_steps=20") + settings for w in ("--set", s)]
        subprocess.run([programs.coordinator, "init", "--data", self.data] + sets, check=True, stdout=subprocess.DEVNULL)

    def run(self):
        endpoints = self.data + "/endpoints"  # stays between runs: it fixes the ports

        def written():
            return os.stat(endpoints).st_mtime_ns if os.path.exists(endpoints) else 0

        before = written()
        self.start([self.programs.coordinator, "run", "--data", self.data], self.data + ".log")
        until("the coordinator is ready", lambda: written() != before or not self.is_running())
        assert self.is_running(), self.tail()
        return self

    def ask(self, what, **args):
        reply = subprocess.run([self.programs.ask, self.data, what, json.dumps(args)], stdout=subprocess.PIPE,
                               timeout=DEADLINE_S)
        answer = json.loads(reply.stdout)
        assert answer["ok"], answer
        return answer["result"]

    def token(self):
        return self.ask("device.token")["token"]


class Edge(Process):
    def __init__(self, programs, directory, name):
        self.programs, self.name, self.data = programs, name, f"{directory}/{name}"

    def cli(self, *argv, code=0):
        """Runs a command; its exit code must be `code`. Returns what it said."""
        done = subprocess.run([self.programs.edge, *argv, "--data", self.data], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S)
        assert done.returncode == code, f"{argv}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    def join(self, token):
        return json.loads(self.cli("join", token, "--name", self.name, "--json"))

    def run(self, *settings):
        address = self.data + "/api.address"
        if os.path.exists(address):
            os.remove(address)
        sets = [w for s in ("edge.listen=127.0.0.1:0", "update.batch=1000", "update.max_wait_s=3600") + settings
                for w in ("--set", s)]
        self.start([self.programs.edge, "run", "--data", self.data, *sets], self.data + ".log")
        until("the API is open", lambda: os.path.exists(address) or not self.is_running())
        assert self.is_running(), self.tail()
        with open(address) as f:
            self.address = f.read().strip()
        return self

    def request(self, method, path, body=None, headers=None):
        """(status, JSON answer)"""
        host, port = self.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def call(self, method, path, body=None):
        status, answer = self.request(method, path, json.dumps(body) if isinstance(body, dict) else body)
        assert status == 200, f"{method} {path}: {status} {answer}"
        return answer

    def predict(self, image):
        return self.call("POST", "/v1/predict", image)

    def teach(self, image, label):
        return self.call("POST", "/v1/teach?label=" + urllib.parse.quote(label), image)

    def receipt(self, number):
        return self.call("GET", f"/v1/receipts/{number}")

    def status(self):
        return self.call("GET", "/v1/status")

    def await_release(self, number):
        return until(f"{self.name} runs release {number}", lambda: (self.status()["release"] or 0) >= number)
