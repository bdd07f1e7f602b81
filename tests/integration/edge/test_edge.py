"""The edge daemon in a real fleet: one story per test."""

import argparse
import http.client
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

from fleet import SHAPES, Coordinator, Edge, picture, png, until

PROGRAMS = None


class Story(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="cairn-edge-")
        self.processes = []

    def tearDown(self):
        for p in self.processes:
            if hasattr(p, "process") and p.is_running():
                p.kill()
        shutil.rmtree(self.directory)

    def coordinator(self, *settings):
        c = Coordinator(PROGRAMS, self.directory, *settings)
        self.processes.append(c)
        return c.run()

    def edge(self, coordinator, name="e1", *settings):
        e = Edge(PROGRAMS, self.directory, name)
        self.processes.append(e)
        e.join(coordinator.token())
        return e.run(*settings)

    def ready(self, *settings):
        """A coordinator, and an edge that runs its first release."""
        c = self.coordinator()
        e = self.edge(c, "e1", *settings)
        e.await_release(1)
        return c, e


class Life(Story):
    def test_a_correction_holds_at_once_through_kill_9_and_ends_in_a_release(self):
        c, e = self.ready()
        image = picture("cross", 0)
        before = e.predict(image)
        self.assertEqual(before["label"], "noise")

        taught = e.call("POST", "/v1/correct", {"prediction": before["prediction"], "label": "Cross"})
        self.assertTrue(taught["new_label"])
        self.assertEqual(taught["now"]["label"], "Cross")
        ring = e.teach(picture("ring", 0), "ring")
        self.assertEqual(ring["now"]["label"], "ring")
        self.assertEqual(e.predict(image)["label"], "Cross")

        e.kill()
        e.run()
        self.assertEqual(e.receipt(taught["receipt"])["label"], "Cross")
        self.assertEqual(e.predict(image)["label"], "Cross")
        self.assertEqual(e.predict(picture("ring", 0))["label"], "ring")

        for i in range(1, 8):
            for shape in ("cross", "ring"):
                e.teach(picture(shape, i), shape)
        until("both labels are the fleet's",
              lambda: {l["state"] for l in e.call("GET", "/v1/labels")["labels"]} == {"accepted"})
        self.assertEqual(e.call("POST", "/v1/flush")["queued"], 16)
        e.await_release(2)
        receipt = until("the receipt is verified", lambda: (lambda r: r["verified"] and r)(e.receipt(taught["receipt"])))
        self.assertEqual((receipt["state"], receipt["release"], receipt["verified"]), ("committed", 2, "right"))
        what = [line["what"] for line in receipt["history"]]
        self.assertEqual(what, ['corrected from "noise" to "Cross"', "in update 1", "received by the coordinator",
                                "in release 2", "verified: the release is right on this image"])
        until("the images are gone", lambda: e.status()["spool"]["bytes"] == 0)
        self.assertEqual(c.ask("release.show", number=2)["corrections"], 16)
        e.end()
        c.end()

    def test_offline_is_normal_and_what_was_taught_there_travels_later(self):
        c, e = self.ready()
        c.kill()
        for i in range(4):
            for shape in ("cross", "ring"):
                e.teach(picture(shape, i), shape)
        self.assertEqual(e.predict(picture("cross", 1))["label"], "cross")
        self.assertEqual({l["state"] for l in e.call("GET", "/v1/labels")["labels"]}, {"local"})
        status = until("the edge notices", lambda: (lambda s: not s["online"] and s)(e.status()))
        self.assertTrue(status["waiting"]["text"])
        self.assertEqual(status["examples"]["waiting_label"], 8)
        e.end()
        e.run()
        self.assertEqual(e.predict(picture("ring", 1))["label"], "ring")
        c.run()
        until("the labels are accepted",
              lambda: {l["state"] for l in e.call("GET", "/v1/labels")["labels"]} == {"accepted"})
        e.call("POST", "/v1/flush")
        until("all are committed", lambda: e.status()["examples"]["committed"] == 8)

    def test_two_edges_learn_a_label_that_only_one_was_taught(self):
        c = self.coordinator("round.updates=2", "round.max_wait_s=5")
        edges = [self.edge(c, name) for name in ("e1", "e2")]
        for e in edges:
            e.await_release(1)
        for i in range(12):
            for e, shape in zip(edges, ("cross", "stripes")):
                e.teach(picture(shape, i), shape)
        for e in edges:
            until("its label is accepted", lambda: e.status()["examples"]["waiting_label"] == 0)
            e.call("POST", "/v1/flush")
        for e, other in zip(edges, ("stripes", "cross")):
            until(f"{e.name} knows {other}", lambda: e.predict(picture(other, 99))["label"] == other)

    def test_kill_9_at_random_loses_nothing_and_repeats_nothing(self):
        c = self.coordinator()
        e = self.edge(c, "e1", "update.batch=8", "update.max_wait_s=1")
        rng = random.Random(7)
        answered = []

        def people():
            for i in range(40):
                for shape in ("cross", "ring", "stripes"):
                    while not stop.is_set():
                        try:
                            answered.append(e.teach(picture(shape, i), shape)["receipt"])
                            break
                        except (OSError, AssertionError, ValueError, http.client.HTTPException):
                            stop.wait(0.05)  # the daemon is being started again

        e.await_release(1)
        stop = threading.Event()
        thread = threading.Thread(target=people)
        thread.start()
        try:
            for _ in range(6):
                thread.join(rng.uniform(0.3, 1.2))
                e.kill()
                e.run("update.batch=8", "update.max_wait_s=1")
            thread.join(60)
            self.assertFalse(thread.is_alive())
        finally:
            stop.set()
            thread.join()
        e.call("POST", "/v1/flush")
        until("nothing is on its way", lambda: (lambda x: x["queued"] == 0 and x["in_update"] == 0)(e.status()["examples"]))
        states = {n: e.receipt(n) for n in answered}
        self.assertEqual({r["state"] for r in states.values()} - {"committed", "held out", "undone"}, set())
        committed = e.status()["examples"]["committed"]
        releases = c.ask("release.list")["releases"]
        self.assertEqual(sum(r["corrections"] for r in releases), committed)


