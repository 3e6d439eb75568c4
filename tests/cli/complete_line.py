#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""complete_line.py RCFILE KEYS... : an interactive bash with RCFILE as its start, in a terminal; each KEYS is
typed, and the line that readline has then made of it is printed. A tab is \\t; a line is never executed."""
import os
import pty
import re
import select
import sys

PROMPT, MARK = "ready> ", "<line>"


def read_until(terminal, wanted, seconds=20):
    text = ""
    while wanted not in text:
        if not select.select([terminal], [], [], seconds)[0]:
            raise SystemExit(f"complete_line.py: waited in vain for {wanted!r} after {text!r}")
        text += os.read(terminal, 65536).decode(errors="replace")
    return text


def line_of(terminal, keys):
    # The shell writes its line to the terminal itself, bound to a key.
    os.write(terminal, keys.replace("\\t", "\t").encode() + b"\x18p")
    line = re.search(MARK + r"(.*?)" + MARK, read_until(terminal, MARK + "\r\n"), re.S).group(1)
    os.write(terminal, b"\x15")
    return line


def main():
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="dumb", PS1=PROMPT)
        os.execvp("bash", ["bash", "--noprofile", "--rcfile", sys.argv[1], "-i"])
    read_until(terminal, PROMPT)
    setup = f"bind -x '\"\\C-xp\": echo \"{MARK}$READLINE_LINE{MARK}\"'; PS1='{PROMPT}'\n"
    os.write(terminal, setup.encode())
    read_until(terminal, PROMPT)
    for keys in sys.argv[2:]:
        print(line_of(terminal, keys))
    os.close(terminal)


main()
