#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/golden/chat.inc: the texts that transformers makes of conversations with the published templates, and the
bytes of them that are the assistant's, by its own {% generation %} marks.

    pip install transformers tokenizers jinja2 && python3 tests/golden/make_chat_golden.py

The templates are those of meta-llama/Llama-2-7b-chat-hf and meta-llama/Meta-Llama-3-8B-Instruct as published, that of
meta-llama/Llama-3.1-8B-Instruct without its parts for tools, and ChatML as transformers' documentation has it; the marks around what the assistant says and its end are ours.
"""
import pathlib

import tokenizers
import transformers

G, E = "{% generation %}", "{% endgeneration %}"
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = "
    "messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + "
    "'\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}G{{ ' '  + content.strip() + ' ' + eos_token }}E{% endif %}{% endfor %}")
LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set head = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n' %}{% set content = message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set head = bos_token + head %}{% endif %}{{ head }}"
    "{% if message['role'] == 'assistant' %}G{{ content }}E{% else %}{{ content }}{% endif %}{% endfor %}")
LLAMA31 = (
    "{{- bos_token }}\n{%- if not date_string is defined %}\n    {%- set date_string = \"26 Jul 2024\" %}\n{%- endif %}\n"
    "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content']|trim %}\n"
    "    {%- set messages = messages[1:] %}\n{%- else %}\n    {%- set system_message = \"\" %}\n{%- endif %}\n"
    "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}\n"
    "{{- \"Cutting Knowledge Date: December 2023\\n\" }}\n{{- \"Today Date: \" + date_string + \"\\n\\n\" }}\n"
    "{{- system_message }}\n{{- \"<|eot_id|>\" }}\n{%- for message in messages %}\n"
    "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{%- if message['role'] == 'assistant' %}G{{ message['content'] | trim + '<|eot_id|>' }}E"
    "{%- else %}{{ message['content'] | trim + '<|eot_id|>' }}{%- endif %}{%- endfor %}")
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}"
    "G{{ message['content'] + '<|im_end|>' }}E{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}"
    "{% endfor %}")
TEMPLATES = {"LLAMA2": LLAMA2, "LLAMA3": LLAMA3, "LLAMA31": LLAMA31, "CHATML": CHATML}
U, A, S = "user", "assistant", "system"
CHATS = [
    [(U, "Hello"), (A, "Hi.")],
    [(S, "You are brief."), (U, "Which node?"), (A, "n1"), (U, "Why?"), (A, "It is free.")],
    [(S, " spaced \n"), (U, "\n  question \t"), (A, "  answer\n\n")],
    [(U, "日本語で\u3000"), (A, "\u3000はい。🙂")],
    [(S, ""), (U, ""), (A, "only me")],
    [(U, "say <|eot_id|> and [INST] and <|im_end|>"), (A, "</s> no")],
    [(S, "s"), (U, "   "), (A, "x"), (U, "later")],
]


def text_of(tokenizer, template, messages):
    """The text and its marked bytes: with one token a byte the mask is the text's own."""
    marked = template.replace("G{{", G + "{{").replace("}}E", "}}" + E)
    text = tokenizer.apply_chat_template(messages, chat_template=marked, tokenize=False)
    out = tokenizer.apply_chat_template(messages, chat_template=marked, tokenize=True, return_dict=True,
                                        return_assistant_tokens_mask=True)
    assert len(out["input_ids"]) == len(text.encode()), (len(out["input_ids"]), len(text.encode()))
    return text.encode(), out["assistant_masks"]


def main():
    raw = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={c: i for i, c in enumerate(sorted(
        tokenizers.pre_tokenizers.ByteLevel.alphabet()))}, merges=[]))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=raw)
    out = ["/* Made by make_chat_golden.py: template, turns, text, and of each byte whether it has a loss */"]
    tokenizer.init_kwargs["bos_token"] = None
    for name, template in TEMPLATES.items():
        begin = {"LLAMA2": "<s>", "LLAMA3": "<|begin_of_text|>", "LLAMA31": "<|begin_of_text|>", "CHATML": ""}[name]
        fixed = template.replace("bos_token", repr(begin)).replace("eos_token", "'</s>'")
        for chat in CHATS:
            text, mask = text_of(tokenizer, fixed, [{"role": r, "content": c} for r, c in chat])
            turns = ", ".join(f"{{{r!r}, {quoted(c.encode())}}}".replace("'", '"', 2) for r, c in chat)
            out.append(f'{{SFT_TEMPLATE_{name}, {{{turns}}}, {quoted(text)},\n "{"".join(map(str, mask))}"}},')
    (pathlib.Path(__file__).resolve().parent / "chat.inc").write_text("\n".join(out) + "\n")


def quoted(data):
    return '"' + "".join(f"\\{b:03o}" if b < 32 or b > 126 or b in b'"\\?' else chr(b) for b in data) + '"'


if __name__ == "__main__":
    main()
