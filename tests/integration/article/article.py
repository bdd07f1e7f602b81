"""Recipe article, end to end: the article's three scenarios in a fleet of one coordinator and two edges.

  1. a fresh fleet knows only "noise"; the first label of a correction takes its place
  2. a wrong prediction is corrected with a label that the fleet knows
  3. a new label widens the network; the old rows are carried over

After each one the image is predicted right at once where it was corrected, and on every device once the
release is there that holds the correction. (Told in the order 1, 3, 2: to be wrong about a known label, a
model has to know two.) Without a synthesizer a network that is shown one label forgets the other, and only its
row stays as it was; with the CGAN the image of the old label is still predicted right after scenario 3."""

import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from cairn import Fleet, arguments, check, until  # noqa: E402
from images import shape  # noqa: E402

FOREST, SEA = "forest", "sea"  # as intel-scenes calls them


def load_images(directory, label, n):
    """Files of a folder-per-label tree; where there is none, drawn ones."""
    folder = os.path.join(directory or "", label)
    if not directory or not os.path.isdir(folder):
        return [shape({FOREST: "stripes", SEA: "ring"}[label], i, 48) for i in range(n)]
    names = sorted(os.listdir(folder))
    found = []
    for name in random.Random(7).sample(names, min(n, len(names))):
        with open(os.path.join(folder, name), "rb") as f:
            found.append(f.read())
    return found


def proc(process, file, find):
    with open(f"/proc/{process.process.pid}/{file}") as f:
        return find(f.read())


