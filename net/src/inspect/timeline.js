// The timeline: what the loop did in the time that its recorder covers, drawn on a canvas.
//
// A lane is a spawn line. What lies within one column comes from the server as one block; its height is the share of
// time that it was busy. Colour says how long a poll took, and nothing else.
"use strict";

const LATE_NS = 10e6, WRONG_NS = 100e6;
const AXIS = 22, LEFT = 230, RIGHT = 96;

class Timeline {
  /** `load(from, to, columns)` resolves to the answer of `/timeline`; without arguments to the last second. */
  constructor(host, { strip, load, open, marks, first = "loop" }) {
    this.load = load; this.open = open; this.strip = strip; this.lane = strip ? 20 : 26; this.marks = marks; this.first = first;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.tip = document.createElement("div");
    this.tip.className = "tip"; this.tip.hidden = true;
    host.classList.add("timeline");
    host.classList.toggle("strip", strip);
    host.append(this.canvas, this.tip);
    this.host = host;
    this.data = null; this.view = null; this.pointer = null;
    new ResizeObserver(() => this.draw()).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.canvas.addEventListener("pointermove", event => this.point(event));
    this.canvas.addEventListener("pointerleave", () => { this.pointer = null; this.tip.hidden = true; this.draw(); });
    if (strip) return;
    this.canvas.tabIndex = 0;
    this.canvas.addEventListener("wheel", event => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 0.7 : 1 / 0.7, this.at(event.offsetX));
    }, { passive: false });
    this.canvas.addEventListener("pointerdown", event => {
      this.drag = { x: event.offsetX, view: this.window(), moved: false };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointerup", event => {
      const hit = this.hit(event.offsetX, event.offsetY);
      if (this.drag && !this.drag.moved && hit && hit.task !== null) this.open(hit.task);
      if (this.drag && this.drag.moved) this.refine();
      this.drag = null;
    });
    this.canvas.addEventListener("keydown", event => {
      const step = (this.window().to - this.window().from) / 5;
      const act = {
        "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), "0": () => this.reset(),
        ArrowLeft: () => this.move(-step), ArrowRight: () => this.move(step),
      }[event.key];
      if (act && !event.ctrlKey && !event.metaKey) { event.preventDefault(); event.stopPropagation(); act(); }
    });
  }

  /** The part that is shown: `view` when it is zoomed, otherwise all of it. */
  window() {
    return this.view || { from: this.data ? this.data.from_ns : 0, to: this.data ? this.data.to_ns : 1 };
  }
  get isZoomed() { return this.view !== null; }
  get columns() { return Math.max(100, Math.min(2000, Math.floor(this.canvas.clientWidth - LEFT - RIGHT))); }

  set(data) {
    this.data = data;
    this.canvas.setAttribute("aria-label", data.lanes.length
      ? `${duration(data.to_ns - data.from_ns)} of the loop: ${count(data.polls)} polls, ${percent(data.busy_ns / (data.to_ns - data.from_ns))} of the time`
      : "The recorder has nothing");
    this.draw();
  }
  zoom(factor, around) {
    if (!this.data) return;
    const { from, to } = this.window();
    const middle = around === undefined ? (from + to) / 2 : around;
    const size = Math.max(2000, (to - from) * factor);
    this.show(middle - (middle - from) * size / (to - from), size);
    this.refine();
  }
  move(by) {
    const { from, to } = this.window();
    this.show(from + by, to - from);
    this.refine();
  }
  /** Shows a part, or all when the part is as large. */
  show(from, size) {
    const whole = this.data.whole_ns, start = Math.min(Math.max(from, 0), Math.max(0, whole - size));
    this.view = { from: start, to: Math.min(whole, start + size) };
    this.draw();
  }
  reset() { this.view = null; this.load().then(data => this.set(data)).catch(() => {}); }
  /** Asks for what is shown in the resolution of the screen. */
  refine() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { from, to } = this.window();
      this.load(Math.floor(from), Math.ceil(to), this.columns, this.data.recording).then(data => this.set(data)).catch(() => {});
    }, 60);
  }

  x(ns) {
    const { from, to } = this.window();
    return LEFT + (ns - from) / (to - from) * (this.canvas.clientWidth - LEFT - RIGHT);
  }
  at(x) {
    const { from, to } = this.window();
    return from + (x - LEFT) / (this.canvas.clientWidth - LEFT - RIGHT) * (to - from);
  }
  /** The rows of the picture: the loop, the lanes, the marks. */
  rows() {
    if (!this.data) return [];
    const lanes = this.strip ? [] : this.data.lanes.map((lane, index) => ({ lane, index }));
    return [{ loop: true }, ...lanes, ...this.data.marks.filter(mark => !this.marks || this.marks.includes(mark.label)).map(mark => ({ mark }))];
  }

  draw() {
    const rows = this.rows(), canvas = this.canvas, ratio = devicePixelRatio || 1;
    const height = AXIS + Math.max(rows.length, 1) * this.lane + 4, width = this.host.clientWidth;
    if (!width) return;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    const c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const colour = name => style.getPropertyValue(name).trim();
    const [text, quiet, line, idle] = ["--text", "--quiet", "--line", "--idle"].map(colour);
    const fill = ns => colour(ns >= WRONG_NS ? "--wrong" : ns >= LATE_NS ? "--late" : "--link");
    const body = getComputedStyle(document.body).fontFamily, mono = style.getPropertyValue("--mono");
    c.textBaseline = "middle";
    if (!this.data || !rows.length || this.data.to_ns <= this.data.from_ns) {
      c.font = `13px ${body}`; c.fillStyle = quiet;
      c.fillText(this.data ? "The recorder has nothing." : "", 12, height / 2);
      return;
    }
    const { from, to } = this.window(), right = width - RIGHT;
    // The axis: as many round steps as there is room for.
    c.font = `12px ${body}`; c.textAlign = "center";
    const end = to === this.data.whole_ns ? "now" : `now − ${duration(this.data.whole_ns - to)}`;
    const step = roundStep((to - from) / Math.max(2, (right - LEFT) / 110));
    for (let t = Math.ceil((from - to) / step) * step; t <= 0; t += step) {
      const x = this.x(to + t);
      c.fillStyle = line; c.fillRect(Math.round(x), AXIS - 4, 1, height - AXIS);
      c.fillStyle = quiet;
      c.textAlign = x < LEFT + 24 ? "left" : "center";
      c.fillText(t === 0 ? end : `−${duration(-t)}`, x, AXIS / 2 - 1);
    }
    if (this.isZoomed) { c.textAlign = "left"; c.fillStyle = quiet; c.fillText("held; 0 goes on", 10, AXIS / 2 - 1); }
    c.save();
    rows.forEach((row, number) => {
      const y = AXIS + number * this.lane;
      c.font = row.lane ? `12px ${mono}` : `12px ${body}`;
      c.fillStyle = row.lane ? text : quiet; c.textAlign = "left";
      const label = row.loop ? this.first : row.lane ? laneLabel(row.lane) : row.mark.label;
      c.fillText(clip(c, label, LEFT - 20), 10, y + this.lane / 2);
      c.font = `12px ${body}`; c.fillStyle = quiet; c.textAlign = "right";
      const sum = row.loop ? percent(this.data.busy_ns / (this.data.to_ns - this.data.from_ns))
        : row.lane ? duration(row.lane.total_ns) : count(row.mark.total);
      c.fillText(sum, width - 10, y + this.lane / 2);
    });
    const column = (this.data.to_ns - this.data.from_ns) / Math.max(1, this.data.columns.length);
    c.beginPath(); c.rect(LEFT, 0, right - LEFT, height); c.clip();
    rows.forEach((row, number) => {
      const y = AXIS + number * this.lane + 3, h = this.lane - 6;
      if (row.loop) {
        c.fillStyle = idle; c.fillRect(LEFT, y, right - LEFT, h);
        this.data.columns.forEach(([awake, busy, longest], i) => {
          const start = this.data.from_ns + i * column;
          c.fillStyle = quiet; this.block(c, start, column, awake / 1000, y, h);
          c.fillStyle = fill(longest); this.block(c, start, column, busy / 1000, y, h);
        });
      } else if (row.mark) {
        c.fillStyle = quiet; c.globalAlpha = 0.6;
        const most = Math.max(1, ...row.mark.at.map(pair => pair[1]));
        for (const [at, n] of row.mark.at) {
          const tall = Math.max(2, h * Math.log1p(n) / Math.log1p(most));
          c.fillRect(Math.floor(this.x(at)), y + h - tall, 1, tall);
        }
        c.globalAlpha = 1;
      }
    });
    for (const [lane, start, length, busy, , , longest] of this.strip ? [] : this.data.blocks) {
      c.fillStyle = fill(longest);
      this.block(c, start, length, busy / Math.max(1, length, column), AXIS + (1 + lane) * this.lane + 3, this.lane - 6);
    }
    c.restore();
    if (this.pointer && this.pointer.x >= LEFT && this.pointer.x <= right) {
      c.fillStyle = quiet; c.fillRect(Math.round(this.pointer.x), AXIS - 4, 1, height - AXIS);
    }
  }
  block(c, start, length, share, y, h) {
    if (share <= 0) return;
    const x = this.x(start), w = Math.max(1, this.x(start + length) - x), tall = Math.max(1.5, h * Math.min(1, share));
    c.fillRect(x, y + h - tall, w, tall);
  }

  /** What lies under a point: the task of a poll, or a lane. */
  hit(x, y) {
    const row = this.rows()[Math.floor((y - AXIS) / this.lane)];
    if (!row || !this.data || x < LEFT) return null;
    const at = this.at(x), near = (this.at(x + 2) - at);
    const found = this.data.blocks.filter(([lane, start, length]) =>
      (row.loop || lane === row.index) && at >= start - near && at <= start + length + near);
    if (row.mark || !found.length) return { row, at, task: null };
    const [lane, start, length, busy, polls, task, longest] = found.reduce((a, b) => b[6] > a[6] ? b : a);
    return { row, at, lane: this.data.lanes[lane], start, length, busy, polls, task, longest };
  }
  point(event) {
    this.pointer = { x: event.offsetX, y: event.offsetY };
    if (this.drag) {
      const moved = this.drag.x - event.offsetX;
      this.drag.moved = this.drag.moved || Math.abs(moved) > 4;
      const { from, to } = this.drag.view;
      if (this.drag.moved) this.show(from + moved / (this.canvas.clientWidth - LEFT - RIGHT) * (to - from), to - from);
    }
    this.draw();
    const hit = this.hit(event.offsetX, event.offsetY);
    this.tip.hidden = !hit;
    if (!hit) return;
    const lines = [`−${duration(this.window().to - hit.at)}`];
    if (hit.task !== undefined && hit.task !== null) {
      lines.push(hit.polls === 1 ? `a poll of task ${hit.task}: ${duration(hit.busy)}`
        : `${count(hit.polls)} polls: ${duration(hit.busy)}; longest ${duration(hit.longest)}, task ${hit.task}`);
      lines.push(laneLabel(hit.lane));
    }
    this.tip.replaceChildren(...lines.map(text => { const div = document.createElement("div"); div.textContent = text; return div; }));
    const width = this.host.clientWidth, left = hit && event.offsetX + 14;
    this.tip.style.left = `${Math.max(0, Math.min(left, width - this.tip.offsetWidth - 4))}px`;
    this.tip.style.top = `${event.offsetY + 16}px`;
  }
}

function laneLabel(lane) {
  if (lane.is_rest) return "other lines";
  if (!lane.at) return lane.name || "block_on";
  return lane.name ? `${lane.name}  ${place(lane.at).split("/").pop()}` : place(lane.at);
}
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map(n => n * power).find(step => step >= least);
}
function clip(c, text, width) {
  if (c.measureText(text).width <= width) return text;
  let from = 1;
  while (from < text.length && c.measureText("…" + text.slice(from)).width > width) from++;
  return "…" + text.slice(from);
}
