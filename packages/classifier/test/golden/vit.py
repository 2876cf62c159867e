"""Writes vit.json: torchvision's VisionTransformer on small images, in double precision.

Each case has the weights, the logits of `images`, and gradients of the sum of the logits times `cotangent`. With `mean`, the
class token is left out and the patches' outputs are averaged. Numbers of images and weights have three decimals, so that both
sides start from the same ones. Weights are PyTorch's, `[out, in]`. Queries, keys and values have no bias, as in the package.

Run with torch 2.15.0 and torchvision 0.29.2:
    python3 vit.py > vit.json
"""
import functools
import json

import torch
import torchvision
from torchvision.models.vision_transformer import VisionTransformer

torch.set_default_dtype(torch.float64)
BATCH, IMAGE, PATCH, DEPTH, HEADS, DIM, MLP, CLASSES = 2, 4, 2, 2, 2, 8, 12, 3


def draw(seed, *shape, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.randn(*shape, generator=generator) * scale, decimals=3)


def values(tensor):
    return [round(value, 7) for value in tensor.detach().flatten().tolist()]


def case(pool):
    norm = functools.partial(torch.nn.LayerNorm, eps=1e-5)
    vit = VisionTransformer(IMAGE, PATCH, DEPTH, HEADS, DIM, MLP, num_classes=CLASSES, norm_layer=norm)
    for index, (name, parameter) in enumerate(vit.named_parameters()):
        parameter.data = draw(10 + index, *parameter.shape, scale=0.5)
        if name.endswith("in_proj_bias"):
            parameter.data.zero_()
    if pool == "mean":
        vit.encoder.pos_embedding.data = vit.encoder.pos_embedding.data[:, 1:].clone()
    images = torch.sigmoid(draw(1, BATCH, 3, IMAGE, IMAGE)).round(decimals=3).requires_grad_()
    cotangent = draw(2, BATCH, CLASSES)
    normalized = (images - 0.5) / 0.5
    logits = vit(normalized) if pool == "class-token" else vit.heads(vit.encoder(vit._process_input(normalized)).mean(1))
    (logits * cotangent).sum().backward()
    used = {name: p for name, p in vit.named_parameters() if p.grad is not None and not name.endswith("in_proj_bias")}
    return {
        "pool": pool,
        "images": values(images.permute(0, 2, 3, 1)),
        "cotangent": values(cotangent),
        "weights": {name: {"shape": list(p.shape), "data": values(p)} for name, p in used.items()},
        "logits": values(logits),
        "gradients": {"images": values(images.grad.permute(0, 2, 3, 1)), **{n: values(p.grad) for n, p in used.items()}},
    }


sizes = {"imageSize": IMAGE, "patchSize": PATCH, "depth": DEPTH, "numHeads": HEADS, "dim": DIM, "mlpDim": MLP}
versions = {"torch": torch.__version__.split("+")[0], "torchvision": torchvision.__version__.split("+")[0]}
cases = [case(pool) for pool in ("class-token", "mean")]
print(json.dumps({"versions": versions, "config": {**sizes, "classes": CLASSES}, "cases": cases}))
