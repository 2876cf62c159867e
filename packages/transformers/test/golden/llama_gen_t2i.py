"""Writes llama-gen-t2i.safetensors: weights of a tiny text-conditional GPT of LlamaGen, and what its code computes.

The model is made of autoregressive/models/gpt.py of FoundationVision/LlamaGen at ce98ec4 (MIT licence): 3x3 tokens, two
blocks, captions of up to five vectors of width 6. Its embedder of captions is made again with five vectors, because the
code has 120 whatever the number of conditions. Every weight is drawn, norms and the head too, which the code starts at 1
and 0.

`weights.*` is the state of the model under its own names. `captions` are of 2, 5, and 1 vectors, after zeros, and
`lengths` says so. `captions` and `tokens` go into a forward pass of the whole sequence under the mask of dataset/t2i.py,
as in training but without dropout; `logits` are its results for the tokens, and `dropped` those with no caption under
the same mask, as when captions are dropped in training. `greedy` and `guided` are tokens that
autoregressive/models/generate.py draws with its KV cache and `emb_masks`, always the most likely, the latter with a
guidance scale of 3.

Run with torch 2.15.0 and safetensors 0.8.0; the argument is a checkout of the repository.
    python3 llama_gen_t2i.py LLAMA_GEN
"""
import pathlib
import sys

import torch
from safetensors.torch import save_file

sys.path.insert(0, sys.argv[1])
from autoregressive.models.generate import generate  # noqa: E402
from autoregressive.models.gpt import CaptionEmbedder, ModelArgs, Transformer  # noqa: E402

GRID, LENGTH, CAPTION_DIM, VOCABULARY = 3, 5, 6, 13


def draw(seed, shape, scale):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.randn(*shape, generator=generator) * scale, decimals=3)


arguments = ModelArgs(
    dim=16,
    n_layer=2,
    n_head=2,
    multiple_of=8,
    vocab_size=VOCABULARY,
    caption_dim=CAPTION_DIM,
    model_type="t2i",
    cls_token_num=LENGTH,
    block_size=GRID * GRID,
)
model = Transformer(arguments)
model.cls_embedding = CaptionEmbedder(CAPTION_DIM, arguments.dim, arguments.class_dropout_prob, LENGTH)
with torch.no_grad():
    for seed, (name, parameter) in enumerate(model.named_parameters()):
        is_norm = "norm" in name
        parameter.copy_(draw(seed, parameter.shape, 0.3) + (1 if is_norm else 0))
    model.cls_embedding.uncond_embedding.copy_(draw(70, (LENGTH, CAPTION_DIM), 1.0))
model.eval()
weights = {f"weights.{name}": tensor.detach().clone() for name, tensor in model.state_dict().items()}

lengths = torch.tensor([2, LENGTH, 1])
emb_masks = (torch.arange(LENGTH) >= LENGTH - lengths[:, None]).float()
captions = draw(80, (len(lengths), LENGTH, CAPTION_DIM), 1.0) * emb_masks[:, :, None]
tokens = torch.randint(VOCABULARY, (len(lengths), GRID * GRID), generator=torch.Generator().manual_seed(99))
total = LENGTH + GRID * GRID
mask = torch.tril(torch.ones(len(lengths), total, total))
mask[:, :, :LENGTH] *= emb_masks[:, None]
eye = torch.eye(total)
mask = (mask * (1 - eye) + eye).bool()[:, None, :-1, :-1]


def forward(conditions):
    positions = torch.arange(total - 1)
    logits, _ = model(tokens[:, :-1], conditions, input_pos=positions, mask=mask)
    return logits[:, LENGTH - 1 :].contiguous()


with torch.no_grad():
    unconditional = model.cls_embedding.token_drop(captions, torch.ones(len(lengths)))
    results = {"logits": forward(captions), "dropped": forward(unconditional)}
    draws = {
        "greedy": generate(model, captions, GRID * GRID, emb_masks, sample_logits=False),
        "guided": generate(model, captions, GRID * GRID, emb_masks, cfg_scale=3.0, sample_logits=False),
    }

integers = {"lengths": lengths, "tokens": tokens, **draws}
save_file(
    {
        **weights,
        **results,
        "captions": captions,
        **{name: value.to(torch.int32).contiguous() for name, value in integers.items()},
    },
    pathlib.Path(__file__).parent / "llama-gen-t2i.safetensors",
)
print({name: value.tolist() for name, value in draws.items()})
