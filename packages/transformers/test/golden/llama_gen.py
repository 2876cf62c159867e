"""Writes llama-gen.safetensors: weights of a tiny class-conditional GPT of LlamaGen, and what its code computes.

The model is made of autoregressive/models/gpt.py of FoundationVision/LlamaGen at ce98ec4 (MIT licence): 3x3 tokens, two
blocks, five classes. Every weight is drawn, norms and the head too, which the code starts at 1 and 0.

`weights.*` is the state of the model under its own names. `classes` and `tokens` go into a forward pass of the whole
sequence under a causal mask, as in training but without dropout; `logits` are its results for the tokens. `greedy` and
`guided` are tokens that autoregressive/models/generate.py draws with its KV cache for `classes`, always the most
likely, the latter with a guidance scale of 3.

Run with torch 2.15.0 and safetensors 0.8.0; the argument is a checkout of the repository.
    python3 llama_gen.py LLAMA_GEN
"""
import pathlib
import sys

import torch
from safetensors.torch import save_file

sys.path.insert(0, sys.argv[1])
from autoregressive.models.generate import generate  # noqa: E402
from autoregressive.models.gpt import ModelArgs, Transformer  # noqa: E402

GRID, CLASSES, VOCABULARY = 3, 5, 13


def draw(seed, shape, scale):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.randn(*shape, generator=generator) * scale, decimals=3)


model = Transformer(
    ModelArgs(
        dim=16, n_layer=2, n_head=2, multiple_of=8, vocab_size=VOCABULARY, num_classes=CLASSES, block_size=GRID * GRID
    )
)
with torch.no_grad():
    for seed, (name, parameter) in enumerate(model.named_parameters()):
        is_norm = "norm" in name
        parameter.copy_(draw(seed, parameter.shape, 0.3) + (1 if is_norm else 0))
model.eval()
weights = {f"weights.{name}": tensor.clone() for name, tensor in model.state_dict().items()}

classes = torch.tensor([0, 4, CLASSES])  # the last stands for no class
tokens = torch.randint(VOCABULARY, (3, GRID * GRID), generator=torch.Generator().manual_seed(99))
positions = torch.arange(GRID * GRID)
with torch.no_grad():
    logits, _ = model(tokens[:, :-1], classes, input_pos=positions)
    draws = {
        "greedy": generate(model, classes, GRID * GRID, sample_logits=False),
        "guided": generate(model, classes[:2], GRID * GRID, cfg_scale=3.0, sample_logits=False),
    }

integers = {"classes": classes, "tokens": tokens, **draws}
save_file(
    {**weights, "logits": logits, **{name: value.to(torch.int32).contiguous() for name, value in integers.items()}},
    pathlib.Path(__file__).parent / "llama-gen.safetensors",
)
print({name: value.tolist() for name, value in draws.items()})
