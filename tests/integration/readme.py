"""Runs the tour of README.md line by line, as it stands there, against the binaries of a build directory."""
import os
import re
import subprocess
import sys


def tour(text):
    section = text.split("## A tour by hand", 1)[1]
    return re.search(r"```sh\n(.*?)```", section, re.S).group(1)


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    build = os.path.abspath(sys.argv[sys.argv.index("--build") + 1])
    with open(os.path.join(root, "README.md"), encoding="utf-8") as f:
        script = tour(f.read())
    script = re.sub(r"^export PATH=.*$", "export PATH=%s/server:%s/client/edge:%s/client/ctl:$PATH" % ((build,) * 3),
                    script, flags=re.M)
    # The daemons write to files, so that nobody waits for a pipe that they hold; the port is any free one.
    script = script.replace('cairn-coordinator run --data $CAIRN_DATA &', 'cairn-coordinator run --data $CAIRN_DATA >$CAIRN_DATA/../log 2>&1 &')
    script = script.replace('cairn-edge run &', 'cairn-edge run --set edge.listen=127.0.0.1:0 >$CAIRN_EDGE_DATA/../log 2>&1 &')
    script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + script + \
        "wait\nrm -rf $CAIRN_DATA/.. $CAIRN_EDGE_DATA/.. 2>/dev/null || true\n"
    done = subprocess.run(["bash", "-c", script], cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=100, text=True)
    print(done.stdout)
    expected = ["noise", "now predicted as bag", "now predicted as sandal", "candidate", "release 2, right",
                "renamed", "rollback"]
    missing = [e for e in expected if e not in done.stdout]
    if done.returncode or missing:
        sys.exit("the tour of README.md failed: exit code %d, not printed: %s" % (done.returncode, missing))


if __name__ == "__main__":
    main()