def peak_mb(process):
    return proc(process, "status", lambda s: int(s.split("VmHWM:")[1].split()[0]) // 1024)


def cpu_s(process):
    fields = proc(process, "stat", lambda s: s.rsplit(")", 1)[1].split())
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Story:
    def __init__(self, fleet, options, synth):
        self.synth, self.deadline_s = synth, options.deadline
        self.coordinator = fleet.coordinator("recipe.kind=article", f"recipe.image={options.image}",
                                             f"recipe.synth={synth}", "round.updates=1", "round.score_wait_s=2",
                                             *options.set)
        self.edges = [fleet.edge(self.coordinator, name, "update.batch=1000", "update.max_wait_s=3600")
                      for name in ("edge-a", "edge-b")]
        self.processes = [self.coordinator, *self.edges]
        self.cpu = [cpu_s(p) for p in self.processes]

    def tell_cost(self, what, start):
        now = [cpu_s(p) for p in self.processes]
        spent = ", ".join(f"{p.name} {b - a:.1f}" for p, a, b in zip(self.processes, self.cpu, now))
        print(f"  {what}: {time.monotonic() - start:.1f} s (CPU: {spent})", flush=True)
        self.cpu = now

    def correct(self, edge, image, label, is_new):
        """A person looks at a prediction and says what it should be."""
        before = edge.predict(image)
        check(before["label"] != label, f"{label} was predicted already")
        start = time.monotonic()
        status, answer = edge.request("POST", f"/v1/teach?label={label}", image, self.deadline_s)
        check(status == 200, answer)
        self.tell_cost(f'{edge.name}: "{before["label"]}" corrected to "{label}"', start)
        check(answer["new_label"] == is_new, answer)
        check(answer["now"]["label"] == label, answer)
        self.check_label(edge, image, label)

    def check_label(self, edge, image, label):
        said = edge.predict(image)
        check(said["label"] == label, f"{edge.name} takes {label} for {said}")

    def release(self, edge, labels):
        """Waits until what this edge was taught has become a release that every edge runs."""
        number = max(e.status()["release"] for e in self.edges) + 1
        start = time.monotonic()
        until("its labels are the fleet's", lambda: edge.status()["examples"]["waiting_label"] == 0)
        edge.call("POST", "/v1/flush")
        until(f"every edge runs release {number}",
              lambda: all(e.status()["release"] == number for e in self.edges), self.deadline_s)
        self.tell_cost(f"release {number}", start)
        status, shown = edge.status(), self.coordinator.cairn("release", "show", str(number))
        check(status["examples"]["queued"] + status["examples"]["in_update"] == 0, status)
        self.tell_release(status["updates"], shown)
        self.check_report(shown, labels)
        return number

    @staticmethod
    def tell_release(updates, shown):
        made = ", ".join(f"{l['name']} {l['synthesized']}" for l in shown["per_label"])
        print(f"    update {updates['last_wire_bytes'] / 1e6:.1f} MB (as fp32 {updates['last_raw_bytes'] / 1e6:.1f}),"
              f" model {shown['model_bytes'] / 1e6:.1f} MB; {shown['synth']} made {made};"
              f" {shown['stages']['tune_steps']} steps in {shown['stages']['tune_ms']} ms; took {shown['candidate']}")

    def check_report(self, shown, labels):
        """One label alone is in balance; of two, the CGAN makes the same number of samples."""
        per_label = shown["per_label"]
        made = {l["synthesized"] for l in per_label}
        balances = self.synth == "cgan" and len(labels) > 1
        check({l["name"] for l in per_label} == set(labels), f"{labels}, not {per_label}")
        check(shown["synth"] == self.synth, shown)
        check(len(made) == 1 and (made != {0}) == balances, shown)
        check((shown["stages"]["tune_steps"] > 0) == balances, shown)

    def check_all(self, taught):
        for e in self.edges:
            for image, label in taught.items():
                self.check_label(e, image, label)


def find_wrong(edge, images):
    """An image that the edge takes for the other label, and what it is."""
    for label, those in images.items():
        for image in those:
            if edge.predict(image)["label"] != label:
                return image, label
    neither = shape("cross", 0, 48)  # all are right; of this one both can be said
    return neither, SEA if edge.predict(neither)["label"] == FOREST else FOREST


def tell(story, forests, seas):
    a, b = story.edges
    remembers = story.synth == "cgan"
    first, second = forests[0], seas[0]

    print(' scenario 1: the first label replaces "noise"')
    story.check_all({first: "noise"})
    story.correct(a, first, FOREST, is_new=True)
    story.check_label(b, first, "noise")
    story.release(a, [FOREST])
    story.check_all({first: FOREST})

    print(" scenario 3: a new label widens the network")
    story.correct(b, second, SEA, is_new=True)
    check({g["label"] for g in b.predict(second)["top"]} == {FOREST, SEA}, "a row was lost")
    story.check_label(a, second, FOREST)
    number = story.release(b, [FOREST, SEA])
    story.check_all({first: FOREST, second: SEA} if remembers else {second: SEA})
    changes = story.coordinator.cairn("release", "diff", str(number - 1), str(number))["labels"]
    check(changes["added"] == [SEA] and changes["removed"] == [], changes)
    check(remembers or changes["changed"] == [], "the old row, bit for bit")

    print(" scenario 2: a wrong prediction of a known label")
    wrong, label = find_wrong(a, {SEA: seas[1:], FOREST: forests[1:]})
    story.correct(a, wrong, label, is_new=False)
    story.release(a, [FOREST, SEA])
    story.check_all({wrong: label})


def main():
    parser = arguments(__doc__.split("\n")[0])
    parser.add_argument("--images", help="a tree with a folder per label: forest, sea; without one images are drawn")
    parser.add_argument("--image", default="150x150x1", help="WIDTHxHEIGHTxCHANNELS of the network's input")
    parser.add_argument("--synth", nargs="+", default=["none", "cgan"], choices=["none", "cgan"])
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="of the coordinator")
    parser.add_argument("--deadline", type=float, default=300, help="seconds for any one step")
    options = parser.parse_args()
    for synth in options.synth:
        print(f"recipe article, {options.image}, synth {synth}", flush=True)
        with Fleet(options, "article") as fleet:
            story = Story(fleet, options, synth)
            tell(story, load_images(options.images, FOREST, 40), load_images(options.images, SEA, 40))
            print("  peak memory: " + ", ".join(f"{p.name} {peak_mb(p)} MB" for p in story.processes), flush=True)
            for p in story.processes:
                p.end()


if __name__ == "__main__":
    main()
