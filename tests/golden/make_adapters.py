#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write models/NAME-adapter/ and models/NAME-adapter.golden beside this file: random adapters of make_models.py's models
as PEFT saves them, and PEFT's sum of losses with them of the batch in models/NAME.golden, for
tests/unit/train/test_load.c, and the logits of each third row, for compare_logits.py.

    pip install torch transformers peft && python3 tests/golden/make_adapters.py

Made with transformers 5.24, peft 0.21.2 and torch 2.15 on a CPU.
"""
import pathlib

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

import golden

TOP = pathlib.Path(__file__).parent / "models"
CASES = {
    "llama31": {"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"]},
    "gpt2": {"r": 3, "lora_alpha": 5, "use_rslora": True, "fan_in_fan_out": True,
             "target_modules": ["c_attn", "mlp.c_proj"]},
}


def write(name, config):
    model = AutoModelForCausalLM.from_pretrained(TOP / name, dtype=torch.float32, attn_implementation="eager")
    adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.1, **config)).eval()
    with torch.no_grad():
        for key, parameter in adapted.named_parameters():
            if "lora_" in key:
                parameter.copy_(torch.randn_like(parameter) * 0.2)
    folder = TOP / f"{name}-adapter"
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    path.write_text(path.read_text().replace(str(TOP / name), name) + "\n")
    tensors = golden.read(TOP / f"{name}.golden")
    batch = {key.removeprefix("batch.0."): value for key, value in tensors.items() if key.startswith("batch.0.")}
    with torch.no_grad():
        loss, trained = golden.loss_sum(model, batch, int(tensors["sequences"].flat[0]))
    print(f"{name}: {loss.item() / trained:.4f} a token, {tensors['loss_sum'].flat[0] / trained:.4f} without")
    logits, rows = golden.logits_apart(adapted.get_base_model(), batch)
    golden.write(TOP / f"{name}-adapter.golden", {"loss_sum": [loss.item()], "rows": rows[::3], "logits": logits[::3]})


if __name__ == "__main__":
    torch.manual_seed(12)
    for case in CASES.items():
        write(*case)
