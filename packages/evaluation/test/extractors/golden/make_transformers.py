"""Makes transformers.safetensors: python3 make_transformers.py

With torch 2.15.0, transformers 5.24.0, open_clip 3.3.0, torchvision 0.29.2 and Pillow 13.0.0.
Networks are tiny and computed in float64. The code of DINOv2's authors is not a package: the
classes of transformers take its place, with the positions resized as that code does.
"""

import pathlib
import tempfile

import numpy
import open_clip
import PIL.Image
import torch
import torchvision
from formula import fill, images, weight
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel, Dinov2Config, Dinov2Model
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

tensors = {}


def drawn(network):
    """Returns a network of transformers with weights by the names of its files."""
    with tempfile.TemporaryDirectory() as folder:
        network.save_pretrained(folder)
        file = pathlib.Path(folder) / "model.safetensors"
        state = {name: weight(name, tuple(value.shape)) for name, value in load_file(file).items()}
        save_file(state, file, metadata={"format": "pt"})
        return type(network).from_pretrained(folder).double().eval()


def pixels(name, size, mean, deviation):
    """Returns two images as a network takes them."""
    levels = images(name, 2, size, size).double() / 255
    return torchvision.transforms.functional.normalize(levels, mean, deviation)


# CLIP with 2 heads of 64 in each tower, in both layouts.
clip_statistics = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
tokens = torch.tensor([[61, 5, 7, 63, 0, 0, 0, 0, 0], [61, 9, 1, 2, 3, 4, 5, 6, 63], [61, 63, 63, 63, 63, 63, 63, 63, 63]])
tower = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2}
text_tower = {**tower, "vocab_size": 64, "max_position_embeddings": 9, "eos_token_id": 63, "bos_token_id": 61}
image_tower = {**tower, "image_size": 32, "patch_size": 8}
config = CLIPConfig(text_config=text_tower, vision_config=image_tower, projection_dim=32)
assert config.vision_config.hidden_act == "quick_gelu"
clip_images = pixels("clip", 32, *clip_statistics)
with torch.no_grad():
    clip = drawn(CLIPModel(config))
    output = clip.vision_model(clip_images)
    tensors["transformers.image"] = clip.visual_projection(output.pooler_output)
    tensors["transformers.spatial"] = output.last_hidden_state[:, 1:].reshape(2, 4, 4, 128)[:1]
    tensors["transformers.text"] = clip.text_projection(clip.text_model(tokens).pooler_output)
    for name, quick in (("openai", True), ("open-clip", False)):
        clip = open_clip.model.CLIP(
            32,
            {"image_size": 32, "layers": 2, "width": 128, "patch_size": 8, "head_width": 64, "mlp_ratio": 2.0},
            {"context_length": 9, "vocab_size": 64, "width": 128, "heads": 2, "layers": 2, "mlp_ratio": 2.0},
            quick_gelu=quick,
        )
        fill(clip).double()
        tensors[f"{name}.image"] = clip.encode_image(clip_images)
        tensors[f"{name}.text"] = clip.encode_text(tokens)

# DINOv2 with 4x4 patches of 56 pixels.
dino_statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
sizes = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 56, "image_size": 224}
with torch.no_grad():
    dino_images = pixels("dino", 224, *dino_statistics)
    for name, network in (
        ("dinov2", Dinov2Model(Dinov2Config(**sizes, mlp_ratio=2))),
        ("dinov2-swiglu", Dinov2Model(Dinov2Config(**sizes, mlp_ratio=2, use_swiglu_ffn=True))),
        ("dinov2-registers", Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**sizes, mlp_ratio=2, num_register_tokens=4))),
    ):
        network = drawn(network)
        output = network(dino_images)
        places = output.last_hidden_state[:1, -16:].reshape(1, 4, 4, 128)
        tensors[f"{name}.pooled"], tensors[f"{name}.spatial"] = output.pooler_output, places
    # As interpolate_pos_encoding of the authors' vision_transformer.py resizes from 518 to 224 pixels.
    table = weight("positions", (1, 1 + 37 * 37, 8)).double()
    square = table[:, 1:].reshape(1, 37, 37, 8).permute(0, 3, 1, 2)
    for name, options in (
        ("plain", {"scale_factor": (16.1 / 37, 16.1 / 37)}),
        ("averaged", {"size": (16, 16), "antialias": True}),
    ):
        resized = torch.nn.functional.interpolate(square, mode="bicubic", **options)
        tensors[f"positions.{name}"] = torch.cat([table[0, :1], resized.permute(0, 2, 3, 1).reshape(-1, 8)])

# Images that are resized by Pillow, as bytes and as numbers.
for name, height, width in (("down", 61, 83), ("up", 23, 19)):
    image = PIL.Image.fromarray(images(name, 1, height, width)[0].permute(1, 2, 0).numpy())
    center = torchvision.transforms.Compose(
        [torchvision.transforms.Resize(32, torchvision.transforms.InterpolationMode.BICUBIC), torchvision.transforms.CenterCrop(32)]
    )(image)
    tensors[f"bytes.{name}"] = torch.from_numpy(numpy.array(center)).double()
    channels = [image.getchannel(index).convert("F").resize((32, 32), PIL.Image.Resampling.BICUBIC) for index in range(3)]
    floats = numpy.stack([numpy.asarray(channel) for channel in channels], axis=-1).clip(0, 255)
    tensors[f"floats.{name}"] = torch.from_numpy(floats)

save_file({name: value.float().contiguous() for name, value in tensors.items()}, "transformers.safetensors")
for name, value in tensors.items():
    print(name, tuple(value.shape), float(value.abs().max()))
