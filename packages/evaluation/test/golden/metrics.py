"""Writes metrics.json: figures of torch-fidelity, prdc, scikit-image, pytorch-msssim and lpips on small inputs.

Features and logits are in the file. Images and the weights of LPIPS are formulas of integers, which the test computes as
well; VGG16 is narrow there, in the code of the packages otherwise.

Run with numpy 2.4.6, torch 2.15.0, torchvision 0.29.2, torch-fidelity 0.4.0, prdc 0.2, scikit-image 0.26.0,
pytorch-msssim 1.0.0 and lpips 0.1.4:
    python3 metrics.py > metrics.json
"""
import contextlib
import importlib.metadata
import io
import json

import lpips
import numpy as np
import torch
import torchvision
from prdc import compute_prdc
from pytorch_msssim import ms_ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

rng = np.random.default_rng(7)


def features(count, dim, shift):
    """Correlated features with a mean, as a network has them, in three decimals."""
    mixing = np.random.default_rng(11).normal(size=(dim, dim)) * np.exp(-np.arange(dim) / 4)
    return np.round(rng.normal(size=(count, dim)) @ mixing * (1 + shift / 2) + 2 + shift, 3)


def image(height, width, channels, noise):
    """Values are integers divided by 255, so that both sides start from the same numbers."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    smooth = (3 * x + 5 * y + 17 * c + ((x * y) >> 3)) % 256
    moved = smooth + (7 * x + 13 * y + 5 * c + ((x * y) >> 1)) % (2 * noise + 1) - noise
    return smooth / 255, np.clip(moved, 0, 255) / 255


def feature_case(name, real, generated, neighbors):
    tensors = [torch.from_numpy(values) for values in (real, generated)]
    first, second = [fid_features_to_statistics(tensor) for tensor in tensors]
    size = min(len(real), len(generated))
    kernel = dict(kid_subsets=1, kid_subset_size=size, kid_kernel="poly", kid_kernel_poly_degree=3,
                  kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1, rng_seed=0, verbose=False)
    # One subset of all images: the order in which a package draws them does not matter.
    alike = [tensor[:size] for tensor in tensors]
    manifold = dict(prc_neighborhood=neighbors, prc_batch_size=1000, save_cpu_ram=False, verbose=False)
    with contextlib.redirect_stdout(io.StringIO()):
        prdc = compute_prdc(real, generated, neighbors)
    return {
        "name": name,
        "dim": real.shape[1],
        "real": real.reshape(-1).tolist(),
        "generated": generated.reshape(-1).tolist(),
        "neighbors": neighbors,
        "frechet": fid_statistics_to_metric(first, second, False)["frechet_inception_distance"],
        "kernel": kid_features_to_metric(*alike, **kernel)["kernel_inception_distance_mean"],
        "manifold": {key: float(value) for key, value in prdc.items()},
        "precisionAndRecall": prc_features_to_metric(tensors[1], tensors[0], **manifold),
    }


def logits_case(name, logits, splits):
    scores = isc_features_to_metric(torch.from_numpy(logits), splits=splits, shuffle=False)
    return {
        "name": name,
        "dim": logits.shape[1],
        "logits": logits.reshape(-1).tolist(),
        "splits": splits,
        "mean": scores["inception_score_mean"],
        "stddev": scores["inception_score_std"],
    }


def image_case(height, width, channels, noise):
    a, b = image(height, width, channels, noise)
    case = {
        "height": height,
        "width": width,
        "channels": channels,
        "noise": noise,
        "psnr": float(peak_signal_noise_ratio(a, b, data_range=1)),
        "gaussian": float(structural_similarity(a, b, data_range=1, channel_axis=-1, gaussian_weights=True, sigma=1.5,
                                                use_sample_covariance=False)),
        "uniform": float(structural_similarity(a, b, data_range=1, channel_axis=-1)),
        "multiScale": None,
    }
    if min(height, width) > 160:
        tensors = [torch.from_numpy(values).permute(2, 0, 1)[None] for values in (a, b)]
        case["multiScale"] = float(ms_ssim(*tensors, data_range=1))
    return case


def weight(shape, tensor, scale, shift=0.0):
    """Values in [shift - scale / 2, shift + scale / 2), float32, of the number of a tensor and of each element."""
    index = np.arange(np.prod(shape), dtype=np.uint64)
    bits = ((index * 31 + tensor * 17 + 7) * 2654435761) & 0xFFFFFFFF
    return torch.from_numpy(((bits / 2**32 - 0.5) * scale + shift).astype(np.float32).reshape(shape))


def lpips_case(height, width, noise, channels):
    layers = []
    for stage, width_of_stage in enumerate(channels):
        layers += [width_of_stage] * (2 if stage < 2 else 3) + ["M"]
    narrow = torchvision.models.VGG(torchvision.models.vgg.make_layers(layers), init_weights=False)
    lpips.pretrained_networks.tv.vgg16 = lambda pretrained=False: narrow
    model = lpips.LPIPS(pretrained=False, net="vgg", pnet_rand=True, verbose=False)
    for stage, width_of_stage in enumerate(channels):
        layer = lpips.lpips.NetLinLayer(width_of_stage, use_dropout=True)
        setattr(model, f"lin{stage}", layer)
        model.lins[stage] = layer
    state = model.state_dict()
    names = sorted(name for name in state if name.startswith(("net.", "lin")) and not name.startswith("lins."))
    for tensor, name in enumerate(names):
        shape = tuple(state[name].shape)
        if name.startswith("lin"):
            value = weight(shape, tensor, 1.0, 0.5)
        elif name.endswith("bias"):
            value = weight(shape, tensor, 0.2)
        else:
            value = weight(shape, tensor, 2 * (6 / (9 * shape[1])) ** 0.5)
        state[name].copy_(value)
    a, b = [torch.from_numpy(values).float().permute(2, 0, 1)[None] for values in image(height, width, 3, noise)]
    with torch.no_grad():
        distance = model.eval()(a, b, normalize=True)
    return {
        "height": height,
        "width": width,
        "noise": noise,
        "channels": channels,
        "weights": [{"name": name, "shape": list(state[name].shape)} for name in names],
        "distance": float(distance),
    }


packages = ["numpy", "torch", "torch-fidelity", "prdc", "scikit-image", "pytorch-msssim", "lpips",
            "torchvision"]
print(json.dumps({
    "versions": {name: importlib.metadata.version(name) for name in packages},
    "features": [
        feature_case("more images than features", features(40, 6, 0), features(36, 6, -0.8), 3),
        feature_case("fewer images than features", features(12, 20, 0), features(10, 20, 0.4), 2),
        feature_case("far apart", features(30, 5, 0), features(30, 5, 6), 5),
    ],
    "logits": [
        logits_case("sharp", np.round(rng.normal(size=(30, 7)) * 4, 3), 3),
        logits_case("flat", np.round(rng.normal(size=(25, 4)) * 0.1, 3), 4),
    ],
    "images": [image_case(13, 17, 3, 20), image_case(24, 20, 1, 60), image_case(176, 192, 3, 40)],
    "lpips": lpips_case(32, 24, 60, [4, 4, 6, 8, 8]),
}, indent=1))
