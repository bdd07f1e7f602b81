"""Pictures for the stories: Fashion-MNIST as Debian packages it, and simple shapes."""

import gzip
import random

FASHION = "/usr/share/datasets/fashion-mnist/"
NAMES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def pgm(pixels, width):
    return b"P5 %d %d 255\n" % (width, len(pixels) // width) + pixels


def fashion(n, n_labels, rng):
    """`n` different images of the first labels, shuffled: pairs of PGM bytes and label name."""
    with gzip.open(FASHION + "train-images-idx3-ubyte.gz") as f:
        pixels = f.read()[16:]
    with gzip.open(FASHION + "train-labels-idx1-ubyte.gz") as f:
        labels = f.read()[8:]
    of_interest = [i for i, label in enumerate(labels) if label < n_labels]
    return [(pgm(pixels[784 * i:784 * (i + 1)], 28), NAMES[labels[i]]) for i in rng.sample(of_interest, n)]


SHAPES = {
    "cross": lambda x, y: abs(x) < 3 or abs(y) < 3,
    "ring": lambda x, y: 25 < x * x + y * y < 100,
    "stripes": lambda x, y: x % 6 < 3,
    "corner": lambda x, y: x < -2 and y < -2,
}


def shape(name, seed, side=28):
    """One of SHAPES, shifted and with noise; equal seeds give equal bytes."""
    rng = random.Random(f"{name} {seed}")
    dx, dy = rng.randint(-2, 2), rng.randint(-2, 2)
    inside = SHAPES[name]
    return pgm(bytes((190 if inside(x - side // 2 + dx, y - side // 2 + dy) else 30) + rng.randint(0, 40)
                     for y in range(side) for x in range(side)), side)
