#!/usr/bin/env python3
"""Draws the pictures of docs/ next to this file: python3 docs/pictures/draw.py

Python's standard library and nothing else. Change the words here, run it, and commit what it writes.
"""

import re
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "runtime/src"

STYLE = """
  text { font: 13px sans-serif; fill: #1f2328 }
  .name { font: bold 14px monospace }
  .code { font: 12px monospace }
  .small { font-size: 12px; fill: #57606a }
  .box { fill: #f6f8fa; stroke: #57606a }
  .kernel { fill: #fff8c5; stroke: #9a6700 }
  .thread { fill: #ddf4ff; stroke: #0969da }
  .page { fill: #ffffff }
  .dot { fill: #0969da }
  path { fill: none; stroke: #57606a; stroke-width: 1.5 }
"""


class Picture:
    def __init__(self, width, height, title):
        self.size, self.title, self.parts = (width, height), title, []

    def box(self, x, y, w, h, kind="box"):
        self.parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="6"/>')

    def text(self, x, y, words, kind="", anchor="start"):
        self.parts.append(f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>')

    def arrow(self, *points):
        way = " L".join(f"{x} {y}" for x, y in points)
        self.parts.append(f'<path d="M{way}" marker-end="url(#head)"/>')

    def dot(self, x, y):
        self.parts.append(f'<circle class="dot" cx="{x}" cy="{y}" r="5"/>')

    def line(self, *points):
        self.parts.append(f'<path d="M{" L".join(f"{x} {y}" for x, y in points)}"/>')

    def write(self, name):
        w, h = self.size
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img">',
            f"<title>{escape(self.title)}</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0 0 L8 4 L0 8 Z" style="fill:#57606a;stroke:none"/></marker></defs>',
            f'<rect class="page" width="{w}" height="{h}" rx="6"/>',
            *self.parts,
            "</svg>",
        ]
        Path(__file__).with_name(name).write_text("\n".join(lines) + "\n")


def station(p, x, y, number, name, lines, kind="box"):
    p.box(x, y, 230, 118, kind)
    p.text(x + 12, y + 24, f"{number}  {name}" if number else name, "name")
    for i, (words, style) in enumerate(lines):
        p.text(x + 12, y + 46 + 19 * i, words, style)


def event():
    """Six files, in the order in which they are read; below them the kernel and another thread."""
    p = Picture(780, 480, "One readiness event on its way through six files")
    station(p, 20, 20, 1, "executor/turn.rs", [
        ("turn_until_done", "code"),
        ("one turn: wait, timers,", ""),
        ("mailbox, polls", ""),
        ("(executor/wait.rs)", "small"),
    ])
    station(p, 275, 20, 2, "reactor/epoll.rs", [
        ("Reactor::wait", "code"),
        ("Source::on_event", "code"),
        ("cache the mask, take", ""),
        ("the waiting task", ""),
    ])
    station(p, 530, 20, 3, "wake/queue.rs", [
        ("Batch::wake_alive", "code"),
        ("compare the generation,", ""),
        ("append the index", ""),
        ("(wake/key.rs)", "small"),
    ])
    station(p, 530, 180, 4, "executor/polls.rs", [
        ("Executor::poll_each", "code"),
        ("take the first index,", ""),
        ("make a waker of its key,", ""),
        ("poll the task", ""),
    ])
    station(p, 275, 180, 5, "task/cell.rs", [
        ("TaskCell::poll", "code"),
        ("poll the future in place:", ""),
        ("the user's code, then a", ""),
        ("stream's read (net)", ""),
    ])
    station(p, 20, 180, 6, "reactor/registration.rs", [
        ("poll_op", "code"),
        ("ready? one system call,", ""),
        ("then clear by C1 to C5;", ""),
        ("else wait again", ""),
    ])
    station(p, 20, 340, "", "kernel", [
        ("epoll_wait reports an edge", ""),
        ("to 2; recv of 6 returns", ""),
        ("bytes or EAGAIN, after", ""),
        ("which comes a new edge", ""),
    ], "kernel")
    p.arrow((250, 79), (275, 79))
    p.arrow((505, 79), (530, 79))
    p.arrow((645, 138), (645, 180))
    p.arrow((530, 239), (505, 239))
    p.arrow((275, 239), (250, 239))
    p.arrow((135, 298), (135, 340))

    station(p, 275, 340, "", "wake/remote.rs", [
        ("wake", "code"),
        ("on another thread: the key", ""),
        ("goes to the mailbox; one", ""),
        ("eventfd write for a sleep", ""),
    ], "thread")
    station(p, 530, 340, "", "executor/wait.rs", [
        ("collect_letters", "code"),
        ("once a turn, each index", ""),
        ("that is still its task's", ""),
        ("joins the queue", ""),
    ])
    p.arrow((505, 399), (530, 399))
    p.arrow((645, 340), (645, 298))
    p.write("event.svg")


