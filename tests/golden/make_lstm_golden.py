#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/golden/lstm.inc: two layers of torch.nn.LSTM in float64, on small random numbers: outputs, and the gradients of
input, weights and biases for the loss sum(out * towards). pip install torch; python3 tests/golden/make_lstm_golden.py"""
import pathlib

import torch

INPUT, HIDDEN, SEQUENCES, STEPS = 5, 7, 3, 6


def rows(x):
    """[SEQUENCES,STEPS,width] step by step, as the layer has them."""
    return x.transpose(0, 1).reshape(-1)


def array(name, values):
    numbers = [f"{v:.9g}" for v in values.detach().reshape(-1).tolist()]
    numbers = [n if "." in n or "e" in n else n + ".0" for n in numbers]
    lines = [", ".join(f"{n}f" for n in numbers[i : i + 6]) for i in range(0, len(numbers), 6)]
    return f"static const float {name}[] = {{\n    " + ",\n    ".join(lines) + "};\n"


def main():
    torch.manual_seed(1)
    lstm = torch.nn.LSTM(INPUT, HIDDEN, num_layers=2, batch_first=True, dtype=torch.float64)
    x = torch.randn(SEQUENCES, STEPS, INPUT, dtype=torch.float64, requires_grad=True)
    towards = torch.randn(SEQUENCES, STEPS, HIDDEN, dtype=torch.float64)
    out, _ = lstm(x)
    (out * towards).sum().backward()
    text = "/* By make_lstm_golden.py. */\n"
    text += f"enum {{ GOLDEN_INPUT = {INPUT}, GOLDEN_HIDDEN = {HIDDEN}, GOLDEN_SEQUENCES = {SEQUENCES}, "
    text += f"GOLDEN_STEPS = {STEPS} }};\n"
    text += array("golden_in", rows(x)) + array("golden_towards", rows(towards))
    text += array("golden_out", rows(out)) + array("golden_din", rows(x.grad))
    for layer in (0, 1):
        for name, short in (("weight_ih", "in"), ("weight_hh", "state")):
            w = getattr(lstm, f"{name}_l{layer}")
            text += array(f"golden_{short}{layer}", w) + array(f"golden_d{short}{layer}", w.grad)
        b = getattr(lstm, f"bias_ih_l{layer}")
        text += array(f"golden_bias{layer}", b + getattr(lstm, f"bias_hh_l{layer}"))
        text += array(f"golden_dbias{layer}", b.grad)
    (pathlib.Path(__file__).parent / "lstm.inc").write_text(text)


if __name__ == "__main__":
    main()
