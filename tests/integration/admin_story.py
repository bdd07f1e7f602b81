"""What an operator does with `cairn`, and what the devices make of it: names, merges, retirements, policies, rollback;
and every command once, with its exit codes."""

import json
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/lib")

from cairn import Fleet, arguments, until
from images import shape

OPTIONS = None
SMALL = ("recipe.min_count=1", "recipe.filters=8", "recipe.gan_steps=2", "recipe.consolidate_steps=10",
         "round.updates=2", "round.max_wait_s=2", "round.score_wait_s=1")


class Story(unittest.TestCase):
    """A new fleet of two edges for each test."""

    def ready(self, *settings):
        self.fleet = self.enterContext(Fleet(OPTIONS, "admin"))
        self.coordinator = self.fleet.coordinator(*SMALL, *settings)
        self.edges = [self.fleet.edge(self.coordinator, name, "update.batch=1000", "update.max_wait_s=3600")
                      for name in ("left", "right")]
        self.cairn = self.coordinator.cairn
        return self.edges

    def teach(self, edge, *shapes, n=6, label=None):
        for name in shapes:
            for i in range(n):
                edge.teach(shape(name, f"{edge.name} {i}"), label or name)

    def release(self):
        """What the edges have goes into releases; both edges run the newest."""
        for e in self.edges:
            until("no label waits", lambda: e.status()["examples"]["waiting_label"] == 0)
            e.call("POST", "/v1/flush")

        def all_sent():
            return all(e.status()["examples"][k] == 0 for e in self.edges for k in ("sendable", "in_update"))
        until("all is in a release", all_sent)
        number = self.cairn("status")["release"]
        for e in self.edges:
            e.await_release(number)
        return number

    def labels(self, edge):
        return {l["name"]: l["state"] for l in edge.call("GET", "/v1/labels")["labels"]}

    def sees(self, edge, name, label, of="unseen"):
        """The edge predicts that shape as the label, sooner or later."""
        until(f"{edge.name} takes a {name} for {label}", lambda: edge.predict(shape(name, of))["label"] == label)


class Labels(Story):
    def test_a_new_name_reaches_the_devices_and_the_old_one_still_works(self):
        left, right = self.ready()
        self.teach(left, "cross", "ring")
        self.teach(right, "ring", "stripes")
        self.release()
        self.sees(right, "cross", "cross")
        self.cairn("label", "rename", "cross", "Plus  sign")
        for e in self.edges:
            self.sees(e, "cross", "Plus sign")
        old = right.teach(shape("cross", "by its old name"), "CROSS")
        self.assertEqual((old["now"]["label"], old["answer"] == "new label"), ("Plus sign", False))

        self.cairn("label", "alias", "ring", "loop")
        until("the alias is there", lambda: left.status()["registry_version"] ==
              self.cairn("status")["registry_version"])
        self.assertNotEqual(left.teach(shape("ring", "by its alias"), "Loop")["answer"], "new label")
        self.assertEqual(self.cairn("label", "show", "loop")["name"], "ring")
        self.assertEqual(set(self.labels(left)), {"Plus sign", "ring", "stripes"})

    def test_merged_labels_are_one_with_the_images_of_both(self):
        left, right = self.ready()
        self.teach(left, "ring", "cross")
        self.teach(right, "ring", label="hoop")
        self.release()
        before = {l["name"]: l["images"] for l in self.cairn("label", "list")["labels"]}
        self.cairn("label", "merge", "hoop", "ring", "--yes")
        self.teach(left, "stripes")
        self.teach(right, "ring", n=1, label="hoop")  # a device that goes on saying the old name
        self.release()
        for e in self.edges:
            self.sees(e, "ring", "ring")
            until("hoop is gone", lambda: set(self.labels(e)) == {"ring", "cross", "stripes"})
        listed = {l["name"]: l for l in self.cairn("label", "list")["labels"]}
        self.assertEqual(set(listed), {"ring", "cross", "stripes"})
        self.assertGreaterEqual(listed["ring"]["images"], before["ring"] + before["hoop"])

    def test_a_retired_label_leaves_with_the_next_release_and_can_come_back(self):
        left, right = self.ready()
        self.teach(left, "ring", "cross")
        self.teach(right, "ring", "stripes")
        self.release()
        self.sees(left, "stripes", "stripes")
        self.cairn("label", "retire", "stripes", "--reason", "out of fashion", "--yes")
        self.teach(left, "corner")
        self.release()
        for e in self.edges:
            until("it is not predicted any more", lambda: e.predict(shape("stripes", "unseen"))["label"] != "stripes")
        self.assertNotIn("stripes", self.labels(right))
        status, answer = right.request("POST", "/v1/teach?label=stripes", shape("stripes", "another"))
        self.assertEqual((status, answer["code"]), (409, "state"), answer)

        self.cairn("label", "restore", "stripes")
        until("the devices hear of it", lambda: all("stripes" in self.labels(e) for e in self.edges))
        self.teach(right, "stripes")
        self.release()
        for e in self.edges:
            self.sees(e, "stripes", "stripes")


