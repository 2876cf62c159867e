"""Writes quantizers.json: results of other implementations on small inputs, in double precision.

Each case has features `z`, weights, what the forward gives, gradients of the loss and of the sum of `quantized` times
`cotangent`, and losses and weights of some steps of gradient descent on mean((quantized - target)^2) + loss, in which
the features are trained like weights. Inputs have three decimals, so that both sides start from the same numbers.

Run with torch 2.15.0, einops 0.8.2 and vector-quantize-pytorch 1.32.0. The authors' code is no package; the arguments
are three files: taming/modules/vqvae/quantize.py of youngsheen/SimVQ at d8bd94d,
transcoder/models/quantizer/bsq.py of zhaoyue-zephyrus/bsq-vit at 37d212d and src/IBQ/modules/vqvae/quantize.py of
TencentARC/SEED-Voken at b9a17ea.
    python3 quantizers.py SIMVQ BSQ IBQ > quantizers.json
"""
import functools
import importlib.metadata
import importlib.util
import json
import math
import sys

import torch
import vector_quantize_pytorch

torch.set_default_dtype(torch.float64)
STEPS = 5
RATE = 0.5


def load(path):
    spec = importlib.util.spec_from_file_location(path, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw(seed, *shape, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.randn(*shape, generator=generator) * scale, decimals=3)


def values(tensor):
    return [round(value, 9) for value in tensor.detach().reshape(-1).tolist()]


def case(name, config, forward, parameters, shape, fixed=None, context=None):
    """`forward` maps features [B, N, E] to quantized features, indices and the loss; `parameters` are by name;
    `context` is what else the case says."""
    z = draw(1, *shape).requires_grad_()
    cotangent, target = draw(2, *shape), draw(3, *shape)
    trained = {"z": z, **parameters}

    def gradients(value):
        found = torch.autograd.grad(value, list(trained.values()), allow_unused=True, retain_graph=True)
        return {key: values(gradient) for key, gradient in zip(trained, found) if gradient is not None}

    quantized, indices, loss = forward(z)
    result = {
        "name": name,
        "config": config,
        "shape": list(shape),
        "z": values(z),
        "cotangent": values(cotangent),
        "target": values(target),
        "weights": {key: values(weight) for key, weight in {**parameters, **(fixed or {})}.items()},
        "quantized": values(quantized),
        "indices": indices.reshape(-1).tolist(),
        "loss": loss.item(),
        "gradients": {"loss": gradients(loss), "quantized": gradients((quantized * cotangent).sum())},
        "rate": RATE,
        "losses": [],
        **(context or {}),
    }
    for _ in range(STEPS):
        quantized, _, loss = forward(z)
        objective = ((quantized - target) ** 2).mean() + loss
        result["losses"].append(objective.item())
        found = torch.autograd.grad(objective, list(trained.values()))
        with torch.no_grad():
            for weight, gradient in zip(trained.values(), found):
                weight -= RATE * gradient
    result["trained"] = {key: values(weight) for key, weight in trained.items()}
    return result


def set_values(tensor, new):
    with torch.no_grad():
        tensor.copy_(new)


def sim_vq_of_authors(code, beta):
    size, dim = 12, 4
    module = code.SimVQ(size, dim, beta=beta, legacy=False)
    set_values(module.embedding.weight, draw(11, size, dim, scale=0.5))
    set_values(module.embedding_proj.weight, draw(12, dim, dim))
    set_values(module.embedding_proj.bias, draw(13, dim, scale=0.3))

    def forward(z):
        batch, tokens, channels = z.shape
        (quantized, _, indices), breakdown = module(z.transpose(1, 2).reshape(batch, channels, tokens, 1))
        return quantized.reshape(batch, channels, tokens).transpose(1, 2), indices, breakdown.commitment

    # [out, in], as PyTorch keeps it.
    parameters = {"transform.weight": module.embedding_proj.weight, "transform.bias": module.embedding_proj.bias}
    config = {"kind": "simvq", "codebookSize": size, "codeDim": dim, "beta": beta}
    return case("SimVQ of the authors", config, forward, parameters, (2, 5, dim), {"codebook": module.embedding.weight})


def sim_vq_of_package(beta):
    size, dim = 9, 3
    module = vector_quantize_pytorch.SimVQ(
        dim=dim, codebook_size=size, rotation_trick=False, input_to_quantize_commit_loss_weight=beta
    )
    set_values(module.frozen_codebook, draw(21, size, dim, scale=0.6))
    set_values(module.code_transform.weight, draw(22, dim, dim))
    config = {"kind": "simvq", "codebookSize": size, "codeDim": dim, "beta": beta, "useBias": False}
    parameters = {"transform.weight": module.code_transform.weight}
    fixed = {"codebook": module.frozen_codebook}
    return case("SimVQ of vector-quantize-pytorch", config, module, parameters, (2, 4, dim), fixed)


def reversed_bits(indices, count):
    """The first channel counts most in both implementations of BSQ."""
    return sum(((indices >> bit) & 1) << (count - 1 - bit) for bit in range(count))


def bsq_of_authors(code, dim, group_size, zeta, gamma, beta, inverse_temperature):
    module = code.BinarySphericalQuantizer(
        dim, beta, 1.0, gamma, zeta, input_format="blc", group_size=group_size, l2_norm=True,
        persample_entropy_compute="analytical" if group_size == 1 else "group", inv_temperature=inverse_temperature
    ).double()
    weight = zeta / inverse_temperature

    def forward(z):
        # The model normalises before it calls the quantizer.
        quantized, loss, facts = module(torch.nn.functional.normalize(z, dim=-1))
        return quantized, reversed_bits(facts["indices"], dim), loss + weight * gamma * dim * math.log(2)

    config = {
        "kind": "bsq", "codeDim": dim, "entropyWeight": weight, "diversityWeight": gamma, "commitmentWeight": beta,
        "entropyTemperature": 1 / inverse_temperature, "entropyGroupSize": group_size,
    }
    return case(f"BSQ of the authors, groups of {group_size}", config, forward, {}, (2, 5, dim))


def bsq_of_package(dim, weight, gamma, commitment, inverse_temperature):
    module = vector_quantize_pytorch.LFQ(
        dim=dim, spherical=True, entropy_loss_weight=weight, diversity_gamma=gamma, commitment_loss_weight=commitment,
        force_quantization_f32=False
    ).double()

    def forward(z):
        quantized, indices, loss = module(z, inv_temperature=inverse_temperature)
        # The package leaves out the factor 1 / sqrt(E) of the gradient.
        passed = quantized.detach() + (quantized - quantized.detach()) / math.sqrt(dim)
        return passed, reversed_bits(indices, dim), loss + weight * gamma * dim * math.log(2)

    config = {
        "kind": "bsq", "codeDim": dim, "entropyWeight": weight, "diversityWeight": gamma,
        # The package has a mean over channels.
        "commitmentWeight": commitment / dim, "entropyTemperature": 1 / inverse_temperature, "entropyGroupSize": dim,
    }
    return case("BSQ of vector-quantize-pytorch", config, forward, {}, (2, 4, dim))


def ibq_of_authors(code, size, dim, beta, entropy_weight=0.0, gamma=1.0, temperature=0.01):
    # The loss adds 1e-5 to mean probabilities, which shifts the entropy by about size times as much.
    code.compute_entropy_loss = functools.partial(code.compute_entropy_loss, eps=1e-12)
    module = code.IndexPropagationQuantize(
        size, dim, beta, use_entropy_loss=entropy_weight > 0, entropy_temperature=temperature,
        batch_maximization_weight=gamma
    )
    set_values(module.embedding.weight, draw(31, size, dim))

    def forward(z):
        batch, tokens, channels = z.shape
        image = z.transpose(1, 2).reshape(batch, channels, tokens, 1)
        quantized, loss, (_, _, indices) = module(image)
        if entropy_weight > 0:
            loss = loss[0] + entropy_weight * (loss[3] + gamma * math.log(size))
        return quantized.reshape(batch, channels, tokens).transpose(1, 2), indices, loss

    config = {
        "kind": "ibq", "codebookSize": size, "codeDim": dim, "codebookWeight": beta, "entropyWeight": entropy_weight,
        "diversityWeight": gamma, "entropyTemperature": temperature,
    }
    name = f"IBQ of the authors, entropy weight {entropy_weight}"
    return case(name, config, forward, {"codebook": module.embedding.weight}, (2, 5, dim))


def main(sim_vq, bsq, ibq):
    cases = [
        sim_vq_of_authors(load(sim_vq), 0.25),
        sim_vq_of_package(0.4),
        bsq_of_authors(load(bsq), 5, 1, zeta=0.7, gamma=0.8, beta=0.3, inverse_temperature=1.0),
        bsq_of_authors(load(bsq), 4, 2, zeta=1.2, gamma=1.0, beta=0.0, inverse_temperature=2.0),
        bsq_of_package(3, weight=0.6, gamma=0.9, commitment=0.5, inverse_temperature=2.0),
        ibq_of_authors(load(ibq), 8, 3, beta=0.25),
        ibq_of_authors(load(ibq), 9, 4, beta=0.4, entropy_weight=0.3, gamma=0.8, temperature=0.5),
    ]
    packages = ["torch", "einops", "vector-quantize-pytorch"]
    versions = {name: importlib.metadata.version(name) for name in packages}
    print(json.dumps({"versions": versions, "cases": cases}))


if __name__ == "__main__":
    main(*sys.argv[1:])
