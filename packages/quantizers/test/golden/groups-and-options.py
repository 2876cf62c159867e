"""Writes groups-and-options.json: cases as quantizers.py describes them, of options of vector-quantize-pytorch and of the package of
the authors of DiVeQ.

Run with torch 2.15.0, einops 0.8.2, vector-quantize-pytorch 1.32.0 and diveq 0.1.3.
    python3 groups-and-options.py > groups-and-options.json
"""
import functools
import importlib.metadata
import json
import math

import diveq
import torch
import vector_quantize_pytorch.vector_quantize_pytorch as package

from quantizers import case, draw, values


def vector_quantize(tables, **options):
    """Returns a forward with the codes [K, E] of `tables`, which are learned by the optimizer of everything else."""
    size, dim = tables[0].shape
    module = package.VectorQuantize(
        dim=options.get("heads", 1) * dim, codebook_size=size, codebook_dim=dim, learnable_codebook=True, ema_update=False,
        rotation_trick=False, **options
    ).double()
    codebook = module._codebook
    del codebook.embed

    def forward(z, **arguments):
        codebook.embed = torch.stack(list(tables))
        to_float = torch.Tensor.float
        torch.Tensor.float = torch.Tensor.double  # The package computes distances in float32.
        try:
            quantized, indices, loss, breakdown = module(z, return_loss_breakdown=True, **arguments)
        finally:
            torch.Tensor.float = to_float
        # The commitment term has the gradients of two terms, codebook and commitment, and the value of one.
        return quantized, indices, loss + module.commitment_weight * breakdown.commitment.detach()

    return forward


def learned(tensor):
    return tensor.clone().requires_grad_()


def grouped(shared):
    groups, size, dim = 2, 7, 3
    tables = [learned(draw(41 + table, size, dim)) for table in range(1 if shared else groups)]
    forward = vector_quantize(tables, heads=groups, separate_codebook_per_head=not shared)
    names = ["quantizer.codebook"] if shared else [f"quantizers.{group}.codebook" for group in range(groups)]
    config = {
        "kind": "grouped", "groups": groups, "codebooks": "shared" if shared else "separate",
        "quantizer": {"kind": "vector", "codebookSize": size, "codeDim": dim, "normalize": False, "beta": 1},
    }
    name = f"groups of vector-quantize-pytorch, {config['codebooks']} codebooks"
    return case(name, config, forward, dict(zip(names, tables)), (2, 5, groups * dim))


def product():
    size, dim = 6, 2
    tables = [learned(draw(45 + table, size, dim)) for table in range(2)]
    forward = vector_quantize(tables, heads=2, separate_codebook_per_head=True)

    def with_one_index(z):
        quantized, indices, loss = forward(z)
        return quantized, indices[..., 0] + size * indices[..., 1], loss

    part = {"kind": "vector", "codebookSize": size, "codeDim": dim, "normalize": False, "beta": 1}
    config = {"kind": "product", "quantizers": [part, part]}
    parameters = {f"quantizers.{group}.codebook": table for group, table in enumerate(tables)}
    return case("product of heads of vector-quantize-pytorch", config, with_one_index, parameters, (2, 5, 2 * dim))


def uniform(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.rand(*shape, generator=generator) * 0.998 + 0.001, decimals=3)


def squared_distances(x, y):
    return ((x.unsqueeze(2) - y.unsqueeze(1)) ** 2).sum(-1)


def one_token_each(forward):
    """The package has the diversity of each position; with the tokens as a batch it is that of all tokens."""

    def as_batch(z):
        batch, tokens, channels = z.shape
        quantized, indices, loss = forward(z.reshape(batch * tokens, 1, channels))
        return quantized.reshape(z.shape), indices, loss

    return as_batch


def regularized(name, size, dim, shape, options, constant=0.0, **config):
    codes = learned(draw(51, size, dim))
    forward = vector_quantize([codes], **options)

    def with_constant(z):
        quantized, indices, loss = one_token_each(forward)(z)
        return quantized, indices, loss + constant

    config = {"kind": "vector", "codebookSize": size, "codeDim": dim, "normalize": False, "beta": 1, **config}
    return case(f"{name} of vector-quantize-pytorch", config, with_constant, {"codebook": codes}, shape)


def orthogonal():
    return regularized(
        "orthogonal codes", 6, 4, (2, 4, 4), {"orthogonal_reg_weight": 0.7}, orthogonalWeight=0.7
    )


def diverse():
    size, weight, temperature = 7, 0.6, 1.5
    options = {
        "orthogonal_reg_weight": 0.4, "orthogonal_reg_active_codes_only": True, "codebook_diversity_loss_weight": weight,
        "codebook_diversity_temperature": 1 / temperature,
    }
    return regularized(
        "diverse codes, orthogonal where chosen,", size, 3, (2, 5, 3), options, weight * math.log(size),
        orthogonalWeight=0.4, orthogonalCodes="chosen", diversityWeight=weight, diversityTemperature=temperature
    )


