"""Real coordinators and edges as processes under one temporary directory, and ways to talk to them.

Nothing here sleeps for luck: `until` polls a condition against a deadline and names it when it passes."""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

DEADLINE_S = 120


def until(what, condition, deadline_s=DEADLINE_S):
    """Polls until `condition()` is true; returns what it gave."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline_s} s still not: {what}")
        time.sleep(0.02)


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def arguments(about):
    """The options that every story has; the story adds its own."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--build", required=True, help="the build directory that holds the programs")
    parser.add_argument("--keep", action="store_true", help="keep data and logs, and say where")
    return parser


class Process:
    """One daemon: its log, its life and its death."""

    def __init__(self, fleet, name):
        self.fleet, self.name = fleet, name
        self.data = f"{fleet.root}/{name}"
        self.log = self.data + ".log"
        self.process = None

    def spawn(self, argv):
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(argv, stdout=out, stderr=out, cwd=self.fleet.root)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9: nothing is said goodbye to."""
        self.process.kill()
        self.process.wait()

    def end(self):
        """SIGTERM; the daemon must end well (the sanitizers' leak check has a say in that)."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=DEADLINE_S)
        check(code == 0, f"{self.name} ended with {code}:\n{self.tail()}")

    def tail(self, n_bytes=3000):
        with open(self.log, "rb") as f:
            return f.read()[-n_bytes:].decode(errors="replace")


class Coordinator(Process):
    def init(self, *settings, code=0):
        return self.fleet.command("coordinator", "init", "--data", self.data, *self.fleet.sets(
            "fleet.listen=tcp://127.0.0.1:0", "fleet.enrol_listen=tcp://127.0.0.1:0", *settings), code=code)

    def start(self, *settings):
        endpoints = self.data + "/endpoints"  # stays between runs, so that ports are taken again

        def written():
            with contextlib.suppress(FileNotFoundError):
                return os.stat(endpoints).st_mtime_ns
            return 0

        before = written()
        self.spawn([self.fleet.program["coordinator"], "run", "--data", self.data, *self.fleet.sets(*settings)])
        until(f"{self.name} is ready", lambda: written() != before or not self.is_running())
        check(self.is_running(), f"{self.name} did not start:\n{self.tail()}")
        return self

    def cairn(self, *words, code=0):
        """`cairn WORDS --json`: the answer, or with another code the sentence on standard error."""
        out, err = self.fleet.command("cairn", *words, "--data", self.data, "--json", code=code)
        return json.loads(out) if code == 0 else err

    def token(self, name):
        return self.cairn("device", "token", "--name", name)["token"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Edge(Process):
    def __init__(self, fleet, name):
        super().__init__(fleet, name)
        self.socket = f"{fleet.root}/{name}.sock"
        self.settings = ()

    def join(self, token, code=0):
        return self.cli("join", token, "--name", self.name, code=code)

    def start(self, *settings):
        self.settings = settings or self.settings
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.socket)  # a killed daemon leaves it
        self.spawn([self.fleet.program["edge"], "run", "--data", self.data,
                    *self.fleet.sets(f"edge.listen=unix:{self.socket}", *self.settings)])
        until(f"{self.name} answers", lambda: self.is_alive() or not self.is_running())
        check(self.is_running(), f"{self.name} did not start:\n{self.tail()}")
        return self

    def is_alive(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/v1/health")[0] == 200
        return False

    def cli(self, *words, code=0):
        """`cairn-edge WORDS --json`: the answer, or with another code the sentence on standard error."""
        out, err = self.fleet.command("edge", *words, "--data", self.data, "--json", code=code)
        return json.loads(out) if code == 0 else err

    def request(self, method, path, body=None, timeout=60):
        """(status, parsed answer)"""
        connection = UnixConnection(self.socket, timeout)
        try:
            with contextlib.suppress(BrokenPipeError):  # it may have seen enough, and answered
                connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def call(self, method, path, body=None):
        status, answer = self.request(method, path, json.dumps(body) if isinstance(body, dict) else body)
        check(status == 200, f"{self.name}: {method} {path}: {status} {answer}")
        return answer

    def teach(self, image, label):
        return self.call("POST", "/v1/teach?label=" + urllib.parse.quote(label), image)

    def predict(self, image):
        return self.call("POST", "/v1/predict", image)

    def status(self):
        return self.call("GET", "/v1/status")

    def receipts(self):
        """All of them, by number."""
        everything, before = {}, ""
        while page := self.call("GET", f"/v1/receipts?limit=500{before}")["receipts"]:
            everything.update((r["id"], r) for r in page)
            before = f"&before={page[-1]['id']}"
        return everything

    def await_release(self, number):
        until(f"{self.name} runs release {number}", lambda: (self.status()["release"] or 0) >= number)


class Fleet:
    """A temporary directory and the processes in it; leaving the block ends them all."""

    def __init__(self, options, name):
        self.options = options
        self.root = tempfile.mkdtemp(prefix=f"cairn-{name}-")
        build = os.path.abspath(options.build)
        self.program = {"coordinator": build + "/server/cairn-coordinator", "edge": build + "/client/edge/cairn-edge",
                        "cairn": build + "/client/ctl/cairn", "fleet": build + "/tests/integration/fleet/fleet"}
        self.processes, self.disks = [], []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for p in self.processes:
            if p.is_running():
                p.kill()
        for disk in self.disks:
            subprocess.run(["umount", disk], check=True)
        if kind and not self.options.keep:
            for p in self.processes:
                if os.path.exists(p.log):
                    print(f"---- the end of {p.name}'s log\n{p.tail()}", file=sys.stderr)
        if self.options.keep:
            print(f"data and logs: {self.root}")
        else:
            shutil.rmtree(self.root, ignore_errors=True)

    @staticmethod
    def sets(*settings):
        return [word for s in settings for word in ("--set", s)]

    def command(self, program, *words, code=0):
        """Runs a program to its end; (stdout, stderr). Its exit code must be `code`."""
        done = subprocess.run([self.program[program], *words], capture_output=True, text=True, timeout=DEADLINE_S)
        check(done.returncode == code,
              f"{program} {' '.join(words)}: exit code {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def disk(self, name, size):
        """A small disk of its own as the data directory of a process to be."""
        path = f"{self.root}/{name}"
        os.mkdir(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "cairn-test", path], check=True)
        self.disks.append(path)
        return path

    def coordinator(self, *settings, name="coordinator"):
        c = Coordinator(self, name)
        self.processes.append(c)
        c.init(*settings)
        return c.start()

    def new_edge(self, name):
        """Not joined yet."""
        e = Edge(self, name)
        self.processes.append(e)
        return e

    def edge(self, coordinator, name, *settings):
        """Joined, running, and with the fleet's release."""
        e = self.new_edge(name)
        e.join(coordinator.token(name))
        e.start(*settings)
        e.await_release(1)
        return e
