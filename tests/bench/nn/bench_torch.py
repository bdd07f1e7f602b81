"""The rows of bench_nn.c in PyTorch, one thread, written as its users write them.

Usage: bench_torch.py [SECONDS PER ROW]; JSON lines on standard output as bench_nn's.
"""
import json
import statistics
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(1)
ADAM = dict(lr=1e-7, betas=(0.9, 0.999), eps=1e-7)


class Scale(nn.Module):
    """x * embedding[label]"""

    def __init__(self, labels, n):
        super().__init__()
        self.table = nn.Embedding(labels, n)

    def forward(self, x, label):
        return x * self.table(label)


class Conditional(nn.Module):
    def __init__(self, labels, n, body):
        super().__init__()
        self.label, self.body = Scale(labels, n), body

    def forward(self, x, label):
        return self.body(self.label(x, label))


def article(side):
    return nn.Sequential(nn.Conv2d(1, 64, 2), nn.ReLU(), nn.Flatten(),
                         nn.Linear(64 * (side - 1) ** 2, 3))


def cnn():
    return nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(64 * 16 * 16, 128), nn.ReLU(), nn.Linear(128, 10))


def generator(labels):
    layers, n = [], 100
    for m in (256, 512, 1024):
        layers += [nn.Linear(n, m), nn.LeakyReLU(0.2), nn.BatchNorm1d(m, eps=1e-3, momentum=0.2)]
        n = m
    return Conditional(labels, 100, nn.Sequential(*layers, nn.Linear(n, 784), nn.Tanh()))


def discriminator(labels):
    act = lambda: nn.LeakyReLU(0.2)
    return Conditional(labels, 784, nn.Sequential(
        nn.Linear(784, 512), act(), nn.Linear(512, 512), act(), nn.Dropout(0.4),
        nn.Linear(512, 512), act(), nn.Dropout(0.4), nn.Linear(512, 1)))


def classifier_step(net, shape, classes):
    opt = torch.optim.Adam(net.parameters(), **ADAM)
    x, y = torch.randn(shape), torch.arange(shape[0]) % classes

    def step():
        opt.zero_grad()
        F.cross_entropy(net(x), y).backward()
        opt.step()
    return step


def cgan_step(n, labels=3):
    g, d = generator(labels), discriminator(labels)
    opt_g = torch.optim.Adam(g.parameters(), **ADAM)
    opt_d = torch.optim.Adam(d.parameters(), **ADAM)
    real, noise, label = torch.randn(n, 784), torch.randn(n, 100), torch.arange(n) % labels
    truth = torch.cat([torch.ones(n, 1), torch.zeros(n, 1)])
    bce = F.binary_cross_entropy_with_logits

    def step():
        with torch.no_grad():
            made = g(noise, label)
        opt_d.zero_grad()
        bce(d(torch.cat([real, made]), torch.cat([label, label])), truth).backward()
        opt_d.step()
        opt_g.zero_grad()
        bce(d(g(noise, label), label), truth[:n]).backward()
        opt_g.step()
    return step


def median_ms(step, seconds):
    for _ in range(5):
        step()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2
    rows = [("article 28x28/1", lambda: classifier_step(article(28), (1, 1, 28, 28), 3)),
            ("article 28x28/32", lambda: classifier_step(article(28), (32, 1, 28, 28), 3)),
            ("article 150x150/1", lambda: classifier_step(article(150), (1, 1, 150, 150), 3)),
            ("cgan 28x28/16", lambda: cgan_step(16)),
            ("cgan 28x28/64", lambda: cgan_step(64)),
            ("cnn 32x32x3/32", lambda: classifier_step(cnn(), (32, 3, 32, 32), 10))]
    for name, make in rows:
        print(json.dumps({"who": "torch", "row": name, "ms": round(median_ms(make(), seconds), 4)}),
              flush=True)
