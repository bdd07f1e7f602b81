"""Promise 1: images stay on their device, and when a release holds what was learnt from them they are gone from its disk, too."""

import os
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/lib")

from cairn import Fleet, arguments, until
from images import shape

OPTIONS = None
SMALL = ("recipe.min_count=1", "recipe.filters=8", "recipe.gan_steps=2", "recipe.consolidate_steps=10",
         "round.updates=1", "round.max_wait_s=2", "round.score_wait_s=1")


def files_with(root, image):
    """Files under root that hold any of eight pieces of the image's pixels, 32 bytes each (all are noise)."""
    pieces = [image[i:i + 32] for i in range(len(image) - 32 * 8, len(image), 32)]
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    content = f.read()
                if any(p in content for p in pieces):
                    found.append(path)
    return found


class Privacy(unittest.TestCase):
    def test_no_image_reaches_the_coordinator_and_none_outlives_its_release(self):
        fleet = self.enterContext(Fleet(OPTIONS, "privacy"))
        coordinator = fleet.coordinator(*SMALL)
        edge = fleet.edge(coordinator, "camera", "update.batch=1000", "update.max_wait_s=3600")
        images = [(shape(name, i), name) for name in ("cross", "ring") for i in range(6)]
        for image, label in images:
            edge.teach(image, label)
        self.assertTrue(files_with(edge.data, images[0][0]), "before the release the image must be in the spool")

        until("no label waits", lambda: edge.status()["examples"]["waiting_label"] == 0)
        edge.call("POST", "/v1/flush")
        until("all is in a release", lambda: edge.status()["examples"]["committed"] == len(images))
        edge.await_release(coordinator.cairn("status")["release"])
        until("every image was verified", lambda: edge.status()["spool"]["bytes"] == 0)

        for image, label in images:
            self.assertEqual(files_with(coordinator.data, image), [], f"a {label} at the coordinator")
            until(f"a {label} is gone from the device's disk", lambda: not files_with(edge.data, image))


if __name__ == "__main__":
    OPTIONS, rest = arguments(__doc__).parse_known_args()
    unittest.main(argv=sys.argv[:1] + rest)