class Answers(Story):
    def test_answers_are_counted_and_receipts_tell_what_became_of_them(self):
        _, e = self.ready()
        self.assertEqual(e.teach(picture("cross", 0), "cross")["answer"], "new label")
        self.assertEqual(e.teach(picture("cross", 1), "  CROSS ")["answer"], "confirmed")
        self.assertEqual(e.teach(picture("ring", 0), "ring")["answer"], "new label")
        again = e.predict(picture("cross", 2))
        self.assertEqual(again["label"], "cross")
        confirmed = e.call("POST", "/v1/confirm", {"prediction": again["prediction"]})
        self.assertEqual(confirmed["label"], "cross")
        status = e.status()
        self.assertEqual(status["field"], {"confirmed": 2, "corrected": 2})
        listed = e.call("GET", "/v1/receipts?limit=2")["receipts"]
        self.assertEqual([r["id"] for r in listed], [confirmed["receipt"], confirmed["receipt"] - 1])
        older = e.call("GET", f"/v1/receipts?before={listed[-1]['id']}")["receipts"]
        self.assertEqual(len(older), 2)

    def test_an_undone_correction_is_forgotten_by_the_model_too(self):
        _, e = self.ready()
        e.teach(picture("cross", 0), "cross")
        image = picture("ring", 0)
        wrong = e.teach(image, "blunder")
        self.assertEqual(e.predict(image)["label"], "blunder")
        self.assertEqual(e.call("DELETE", f"/v1/receipts/{wrong['receipt']}")["state"], "undone")
        self.assertNotEqual(e.predict(image)["label"], "blunder")
        self.assertEqual(e.receipt(wrong["receipt"])["state"], "undone")
        self.assertEqual(e.status()["field"]["corrected"], 1)

    def test_the_newest_answer_about_an_image_wins(self):
        _, e = self.ready()
        image = picture("ring", 0)
        first = e.teach(image, "rnig")
        second = e.teach(image, "ring")
        self.assertEqual(second["now"]["label"], "ring")
        self.assertEqual(e.receipt(first["receipt"])["state"], "undone")
        self.assertEqual(e.receipt(second["receipt"])["state"], "queued")

    def test_a_rejected_label_is_told_and_its_examples_stay(self):
        c = self.coordinator("labels.policy=manual")
        e = self.edge(c)
        e.await_release(1)
        receipt = e.teach(picture("cross", 0), "rude word")["receipt"]
        until("it waits for a person", lambda: e.call("GET", "/v1/labels")["labels"][0]["state"] == "pending")
        self.assertIn("approved", e.receipt(receipt)["waiting"])
        c.ask("label.reject", label="rude word", reason="not here")
        until("it is rejected", lambda: e.call("GET", "/v1/labels")["labels"][0]["state"] == "rejected")
        self.assertIn("rejected", e.receipt(receipt)["waiting"])
        status, problem = e.request("POST", "/v1/teach?label=Rude%20Word", picture("cross", 1))
        self.assertEqual((status, problem["code"]), (409, "state"))
        self.assertIn("not here", problem["detail"])

    def test_evaluate_keeps_nothing(self):
        _, e = self.ready()
        e.teach(picture("cross", 0), "cross")
        before = e.status()["examples"]["total"]
        self.assertTrue(e.call("POST", "/v1/evaluate?label=cross", picture("cross", 0))["right"])
        self.assertFalse(e.call("POST", "/v1/evaluate?label=never%20heard", picture("cross", 0))["right"])
        self.assertEqual(e.status()["examples"]["total"], before)


