#!/usr/bin/env python3
"""PyTorch peer of the workload gan_step: ViT-VQGAN trained against StyleGAN2's discriminator, written plainly.

  python3 gan_step.py --preset quick --threads 2 --repeats 5     # prints one JSON line
  python3 gan_step.py --serve --threads 2     # one JSON request a line on stdin, one JSON answer a line on stdout:
        {"workload": "gan_step", "preset": "quick", "repeats": 1}  ->  {"ms": [..], "cpu_ms": [..], "rss_mb": ..}

One run is a step of the autoencoder (L2 + VQ + 0.1 adversarial) and a step of the discriminator on new reconstructions. Every
16th discriminator step has R1; a repeat measures both kinds and reports 15/16 of the one plus 1/16 of the other.
float32, CPU; needs PyTorch 1.13 or newer (Debian: python3-torch libopenblas0-pthread).
"""
import argparse, inspect, json, math, resource, sys, time
import torch
from torch import nn
from torch.nn import functional as F

PRESETS = {
    "tiny": dict(model=dict(image=16, patch=4, dim=32, depth=1, heads=2, codes=64, code_dim=8), batch=4, width=8),
    "quick": dict(model=dict(image=64, patch=8, dim=256, depth=4, heads=4, codes=1024, code_dim=32), batch=16, width=64),
    "small": dict(model=dict(image=256, patch=8, dim=512, depth=8, heads=8, codes=8192, code_dim=32), batch=2, width=64),
}
R1_EVERY, R1_WEIGHT, ADVERSARIAL_WEIGHT = 16, 10.0, 0.1


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = ((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, n, d))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.n1, self.attn, self.n2 = nn.LayerNorm(dim), Attention(dim, heads), nn.LayerNorm(dim)
        self.w1, self.w2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        x = x + self.attn(self.n1(x))
        return x + self.w2(torch.tanh(self.w1(self.n2(x))))


