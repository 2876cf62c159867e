"""Writes swin.json: torchvision's windowed attention (Swin Transformer) on small inputs, in double precision.

Each case has tokens `x` of a grid, the weights, the output, and gradients of the sum of the output times `cotangent`.
Inputs have three decimals, so that both sides start from the same numbers. Weights are PyTorch's, `[out, in]`.

Run with torch 2.15.0 and torchvision 0.29.2:
    python3 swin.py > swin.json
"""
import importlib.metadata
import json

import torch
from torchvision.models.swin_transformer import ShiftedWindowAttention

torch.set_default_dtype(torch.float64)
BATCH, GRID, DIM, HEADS = 2, (4, 6), 8, 2


def draw(seed, *shape, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.randn(*shape, generator=generator) * scale, decimals=3)


def values(tensor):
    return [round(value, 7) for value in tensor.detach().flatten().tolist()]


def case(name, window, shift):
    attention = ShiftedWindowAttention(DIM, list(window), list(shift), HEADS, qkv_bias=False)
    parameters = dict(attention.named_parameters())
    for index, parameter in enumerate(parameters.values()):
        parameter.data = draw(10 + index, *parameter.shape, scale=0.5)
    x = draw(1, BATCH, *GRID, DIM).requires_grad_()
    cotangent = draw(2, BATCH, *GRID, DIM)
    output = attention(x)
    (output * cotangent).sum().backward()
    return {
        "name": name,
        "window": window,
        "shifted": any(shift),
        "x": values(x),
        "cotangent": values(cotangent),
        "weights": {key: {"shape": list(p.shape), "data": values(p)} for key, p in parameters.items()},
        "output": values(output),
        "gradients": {"x": values(x.grad), **{key: values(p.grad) for key, p in parameters.items()}},
    }


print(
    json.dumps(
        {
            "versions": {name: importlib.metadata.version(name) for name in ("torch", "torchvision")},
            "shape": [BATCH, GRID[0] * GRID[1], DIM],
            "grid": GRID,
            "heads": HEADS,
            "cases": [
                case("windows in place", (2, 3), (0, 0)),
                case("shifted windows", (2, 3), (1, 1)),
                case("windows that are shifted along one axis", (4, 2), (0, 1)),
            ],
        }
    )
)
