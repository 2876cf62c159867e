"""Writes kl-bottleneck.json: latents and divergences of other implementations, in double precision.

The distributions are those of features `z` [B, N, 2E], means and then logarithms of variances. `divergence` is that of
torch.distributions, summed over the channels of a latent and averaged over latents; `gradient` is the gradient of
divergence + sum(quantized * cotangent) towards `z`. `noise` are uniform numbers that the Box-Muller transform makes
normal: radii of the first half of a latent's numbers, angles of the second one. The clamp of logarithms of variances to
[-30, 20] is that of `DiagonalGaussianDistribution` of CompVis/latent-diffusion (ldm/modules/distributions/distributions.py).

Run with torch 2.15.0.
    python3 kl-bottleneck.py > kl-bottleneck.json
"""
import json
import math

import torch
from torch.distributions import Normal, kl_divergence

torch.set_default_dtype(torch.float64)


def values(tensor):
    return [round(value, 9) for value in tensor.detach().reshape(-1).tolist()]


def draw(seed, *shape, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.randn(*shape, generator=generator) * scale, decimals=3)


def uniform(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.rand(*shape, generator=generator) * 0.999, decimals=3)


def normal(noise, width):
    first, second = noise.chunk(2, dim=2)
    radii, angles = torch.sqrt(-2 * torch.log(1 - first)), 2 * math.pi * second
    return torch.cat([radii * torch.cos(angles), radii * torch.sin(angles)], dim=2)[:, :, :width]


def case(name, width, z):
    batch, tokens, _ = z.shape
    z.requires_grad_()
    noise = uniform(7, batch, tokens, 2 * math.ceil(width / 2))
    cotangent = draw(2, batch, tokens, width)
    mean, logvar = z.chunk(2, dim=2)
    deviation = torch.exp(torch.clamp(logvar, -30.0, 20.0) / 2)
    quantized = mean + deviation * normal(noise, width)
    standard = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    divergence = kl_divergence(Normal(mean, deviation), standard).sum(dim=2).mean()
    (gradient,) = torch.autograd.grad(divergence + (quantized * cotangent).sum(), [z])
    return {
        "name": name,
        "latentDim": width,
        "shape": list(z.shape),
        "z": values(z),
        "noise": values(noise),
        "noiseShape": list(noise.shape),
        "cotangent": values(cotangent),
        "mean": values(mean),
        "quantized": values(quantized),
        "divergence": divergence.item(),
        "gradient": values(gradient),
    }


def beyond_the_range():
    z = draw(3, 1, 3, 4)
    z[0, 0, 2:] = torch.tensor([-31.0, 1.5])
    z[0, 1, 2:] = torch.tensor([4.0, -45.0])
    return z


def high_variance():
    z = draw(4, 1, 2, 4)
    z[0, 0, 2] = 23.0
    return z


print(json.dumps({"versions": {"torch": torch.__version__.split("+")[0]}, "cases": [
    case("an even width", 4, draw(1, 2, 5, 8)),
    case("an odd width", 3, draw(5, 2, 4, 6, scale=2.0)),
    case("variances below the range", 2, beyond_the_range()),
    case("a variance above the range", 2, high_variance()),
]}))