class BadInput(Story):
    def problem(self, e, method, path, body, status, code, headers=None):
        got, answer = e.request(method, path, body, headers)
        self.assertEqual((got, answer["code"]), (status, code), answer)
        self.assertTrue(answer["detail"])
        return answer["detail"]

    def test_every_bad_request_is_a_named_problem_and_changes_nothing(self):
        _, e = self.ready()
        good = picture("cross", 0)
        self.problem(e, "POST", "/v1/predict", b"this is no image", 400, "parse")
        self.problem(e, "POST", "/v1/predict", b"", 400, "parse")
        self.problem(e, "POST", "/v1/predict", good[:100], 400, "parse")
        bomb = good[:16] + b"\0\1\0\0\0\1\0\0" + good[24:]
        self.assertIn(e.request("POST", "/v1/predict", bomb)[0], (400, 413))
        self.problem(e, "POST", "/v1/predict?top=0", good, 400, "parse")
        self.problem(e, "POST", "/v1/predict?keep=maybe", good, 400, "parse")
        self.problem(e, "POST", "/v1/teach", good, 400, "parse")
        self.problem(e, "POST", "/v1/teach?label=" + 200 * "x", good, 413, "limit")
        self.problem(e, "POST", "/v1/teach?label=%ff%fe", good, 400, "parse")
        self.problem(e, "POST", "/v1/teach?label=a%E2%80%AEb", good, 400, "parse")
        self.problem(e, "POST", "/v1/confirm", b"{not json", 400, "parse")
        self.problem(e, "POST", "/v1/confirm", b'{"prediction": 7}', 400, "parse")
        self.problem(e, "POST", "/v1/confirm", b'{"prediction": "0000000000000001"}', 404, "not-found")
        prediction = e.predict(good)["prediction"]
        self.problem(e, "POST", "/v1/confirm", json.dumps({"prediction": prediction}), 409, "state")
        self.problem(e, "POST", "/v1/correct", json.dumps({"prediction": prediction, "lable": "x"}), 400, "parse")
        self.problem(e, "GET", "/v1/receipts/12345", None, 404, "not-found")
        self.problem(e, "GET", "/v1/receipts/x", None, 400, "parse")
        self.problem(e, "GET", "/v1/receipts?state=lost", None, 400, "parse")
        self.problem(e, "GET", "/v1/nothing", None, 404, "not-found")
        self.assertEqual(e.request("GET", "/v1/health", None, {"Host": "evil.example"})[0], 403)
        self.assertEqual(e.status()["examples"]["total"], 0)

    def test_a_full_spool_says_so_and_goes_on_predicting(self):
        _, e = self.ready("spool.max_mb=1")
        rng = random.Random(1)
        noise = [png(rng.randbytes(600 * 600), 600) for _ in range(4)]  # about 360 kB each
        for i in range(2):
            e.teach(noise[i], "noisy")
        status, problem = e.request("POST", "/v1/teach?label=noisy", noise[2])
        self.assertEqual((status, problem["code"]), (507, "full"))
        self.assertIn("max_mb", problem["detail"])
        self.assertEqual(e.status()["examples"]["total"], 2)
        self.assertEqual(e.predict(noise[3])["release"], 1)

    def test_joining_says_what_is_wrong(self):
        c = self.coordinator()
        e, other = Edge(PROGRAMS, self.directory, "e1"), Edge(PROGRAMS, self.directory, "e2")
        self.assertIn("has not joined" if os.path.exists(e.data) else "no data directory", e.cli("run", code=1))
        self.assertIn("token", e.cli("join", "garbage", code=1))
        token = c.token()
        flipped = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
        e.cli("join", flipped, code=1)
        self.assertEqual(e.join(token)["device"], 1)
        self.assertIn("already", e.cli("join", token, code=1))
        self.assertIn("does not admit", other.cli("join", token, code=1))
        os.remove(e.data + "/identity.json")  # died before it was written: the same token repairs it
        self.assertEqual(e.join(token)["device"], 1)
        unused = c.token()
        c.kill()
        other.cli("join", unused, code=3)

    def test_a_daemon_that_cannot_start_says_why(self):
        c, e = self.ready()
        self.assertIn("in use", e.cli("run", code=1))
        port = e.address
        e2 = Edge(PROGRAMS, self.directory, "e2")
        e2.join(c.token())
        self.assertIn(port.rsplit(":")[1], e2.cli("run", "--set", f"edge.listen={port}", code=1))
        with open(e2.data + "/edge.conf", "a") as f:
            f.write("[spool]\nmax_gb = 3\n")
        self.assertIn("max_gb", e2.cli("run", code=1))
        os.remove(e2.data + "/edge.conf")
        self.assertIn("update.batch", e2.cli("run", "--set", "update.batch=many", code=1))
        os.chmod(e2.data + "/keys/device.key", 0o644)
        self.assertIn("device.key", e2.cli("run", code=1))
        e.end()
        with sqlite3.connect(e.data + "/edge.db") as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        self.assertIn("edge.db", e.cli("run", code=1))

    def test_another_server_key_is_noticed_and_named(self):
        c, e = self.ready()
        e.end()
        path = e.data + "/identity.json"
        with open(path) as f:
            identity = json.load(f)
        identity["server"] = 32 * "42"
        with open(path, "w") as f:
            json.dump(identity, f)
        e.run()
        waiting = until("it is said", lambda: (lambda w: w and "key" in w["text"] and w)(e.status()["waiting"]))
        self.assertTrue(waiting["reason"])
        self.assertEqual(e.predict(picture("cross", 0))["release"], 1)

    def test_a_damaged_model_is_fetched_again(self):
        _, e = self.ready()
        e.end()
        blobs = e.data + "/blobs/"
        biggest = max(os.listdir(blobs), key=lambda name: os.path.getsize(blobs + name))
        with open(blobs + biggest, "r+b") as f:
            f.seek(100)
            f.write(b"torn")
        e.run()
        e.await_release(1)
        self.assertEqual(e.predict(picture("cross", 0))["release"], 1)


