#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The peer that users would pick instead: Hugging Face's Llama or GPT-2 in PyTorch, fine-tuned whole.

bf16 weights, gradients and AdamW states (fused), SDPA attention, gradient accumulation, clipping, with
or without torch.compile, of all at once or (--mode layers) of each layer by itself, which starts sooner.
In FP8 the layers' linear modules are torchao's and the head stays in bf16. Random weights and tokens;
each sequence is one document. The FLOP rule is ours: 6 a parameter (the embedding's look-up left out)
and token, attention counted causally; MFU is against the bf16 peak, in FP8, too.
Under torchrun the ranks share everything by FSDP2 (--whole keeps weights whole after the forward pass),
each layer compiled by itself; tokens/s and MFU are of all ranks then.
Prints one line; with --json it appends one object to a file."""
import argparse
import dataclasses
import json
import math
import os
import statistics
import sys
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

SHAPES = {  # vocab, hidden, layers, heads, kv_heads, ffn
    "llama-7b": (32000, 4096, 32, 32, 32, 11008),
    "llama-13b": (32000, 5120, 40, 40, 40, 13824),
    "llama-70b": (32000, 8192, 80, 64, 8, 28672),
    "llama-1b": (32000, 2048, 22, 32, 4, 5632),
    "tiny": (320, 128, 4, 4, 2, 352),
    "gpt2": (50257, 768, 12, 12, 12, 3072),
    "gpt2-xl": (50257, 1600, 48, 25, 25, 6400),
}
SDPA = {"cudnn": [SDPBackend.CUDNN_ATTENTION], "flash": [SDPBackend.FLASH_ATTENTION]}
LOGITS_ROWS = 8192  # of fp32 logits at once: larger batches go in chunks


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--model", choices=SHAPES, default="llama-7b")
    p.add_argument("--batch", type=int, default=4, metavar="N", help="sequences of a micro-batch")
    p.add_argument("--seq", type=int, default=4096, metavar="N", help="tokens of a sequence")
    p.add_argument("--accumulation", type=int, default=1, metavar="N", help="micro-batches of a step")
    p.add_argument("--steps", type=int, default=5, metavar="N", help="measured steps")
    p.add_argument("--warmup", type=int, default=3, metavar="N", help="steps before them")
    p.add_argument("--mode", choices=["eager", "compile", "layers"], default="compile")
    p.add_argument("--precision", choices=["bf16", "fp8"], default="bf16", help="fp8: torchao's linear layers")
    p.add_argument("--scaling", choices=["tensorwise", "rowwise"], default="tensorwise", help="of fp8")
    p.add_argument("--method", choices=["full", "lora", "peft", "qlora"], default="full",
                   help="lora: a plain module y = Wx + 2B(Ax) at each projection; peft: PEFT's; qlora: the plain module "
                        "over bitsandbytes' NF4 with double quantization")
    p.add_argument("--rank", type=int, default=16, metavar="N", help="of the adapters, alpha twice that")
    p.add_argument("--sdpa", choices=["auto", "cudnn", "flash"], default="auto")
    p.add_argument("--whole", action="store_true", help="several ranks: weights stay whole until the backward pass")
    p.add_argument("--recompute", action="store_true", help="gradient checkpointing")
    p.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    p.add_argument("--peak", type=float, default=989.5, metavar="TFLOPS", help="dense, for MFU")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--json", metavar="FILE", help="append one line")
    a = p.parse_args()
    if a.precision == "fp8" and is_gpt2(a):
        p.error(f"--precision fp8: {a.model} has Conv1D modules, and torchao takes Linear ones")
    return a


def attention_name():
    """Hugging Face's SDPA with is_causal and no mask. Its release 5, given no mask, looks for packed
    documents in the positions: compiled, that is always a full mask, which rules out flash attention;
    else a wait for the GPU. Under a name without a mask function it does not."""
    try:
        from transformers import AttentionInterface
        from transformers.integrations.sdpa_attention import sdpa_attention_forward
    except ImportError:
        return "sdpa"  # release 4.46 uses is_causal by itself
    AttentionInterface.register("sdpa_causal", sdpa_attention_forward)
    return "sdpa_causal"


def is_gpt2(a):
    return a.model.startswith("gpt2")


def config_of(a):
    vocab, hidden, layers, heads, kv_heads, ffn = SHAPES[a.model]
    if is_gpt2(a):  # no dropout, as we have none
        return GPT2Config(vocab_size=vocab, n_embd=hidden, n_layer=layers, n_head=heads, n_inner=ffn,
                          n_positions=1024, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, use_cache=False)
    return LlamaConfig(
        vocab_size=vocab, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, intermediate_size=ffn, max_position_embeddings=a.seq,
        rms_norm_eps=1e-5, tie_word_embeddings=False, use_cache=False)


def build(a):
    config = config_of(a)
    config._attn_implementation = attention_name()
    torch.manual_seed(a.seed)
    torch.set_default_dtype(torch.bfloat16)
    if a.method == "qlora":  # 70B in bf16 has no room
        with torch.device("meta"):
            model = LlamaForCausalLM(config)
        fill_quantized(a, model)
    else:
        with torch.device(a.device):
            model = (GPT2LMHeadModel if is_gpt2(a) else LlamaForCausalLM)(config)
    torch.set_default_dtype(torch.float32)
    model.train()
    if a.recompute:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


class Quantized(torch.nn.Module):
    """A frozen linear layer in NF4, as bitsandbytes' Linear4bit runs it."""

    def __init__(self, linear, device):
        super().__init__()
        from bitsandbytes.functional import quantize_4bit
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = torch.empty(linear.out_features, linear.in_features, device=device).normal_(0, 0.02)
        self.codes, self.state = quantize_4bit(weight, compress_statistics=True, quant_type="nf4")

    def forward(self, x):
        from bitsandbytes import matmul_4bit
        return matmul_4bit(x, self.codes.t(), quant_state=self.state)


def fill_quantized(a, model):
    """Projections in NF4 a matrix at a time, the rest in bf16."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if name in PROJECTIONS:
                setattr(module, name, Quantized(child, a.device))
    rotary = model.model.rotary_emb
    for module in model.modules():
        for name, p in list(module.named_parameters(recurse=False)):
            full = torch.ones if p.dim() == 1 else torch.zeros
            value = full(p.shape, dtype=p.dtype, device=a.device)
            setattr(module, name, torch.nn.Parameter(value if p.dim() == 1 else value.normal_(0, 0.02)))
    with torch.device(a.device):
        model.model.rotary_emb = type(rotary)(config=model.config)


def gathers_fp8(a):
    """torchao has it by tensor alone."""
    return a.precision == "fp8" and ranks() > 1 and a.scaling == "tensorwise"


def convert(a, model):
    """The layers' linear modules in FP8. The head is none of base_model's, so it stays as it is."""
    if a.precision == "fp8":
        from torchao.float8 import Float8LinearConfig, convert_to_float8_training
        recipe = Float8LinearConfig.from_recipe_name(a.scaling)
        if a.device == "cpu":  # products of bf16, of what was rounded to FP8
            recipe = dataclasses.replace(recipe, emulate=True)
        if gathers_fp8(a):
            recipe = dataclasses.replace(recipe, enable_fsdp_float8_all_gather=True)
        convert_to_float8_training(model.base_model, config=recipe)
    return model


class Adapted(torch.nn.Module):
    """What one would write by hand; the adapters in the weights' own type."""

    def __init__(self, linear, rank, weight):
        super().__init__()
        self.linear = linear
        self.a = torch.nn.Parameter(weight.new_empty(rank, linear.in_features))
        self.b = torch.nn.Parameter(weight.new_zeros(linear.out_features, rank))
        torch.nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x):
        return self.linear(x) + 2 * ((x @ self.a.T) @ self.b.T)


PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def adapt(a, model):
    """All else is frozen."""
    if a.method == "full":
        return model
    if a.method == "peft":
        from peft import LoraConfig, get_peft_model
        get_peft_model(model, LoraConfig(r=a.rank, lora_alpha=2 * a.rank, lora_dropout=0.0, bias="none",
                                         target_modules=list(PROJECTIONS)), autocast_adapter_dtype=False)
        return model
    model.requires_grad_(False)
    like = model.lm_head.weight
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if name in PROJECTIONS:
                setattr(module, name, Adapted(child, a.rank, like))
    return model


def looked_up(a):
    """Parameters that no token is multiplied with: a table that is no head's matrix."""
    return "transformer.wpe.weight" if is_gpt2(a) else "model.embed_tokens.weight"


def flops_of(a, model):
    _, hidden, layers, heads, _, _ = SHAPES[a.model]
    head_dim = hidden // heads
    parameters = sum(p.numel() * (6.0 if p.requires_grad else 4.0)
                     for name, p in model.named_parameters() if name != looked_up(a))
    parameters += sum(m.in_features * m.out_features * 4.0 for m in model.modules() if isinstance(m, Quantized))
    tokens = a.batch * a.seq * a.accumulation
    return tokens * (parameters + 6.0 * layers * heads * head_dim * a.seq)


