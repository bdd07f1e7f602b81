"""What people, files, disks and strangers get wrong, through the real programs: each is a named error, and the daemon
lives on with all that it was taught."""

import contextlib
import json
import os
import socket
import sqlite3
import struct
import sys
import time
import unittest
import zlib

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/lib")

from cairn import Coordinator, Fleet, arguments, until
from images import shape

OPTIONS = None
SAMPLES = __file__.rsplit("/", 2)[0] + "/data/image/"
SMALL = ("recipe.min_count=1", "recipe.filters=8", "recipe.gan_steps=2", "recipe.consolidate_steps=10",
         "round.updates=1", "round.score_wait_s=1")
NAMES = {  # what is wrong with it: (name, code)
    "empty": ("", "parse"),
    "only spaces": ("  \t ", "parse"),
    "too long": ("x" * 129, "limit"),
    "a control character": ("be\x07ll", "parse"),
    "turns the text around": ("cat\u202etac", "parse"),
    "not UTF-8": ("caf\udce9", "parse"),  # the lone byte e9
}


def read(path):
    with open(path, "rb") as f:
        return f.read()


def append(path, text):
    with open(path, "a") as f:
        f.write(text)


def bomb(side):
    """A few hundred bytes of PNG that claim side * side pixels."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(1 << 16))) + chunk(b"IEND", b""))


@contextlib.contextmanager
def filled(disk):
    """The disk without a byte left."""
    path = disk + "/filler"
    with open(path, "wb", buffering=0) as f:
        with contextlib.suppress(OSError):
            while True:
                f.write(bytes(4096))
    try:
        yield
    finally:
        os.remove(path)


class Story(unittest.TestCase):
    """One fleet for each class: a coordinator and an edge that was taught one image."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(OPTIONS, "bad"))
        cls.coordinator = cls.fleet.coordinator(*SMALL)
        cls.edge = cls.fleet.edge(cls.coordinator, "edge-1", "update.max_wait_s=3600", "update.batch=1000")
        cls.edge.teach(shape("ring", 0), "ring")

    def tearDown(self):
        self.assertEqual(self.edge.status()["examples"]["total"], 1)
        self.assertEqual(self.coordinator.cairn("status")["devices"]["revoked"], 0)

    def refuses(self, code, status, path, body):
        got, answer = self.edge.request("POST", path, body)
        self.assertEqual((got, answer["code"]), (status, code), answer)
        return answer["detail"]


