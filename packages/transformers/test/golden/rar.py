"""Writes rar.safetensors: weights of a tiny RAR and what its authors' code computes.

The model is modeling/rar.py of bytedance/1d-tokenizer at 942a96f (Apache-2.0 licence): 3x3 tokens, two blocks, five
classes. Every weight is drawn, norms and modulations too, which the code starts at 1 and 0.

`weights.*` is the state of the model under its own names. `classes` and `tokens` go into a forward pass without
dropout; `logits` are its results in raster order, and `permuted` those in the order `orders`, n-th by n-th.
`classes` are classes and 5 for none; `greedy` are the most likely tokens that forward_fn gives with its KV cache, one
after the other, and `guided` those with a guidance scale of 3, constant over the steps.

Run with torch 2.15.0, timm 1.0.31 and safetensors 0.8.0; the argument is a checkout of the repository. Its package
`modeling.modules` needs far more than this file, which takes nothing from it but the base class.
    python3 rar.py ONE_D_TOKENIZER
"""
import pathlib
import sys
import types

import torch
from safetensors.torch import save_file

modules = types.ModuleType("modeling.modules")
modules.BaseModel = torch.nn.Module
sys.modules["modeling.modules"] = modules
sys.path.insert(0, sys.argv[1])
from modeling.rar import RAR  # noqa: E402

LENGTH, CLASSES, VOCABULARY = 9, 5, 13


def draw(seed, shape, scale):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.randn(*shape, generator=generator) * scale, decimals=3)


class Generator(dict):
    __getattr__ = dict.__getitem__


generator = Generator(
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    image_seq_len=LENGTH,
    condition_num_classes=CLASSES,
    dropout=0.1,
    attn_drop=0.1,
)
config = Generator(model=Generator(generator=generator, vq_model=Generator(codebook_size=VOCABULARY)))
model = RAR(config)
with torch.no_grad():
    for seed, (name, parameter) in enumerate(model.named_parameters()):
        is_scale = "norm" in name and name.endswith("weight")
        parameter.copy_(draw(seed, parameter.shape, 0.3) + (1 if is_scale else 0))
model.eval()
# Tables have a thousand rows beyond the grid, which are never used: a few of them are enough here.
tables = {"pos_embed": 1024, "target_aware_pos_embed": 1024}
weights = {}
for name, tensor in model.state_dict().items():
    rows = tensor.shape[1] - tables[name] + 4 if name in tables else None
    weights[f"weights.{name}"] = (tensor[:, :rows] if rows else tensor).contiguous().clone()

classes = torch.tensor([0, 4, CLASSES])
conditions = classes + VOCABULARY + 1
tokens = torch.randint(VOCABULARY, (3, LENGTH), generator=torch.Generator().manual_seed(99))
orders = torch.stack([torch.randperm(LENGTH, generator=torch.Generator().manual_seed(seed)) for seed in range(3)])


def sample(own, scale):
    """Draws the most likely tokens as `RAR.generate` draws random ones."""
    model.enable_kv_cache()
    ids = torch.zeros(own.shape[0], 0, dtype=torch.int64)
    for _ in range(LENGTH):
        if scale == 1:
            logits = model.forward_fn(ids, own, is_sampling=True)
        else:
            both = torch.cat([own, model.get_none_condition(own)])
            given, free = model.forward_fn(torch.cat([ids, ids]), both, is_sampling=True).chunk(2)
            logits = free + (given - free) * scale
        ids = torch.cat([ids, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    model.disable_kv_cache()
    return ids


with torch.no_grad():
    floats = {
        "logits": model.forward_fn(tokens, conditions)[:, :LENGTH],
        "permuted": model.forward_fn(tokens, conditions, orders=orders)[:, :LENGTH],
    }
    draws = {"greedy": sample(conditions, 1), "guided": sample(conditions[:2], 3)}

integers = {"classes": classes, "tokens": tokens, "orders": orders, **draws}
save_file(
    {
        **weights,
        **{name: value.contiguous() for name, value in floats.items()},
        **{name: value.to(torch.int32).contiguous() for name, value in integers.items()},
    },
    pathlib.Path(__file__).parent / "rar.safetensors",
)
print({name: value.tolist() for name, value in draws.items()})