class Disk(Story):
    """A data directory on a small file system of its own; needs the right to mount one."""

    def setUp(self):
        super().setUp()
        self.disk = self.directory + "/e1"
        os.mkdir(self.disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.disk], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no right to mount a file system: the tests of full and read-only disks did not run")

    def tearDown(self):
        for p in self.processes:
            if hasattr(p, "process") and p.is_running():
                p.kill()
        subprocess.run(["umount", self.disk], stderr=subprocess.DEVNULL)
        super().tearDown()

    def test_a_full_disk_is_a_named_error_and_nothing_is_half_done(self):
        _, e = self.ready()
        e.teach(picture("cross", 0), "cross")
        until("the label is known to the fleet", lambda: e.status()["examples"]["waiting_label"] == 0)
        with open(self.disk + "/ballast", "wb", buffering=0) as f, self.assertRaises(OSError):
            while True:
                f.write(bytes(4096))
        refused = png(random.Random(2).randbytes(300 * 300), 300)
        status, problem = e.request("POST", "/v1/teach?label=cross", refused)
        self.assertEqual((status, problem["code"]), (507, "full"))
        self.assertEqual(e.status()["examples"]["total"], 1)
        self.assertEqual(e.predict(refused)["release"], 1)
        os.remove(self.disk + "/ballast")
        e.teach(refused, "cross")
        self.assertEqual(e.status()["examples"]["total"], 2)

    def test_a_read_only_data_directory_is_told_at_start(self):
        _, e = self.ready()
        e.end()
        subprocess.run(["mount", "-o", "remount,ro", self.disk], check=True)
        self.assertIn("e1", e.cli("run", code=1))