class Images(Story):
    def test_what_is_no_whole_image_of_a_sane_size_is_refused(self):
        photo = read(SAMPLES + "flag.png")
        cases = {
            "empty": (b"", 400, "parse"),
            "text": (b"this is a sentence, not an image", 400, "parse"),
            "truncated PNG": (photo[:len(photo) // 2], 400, "parse"),
            "truncated JPEG": (read(SAMPLES + "flag.jpg")[:300], 400, "parse"),
            "a bomb of 60000 x 60000": (bomb(60000), 413, "limit"),
            "a bomb of 16000 x 16000": (bomb(16000), 413, "limit"),
            "more bytes than any image may have": (photo + bytes(33 << 20), 413, "limit"),
        }
        for what, (body, status, code) in cases.items():
            for path in ("/v1/predict", "/v1/teach?label=ring", "/v1/evaluate?label=ring"):
                with self.subTest(what=what, path=path):
                    self.refuses(code, status, path, body)

    def test_the_command_line_names_the_file(self):
        path = self.fleet.root + "/holiday.jpg"
        with open(path, "wb") as f:
            f.write(read(SAMPLES + "flag.jpg")[:300])
        self.assertIn("holiday.jpg", self.edge.cli("predict", path, code=1))
        self.assertIn("nowhere.png", self.edge.cli("predict", self.fleet.root + "/nowhere.png", code=1))

    def test_a_prediction_that_was_never_made_cannot_be_answered(self):
        self.refuses("not-found", 404, "/v1/confirm", b'{"prediction":"00000000000000ff"}')
        self.refuses("not-found", 404, "/v1/correct", b'{"prediction":"00000000000000ff","label":"ring"}')
        self.edge.cli("confirm", "00000000000000ff", code=1)

    def test_impossible_label_names_are_refused_on_both_sides(self):
        for what, (name, code) in NAMES.items():
            quoted = "".join(f"%{b:02x}" for b in os.fsencode(name))
            with self.subTest(what=what):
                self.refuses(code, 413 if code == "limit" else 400, "/v1/teach?label=" + quoted, shape("ring", 1))
                by_cli = what in ("a control character", "turns the text around", "not UTF-8", "only spaces")
                self.assertTrue(self.coordinator.cairn("label", "add", name, code=2 if by_cli else 1))
        self.assertEqual(len(self.edge.call("GET", "/v1/labels")["labels"]), 1)


class Strangers(Story):
    def test_a_token_works_once_in_time_and_unharmed(self):
        other = self.fleet.new_edge("stranger")
        spoilt = self.coordinator.token("spoilt")
        self.assertIn("token", other.join("not-a-token", code=1))
        self.assertIn("token", other.join(spoilt[:60] + ("A" if spoilt[60] != "A" else "B") + spoilt[61:], code=1))
        self.assertIn("token", other.join(spoilt[:-8], code=1))

        short = self.coordinator.cairn("device", "token", "--name", "late", "--ttl", "1")
        until("it has expired", lambda: time.time() * 1000 > short["expires_ms"])
        self.assertIn("expired", other.join(short["token"], code=1))

        once = self.coordinator.token("once")
        self.fleet.new_edge("first").join(once)
        self.assertIn("used", other.join(once, code=1))
        self.assertEqual([d["name"] for d in self.coordinator.cairn("device", "list")["devices"]], ["edge-1", "once"])

    def test_an_unknown_admin_key_gets_no_answer(self):
        other = Coordinator(self.fleet, "elsewhere")
        other.init(*SMALL)
        said = self.coordinator.cairn("status", "--key", other.data + "/keys/admin.key", code=3)
        self.assertIn("key", said)

    def test_another_server_at_the_address_is_named_and_nothing_is_sent_to_it(self):
        fleet = self.enterContext(Fleet(OPTIONS, "bad-key"))
        ours = fleet.coordinator(*SMALL)
        edge = fleet.edge(ours, "edge", "update.batch=1000", "update.max_wait_s=3600")
        token = ours.token("late")
        ours.end()
        at = {name: value for name, value in json.loads(read(ours.data + "/endpoints")).items() if name != "admin"}
        theirs = Coordinator(fleet, "theirs")
        fleet.processes.append(theirs)
        theirs.init(*SMALL)
        theirs.start(f"fleet.listen={at['fleet']}", f"fleet.enrol_listen={at['enrol']}")
        waiting = until("the edge notices", lambda: (lambda w: w and "key" in w["text"] and w)(edge.status()["waiting"]))
        self.assertEqual(waiting["reason"], "server-key")
        self.assertIn("key", fleet.new_edge("late").join(token, code=1))
        self.assertEqual(edge.teach(shape("ring", 0), "ring")["now"]["label"], "ring")
        self.assertEqual(theirs.cairn("device", "list")["devices"], [])
        theirs.end()
        ours.start()
        until("the edge is back with its own", lambda: edge.status()["online"])

    def test_a_suspended_device_waits_and_a_revoked_one_stays_out(self):
        fleet = self.enterContext(Fleet(OPTIONS, "bad-device"))
        coordinator = fleet.coordinator(*SMALL)
        edge = fleet.edge(coordinator, "edge", "update.batch=1000", "update.max_wait_s=3600")
        image = shape("ring", 0)
        edge.teach(image, "ring")

        def said(word):
            w = edge.status()["waiting"]
            return w and w["reason"] in ("refused", "denied") and word in w["text"]

        coordinator.cairn("device", "suspend", "edge", "--reason", "moving house")
        until("it is told", lambda: said("suspended"))
        self.assertEqual(coordinator.cairn("device", "show", "edge")["state"], "suspended")
        coordinator.cairn("device", "resume", "edge")
        edge.end()
        edge.start()  # asks at once, not when its patience ends
        until("it is back", lambda: edge.status()["online"])

        self.assertTrue(coordinator.cairn("device", "revoke", "edge", code=2))  # not without --yes
        coordinator.cairn("device", "revoke", "edge", "--yes")
        until("it is out", lambda: said("revoked"))
        edge.kill()
        edge.start()
        until("it is still out", lambda: said("revoked"))
        coordinator.kill()
        coordinator.start()
        until("it is out for ever", lambda: said("revoked"))
        self.assertFalse(coordinator.cairn("device", "show", "edge")["online"])
        self.assertIn("revoked", coordinator.cairn("device", "resume", "edge", code=1))
        self.assertEqual(edge.predict(image)["label"], "ring")
        self.assertEqual(edge.status()["examples"]["total"], 1)


class Machines(Story):
    """Disks, ports and files that are not as they should be."""

    def setUp(self):
        if "disk" in self._testMethodName and os.geteuid() != 0:
            self.skipTest("making a small disk takes root")

    def test_a_full_disk_at_the_edge_is_told_and_nothing_taught_is_lost(self):
        disk = self.fleet.disk("edge-full", "6m")
        edge = self.fleet.edge(self.coordinator, "edge-full", "update.batch=1000", "update.max_wait_s=3600")
        taught = []
        with filled(disk):
            for i in range(100):  # what SQLite has reserved already may still take a few
                status, answer = edge.request("POST", "/v1/teach?label=ring", shape("ring", i, 200))
                if status != 200:
                    break
                taught.append(answer["receipt"])
            self.assertEqual((status, answer["code"]), (507, "full"), answer)
            self.assertIn("disk", answer["detail"])
            self.assertEqual(edge.predict(shape("ring", 0, 200))["release"], 1)
        taught.append(edge.teach(shape("ring", 101, 200), "ring")["receipt"])
        edge.kill()
        edge.start()
        self.assertEqual(sorted(edge.receipts()), taught)
        edge.end()

    def test_a_full_disk_at_the_coordinator_loses_nothing(self):
        disk = self.fleet.disk("coordinator-full", "12m")
        coordinator = self.fleet.coordinator(*SMALL, name="coordinator-full")
        edge = self.fleet.edge(coordinator, "edge-of-full", "update.batch=1000", "update.max_wait_s=3600")
        for i in range(8):
            edge.teach(shape("ring", i), "ring")
            edge.teach(shape("cross", i), "cross")
        until("the labels are the fleet's", lambda: edge.status()["examples"]["waiting_label"] == 0)
        with filled(disk):
            edge.call("POST", "/v1/flush")
            code = until("it cannot go on, and ends", lambda: coordinator.process.poll())
            self.assertEqual(code, 1, coordinator.tail())
            self.assertRegex(coordinator.tail(), "(?i)full|no space")
            self.assertEqual(edge.status()["examples"]["committed"], 0)
        coordinator.start()
        until("all is in a release", lambda: edge.status()["examples"]["committed"] == 16)
        self.assertEqual(coordinator.cairn("release", "show", "2")["corrections"], 16)
        edge.end()
        coordinator.end()

    def test_a_read_only_disk_is_named_at_the_start(self):
        for make, program in ((self.make_coordinator, "coordinator"), (self.make_edge, "edge")):
            with self.subTest(program=program):
                disk = self.fleet.disk("read-only-" + program, "12m")
                data = make("read-only-" + program)
                os.system(f"mount -o remount,ro {disk}")
                _, err = self.fleet.command(program, "run", "--data", data, code=1)
                self.assertRegex(err, "(?i)read-only|written")

    def make_coordinator(self, name):
        c = Coordinator(self.fleet, name)
        c.init(*SMALL)
        return c.data

    def make_edge(self, name):
        e = self.fleet.edge(self.coordinator, name)  # runs once, so that everything is there
        e.end()
        return e.data

    def test_a_second_daemon_on_the_same_data_is_refused(self):
        for program, data in (("coordinator", self.coordinator.data), ("edge", self.edge.data)):
            with self.subTest(program=program):
                _, err = self.fleet.command(program, "run", "--data", data, code=1)
                self.assertIn(data, err)
                self.assertRegex(err, "runs|in use")

    def test_a_port_that_is_taken_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for program, data, key, value in (
                    ("coordinator", self.make_coordinator("port-c"), "fleet.listen", f"tcp://127.0.0.1:{port}"),
                    ("edge", self.make_edge("port-e"), "edge.listen", f"127.0.0.1:{port}")):
                with self.subTest(program=program):
                    _, err = self.fleet.command(program, "run", "--data", data, "--set", f"{key}={value}", code=1)
                    self.assertIn(str(port), err)

    def test_a_setting_that_does_not_exist_is_named_with_file_and_line(self):
        for program, data in (("coordinator", self.make_coordinator("conf-c")), ("edge", self.make_edge("conf-e"))):
            path = f"{data}/{program}.conf"
            with self.subTest(program=program):
                _, err = self.fleet.command(program, "run", "--data", data, "--set", "no.such=1", code=1)
                self.assertIn("no.such", err)
                append(path, "[nonsense]\nspeed = 3\n")
                line = read(path).count(b"\n")
                _, err = self.fleet.command(program, "run", "--data", data, code=1)
                self.assertIn(f"{program}.conf:{line}", err)
                self.assertIn("speed", err)

    def test_a_database_of_a_newer_version_is_left_alone(self):
        for program, data in (("coordinator", self.make_coordinator("new-c")), ("edge", self.make_edge("new-e"))):
            path = f"{data}/{program}.db"
            with self.subTest(program=program):
                with contextlib.closing(sqlite3.connect(path)) as db:
                    db.execute("PRAGMA user_version = 999")
                before = read(path)
                _, err = self.fleet.command(program, "run", "--data", data, code=1)
                self.assertIn(f"{program}.db", err)
                self.assertIn("newer", err)
                self.assertEqual(read(path), before)

    def test_no_daemon_is_exit_code_3_and_a_sentence_that_helps(self):
        data = self.make_edge("silent-e")
        for command in (("status",), ("receipts",), ("flush",), ("predict", SAMPLES + "flag.png")):
            _, err = self.fleet.command("edge", *command, "--data", data, code=3)
            self.assertIn("cairn-edge run", err)
        _, err = self.fleet.command("cairn", "status", "--data", self.make_coordinator("silent-c"), code=3)
        self.assertIn("cairn-coordinator run", err)


if __name__ == "__main__":
    OPTIONS, rest = arguments(__doc__).parse_known_args()
    unittest.main(argv=sys.argv[:1] + rest)
