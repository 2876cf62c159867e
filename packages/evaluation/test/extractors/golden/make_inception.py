"""Makes inception.safetensors with torch-fidelity 0.4.0 and torch 2.15.0: python3 make_inception.py"""

import tempfile

import torch
from formula import images, fill
from safetensors.torch import save_file
from torch_fidelity import feature_extractor_inceptionv3 as original

names = ["64", "192", "768", "2048", "logits_unbiased"]
# The network is built without its download: the file of an untrained one takes the place.
original.load_state_dict_from_url = lambda *_, **__: None
original.FeatureExtractorInceptionV3.load_state_dict = lambda self, state, **_: (
    torch.nn.Module.load_state_dict(self, state, strict=False) if state else None
)
network = original.FeatureExtractorInceptionV3("inception", names)
# Images are resized in float32, as TensorFlow does, and the rest is computed in float64.
resize = original.interpolate_bilinear_2d_like_tensorflow1x
original.interpolate_bilinear_2d_like_tensorflow1x = lambda x, **options: resize(x.float(), **options).double()
network.feature_extractor_internal_dtype = torch.float64
fill(network.float(), 2**0.5).double()

spatial = []
network.Mixed_6d.branch1x1.register_forward_hook(lambda _, __, result: spatial.append(result[:, :7]))
tensors = {}
for name, height, width in (("small", 40, 56), ("large", 310, 331)):
    with torch.no_grad():
        results = network(images(name, 1, height, width))
    for key, value in zip(names, results):
        tensors[f"{name}.{key}"] = value.contiguous()
    tensors[f"{name}.spatial"] = spatial.pop().permute(0, 2, 3, 1).float().contiguous()
save_file(tensors, "inception.safetensors")
for key, value in tensors.items():
    print(key, tuple(value.shape), float(value.abs().mean()), float(value.std()), float((value == 0).float().mean()))