class MeanLoss(torch.nn.Module):
    """Mean loss of all tokens; logits in chunks of rows so that fp32 copies stay small."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def chunk(self, hidden, targets):
        return F.cross_entropy(self.model.lm_head(hidden).float(), targets, reduction="sum")

    def forward(self, tokens, targets):
        hidden = self.model.base_model(input_ids=tokens)[0].flatten(0, 1)
        rows = targets.flatten()
        if rows.numel() <= LOGITS_ROWS:
            return self.chunk(hidden, rows) / rows.numel()
        total = 0
        for h, t in zip(hidden.split(LOGITS_ROWS), rows.split(LOGITS_ROWS)):
            total = total + torch.utils.checkpoint.checkpoint(self.chunk, h, t, use_reentrant=False)
        return total / rows.numel()


def ranks():
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank():
    return int(os.environ.get("RANK", "0"))


def layers_of(a, model):
    return model.transformer.h if is_gpt2(a) else model.model.layers


def share(a, loss_of):
    """FSDP2, a layer at a time, as its documents have it: compiled first, then sharded."""
    from torch.distributed.fsdp import fully_shard
    for layer in layers_of(a, loss_of.model):
        if a.mode != "eager":
            layer.compile()
        fully_shard(layer, reshard_after_forward=not a.whole)
    return fully_shard(loss_of, reshard_after_forward=not a.whole)


def prepare(a, model):
    loss_of = MeanLoss(model)
    if ranks() > 1:
        return share(a, loss_of)
    if a.mode == "layers":
        for layer in layers_of(a, model):
            layer.compile()
        loss_of.chunk = torch.compile(loss_of.chunk)
    return torch.compile(loss_of) if a.mode == "compile" else loss_of


def step(a, model, loss_of, optimizer, generator):
    vocab = SHAPES[a.model][0]
    shape = (a.accumulation, a.batch, a.seq + 1)
    tokens = torch.randint(vocab, shape, device=a.device, generator=generator)
    if a.device == "cuda":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    total = 0
    for i, micro in enumerate(tokens):
        if ranks() > 1:  # gradients are summed once a step
            loss_of.set_requires_gradient_sync(i == a.accumulation - 1)
        loss = loss_of(micro[:, :-1], micro[:, 1:]) / a.accumulation
        loss.backward()
        total = total + loss.detach()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
    optimizer.step()
    if gathers_fp8(a):  # the scales of all weights in one all-reduce
        from torchao.float8 import precompute_float8_dynamic_scale_for_fsdp
        precompute_float8_dynamic_scale_for_fsdp(model)
    optimizer.zero_grad(set_to_none=True)
    loss = float(total)  # waits
    if a.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin, loss


def name_of(a):
    words = ["hugging face", a.mode]
    if a.method != "full":
        words.append(a.method)
    if a.precision == "fp8":
        words += ["fp8", a.scaling]
    if a.sdpa != "auto":
        words.append(a.sdpa)
    if ranks() > 1:
        words.append(f"fsdp2 x{ranks()}")
    return " ".join(words)


def run(a):
    model = adapt(a, convert(a, build(a)))
    flops = flops_of(a, model)
    loss_of = prepare(a, model)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-5, betas=(0.9, 0.95), weight_decay=0.0,
                                  fused=a.device == "cuda")
    generator = torch.Generator(device=a.device).manual_seed(a.seed + rank())
    results = [step(a, model, loss_of, optimizer, generator) for _ in range(a.warmup + a.steps)]
    if not math.isfinite(results[-1][1]):
        raise SystemExit(f"peer: the loss is {results[-1][1]} after {len(results)} steps")
    times = [t for t, _ in results[a.warmup:]]
    median = statistics.median(times)
    spread = statistics.median(abs(t - median) for t in times)
    mean = statistics.fmean(times)  # throughput is work over the time of all steps, as in our records
    rate = ranks() * flops / mean / 1e12
    gib = torch.cuda.max_memory_allocated() / 2**30 if a.device == "cuda" else 0
    return {
        "who": name_of(a), "model": a.model, "batch": a.batch, "seq": a.seq, "accumulation": a.accumulation,
        "first_s": results[0][0], "tok_s": ranks() * a.batch * a.seq * a.accumulation / mean,
        "step_ms": median * 1e3, "step_mad_ms": spread * 1e3, "tflops": rate,
        "mfu": 100 * rate / a.peak / ranks(), "gib": gib, "loss_first": results[0][1],
        "loss_last": results[-1][1], "torch": torch.__version__,
    }


def main():
    a = arguments()
    if ranks() > 1:
        if a.device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if a.device == "cuda" else "gloo")
    torch.set_float32_matmul_precision("high")
    try:
        if a.sdpa == "auto":
            r = run(a)
        else:
            with sdpa_kernel(SDPA[a.sdpa]):
                r = run(a)
    except torch.OutOfMemoryError as error:
        print(f"peer: {a.model} {a.batch} x {a.seq} {a.mode} does not fit: {str(error)[:120]}")
        return 3
    if rank() > 0:
        return 0
    print("{who:22s} {model} {batch} x {seq} x {accumulation}  {tok_s:8.0f} tok/s  {step_ms:8.1f} ms "
          "(MAD {step_mad_ms:.1f})  {tflops:5.0f} TFLOP/s  MFU {mfu:4.1f}%  {gib:5.1f} GiB  "
          "loss {loss_first:.4f} -> {loss_last:.4f}".format(**r), flush=True)
    if a.json:
        with open(a.json, "a", encoding="utf-8") as file:
            file.write(json.dumps(r) + "\n")
    if ranks() > 1:
        dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
