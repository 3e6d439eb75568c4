#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ids and speed of our byte-level BPE beside PyPI's tokenizers and tiktoken, in one run.

    make tests/bench/tokenizer
    python3 tests/bench/tokenizer.py [--program tests/bench/tokenizer] [--ranks cl100k_base.tiktoken]
        [--json tokenizer.json]... [FOLDER]...

Wants tokenizers and tiktoken (pip install tokenizers tiktoken) and ends with 77, saying so, without them. 3,000 records
are paragraphs of the FOLDERs' texts (.gz, too; this repository's sources and pages where none is named), spread over all
files, and texts of spaces, digits, emoji and letters of many scripts made here. A BPE is trained on a part of them with
Llama 3's pattern and written in each form: merges as pairs and as texts, with ignore_merges and without, with GPT-2's
pattern, as ranks. Every id must be theirs, or the exit status is 1; then each program's seconds on one core.
"""
import argparse
import base64
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
try:
    import tiktoken
    import tokenizers
except ImportError as missing:
    print(f"skipped: {missing}: pip install tokenizers tiktoken")
    sys.exit(77)

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
RECORDS, MADE, VOCABULARY = 3000, 400, 8000
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
          r"|\s+(?!\S)|\s")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
PATTERNS = {100256: CL100K, 199998: O200K, 50256: GPT2, 50280: GPT2}
# Edges: U+180E, U+0085, U+200B, long s, letters that combine, flags, skin tones, families, kana, Hangul, right to left.
PARTS = [" ", "  ", "\t", "\n", "\r\n", "\n\n ", "\u180e", "\u0085", "\u00a0", "\u200b", "\u3000", "'s", "'S", "'\u017f", "'LL", "'re",
         "don't", "123", "4567890", "٣", "Ⅷ", "½", "a", "Zürich", "naïve", "e\u0301", "日本語", "カタカナ", "ひらがな", "한국어",
         "עברית", "العربية", "हिन्दी", "ไทย", "😀", "👍🏽", "👩‍👩‍👧", "🇯🇵", "--", "!!", "///", "=" * 40, "()", "<|eot_id|>", "\0x"[1:],
         "_", "\ufffd", "\ufeff", "x" * 200, "🂡", "ǅ", "ß", "İ", "ﬀ"]


def file_text(path):
    try:
        return (gzip.open(path) if path.suffix == ".gz" else open(path, "rb")).read().decode()
    except (UnicodeDecodeError, OSError):
        return ""


def records_make(folders):
    chosen = random.Random(1)
    files = sorted(p for folder in folders for p in pathlib.Path(folder).rglob("*") if p.is_file())
    texts = []
    for path in files:
        texts += [part for part in file_text(path).replace("\0", "").split("\n\n") if part.strip()]
    chosen.shuffle(texts)
    made = ["".join(chosen.choice(PARTS) for _ in range(chosen.randrange(1, 30))) for _ in range(MADE)]
    return texts[:RECORDS - MADE] + made


def trained(records, pattern=LLAMA3, vocabulary=VOCABULARY, **model):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(**model))
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern or "x"), "isolated")
    tokenizer.pre_tokenizer = byte_level if pattern is None else tokenizers.pre_tokenizers.Sequence([split, byte_level])
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary, show_progress=False, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    tokenizer.train_from_iterator(records, trainer)
    return json.loads(tokenizer.to_str())


def ranks_write(path, file):
    """The same tokens as tiktoken's ranks: of bytes first, then in the merges' order."""
    letters = {}
    following = 0x100
    for byte in range(256):
        itself = 33 <= byte <= 126 or (byte >= 161 and byte != 173)
        letters[chr(byte if itself else following)] = byte
        following += not itself
    tokens = [bytes([b]) for b in range(256)]
    for left, right in file["model"]["merges"]:
        token = bytes(letters[c] for c in left + right)
        if token not in tokens:
            tokens.append(token)
    path.write_bytes(b"".join(base64.b64encode(t) + b" %d\n" % i for i, t in enumerate(tokens)))


def forms_write(folder, records):
    file = trained(records[::3])
    forms = {"pairs": file}
    texts = json.loads(json.dumps(file))
    texts["model"]["merges"] = [" ".join(pair) for pair in file["model"]["merges"]]
    forms["texts"] = texts
    whole = json.loads(json.dumps(file))
    whole["model"]["ignore_merges"] = True
    forms["ignore_merges"] = whole
    added = tokenizers.Tokenizer.from_str(json.dumps(file))
    added.add_tokens(["--", "---", "日本", "    "])
    forms["added"] = json.loads(added.to_str())
    forms["gpt2"] = trained(records[::3], None)
    for name, content in forms.items():
        (folder / name).mkdir()
        (folder / name / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False))
    ranks_write(folder / "trained.tiktoken", file)
    return [folder / name / "tokenizer.json" for name in forms], folder / "trained.tiktoken"


def peer_of(path):
    """(encode, name) of the peer for this file, both with special tokens taken as text."""
    if path.suffix == ".json":
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        tokenizer.encode_special_tokens = True
        return lambda text: tokenizer.encode(text, add_special_tokens=False).ids, "tokenizers"
    ranks = {base64.b64decode(token): int(rank) for token, rank in
             (line.split() for line in path.read_bytes().splitlines() if line)}
    pattern = PATTERNS.get(len(ranks), LLAMA3)
    encoding = tiktoken.Encoding(path.name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return encoding.encode_ordinary, "tiktoken"


def compare(program, path, records):
    texts = b"".join(record.encode() + b"\0" for record in records)
    ours = subprocess.run([program, "ids", path], input=texts, stdout=subprocess.PIPE, check=True).stdout.decode()
    encode, name = peer_of(path)
    theirs = [encode(record) for record in records]
    wrong = [i for i, (a, b) in enumerate(zip(ours.splitlines(), theirs)) if [int(x) for x in a.split()] != b]
    for i in wrong[:3]:
        print(f"  {records[i]!r}\n    ours   {ours.splitlines()[i]}\n    theirs {' '.join(map(str, theirs[i]))}")
    best = None
    for _ in range(2):
        encode, name = peer_of(path)
        begin = time.perf_counter()
        for record in records:
            encode(record)
        seconds = time.perf_counter() - begin
        best = seconds if best is None else min(best, seconds)
    mine = float(subprocess.run([program, "time", path], input=texts, stdout=subprocess.PIPE, check=True).stdout)
    size = len(texts) / 1e6
    print(f"{path.parent.name + '/' + path.name:40} {len(records) - len(wrong)} of {len(records)} records equal to {name}, "
          f"{sum(map(len, theirs))} ids; {size / mine:.1f} MB/s, {name} {size / best:.1f} MB/s, ratio {best / mine:.2f}")
    return not wrong


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--program", default="tests/bench/tokenizer")
    arguments.add_argument("--ranks", type=pathlib.Path, action="append", default=[])
    arguments.add_argument("--json", type=pathlib.Path, action="append", default=[])
    arguments.add_argument("folders", nargs="*")
    given = arguments.parse_args()
    records = records_make(given.folders or [TOP / folder for folder in ("job", "man", "doc", "po", "examples", "tests/unit")])
    equal = True
    with tempfile.TemporaryDirectory() as folder:
        files, ranks = forms_write(pathlib.Path(folder), records)
        for path in [*files, *given.json, ranks, *given.ranks]:
            equal &= compare(given.program, path, records)
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
