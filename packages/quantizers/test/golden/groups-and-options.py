"""Writes groups-and-options.json: cases as quantizers.py describes them, of options of vector-quantize-pytorch and of the package of
the authors of DiVeQ.

Run with torch 2.15.0, einops 0.8.2, vector-quantize-pytorch 1.32.0 and diveq 0.1.3.
    python3 groups-and-options.py > groups-and-options.json
"""
import importlib.metadata
import json

import torch
import vector_quantize_pytorch.vector_quantize_pytorch as package

from quantizers import case, draw, set_values


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


def main():
    cases = [grouped(shared=False), grouped(shared=True)]
    packages = ["torch", "einops", "vector-quantize-pytorch", "diveq"]
    versions = {name: importlib.metadata.version(name) for name in packages}
    print(json.dumps({"versions": versions, "cases": cases}))


if __name__ == "__main__":
    main()
