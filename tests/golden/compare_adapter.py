#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare_adapter.py PROGRAM MODEL ADAPTER FILE.golden: load saved adapters with PEFT beside the model that their
configuration names and hold the loss of each document and each logit, with the adapters beside the weights and merged
into them, against what PROGRAM (tests/golden/model_loss) says of MODEL and ADAPTER: all are fp32, losses are 1e-5 apart at
most, logits compare_logits.py's ALLOWED of the largest.

    make tests/golden/model_loss && tests/golden/compare_adapter.py tests/golden/model_loss MODEL ADAPTER FILE.golden
"""
import subprocess
import sys
import warnings

import numpy as np
import torch
from peft import AutoPeftModelForCausalLM

import compare_logits
import golden

ALLOWED = 1e-5


def losses(model, batch):
    with torch.no_grad():
        return [golden.loss_sum_apart(model, batch | {"documents": [document]})[0].item()
                for document in batch["documents"]]


def main():
    program, model, adapter, file = sys.argv[1:]
    ours = np.array([float(line) for line in subprocess.run(
        [program, model, file, adapter], check=True, capture_output=True, text=True).stdout.split()])
    tensors = golden.read(file)
    batch = {key: tensors[f"batch.0.{key}"] for key in ("tokens", "targets", "positions", "documents")}
    with warnings.catch_warnings(record=True) as said:  # PEFT warns of tensors that are missing or too many
        warnings.simplefilter("always")
        adapted = AutoPeftModelForCausalLM.from_pretrained(adapter, dtype=torch.float32,
                                                           attn_implementation="eager").eval()
    lost = [str(one.message) for one in said if "keys" in str(one.message)]
    if lost:
        sys.exit(f"{adapter}: PEFT says {lost}")
    plain = adapted.get_base_model()
    beside = np.array(losses(plain, batch))
    theirs, rows = golden.logits_apart(plain, batch)
    mine = compare_logits.ours(program, model, file, adapter)
    mine = [mine[row] for row in rows]
    apart = [compare_logits.largest(mine, theirs.tolist())]
    with adapted.disable_adapter():
        without = np.array(losses(plain, batch))
    whole = adapted.merge_and_unload()
    merged = np.array(losses(whole, batch))
    apart.append(compare_logits.largest(mine, golden.logits_apart(whole, batch)[0].tolist()))
    worst = [np.max(np.abs(ours - theirs) / np.maximum(theirs, 1)) for theirs in (beside, merged)]
    print(f"{adapter}: {len(ours)} documents, largest relative differences {worst[0]:.2e} beside, {worst[1]:.2e} merged, "
          f"{ALLOWED:.0e} allowed; without the adapters {np.max(np.abs(ours - without)):.3g} apart; {theirs.size} logits, "
          f"{apart[0]:.2e} and {apart[1]:.2e} of the largest apart, {compare_logits.ALLOWED:.0e} allowed")
    return 0 if len(ours) == len(beside) and max(worst) <= ALLOWED < np.max(np.abs(ours - without)) and \
        max(apart) <= compare_logits.ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
