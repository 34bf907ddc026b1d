#!/usr/bin/env python3
"""Draws a part of a trace of the flight recorder, as a viewer would show it: a lane for the waits of the loop and for each
name or spawn line, with a slice for each poll.

    cargo run --release --features inspect --example inspect_page      # then, after a few seconds:
    curl 127.0.0.1:9900/trace >trace.json
    python3 docs/pictures/trace.py trace.json 40 >docs/pictures/trace.svg    # the 40 ms with the most tasks
"""

import collections
import html
import json
import sys

WIDTH, LEFT, LANE = 900, 210, 26

with open(sys.argv[1], encoding="utf-8") as file:
    slices = [event for event in json.load(file)["traceEvents"] if event["ph"] == "X"]
window = float(sys.argv[2]) * 1000


def lane(event):
    return "waits of the loop" if event["cat"] == "wait" else event["name"].split(" #")[0]


# The window with the most lanes, and of these the one with the most time in polls.
best, start = (0, 0), slices[0]["ts"]
step = collections.defaultdict(list)
for event in slices:
    step[int(event["ts"] // window)].append(event)
for number, events in step.items():
    score = len({lane(event) for event in events}), sum(event["dur"] for event in events if event["cat"] == "poll")
    if score > best:
        best, start = score, number * window
shown = [event for event in slices if start <= event["ts"] < start + window]
lanes = collections.Counter(lane(event) for event in shown)
order = sorted(lanes, key=lambda name: (name != "waits of the loop", -lanes[name]))
height = 30 + LANE * len(order)

print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">')
print(f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>')
scale = (WIDTH - LEFT - 25) / window
for tick in range(0, int(window) + 1, int(window) // 8):
    x = LEFT + tick * scale
    print(f'<path d="M{x:.1f} 20V{height}" stroke="#ddd"/>')
    print(f'<text x="{x:.1f}" y="14" text-anchor="middle" fill="#555">{tick / 1000:g} ms</text>')
for row, name in enumerate(order):
    y = 26 + row * LANE
    print(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end" fill="#222">{html.escape(name)}</text>')
    color = "#b8c4d0" if name == "waits of the loop" else f"hsl({(row * 67 + 205) % 360} 55% 48%)"
    # Slices of less than a pixel are one mark, as wide as their time and at least visible.
    marks = []
    for event in (event for event in shown if lane(event) == name):
        x, width = LEFT + (event["ts"] - start) * scale, max(event["dur"] * scale, 0.6)
        width = min(width, WIDTH - 25 - x)
        if marks and x <= marks[-1][1] + 0.1:
            marks[-1][1] = max(marks[-1][1], x + width)
        else:
            marks.append([x, x + width])
    path = "".join(f"M{x:.1f} {y}H{end:.1f}V{y + 18}H{x:.1f}Z" for x, end in marks)
    print(f'<path d="{path}" fill="{color}"/>')
print("</svg>")
