# SPDX-License-Identifier: Apache-2.0
"""Hugging Face's Llama and GPT-2 as the reference: our tensors in and out of it, its loss, its training.

The file format (read in C by tests/golden/golden.c): text lines `name rows columns`, an empty
line, then the tensors' elements in this order, row-major, little-endian float32. Whole numbers
(tokens, targets, positions) are stored as floats too; all are below 2^24.
"""
import math

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

SHAPE = ("vocab", "hidden", "layers", "heads", "kv_heads", "head_dim", "ffn", "rope_theta",
         "norm_eps", "tied_head", "gpt2", "context")  # the last two where it is a GPT-2
OPTIMIZER = ("lr", "lr_warmup", "total_steps", "beta1", "beta2", "eps", "weight_decay", "clip")


def write(path, tensors):
    arrays = {name: np.atleast_2d(np.asarray(t, dtype="<f4")) for name, t in tensors.items()}
    with open(path, "wb") as file:
        for name, array in arrays.items():
            file.write(f"{name} {array.shape[0]} {array.shape[1]}\n".encode())
        file.write(b"\n")
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())


def read(path):
    tensors = {}
    with open(path, "rb") as file:
        shapes = []
        while line := file.readline().split():
            shapes.append((line[0].decode(), int(line[1]), int(line[2])))
        for name, rows, columns in shapes:
            data = np.frombuffer(file.read(4 * rows * columns), dtype="<f4")
            tensors[name] = data.reshape(rows, columns)
        if file.read(1):
            raise ValueError(f"{path}: longer than its header says")
    return tensors


def numbers(names, row):
    """A row of numbers -> {name: number}; float32's noise is taken off again (0.95, not 0.949999988)."""
    return {name: float(f"{value:.7g}") for name, value in zip(names, row.ravel(), strict=True)}


def make_model(shape):
    torch.use_deterministic_algorithms(True)
    if shape.get("gpt2"):
        return GPT2LMHeadModel(GPT2Config(
            vocab_size=int(shape["vocab"]), n_embd=int(shape["hidden"]),
            n_layer=int(shape["layers"]), n_head=int(shape["heads"]), n_inner=int(shape["ffn"]),
            n_positions=int(shape["context"]), layer_norm_epsilon=shape["norm_eps"],
            activation_function="gelu_new", resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            attn_implementation="eager", use_cache=False)).float()
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=int(shape["vocab"]), hidden_size=int(shape["hidden"]),
        num_hidden_layers=int(shape["layers"]), num_attention_heads=int(shape["heads"]),
        num_key_value_heads=int(shape["kv_heads"]), head_dim=int(shape["head_dim"]),
        intermediate_size=int(shape["ffn"]), rope_theta=shape["rope_theta"],
        rms_norm_eps=shape["norm_eps"], tie_word_embeddings=bool(shape["tied_head"]),
        max_position_embeddings=4096, hidden_act="silu", attention_bias=False, mlp_bias=False,
        attention_dropout=0.0, attn_implementation="eager", use_cache=False)).float()


def gpt2_map(model):
    tensors = {"embed": [model.transformer.wte.weight], "positions": [model.transformer.wpe.weight]}
    for i, layer in enumerate(model.transformer.h):
        for name, module in (("attention_norm", layer.ln_1), ("qkv", layer.attn.c_attn),
                             ("o", layer.attn.c_proj), ("ffn_norm", layer.ln_2),
                             ("up", layer.mlp.c_fc), ("down", layer.mlp.c_proj)):
            tensors |= {f"layers.{i}.{name}": [module.weight],
                        f"layers.{i}.{name}_bias": [module.bias]}
    return tensors | {"norm": [model.transformer.ln_f.weight],
                      "norm_bias": [model.transformer.ln_f.bias]}


def turned(model, name, array):
    """GPT-2's linear layers are [in,out] there."""
    if isinstance(model, GPT2LMHeadModel) and name.startswith("layers.") and array.ndim == 2:
        return array.T
    return array


