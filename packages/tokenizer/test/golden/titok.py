"""Writes titok.safetensors: a tiny TiTok of the authors' code with its latents, codes and images.

    python titok.py <checkout of bytedance/1d-tokenizer at 942a96f>

Needs torch, einops and safetensors. The classes are the authors' (`TiTokEncoder`, `TiTokDecoder`,
`VectorQuantizer`), narrower than any of theirs, and without what ours leave out: the class token,
the norm before the first block, biases of queries, keys and values, and the 3x3 convolution at the
end. The bias of the pixels is one number a channel. Weights have our names and layouts.
"""

import sys
import types
from pathlib import Path

import torch
from safetensors.torch import save_file

WIDTH, LAYERS, HEADS, TOKENS, CODE_DIM, CODES, PATCH, IMAGE = 8, 2, 2, 5, 4, 16, 4, 8


def load(path, replacements):
    source = path.read_text()
    for old, new in replacements:
        assert old in source, old
        source = source.replace(old, new)
    module = types.ModuleType(path.stem)
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


root = Path(sys.argv[1]) / "modeling"
for name in ("accelerate", "accelerate.utils", "accelerate.utils.operations"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["accelerate.utils.operations"].gather = lambda x: x
blocks = load(
    root / "modules" / "blocks.py",
    [
        ('"small": 8', f'"small": {LAYERS}'),
        ('"small": 512', f'"small": {WIDTH}'),
        ("x[:, 1+self.grid_size**2:]", "x[:, self.grid_size**2:]"),
        ("x[:, 1:1+self.grid_size**2]", "x[:, :self.grid_size**2]"),
    ],
)
quantizer = load(root / "quantizer" / "quantizer.py", [])


class Config(dict):
    __getattr__ = dict.__getitem__


model = Config(
    vit_enc_patch_size=PATCH,
    vit_dec_patch_size=PATCH,
    vit_enc_model_size="small",
    vit_dec_model_size="small",
    num_latent_tokens=TOKENS,
    token_size=CODE_DIM,
    is_legacy=False,
)
config = Config(model=Config(vq_model=model), dataset=Config(preprocessing=Config(crop_size=IMAGE)))
torch.manual_seed(21)
encoder, decoder = blocks.TiTokEncoder(config), blocks.TiTokDecoder(config)
quantize = quantizer.VectorQuantizer(CODES, CODE_DIM, use_l2_norm=True)
latent_tokens = torch.nn.Parameter(torch.randn(TOKENS, WIDTH))
for part in (encoder, decoder):
    part.class_embedding = torch.nn.Parameter(torch.zeros(0, WIDTH))
    part.positional_embedding = torch.nn.Parameter(torch.zeros((IMAGE // PATCH) ** 2, WIDTH))
    part.ln_pre = torch.nn.Identity()
decoder.conv_out = torch.nn.Identity()
with torch.no_grad():
    for part in (encoder, decoder):
        for name, parameter in part.named_parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
            if name.endswith("in_proj_bias"):
                parameter.zero_()
    decoder.ffn[0].bias.copy_(torch.randn(3).repeat(PATCH * PATCH))
    images = torch.rand(3, 3, IMAGE, IMAGE)
    z = encoder(images, latent_tokens)
    # Codes are latents with noise, so that most are in use.
    latents = z[:, :, 0].permute(0, 2, 1).reshape(-1, CODE_DIM)
    quantize.embedding.weight.copy_(torch.cat([latents, latents[:1]]) + 0.1 * torch.randn(CODES, CODE_DIM))
    quantized, result = quantize(z)
    reconstruction = decoder(quantized)
    normalize = lambda x: torch.nn.functional.normalize(x, dim=-1)
    nearest = torch.cdist(normalize(latents), normalize(quantize.embedding.weight)).square().sort(dim=1).values
    assert (nearest[:, 1] - nearest[:, 0]).min() > 3e-4


def linear(ours, part, theirs, bias=True):
    weights[f"{ours}.weight"] = part[f"{theirs}.weight"].flatten(1).T
    if bias:
        weights[f"{ours}.bias"] = part[f"{theirs}.bias"]


def norm(ours, part, theirs):
    weights[f"{ours}.scale"] = part[f"{theirs}.weight"]
    weights[f"{ours}.bias"] = part[f"{theirs}.bias"]


def transformer(ours, part):
    for index in range(LAYERS):
        block, theirs = f"{ours}.blocks.{index}", f"transformer.{index}"
        norm(f"{block}.attentionNorm", part, f"{theirs}.ln_1")
        weights[f"{block}.attention.qkv.weight"] = part[f"{theirs}.attn.in_proj_weight"].T
        linear(f"{block}.attention.output", part, f"{theirs}.attn.out_proj")
        norm(f"{block}.feedForwardNorm", part, f"{theirs}.ln_2")
        linear(f"{block}.feedForward.hidden", part, f"{theirs}.mlp.c_fc")
        linear(f"{block}.feedForward.output", part, f"{theirs}.mlp.c_proj")
    norm(f"{ours}.norm", part, "ln_post")


weights = {}
part = encoder.state_dict()
weights["encoder.patchEmbedding.weight"] = part["patch_embed.weight"].permute(2, 3, 1, 0).reshape(-1, WIDTH)
weights["encoder.patchEmbedding.bias"] = part["patch_embed.bias"]
weights["encoder.patchPositions"] = part["positional_embedding"]
weights["encoder.latentTokens"] = latent_tokens + part["latent_token_positional_embedding"]
transformer("encoder", part)
linear("preQuantization", part, "conv_out")
weights["quantizer.codebook"] = quantize.embedding.weight
part = decoder.state_dict()
linear("postQuantization", part, "decoder_embed")
weights["decoder.maskToken"] = part["mask_token"][0]
weights["decoder.patchPositions"] = part["positional_embedding"]
weights["decoder.latentPositions"] = part["latent_token_positional_embedding"]
transformer("decoder", part)
linear("decoder.pixels", part, "ffn.0", bias=False)
weights["decoder.pixels.bias"] = part["ffn.0.bias"][:3]

tensors = {f"weights.{name}": value for name, value in weights.items()} | {
    "images": images.permute(0, 2, 3, 1),
    "latents": latents.reshape(3, TOKENS, CODE_DIM),
    "codes": result["min_encoding_indices"].reshape(3, TOKENS).to(torch.int32),
    "reconstruction": reconstruction.permute(0, 2, 3, 1),
}
save_file(
    {name: value.detach().contiguous() for name, value in tensors.items()},
    Path(__file__).with_name("titok.safetensors"),
    metadata={"torch": torch.__version__.split("+")[0], "commit": "942a96f"},
)
