"""People teach while kill -9 hits the coordinator and the edges at random: nothing taught is lost, and nothing is
in two releases. Both sides' records are compared at the end: the receipts on the edges and the coordinator's lists of
the updates in each release."""

import collections
import http.client
import random
import sys
import threading

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/lib")

from cairn import Fleet, arguments, check, until
from images import fashion

ON_DEVICE = {"queued", "held out", "counted"}


class Teacher(threading.Thread):
    """A person at one edge: teaches images, and asks again when no answer came."""

    def __init__(self, edge, images):
        super().__init__(daemon=True)
        self.edge, self.images = edge, images
        self.answered = {}  # receipt number: label
        self.allowance = threading.Semaphore(0)  # images that may be taught now: they last as long as the kills
        self.n_retries, self.trouble = 0, None

    def teach(self, image, label):
        while True:
            try:
                answer = self.edge.teach(image, label)
                self.answered[answer["receipt"]] = label
                return
            except (OSError, http.client.HTTPException):
                self.n_retries += 1
                until(f"{self.edge.name} is back", self.edge.is_alive)

    def run(self):
        try:
            for image, label in self.images:
                self.allowance.acquire()
                self.teach(image, label)
        except Exception as trouble:  # the main thread tells
            self.trouble = trouble


class Killer:
    """Kills in random places: at points of the teaching, then while updates travel and rounds close."""

    def __init__(self, rng, victims):
        self.rng, self.victims = rng, victims
        self.n_kills = collections.Counter()
        self.pause = threading.Event()  # never set: waiting on it is a random delay, not a wait for something

    def strike(self):
        # Soon, into the teaching that has just begun, or later, into its updates and rounds.
        self.pause.wait(self.rng.choice((0.05, 0.7)) * self.rng.random())
        # The coordinator is hit as often as all edges together.
        victim = self.victims[0] if self.rng.random() < 0.5 else self.rng.choice(self.victims[1:])
        victim.kill()
        self.pause.wait(self.rng.choice((0, 0, self.rng.uniform(0, 0.5))))
        victim.start()
        self.n_kills[victim.name] += 1


def tell(killer, teachers):
    for t in teachers:
        if t.trouble:
            raise t.trouble
    for p in killer.victims:
        check(p.is_running(), f"{p.name} died without being killed:\n{p.tail()}")


def is_settled(edge):
    examples = edge.status()["examples"]
    # With min_count 1 nothing stays queued; an update that is being built still counts as queued.
    return examples["queued"] == 0 and examples["in_update"] == 0 and examples["waiting_label"] == 0


def settle(edges):
    for e in edges:
        e.call("POST", "/v1/flush")

        def done():
            if is_settled(e):
                return True
            e.call("POST", "/v1/flush")
            return False
        until(f"all that {e.name} can send is in a release", done)
    for e in edges:
        check(is_settled(e), f"{e.name} had settled and has something to send again: {e.status()}")


def compare(coordinator, edges, teachers):
    """The books of both sides. Returns how many examples ended where."""
    newest = coordinator.cairn("status")["release"]
    releases = [coordinator.cairn("release", "show", str(n)) for n in range(1, newest + 1)]
    given = collections.Counter()  # (device, release): examples, as the coordinator has it
    seen = {}
    for r in releases:
        for u in r["updates"]:
            key = (u["device"], u["seq"])
            check(key not in seen, f"update {key} is in releases {seen.get(key)} and {r['number']}")
            seen[key] = r["number"]
            given[u["device"], r["number"]] += u["examples"]

    kept = collections.Counter()  # the same, by the receipts
    ended = collections.Counter()
    for e, t in zip(edges, teachers):
        receipts = e.receipts()
        for number, label in t.answered.items():
            check(number in receipts, f"{e.name}: receipt {number} was answered and is gone")
            check(receipts[number]["label"] == label, f"{e.name}: {receipts[number]} was taught as {label}")
            check(receipts[number]["state"] != "undone", f"{e.name}: {receipts[number]} was taken back by nobody")
        for r in receipts.values():
            ended[r["state"]] += 1
            if r["state"] == "committed":
                kept[e.name, r["release"]] += 1
            elif r["state"] != "undone":  # the first writing of an image whose teaching was repeated
                check(r["state"] in ON_DEVICE, f"{e.name}: {r} is neither here nor there")
    check(kept == given, f"receipts say {dict(kept - given)} more, the coordinator {dict(given - kept)} more")
    return newest, ended


def main():
    parser = arguments(__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--images", type=int, default=2500)
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--edges", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    images = fashion(options.images, options.labels, rng)

    with Fleet(options, "kill") as fleet:
        coordinator = fleet.coordinator("recipe.min_count=1", "round.updates=3", "round.max_wait_s=2",
                                        "round.score_wait_s=2", "recipe.gan_steps=2", "recipe.consolidate_steps=20")
        edges = [fleet.edge(coordinator, f"edge-{i + 1}", "update.batch=8", "update.max_wait_s=5")
                 for i in range(options.edges)]
        teachers = [Teacher(e, images[i::options.edges]) for i, e in enumerate(edges)]
        killer = Killer(rng, [coordinator, *edges])
        for t in teachers:
            t.start()

        in_teaching = options.kills * 2 // 3
        for i in range(in_teaching):
            for t in teachers:
                for _ in range(len(t.images) * i // in_teaching, len(t.images) * (i + 1) // in_teaching):
                    t.allowance.release()
            killer.strike()
        for t in teachers:
            t.join(600)
            check(not t.is_alive(), f"{t.edge.name}'s teacher does not get done")
        tell(killer, teachers)
        for e in edges:
            e.call("POST", "/v1/flush")
        for _ in range(options.kills - in_teaching):
            killer.strike()
        tell(killer, teachers)

        settle(edges)
        newest, ended = compare(coordinator, edges, teachers)
        check(ended["committed"] > 0, "nothing was committed at all")
        check(sum(killer.n_kills.values()) == options.kills, "not all kills happened")
        for p in [*edges, coordinator]:
            p.end()
        print(f"{sum(len(t.answered) for t in teachers)} images taught, "
              f"{sum(t.n_retries for t in teachers)} repeated; kills: {dict(killer.n_kills)}; "
              f"{newest} releases; examples: {dict(ended)}; lost 0, twice 0")


if __name__ == "__main__":
    main()