class CommandLine(Story):
    def tree(self):
        for shape in ("cross", "ring"):
            os.makedirs(f"{self.directory}/images/{shape}")
            for i in range(8):
                with open(f"{self.directory}/images/{shape}/{i}.png", "wb") as f:
                    f.write(picture(shape, i))
        return self.directory + "/images"

    def test_every_command_works_for_people_and_for_programs(self):
        _, e = self.ready()
        images = self.tree()
        one = images + "/cross/0.png"
        said = json.loads(e.cli("predict", one, "--json"))
        self.assertIn("noise", e.cli("predict", one))
        self.assertIn("new label", e.cli("correct", said["prediction"], "--label", "cross"))
        self.assertIn("new label", e.cli("correct", images + "/ring/0.png", "--label", "ring"))
        said = json.loads(e.cli("predict", one, "--json"))
        self.assertEqual(json.loads(e.cli("confirm", said["prediction"], "--json"))["label"], "cross")
        summary = json.loads(e.cli("import", images, "--json", "--seed", "3"))
        self.assertEqual(summary["confirmed"] + summary["corrected"], 16)
        self.assertEqual(summary["new_labels"], 0)
        result = json.loads(e.cli("evaluate", images, "--json"))
        self.assertEqual(result["images"], 16)
        self.assertGreaterEqual(result["accuracy"], 0.9)
        self.assertEqual([l["label"] for l in result["per_label"]], ["cross", "ring"])
        self.assertEqual(json.loads(e.cli("evaluate", images, "--json", "--labels", "ring"))["images"], 8)
        self.assertIn("accuracy", e.cli("evaluate", images, "--model", "release"))
        self.assertIn("online", e.cli("status"))
        self.assertEqual(json.loads(e.cli("status", "--json"))["name"], "e1")
        self.assertIn("cross", e.cli("labels"))
        self.assertIn("queued", e.cli("receipts"))
        newest = json.loads(e.cli("receipts", "--json", "--limit", "1"))["receipts"][0]["id"]
        self.assertIn("confirmed", e.cli("receipts", str(newest)))
        self.assertIn("taken back", e.cli("undo", str(newest)))
        self.assertIn("way", e.cli("flush"))
        self.assertIn("stopping", e.cli("stop"))
        e.end(with_signal=None)
        self.assertIn("cairn-edge run", e.cli("status", code=3))

    def test_wrong_usage_is_exit_code_2_and_help_teaches(self):
        e = Edge(PROGRAMS, self.directory, "e1")
        for argv in (("predicted",), ("status", "--jsno"), ("join",), ("import", "here", "--seed", "x"),
                     ("correct", "1.png"), ("predict",), ("undo", "1", "2"), ("stop", "now")):
            e.cli(*argv, code=2)
        for command in ("join", "run", "predict", "confirm", "correct", "import", "evaluate", "status", "receipts",
                        "undo", "labels", "flush", "stop"):
            text = e.cli(command, "--help")
            self.assertIn("Exit codes", text)
            self.assertIn(f"cairn-edge {command}", text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for program in ("coordinator", "edge", "ask"):
        parser.add_argument("--" + program, required=True)
    PROGRAMS, rest = parser.parse_known_args()
    unittest.main(argv=sys.argv[:1] + rest)
