#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare_model.py PROGRAM FOLDER FILE.golden: load a saved model's folder with transformers and hold the loss of each
document and each logit against what PROGRAM (tests/golden/model_loss) says of it: both are fp32, losses are 1e-5 apart at
most, logits compare_logits.py's ALLOWED of the largest.

    make tests/golden/model_loss && tests/golden/compare_model.py tests/golden/model_loss FOLDER FILE.golden
"""
import subprocess
import sys

import numpy as np
import torch
from transformers import AutoModelForCausalLM

import compare_logits
import golden

ALLOWED = 1e-5


def main():
    program, folder, file = sys.argv[1:]
    ours = [float(line) for line in subprocess.run([program, folder, file], check=True, capture_output=True,
                                                   text=True).stdout.split()]
    tensors = golden.read(file)
    batch = {key: tensors[f"batch.0.{key}"] for key in ("tokens", "targets", "positions", "documents")}
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                       output_loading_info=True)
    lost = {key: names for key, names in info.items() if names}
    if lost:
        sys.exit(f"{folder}: transformers says {lost}")
    with torch.no_grad():
        theirs = [golden.loss_sum_apart(model.eval(), batch | {"documents": [document]})[0].item()
                  for document in batch["documents"]]
    logits, rows = golden.logits_apart(model, batch)
    mine = compare_logits.ours(program, folder, file)
    apart = compare_logits.largest([mine[row] for row in rows], logits.tolist())
    ours, theirs = np.array(ours), np.array(theirs)  # a document of one token has no loss
    worst = np.max(np.abs(ours - theirs) / np.maximum(theirs, 1))
    print(f"{folder}: {len(ours)} documents, largest relative difference {worst:.2e}, {ALLOWED:.0e} allowed; {logits.size} "
          f"logits, {apart:.2e} of the largest apart, {compare_logits.ALLOWED:.0e} allowed")
    return 0 if len(ours) == len(theirs) and worst <= ALLOWED and apart <= compare_logits.ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
