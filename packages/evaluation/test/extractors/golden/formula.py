"""Weights and images that are drawn by one formula here and in ../formula-weights.ts."""

import numpy
import torch


def mix(words):
    """Mixes 32 bits, as the end of MurmurHash3 does."""
    words = words ^ (words >> 16)
    words = words * numpy.uint32(0x85EBCA6B)
    words = words ^ (words >> 13)
    words = words * numpy.uint32(0xC2B2AE35)
    return words ^ (words >> 16)


def bits(name, count):
    """Returns 32 bits for each index of a name."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    with numpy.errstate(over="ignore"):
        return mix(mix(numpy.arange(count, dtype=numpy.uint32)) + numpy.uint32(seed))


def uniform(name, shape, low, high):
    """Returns numbers in [low, high), computed in float64 and rounded to float32."""
    fraction = (bits(name, int(numpy.prod(shape, dtype=numpy.int64))) >> 8).astype(numpy.float64) / 2**24
    return torch.from_numpy((low + (high - low) * fraction).astype(numpy.float32).reshape(shape))


def weight(name, shape):
    """Returns a weight by its name in PyTorch and its shape."""
    last = name.split(".")[-1]
    if last in ("running_var", "gamma"):
        return uniform(name, shape, 0.5, 1.5)
    if len(shape) == 1 and last == "weight":
        return uniform(name, shape, 0.5, 1.5)
    if len(shape) < 2:
        return uniform(name, shape, -0.1, 0.1)
    bound = (3 / float(numpy.prod(shape[1:]))) ** 0.5
    return uniform(name, shape, -bound, bound)


def fill(module, gain=1.0):
    """Sets all weights of a module. @param gain  factor of what has two axes or more"""
    state = {}
    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        drawn = weight(name, tuple(value.shape))
        state[name] = (drawn.double() * gain).float() if value.dim() > 1 else drawn
    module.load_state_dict(state, strict=False)
    return module.eval()


def images(name, count, height, width):
    """Returns images of bytes, [B, 3, H, W]: noise of 8 levels on a gradient of its channel."""
    noise = (bits(name, count * height * width * 3) >> 24).astype(numpy.int64).reshape(count, height, width, 3)
    ramp = numpy.arange(height)[:, None, None] * 3 + numpy.arange(width)[None, :, None] * 2 + numpy.arange(3) * 40
    return torch.from_numpy(((ramp[None] + noise) % 256).astype(numpy.uint8)).permute(0, 3, 1, 2).contiguous()
