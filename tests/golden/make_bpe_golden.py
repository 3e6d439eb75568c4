#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/golden/bpe/: a small BPE of Llama 3's pattern, its ranks, and ids that tokenizers and tiktoken give for texts.

    pip install tokenizers tiktoken && python3 tests/golden/make_bpe_golden.py
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bench"))
import tokenizer as bench  # noqa: E402

TOKENS = 900
TEXTS = ["", "Hello, world!", "srun --sft-bench=tiny:2", " two  spaces ", "日本語の文、カタカナ。", "naïve café e\u0301",
         "🙂👍🏽👩‍👩‍👧🇯🇵", "1234567 GB/s ٣Ⅷ½", "tab\there\r\n\r\n  x\n  ", "I'll, 'S 'ſ we'RE", "a\u180eb\u0085c\u00a0\u3000d",
         "<|eot_id|><|begin_of_text|>", "=" * 300, "int main(void)\n{\n    return 0;\n}\n", "한국어 עברית العربية हिन्दी ไทย",
         "ab" * 200, "\ufeff\ufffd\u200b", "The step is the median with its spread.", "   \n", "\n\n\n   end   "]


def main():
    folder = HERE / "bpe"
    folder.mkdir(exist_ok=True)
    records = bench.records_make([bench.TOP / "doc", bench.TOP / "examples", bench.TOP / "po", bench.TOP / "job/data"])
    file = bench.trained(records, vocabulary=TOKENS)
    file["model"]["ignore_merges"] = True
    (folder / "tokenizer.json").write_text(json.dumps(file, ensure_ascii=False, separators=(",", ":")) + "\n")
    bench.ranks_write(folder / "ranks.tiktoken", file)
    with open(folder / "bpe.inc", "w") as out:
        out.write("/* Made by make_bpe_golden.py: text, ids by tokenizers, ids by tiktoken */\n")
        json_encode, _ = bench.peer_of(folder / "tokenizer.json")
        ranks_encode, _ = bench.peer_of(folder / "ranks.tiktoken")
        for text in TEXTS:
            octal = "".join(f"\\{b:03o}" if b < 32 or b > 126 or b in b'"\\?' else chr(b) for b in text.encode())
            both = [", ".join(map(str, ids + [-1])) for ids in (json_encode(text), ranks_encode(text))]
            out.write(f'{{"{octal}",\n {{{both[0]}}},\n {{{both[1]}}}}},\n')


if __name__ == "__main__":
    main()
