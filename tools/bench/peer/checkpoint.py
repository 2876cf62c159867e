#!/usr/bin/env python3
"""Makes a checkpoint as PyTorch Lightning writes it, and loads one, for the import benchmark.

  python3 checkpoint.py --make FILE --megabytes 350 < shapes.json     # {"name": [sizes], ...}; filled up as a discriminator would
  python3 checkpoint.py --load FILE                                    # prints {"ms": ..., "rss_mb": ..., "start_mb": ...}
"""
import argparse, json, resource, sys, time
from collections import OrderedDict
import torch


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make(file, megabytes):
    torch.manual_seed(0)
    state = OrderedDict((name, 0.02 * torch.randn(*shape)) for name, shape in json.load(sys.stdin).items())
    missing = megabytes * 10**6 // 4 - sum(tensor.numel() for tensor in state.values())
    index = 0
    while missing > 0:
        size = min(missing, 2**20)
        state["loss.discriminator.layers.%d.weight" % index] = torch.randn(size)
        missing, index = missing - size, index + 1
    torch.save({"epoch": 1, "global_step": 1, "state_dict": state, "callbacks": {}, "lr_schedulers": []}, file)


def load(file):
    before = peak_mb()
    start = time.perf_counter()
    state = torch.load(file, map_location="cpu")["state_dict"]
    total = sum(float(tensor.flatten()[0]) for tensor in state.values())  # PyTorch may map pages lazily
    print(json.dumps(dict(ms=(time.perf_counter() - start) * 1e3, rss_mb=peak_mb(), start_mb=before, checked=total)))


if __name__ == "__main__":
    a = argparse.ArgumentParser()
    a.add_argument("--make")
    a.add_argument("--load")
    a.add_argument("--megabytes", type=int, default=350)
    o = a.parse_args()
    if o.make:
        make(o.make, o.megabytes)
    else:
        load(o.load)
