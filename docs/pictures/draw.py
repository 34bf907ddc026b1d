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
    p.box(x, y, 210, 118, kind)
    p.text(x + 12, y + 24, f"{number}  {name}" if number else name, "name")
    for i, (words, style) in enumerate(lines):
        p.text(x + 12, y + 46 + 19 * i, words, style)


def event():
    p = Picture(780, 480, "One readiness event on its way through the rooms")
    station(p, 20, 20, "", "kernel", [
        ("epoll_wait writes", ""),
        ("(key of the source, mask)", "code"),
        ("to the buffer of events", ""),
    ], "kernel")
    station(p, 285, 20, 1, "reactor/epoll.rs", [
        ("Reactor::wait: find source", "code"),
        ("Source::on_event: merge", "code"),
        ("the mask, take who waits", ""),
        ("(reactor/waiters.rs)", "small"),
    ])
    station(p, 550, 20, 2, "wake/queue.rs", [
        ("Batch::wake: a number,", "code"),
        ("executor:generation:index;", "code"),
        ("its index joins the queue", ""),
        ("(wake/key.rs)", "small"),
    ])
    station(p, 550, 180, 3, "executor/turn.rs", [
        ("Executor::run: pop an", "code"),
        ("index, find the task,", ""),
        ("poll it", ""),
        ("(task/cell.rs)", "small"),
    ])
    station(p, 285, 180, 4, "net: stream/poll.rs", [
        ("poll_recv: ready?", "code"),
        ("then one system call,", ""),
        ("then clear by C1 to C5", ""),
        ("(reactor/registration.rs)", "small"),
    ])
    station(p, 20, 180, "", "kernel", [
        ("recv: bytes, or EAGAIN", "code"),
        ("after EAGAIN the next", ""),
        ("change is a new edge", ""),
    ], "kernel")
    p.arrow((230, 79), (285, 79))
    p.arrow((495, 79), (550, 79))
    p.arrow((655, 138), (655, 180))
    p.arrow((550, 239), (495, 239))
    p.arrow((285, 239), (230, 239))
    p.arrow((125, 180), (125, 138))

    p.box(285, 340, 210, 118, "thread")
    p.text(297, 364, "another thread", "name")
    p.text(297, 386, "wake/remote.rs: the key goes")
    p.text(297, 405, "to the mailbox; one write to")
    p.text(297, 424, "the eventfd if the loop sleeps")
    p.box(550, 340, 210, 118)
    p.text(562, 364, "executor/wait.rs", "name")
    p.text(562, 386, "collect_letters:", "code")
    p.text(562, 405, "once a turn, each index")
    p.text(562, 424, "that is still its task's")
    p.text(562, 443, "joins the queue")
    p.arrow((495, 399), (550, 399))
    p.arrow((655, 340), (655, 298))
    p.text(20, 372, "Above: one thread, the loop's.", "small")
    p.text(20, 392, "Below: how a wake from another", "small")
    p.text(20, 412, "thread gets into the same queue.", "small")
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
