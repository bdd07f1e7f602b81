"""Writes what PyTorch computes for the article's two networks, for tests/unit/nn/test_golden.c.

Run once by hand: python3 make_golden.py, with PyTorch on the CPU. Both sides fill inputs and
parameters by the same formula (fill below), so that no tensor needs to be stored; of the results
a few numbers are. One line per tensor t: name, sum of |t[i]|, sum of t[i] * cos(i), and the numbers
at eight places.
"""
import math
import sys

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def fill(k, shape, scale):
    """Uniform in [-scale, scale): the fraction of a large sine, the k-th such tensor."""
    n = math.prod(shape)
    s = torch.sin(torch.arange(n, dtype=torch.float64) * 12.9898 + k * 78.233) * 43758.5453
    return ((2 * (s - torch.floor(s)) - 1) * scale).to(torch.float32).reshape(shape)


def put(out, name, t):
    t = t.detach().double().flatten()
    n = t.numel()
    places = [j * (n - 1) // 7 for j in range(8)]
    check = (t * torch.cos(torch.arange(n, dtype=torch.float64))).sum()
    size = t.abs().sum()
    print(name, *("%.9g" % v for v in [size, check] + [t[p] for p in places]), file=out)


def parameters(shapes):
    """Each like Glorot's uniform, the k-th filled with k."""
    ps = []
    for k, (name, shape) in enumerate(shapes):
        kind = name.split(".")[1]
        if kind == "weight" and len(shape) > 1:
            fan = math.prod(shape[1:]) + shape[0] * math.prod(shape[2:])
            p = fill(k, shape, math.sqrt(6 / fan))
        elif name.startswith("norm") and kind == "weight":
            p = 1 + fill(k, shape, 0.1)
        else:
            p = fill(k, shape, 0.05)
        ps.append(p.requires_grad_())
    return ps


ADAM = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-7)


def classifier(out):
    shapes = [("conv.weight", (64, 1, 2, 2)), ("conv.bias", (64,)),
              ("head.weight", (3, 64 * 27 * 27)), ("head.bias", (3,))]
    ps = parameters(shapes)
    x = fill(50, (4, 1, 28, 28), 0.5) + 0.5
    y = torch.tensor([0, 1, 2, 1])
    opt = torch.optim.Adam(ps, **ADAM)
    for step in range(10):
        z = F.linear(F.relu(F.conv2d(x, ps[0], ps[1])).flatten(1), ps[2], ps[3])
        loss = F.cross_entropy(z, y)
        opt.zero_grad()
        loss.backward()
        if step == 0:
            put(out, "logits", z)
            for (name, _), p in zip(shapes, ps):
                put(out, "grad." + name, p.grad)
        put(out, "loss.%d" % step, loss)
        opt.step()
    for (name, _), p in zip(shapes, ps):
        put(out, "end." + name, p)


LABELS = 3


def generator_shapes():
    shapes, n = [("label.weight", (LABELS, 100))], 100
    for i, m in enumerate([256, 512, 1024]):
        shapes += [("dense%d.weight" % i, (m, n)), ("dense%d.bias" % i, (m,)),
                   ("norm%d.weight" % i, (m,)), ("norm%d.bias" % i, (m,))]
        n = m
    return shapes + [("out.weight", (784, n)), ("out.bias", (784,))]


def discriminator_shapes():
    shapes, n = [("label.weight", (LABELS, 784))], 784
    for i in range(3):
        shapes += [("dense%d.weight" % i, (512, n)), ("dense%d.bias" % i, (512,))]
        n = 512
    return shapes + [("out.weight", (1, n)), ("out.bias", (1,))]


def norm(x, gamma, beta, running, momentum=0.8):
    """Batch norm whose running variance is the biased one, as Cairn's is."""
    mean, var = x.mean(0), x.var(0, unbiased=False)
    running[0] = momentum * running[0] + (1 - momentum) * mean.detach()
    running[1] = momentum * running[1] + (1 - momentum) * var.detach()
    return (x - mean) / torch.sqrt(var + 1e-3) * gamma + beta


def generate(ps, noise, label, running):
    h = noise * ps[0][label]
    for i in range(3):
        w, b, gamma, beta = ps[1 + 4 * i:5 + 4 * i]
        h = norm(F.leaky_relu(F.linear(h, w, b), 0.2), gamma, beta, running[i])
    return torch.tanh(F.linear(h, ps[13], ps[14]))


def judge(ps, image, label):
    h = image * ps[0][label]
    for i in range(3):
        h = F.leaky_relu(F.linear(h, ps[1 + 2 * i], ps[2 + 2 * i]), 0.2)
    return F.linear(h, ps[7], ps[8]).flatten()


def cgan(out):
    g, d = parameters(generator_shapes()), parameters(discriminator_shapes())
    running = [[torch.zeros(m), torch.ones(m)] for m in (256, 512, 1024)]
    unused = [[torch.zeros(m), torch.ones(m)] for m in (256, 512, 1024)]
    opt_g, opt_d = torch.optim.Adam(g, **ADAM), torch.optim.Adam(d, **ADAM)
    n = 8
    label = torch.arange(n) % LABELS
    for step in range(10):
        real, noise = fill(60 + step, (n, 784), 1), fill(80 + step, (n, 100), 1.5)
        # The discriminator's step: real and made images in one batch.
        made = generate(g, noise, label, unused).detach()
        z = judge(d, torch.cat([real, made]), torch.cat([label, label]))
        truth = torch.cat([torch.ones(n), torch.zeros(n)])
        loss_d = F.binary_cross_entropy_with_logits(z, truth)
        opt_d.zero_grad()
        loss_d.backward()
        if step == 0:
            put(out, "made", made)
            put(out, "judged", z)
            for (name, _), p in zip(discriminator_shapes(), d):
                put(out, "d.grad." + name, p.grad)
        opt_d.step()
        # The generator's step.
        z = judge(d, generate(g, noise, label, running), label)
        loss_g = F.binary_cross_entropy_with_logits(z, torch.ones(n))
        opt_g.zero_grad()
        loss_g.backward()
        if step == 0:
            for (name, _), p in zip(generator_shapes(), g):
                put(out, "g.grad." + name, p.grad)
        opt_g.step()
        put(out, "loss.%d" % step, torch.stack([loss_d, loss_g]))
    for i, (mean, var) in enumerate(running):
        put(out, "running%d.mean" % i, mean)
        put(out, "running%d.var" % i, var)
    for (name, _), p in zip(discriminator_shapes(), d):
        put(out, "d.end." + name, p)
    for (name, _), p in zip(generator_shapes(), g):
        put(out, "g.end." + name, p)


if __name__ == "__main__":
    folder = sys.path[0]
    for name, make in (("classifier", classifier), ("cgan", cgan)):
        with open("%s/%s.golden" % (folder, name), "w") as f:
            make(f)