def strip(p, y, name, fields):
    p.text(20, y - 12, name, "name")
    x = 20
    for bits, label, lines in fields:
        w = bits * 11.5
        p.box(x, y, w, 40, "thread")
        p.text(x + w / 2, y + 17, label, "code", "middle")
        p.text(x + w / 2, y + 33, f"{bits} bits", "small", "middle")
        for i, words in enumerate(lines):
            p.text(x + w / 2, y + 60 + 17 * i, words, "small", "middle")
        x += w


def bits():
    p = Picture(776, 270, "The bits of a waker and of a source key")
    strip(p, 40, "TaskKey: the data of a waker", [
        (16, "executor", ["which mailbox;", "counted from 1, recycled"]),
        (16, "generation", ["is it still this task?", "one more for each in its place"]),
        (32, "index", ["place in the slab of tasks, plus 1;", "0 is the future of block_on"]),
    ])
    strip(p, 180, "SourceKey: what the kernel hands back with an event", [
        (32, "generation", ["is it still this registration?", "one more for each registration"]),
        (32, "index", ["place in the slab of sources;", "all bits set: the eventfd"]),
    ])
    p.write("keys.svg")


def rooms():
    """The rooms by the table in runtime/src/lib.rs, and which of them the sources of each name."""
    table = re.findall(r"^//! \| `(\w+)` \| (.*) \|$", (SOURCES / "lib.rs").read_text(), re.M)
    names = [name for name, _ in table]
    used = {}
    for name in names:
        files = [SOURCES / f"{name}.rs", *SOURCES.glob(f"{name}/**/*.rs")]
        sources = [file.read_text() for file in files if file.exists() and file.name != "tests.rs"]
        code = [re.sub(r"^#\[cfg\(test\)\]\nmod \w+ \{.*?^\}|//.*?$", "", source, flags=re.M | re.S) for source in sources]
        used[name] = {room for source in code for room in re.findall(r"(?<![$\w])crate::(\w+)", source)} & set(names) - {name}
    p = Picture(560, 62 + 30 * len(names), "The rooms of egret-runtime, highest first, and which rooms each names")
    left, top, step = 150, 56, 30
    for at, name in enumerate(reversed(names)):
        column = len(names) - 1 - at
        y = top + step * at
        p.box(20, y, 110, 24)
        p.text(32, y + 17, f"{column + 1:2} {name}", "name")
        p.text(left + step * column + 12, top - 12, str(column + 1), "small", "middle")
        p.line((left, y + 12), (left + step * column, y + 12))
        for other in sorted(used[name]):
            p.dot(left + step * names.index(other) + 12, y + 12)
        p.box(left + step * column, y, 24, 24, "kernel")
    p.text(20, 20, "A row is a room; a dot, a room that it names. None is to the right of the diagonal.", "small")
    p.write("rooms.svg")


event()
bits()
rooms()