def tensor_map(model):
    """Our name -> Hugging Face's parameters that, stacked on each other, make it."""
    if isinstance(model, GPT2LMHeadModel):
        return gpt2_map(model)
    tensors = {"embed": [model.model.embed_tokens.weight]}
    for i, layer in enumerate(model.model.layers):
        attention, mlp = layer.self_attn, layer.mlp
        tensors |= {
            f"layers.{i}.attention_norm": [layer.input_layernorm.weight],
            f"layers.{i}.qkv": [attention.q_proj.weight, attention.k_proj.weight,
                                attention.v_proj.weight],
            f"layers.{i}.o": [attention.o_proj.weight],
            f"layers.{i}.ffn_norm": [layer.post_attention_layernorm.weight],
            f"layers.{i}.gate_up": [mlp.gate_proj.weight, mlp.up_proj.weight],
            f"layers.{i}.down": [mlp.down_proj.weight],
        }
    tensors["norm"] = [model.model.norm.weight]
    if not model.config.tie_word_embeddings:
        tensors["head"] = [model.lm_head.weight]
    return tensors


def get_weights(model):
    return {name: turned(model, name, torch.cat([p.detach() for p in parts]).clone().numpy())
            for name, parts in tensor_map(model).items()}


def get_gradients(model):
    return {name: turned(model, name, torch.cat([p.grad for p in parts]).clone().numpy())
            for name, parts in tensor_map(model).items()}


def set_weights(model, weights):
    with torch.no_grad():
        for name, parts in tensor_map(model).items():
            ours = turned(model, name, np.array(weights[name]))
            stacked = torch.tensor(np.array(ours)).reshape(-1, *parts[0].shape[1:])
            for part, piece in zip(parts, stacked.split([p.shape[0] for p in parts]), strict=True):
                part.copy_(piece)


def attention_mask(documents, sequences, seq):
    """Additive and causal inside each document; a padding row sees itself alone."""
    rows = sequences * seq
    document = torch.arange(rows) + len(documents) + 1  # of each row; padding: one of its own
    for number, (start, length) in enumerate(documents):
        document[start:start + length] = number
    document = document.reshape(sequences, seq)
    same = document[:, :, None] == document[:, None, :]
    seen = same & torch.ones(seq, seq, dtype=torch.bool).tril()
    return torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[:, None]


def logits_apart(model, batch):
    """All logits of each document's rows, one document behind the other, and their rows in the batch."""
    parts, rows = [], []
    for start, length in np.array(batch["documents"]).astype(int).tolist():
        ids, positions = (torch.tensor(np.array(batch[k]).ravel()[start:start + length]).long()[None]
                          for k in ("tokens", "positions"))
        with torch.no_grad():
            parts.append(model(input_ids=ids, position_ids=positions).logits[0].float().numpy())
        rows += range(start, start + length)
    return np.concatenate(parts), np.array(rows)


def loss_sum_apart(model, batch):
    """The same document by document: Hugging Face's GPT-2 takes no mask of documents."""
    total, trained = 0, 0
    for start, length in np.array(batch["documents"]).astype(int).tolist():
        ids, targets, positions = (torch.tensor(np.array(batch[k]).ravel()[start:start + length])
                                   .long()[None] for k in ("tokens", "targets", "positions"))
        logits = model(input_ids=ids, position_ids=positions).logits
        total = total + torch.nn.functional.cross_entropy(
            logits[0].float(), targets[0], ignore_index=-1, reduction="sum")
        trained += int((targets >= 0).sum())
    return total, trained


def loss_sum(model, batch, sequences):
    """Sum of the token losses, and of how many tokens. batch: tokens, targets, positions [rows]
    and documents [count,2] (first row, rows)."""
    if isinstance(model, GPT2LMHeadModel):
        return loss_sum_apart(model, batch)
    ids, targets, positions = (torch.tensor(np.array(batch[k])).long().reshape(sequences, -1)
                               for k in ("tokens", "targets", "positions"))
    mask = attention_mask(batch["documents"].astype(int).tolist(), sequences, ids.shape[1])
    logits = model(input_ids=ids, position_ids=positions, attention_mask=mask).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(),
                                               ignore_index=-1, reduction="sum")
    return losses, int((targets >= 0).sum())


def learning_rate(o, step):
    if step < o["lr_warmup"]:
        return o["lr"] * (step + 1) / o["lr_warmup"]
    part = (step - o["lr_warmup"]) / (o["total_steps"] - o["lr_warmup"])
    return o["lr"] * (1 + math.cos(math.pi * part)) / 2


def train(model, o, batches, sequences):
    """One optimizer step a batch; the mean loss of each step."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": o["weight_decay"]},
         {"params": others, "weight_decay": 0.0}],
        lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"])
    losses = []
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(o, step)
        total, trained = loss_sum(model, batch, sequences)
        optimizer.zero_grad()
        (total / trained).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), o["clip"])
        optimizer.step()
        losses.append(total.item() / trained)
    return losses
