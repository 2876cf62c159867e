"""Writes adam.json: trajectories of torch.optim.AdamW and Adam in float64, with groups, rates that change and clipping.

Run: python3 adam.py > adam.json
"""
import json

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
SHAPES = {"weight": (3, 4), "bias": (4,), "scale": ()}


def flat(tensor):
    return [round(value, 12) for value in tensor.detach().reshape(-1).tolist()]


def case(name, steps, betas, eps, groups, clip=None, optimizer_class=torch.optim.AdamW):
    """groups: list of (names, weightDecay, learningRateScale)."""
    # Inputs are float32 numbers, so that both sides start from the same ones.
    parameters = {
        key: torch.nn.Parameter(torch.randn(shape, dtype=torch.float32).double()) for key, shape in SHAPES.items()
    }
    initial = {key: flat(value.float()) for key, value in parameters.items()}
    optimizer = optimizer_class(
        [
            {"params": [parameters[key] for key in names], "weight_decay": decay, "scale": scale}
            for names, decay, scale in groups
        ],
        betas=betas,
        eps=eps,
    )
    records = []
    for step in range(steps):
        learning_rate = 0.05 / (1 + step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * group["scale"]
        gradients = {}
        for key, parameter in parameters.items():
            size = 10.0 if step % 2 else 0.1
            parameter.grad = (torch.randn(SHAPES[key], dtype=torch.float32) * size).double()
            gradients[key] = flat(parameter.grad)
        norm = None
        if clip is not None:
            norm = float(torch.nn.utils.clip_grad_norm_(list(parameters.values()), clip))
        optimizer.step()
        records.append(
            {
                "learningRate": learning_rate,
                "gradients": gradients,
                "norm": norm,
                "parameters": {key: flat(value) for key, value in parameters.items()},
                "firstMoment": {key: flat(optimizer.state[value]["exp_avg"]) for key, value in parameters.items()},
                "secondMoment": {key: flat(optimizer.state[value]["exp_avg_sq"]) for key, value in parameters.items()},
            }
        )
    return {
        "name": name,
        "optimizer": optimizer_class.__name__,
        "beta1": betas[0],
        "beta2": betas[1],
        "epsilon": eps,
        "groups": [{"names": names, "weightDecay": decay, "learningRateScale": scale} for names, decay, scale in groups],
        "clip": clip,
        "initial": initial,
        "steps": records,
    }


ALL = list(SHAPES)
ADAM = torch.optim.Adam
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "shapes": {key: list(shape) for key, shape in SHAPES.items()},
            "cases": [
                case("one group, betas of the paper", 6, (0.9, 0.99), 1e-8, [(ALL, 1e-4, 1)]),
                case("no decay, betas of PyTorch", 4, (0.9, 0.999), 1e-8, [(ALL, 0.0, 1)]),
                case("strong decay, large epsilon", 4, (0.5, 0.9), 0.1, [(ALL, 0.3, 1)]),
                case("groups", 5, (0.9, 0.99), 1e-8, [(["weight"], 0.1, 1), (["bias", "scale"], 0.0, 0.25)]),
                case("clipped gradients", 5, (0.9, 0.99), 1e-8, [(ALL, 1e-2, 1)], clip=1.0),
                case("no averages", 3, (0.0, 0.0), 1e-8, [(ALL, 1e-4, 1)]),
                case("no penalty", 4, (0.9, 0.999), 1e-8, [(ALL, 0.0, 1)], optimizer_class=ADAM),
                case("groups", 5, (0.9, 0.99), 1e-8, [(["weight"], 0.1, 1), (["bias", "scale"], 0.0, 0.25)], None, ADAM),
                case("clipped, strong penalty", 5, (0.9, 0.99), 1e-8, [(ALL, 0.3, 1)], 1.0, ADAM),
            ],
        }
    )
)
