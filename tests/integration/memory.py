"""The coordinator's memory does not grow with the fleet: its peak with many devices is within 10 % of its peak with
five, plus one update for each upload in flight (a sanitizer multiplies what a connection costs: `--tolerance` makes room
for that, and still finds anything kept for each device and as large as a model). The fleet program opens the connections: the real edge core behind each,
all of them in one process."""

import json
import resource
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/lib")

from cairn import DEADLINE_S, Fleet, arguments, check

LABELS = ("ape", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "ibis", "jay")


def more_descriptors():
    """A connection takes a descriptor at each end, and libzmq some more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def peak(options, devices):
    """A new coordinator; every device gets its updates into releases. What that took."""
    with Fleet(options, "memory") as fleet:
        coordinator = fleet.coordinator(
            f"round.updates={min(devices, options.round)}", "round.max_wait_s=3", f"round.uploads={options.uploads}",
            "round.score_wait_s=1", "recipe.gan_steps=2", "recipe.consolidate_steps=10", "recipe.min_count=1")
        ids = [coordinator.cairn("label", "add", name)["id"] for name in LABELS]
        tokens = fleet.root + "/tokens"
        with open(tokens, "w") as f:
            for i in range(devices):
                f.write(coordinator.token(f"device-{i}") + "\n")
        done = subprocess.run([fleet.program["fleet"], "--tokens", tokens, "--labels", ",".join(map(str, ids)),
                               "--updates", str(options.updates), "--timeout", str(3 * DEADLINE_S)],
                              capture_output=True, text=True, timeout=4 * DEADLINE_S)
        check(done.returncode == 0, f"the fleet program: {done.stdout}{done.stderr}")
        said = json.loads(done.stdout)
        check(said["done"] == devices, f"not all was committed: {said}")
        status = coordinator.cairn("status")
        # More, when a device that is done was asked once again before the last one was.
        check(status["updates"]["committed"] >= said["committed"], f"the coordinator's own count: {status}")
        coordinator.end()
        print(f"{devices:4} devices: peak {status['memory_peak_bytes'] / 1e6:.1f} MB, {status['release']} releases, "
              f"updates of {said['update_bytes']} bytes, {said['ms']} ms")
        return status["memory_peak_bytes"], said["update_bytes"]


def main():
    parser = arguments(__doc__)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--uploads", type=int, default=16, help="in flight at once, at most")
    parser.add_argument("--updates", type=int, default=2, help="of each device")
    parser.add_argument("--round", type=int, default=50, help="updates in a release, at most")
    parser.add_argument("--tolerance", type=float, default=0.10)
    options = parser.parse_args()
    more_descriptors()
    few, _ = peak(options, 5)
    many, update = peak(options, options.devices)
    limit = (1 + options.tolerance) * few + options.uploads * update
    print(f"limit {limit / 1e6:.1f} MB = {1 + options.tolerance:.2f} * {few / 1e6:.1f} + {options.uploads} uploads of "
          f"{update / 1e6:.1f}")
    check(many <= limit, f"the peak with {options.devices} devices is {many / 1e6:.1f} MB, over {limit / 1e6:.1f}")


if __name__ == "__main__":
    main()
