#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write lstm.golden beside this file: loss and gradients of torch.nn.LSTM with a linear layer on its last step, and
short trainings of it by AdamW and SGD, for tests/unit/model/test_lstm_model.c. The features are drawn as
job/tensor/random.c and job/model/block_lstm.c draw them.

Needs torch and transformers; made with torch 2.15.0 on a CPU.
"""
import pathlib

import numpy as np
import torch

import golden

HIDDEN, LAYERS, FEATURES, CLASSES, STEPS, SEQUENCES, SEED = 20, 3, 12, 10, 32, 6, 42
BATCHES, STEPS_TRAINED = 3, 12
# lr, lr_warmup, total_steps, beta1, beta2, eps, weight_decay, clip
ADAMW = (3e-2, 4, 12, 0.9, 0.95, 1e-8, 0.1, 1.0)
SGD = (3e-1, 4, 12, 0.9, 0, 0, 0.1, 1.0)
GOLDEN, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


def scramble(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def random_mix(a, b):
    return scramble((scramble((a + GOLDEN) & MASK) + b * GOLDEN + 1) & MASK)


def normal_at(seed, index):
    a, b = (scramble((seed + (2 * index + k) * GOLDEN) & MASK) for k in (1, 2))
    u, v = ((a >> 11) + 1) * 2.0**-53, (b >> 11) * 2.0**-53
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)


def features(number):
    """[SEQUENCES,STEPS,FEATURES] of batch `number`."""
    seed, count = random_mix(SEED, 0x666561), SEQUENCES * STEPS * FEATURES
    draws = [normal_at(seed, number * count + i) for i in range(count)]
    return torch.tensor(np.array(draws, dtype="f4")).reshape(SEQUENCES, STEPS, FEATURES)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(FEATURES, HIDDEN, LAYERS, batch_first=True)
        self.linear = torch.nn.Linear(HIDDEN, CLASSES)

    def forward(self, x):
        return self.linear(self.lstm(x)[0][:, -1])


def ours(model):
    """Our names -> torch's parameters."""
    names = {"head": model.linear.weight, "head_bias": model.linear.bias}
    for i in range(LAYERS):
        for name, its in (("in", "weight_ih"), ("in_bias", "bias_ih"), ("state", "weight_hh"), ("state_bias", "bias_hh")):
            names[f"layers.{i}.{name}"] = getattr(model.lstm, f"{its}_l{i}")
    return names


def optimizer_of(model, kind, o):
    groups = [{"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": o["weight_decay"]},
              {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0}]
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=o["lr"], momentum=o["beta1"], nesterov=True)
    return torch.optim.AdamW(groups, lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"])


def train(model, kind, row, batches):
    o = dict(zip(golden.OPTIMIZER, row, strict=True))
    optimizer, losses = optimizer_of(model, kind, o), []
    for step in range(STEPS_TRAINED):
        x, labels = batches[step % BATCHES]
        for group in optimizer.param_groups:
            group["lr"] = golden.learning_rate(o, step)
        loss = torch.nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), o["clip"])
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    torch.manual_seed(1)
    model = Model()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3)  # larger than torch's own, so that the gates are not all half open
    batches = [(features(i), torch.randint(0, CLASSES, (SEQUENCES,))) for i in range(BATCHES)]
    begin = {k: v.detach().clone() for k, v in model.state_dict().items()}
    tensors = {"shape": (HIDDEN, LAYERS, FEATURES, CLASSES, STEPS, SEQUENCES, SEED)}
    for i, (_, labels) in enumerate(batches):
        tensors[f"batch.{i}.labels"] = labels.numpy()
    for name, p in ours(model).items():
        tensors[f"weight.{name}"] = p.detach().clone().numpy()
    x, labels = batches[0]
    loss = torch.nn.functional.cross_entropy(model(x), labels, reduction="sum")
    loss.backward()
    tensors["loss"] = [loss.item()]
    for name, p in ours(model).items():
        tensors[f"gradient.{name}"] = p.grad.clone().numpy()
    for kind, row in (("adamw", ADAMW), ("sgd", SGD)):
        model.load_state_dict(begin)
        tensors[f"{kind}.optimizer"] = row
        tensors[f"{kind}.losses"] = train(model, kind, row, batches)
    golden.write(pathlib.Path(__file__).with_name("lstm.golden"), tensors)


if __name__ == "__main__":
    main()