class Tokenizer(nn.Module):
    """ViT encoder, l2-normalised factorised codes with a straight-through estimator, ViT decoder."""

    def __init__(self, image, patch, dim, depth, heads, codes, code_dim):
        super().__init__()
        n = (image // patch) ** 2
        self.embed = nn.Conv2d(3, dim, patch, patch)
        self.pos = nn.Parameter(torch.randn(1, n, dim) * 0.02, requires_grad=False)
        self.enc, self.enc_norm = nn.Sequential(*[Block(dim, heads) for _ in range(depth)]), nn.LayerNorm(dim)
        self.dec, self.dec_norm = nn.Sequential(*[Block(dim, heads) for _ in range(depth)]), nn.LayerNorm(dim)
        self.pre, self.post = nn.Linear(dim, code_dim), nn.Linear(code_dim, dim)
        self.code = nn.Parameter(torch.randn(codes, code_dim))
        self.pixels = nn.ConvTranspose2d(dim, 3, patch, patch)

    def forward(self, x):
        """Reconstruction and quantizer loss."""
        z = F.normalize(self.pre(self.enc_norm(self.enc(self.embed(x).flatten(2).transpose(1, 2) + self.pos))), dim=-1)
        e = F.normalize(self.code, dim=-1)
        with torch.no_grad():
            index = (z.reshape(-1, z.shape[-1]) @ e.t()).argmax(-1).view(z.shape[:-1])
        q = F.embedding(index, e)
        h = self.dec_norm(self.dec(self.post(z + (q - z).detach()) + self.pos))
        g = int(h.shape[1] ** 0.5)
        reconstruction = self.pixels(h.transpose(1, 2).reshape(h.shape[0], -1, g, g))
        return reconstruction, F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(q.detach(), z)


def blur(x, pad, down=1):
    """StyleGAN2's upfirdn2d with the kernel [1, 3, 3, 1] as a depthwise convolution."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype)
    kernel = (taps[:, None] * taps[None, :] / 64).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(x, (pad[0], pad[1], pad[0], pad[1])), kernel, stride=down, groups=x.shape[1])


def fused_leaky_relu(x, bias):
    return F.leaky_relu(x + bias.view(1, -1, *[1] * (x.dim() - 2)), 0.2) * math.sqrt(2)


class ConvLayer(nn.Module):
    """Equalised convolution; with `down` blurred and halved (a 1x1 convolution is halved while blurring)."""

    def __init__(self, inputs, outputs, kernel, down=False, activate=True):
        super().__init__()
        self.kernel, self.down, self.scale = kernel, down, 1 / math.sqrt(inputs * kernel**2)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if activate else None

    def forward(self, x):
        weight = self.weight * self.scale
        if not self.down:
            y = F.conv2d(x, weight, padding=self.kernel // 2)
        elif self.kernel == 1:
            y = F.conv2d(blur(x, (1, 1), down=2), weight)
        else:
            y = F.conv2d(blur(x, (2, 2)), weight, stride=2)
        return y if self.bias is None else fused_leaky_relu(y, self.bias)


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1, self.conv2 = ConvLayer(inputs, inputs, 3), ConvLayer(inputs, outputs, 3, down=True)
        self.skip = ConvLayer(inputs, outputs, 1, down=True, activate=False)

    def forward(self, x):
        return (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2)


def channels_at(side, width):
    return width if side <= 32 else max(width * 2 * 32 // side, 1)


class Discriminator(nn.Module):
    def __init__(self, image, width):
        super().__init__()
        sides = [image >> i for i in range(int(math.log2(image)) - 2)]
        self.input = ConvLayer(3, channels_at(image, width), 1)
        self.blocks = nn.Sequential(*[ResidualBlock(channels_at(s, width), channels_at(s // 2, width)) for s in sides])
        self.final = ConvLayer(width + 1, width, 3)
        self.w1, self.b1 = nn.Parameter(torch.randn(width, width * 16)), nn.Parameter(torch.zeros(width))
        self.w2, self.b2 = nn.Parameter(torch.randn(1, width)), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        h = self.blocks(self.input(x))
        b, c, height, width = h.shape
        group = min(b, 4)
        std = torch.sqrt(h.view(group, -1, c, height, width).var(0, unbiased=False) + 1e-8)
        std = std.mean([1, 2, 3], keepdim=True).repeat(group, 1, height, width)
        h = self.final(torch.cat([h, std], 1)).flatten(1)
        h = fused_leaky_relu(F.linear(h, self.w1 / math.sqrt(self.w1.shape[1])), self.b1)
        return F.linear(h, self.w2 / math.sqrt(self.w2.shape[1]), self.b2).squeeze(1)


def build(preset):
    """Functions that do one plain step and one step with R1, and the sizes."""
    torch.manual_seed(0)
    c = PRESETS[preset]
    model, critic = Tokenizer(**c["model"]), Discriminator(c["model"]["image"], c["width"])
    images = torch.rand(c["batch"], 3, c["model"]["image"], c["model"]["image"])
    trained = [p for p in model.parameters() if p.requires_grad]
    # PyTorch 2 has an optimizer in one kernel.
    fused = dict(fused=True) if "fused" in inspect.signature(torch.optim.AdamW).parameters else {}
    model_optimizer = torch.optim.AdamW(trained, lr=1e-4, betas=(0.9, 0.99), weight_decay=1e-4, **fused)
    critic_optimizer = torch.optim.AdamW(critic.parameters(), lr=1e-4, betas=(0.0, 0.99), weight_decay=0, **fused)

    def autoencoder_step():
        model_optimizer.zero_grad(set_to_none=True)
        critic.requires_grad_(False)
        reconstruction, quantizer_loss = model(images)
        adversarial = F.softplus(-critic(reconstruction)).mean()
        loss = F.mse_loss(reconstruction, images) + quantizer_loss + ADVERSARIAL_WEIGHT * adversarial
        loss.backward()
        model_optimizer.step()
        critic.requires_grad_(True)
        return loss.item()

    def critic_step(with_r1):
        critic_optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            reconstruction, _ = model(images)
        real = images.clone().requires_grad_(with_r1)
        real_logits = critic(real)
        loss = 0.5 * (F.softplus(-real_logits).mean() + F.softplus(critic(reconstruction)).mean())
        if with_r1:
            (gradient,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
            loss = loss + R1_WEIGHT / 2 * R1_EVERY * gradient.square().sum([1, 2, 3]).mean()
        loss.backward()
        critic_optimizer.step()
        return loss.item()

    def step(with_r1):
        losses = autoencoder_step(), critic_step(with_r1)
        if not all(math.isfinite(loss) for loss in losses):
            raise ArithmeticError(f"losses are {losses}")

    parameters = sum(p.numel() for p in [*trained, *critic.parameters()])
    return step, c["batch"], parameters


built = {}


def measure(preset, repeats):
    if preset not in built:
        built[preset] = build(preset)
        for with_r1 in (False, True):
            built[preset][0](with_r1)
    step, batch, parameters = built[preset]

    def timed(with_r1):
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        step(with_r1)
        elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        return elapsed * 1e3, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3

    ms, cpu = [], []
    for _ in range(repeats):
        plain, regularized = timed(False), timed(True)
        share = 1 / R1_EVERY
        ms.append((1 - share) * plain[0] + share * regularized[0])
        cpu.append((1 - share) * plain[1] + share * regularized[1])
    return dict(system="pytorch " + torch.__version__, threads=torch.get_num_threads(), workload="gan_step", preset=preset,
                ms=ms, cpu_ms=cpu, per_run=batch, unit="images", params=parameters,
                rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--preset", default="quick", choices=list(PRESETS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.serve:
        print(json.dumps(dict(ready=True)), flush=True)
        for line in sys.stdin:
            request = json.loads(line)
            try:
                if request["workload"] != "gan_step":
                    raise ValueError(f"expected the workload gan_step, got {request['workload']}")
                print(json.dumps(measure(request["preset"], request.get("repeats", 1))), flush=True)
            except Exception as error:  # the benchmark prints it
                print(json.dumps(dict(error=repr(error))), flush=True)
    else:
        print(json.dumps(measure(options.preset, options.repeats)))