def drawn():
    size, dim, shape, temperature = 6, 3, (2, 5, 3), 1.3
    codes = learned(draw(61, size, dim))
    forward = vector_quantize([codes], stochastic_sample_codes=True, sample_codebook_temp=temperature)
    noise = uniform(62, shape[0], shape[1], size)

    def with_noise(z):
        # The logits are [heads, B N, K].
        package.gumbel_noise = lambda logits: -torch.log(-torch.log(noise.reshape(logits.shape)))
        return forward(z)

    config = {
        "kind": "vector", "codebookSize": size, "codeDim": dim, "normalize": False, "beta": 1,
        "sampleTemperature": temperature,
    }
    context = {"noise": values(noise), "noiseShape": list(noise.shape)}
    return case("drawn codes of vector-quantize-pytorch", config, with_noise, {"codebook": codes}, shape, None, context)


def normal_of(noise, count):
    """Box and Muller; the first half of the last axis makes radii, the second one angles."""
    first, second = noise.chunk(2, dim=-1)
    radii, angles = torch.sqrt(-2 * torch.log(1 - first)), 2 * math.pi * second
    return torch.cat([radii * torch.cos(angles), radii * torch.sin(angles)], dim=-1)[..., :count]


def differentiable(name, size, dim, shape, seed, deviation, make_forward):
    codes = learned(draw(seed, size, dim))
    noise = uniform(seed + 1, shape[0], shape[1], 2 * math.ceil(dim / 2))
    forward = make_forward(codes, normal_of(noise, dim))
    indices = forward(draw(1, *shape))[1]
    context = {
        "noise": values(noise), "noiseShape": list(noise.shape), "codes": values(codes[indices.reshape(-1)])
    }
    config = {"kind": "diveq", "codebookSize": size, "codeDim": dim, "noiseDeviation": deviation}
    return case(f"DiVeQ of {name}", config, forward, {"codebook": codes}, shape, None, context)


def differentiable_of_package(variance):
    def make_forward(codes, noise):
        # It is said to replace codes that are not used; a frozen codebook does not.
        forward = vector_quantize(
            [codes], directional_reparam=True, directional_reparam_variance=variance, threshold_ema_dead_code=1,
            freeze_codebook=True
        )

        def with_noise(z):
            randn_like = torch.randn_like
            torch.randn_like = lambda error: noise.reshape(error.shape)
            try:
                return forward(z.requires_grad_())
            finally:
                torch.randn_like = randn_like

        return with_noise

    return differentiable("vector-quantize-pytorch", 7, 4, (2, 5, 4), 71, math.sqrt(variance), make_forward)


def differentiable_of_authors(deviation):
    size, dim, shape = 6, 3, (2, 4, 3)

    class Recorded:
        def __init__(self, noise):
            self.noise = noise

        def __call__(self, mean, scale):
            self.scale = scale
            return self

        def sample(self, wanted):
            return self.scale * self.noise.reshape(wanted)

    def make_forward(codes, noise):
        module = diveq.DIVEQ(size, dim, noise_var=deviation, codebook_reset=False, allow_warning=False)
        del module.codebook
        module.codebook = codes

        def forward(z):
            diveq.diveq.normal.Normal = Recorded(noise)
            quantized, indices, _ = module(z.reshape(-1, dim))
            return quantized.reshape(z.shape), indices, torch.zeros((), requires_grad=True)

        return forward

    return differentiable("the authors", size, dim, shape, 81, deviation, make_forward)


def masked():
    size, dim, shape = 7, 3, (2, 5, 3)
    codes = learned(draw(91, size, dim))
    forward = vector_quantize([codes], return_zeros_for_masked_padding=False)
    mask = torch.tensor([[1, 1, 0, 1, 0], [1, 0, 0, 1, 1]])

    def with_mask(z):
        quantized, indices, loss = forward(z, mask=mask.bool())
        return quantized, indices.clamp(min=0), loss

    indices = with_mask(draw(1, *shape))[1]
    context = {"mask": mask.reshape(-1).tolist(), "codes": values(codes[indices.reshape(-1)])}
    config = {"kind": "vector", "codebookSize": size, "codeDim": dim, "normalize": False, "beta": 1}
    return case("padding of vector-quantize-pytorch", config, with_mask, {"codebook": codes}, shape, None, context)


def main():
    # The package chooses by distances; their squares are what probabilities are defined by.
    package.cdist = squared_distances
    package.entropy = functools.partial(package.entropy, eps=1e-20)
    cases = [
        grouped(shared=False), grouped(shared=True), product(), orthogonal(), diverse(), drawn(), differentiable_of_package(0.01),
        differentiable_of_authors(0.05), masked(),
    ]
    packages = ["torch", "einops", "vector-quantize-pytorch", "diveq"]
    versions = {name: importlib.metadata.version(name) for name in packages}
    print(json.dumps({"versions": versions, "cases": cases}))


if __name__ == "__main__":
    main()