class Policies(Story):
    def test_a_quorum_of_devices_makes_a_label(self):
        left, right = self.ready("labels.policy=quorum", "labels.quorum=2")
        self.teach(left, "ring", n=2)
        until("it is pending", lambda: self.labels(left).get("ring") == "pending")
        self.assertEqual(left.status()["examples"]["waiting_label"], 2)
        self.assertEqual(left.predict(shape("ring", "left 0"))["label"], "ring")  # at home it is known at once
        self.teach(right, "ring", n=2, label="RING")
        for e in self.edges:
            until("two devices are enough", lambda: e.status()["examples"]["waiting_label"] == 0)
        self.assertEqual([l["proposers"] for l in self.cairn("label", "list")["labels"]], [2])
        self.release()

    def test_a_person_decides_where_the_policy_is_manual(self):
        left, right = self.ready("labels.policy=manual")
        self.teach(left, "ring", n=2)
        self.teach(right, "cross", n=2)
        for e, name in ((left, "ring"), (right, "cross")):
            until("it is pending", lambda: self.labels(e).get(name) == "pending")
        self.cairn("label", "approve", "ring")
        self.cairn("label", "reject", "cross", "--reason", "too plain")
        until("left may send", lambda: left.status()["examples"]["waiting_label"] == 0)
        until("right is told", lambda: self.labels(right).get("cross") == "rejected")
        receipt = right.receipts()[1]
        self.assertIn("rejected", receipt["waiting"])
        self.assertEqual(receipt["state"], "queued")  # nothing is lost: a person may decide otherwise
        self.cairn("label", "approve", "cross")
        until("right may send", lambda: right.status()["examples"]["waiting_label"] == 0)
        self.release()


class Releases(Story):
    def test_a_rollback_reaches_every_edge_under_a_new_number(self):
        left, right = self.ready()
        self.teach(left, "ring", "cross")
        self.teach(right, "ring", "stripes")
        good = self.release()
        self.sees(right, "cross", "cross")
        self.teach(left, "corner")
        newest = self.release()
        self.assertGreater(newest, good)
        self.assertTrue(self.cairn("release", "rollback", str(good), code=2))  # not without --yes
        number = self.cairn("release", "rollback", str(good), "--reason", "a test", "--yes")["number"]
        self.assertEqual(number, newest + 1)
        for e in self.edges:
            e.await_release(number)
        shown = self.cairn("release", "show", str(number))
        self.assertEqual((shown["kind"], shown["labels"]), ("rollback", 3))
        diff = self.cairn("release", "diff", str(good), str(number))
        self.assertEqual((diff["labels"]["added"], diff["labels"]["changed"]), ([], []))
        right.kill()
        right.start()
        right.await_release(number)
        self.sees(right, "cross", "cross")
        # And on from there.
        self.teach(left, "ring")
        self.assertGreater(self.release(), number)


class CommandLine(Story):
    def test_every_command_answers_in_json_and_for_people(self):
        left, right = self.ready()
        self.teach(left, "ring", "cross", n=4)
        self.teach(right, "ring", n=4)
        self.release()
        names = self.fleet.root + "/labels.json"
        with open(names, "w") as f:
            json.dump({"tree": 1, "stone": 0}, f)  # as the article writes them
        commands = [
            ("status",), ("why",), ("wait", "--release", "2"),
            ("label", "list"), ("label", "add", "kite"), ("label", "show", "kite"),
            ("label", "rename", "kite", "Red kite"), ("label", "alias", "kite", "milan"),
            ("label", "retire", "milan", "--yes"), ("label", "restore", "milan"), ("label", "import", names),
            ("label", "merge", "stone", "tree", "--yes"), ("label", "history"), ("label", "export"),
            ("device", "token", "--name", "third"), ("device", "list"), ("device", "show", "left"),
            ("device", "suspend", "right"), ("device", "resume", "right"),
            ("release", "list"), ("release", "show", "2"), ("release", "diff", "1", "2"), ("release", "verify", "2"),
            ("release", "export", "2", self.fleet.root + "/exported"), ("release", "refused"),
            ("round", "show"),
        ]
        for words in commands:
            with self.subTest(command=" ".join(words)):
                out, err = self.fleet.command("cairn", *words, "--data", self.coordinator.data, "--json")
                self.assertEqual(err, "")
                self.assertEqual(out.count("\n"), 0 if words[0] == "wait" else 1)
                if out:
                    self.assertIsInstance(json.loads(out), dict)
        for words in (("status",), ("why",), ("label", "list"), ("label", "history"), ("device", "list"),
                      ("release", "list"), ("release", "show", "2"), ("round", "show")):
            with self.subTest(command=" ".join(words)):
                out, _ = self.fleet.command("cairn", *words, "--data", self.coordinator.data)
                self.assertNotIn("\x1b", out)  # no colours where no terminal is
                self.assertTrue(out.strip())
        names = {l["name"] for l in self.cairn("label", "list")["labels"]}
        self.assertEqual(names, {"ring", "cross", "Red kite", "tree"})

    def test_exit_codes_tell_what_went_wrong(self):
        self.ready()
        for words in (("lable", "list"), ("label", "lits"), ("label", "show"), ("status", "now"), ("release", "show", "x"),
                      ("status", "--jsno"), ("label", "add", "a", "b")):
            with self.subTest(command=" ".join(words)):
                self.assertTrue(self.cairn(*words, code=2))
        for words, part in ((("label", "show", "unicorn"), "unicorn"), (("release", "show", "99"), "99"),
                            (("device", "show", "nobody"), "nobody"), (("round", "close"), "round")):
            with self.subTest(command=" ".join(words)):
                self.assertIn(part, self.cairn(*words, code=1))
        self.assertIn("why", self.cairn("wait", "--release", "5", "--timeout", "1", code=4))
        self.cairn("stop", "--yes")
        self.assertEqual(self.coordinator.process.wait(timeout=60), 0)
        self.assertIn("cairn-coordinator run", self.cairn("status", code=3))


if __name__ == "__main__":
    OPTIONS, rest = arguments(__doc__).parse_known_args()
    unittest.main(argv=sys.argv[:1] + rest)
