#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/golden/tokenizer.inc: ids that Python's sentencepiece gives for the Llama 2 tokenizer.

    pip install sentencepiece==0.2.0 && python3 tests/golden/make_tokenizer_golden.py TOKENIZER.model
"""
import os
import sys

import sentencepiece

TEXTS = ["Hello, world!", "", " two  spaces ", "### Response:\n", "日本語の文", "naïve café", "🙂",
         "1234567 GB/s", "srun --sft-bench=tiny:2", "tab\there"]


def main():
    processor = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer.inc")
    with open(path, "w") as f:
        f.write("/* Made by make_tokenizer_golden.py */\n")
        for text in TEXTS:
            ids = processor.encode(text)
            octal = "".join(f"\\{b:03o}" if b < 32 or b > 126 else chr(b) for b in text.encode())
            numbers = ", ".join(map(str, ids)) or "0"
            f.write(f'{{ "{octal}", {len(ids)}, {{ {numbers} }} }},\n')


if __name__ == "__main__":
    main()
