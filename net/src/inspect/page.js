// The page: views of what the server answers as JSON. All text becomes text nodes: no name is ever parsed as HTML.
"use strict";

// ---- Words -----------------------------------------------------------------------------------------

const nothing = "–";

/** Nanoseconds in three digits. */
function duration(ns) {
  if (ns === null || ns === undefined) return nothing;
  const units = [[1e3, 1, "ns"], [1e6, 1e3, "µs"], [1e9, 1e6, "ms"], [6e10, 1e9, "s"]];
  for (const [below, unit, name] of units) if (ns < below) return `${digits(ns / unit)} ${name}`;
  return ns < 3.6e12 ? `${digits(ns / 6e10)} min` : ns < 8.64e13 ? `${digits(ns / 3.6e12)} h` : `${digits(ns / 8.64e13)} d`;
}
/** The time of polls. Of short ones one in 64 stands for all, so that a task may have none that was timed. */
function timed(ns) {
  return duration(ns || null);
}
function digits(n) {
  return n >= 100 || Number.isInteger(n) ? String(Math.round(n)) : n >= 10 ? n.toFixed(1) : n.toFixed(2);
}
function count(n) {
  if (n >= 1e7) return `${digits(n / 1e6)} M`;
  return n === null || n === undefined ? nothing : String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}
function rate(n) {
  return n === null || n === undefined ? nothing : n < 10 && n > 0 ? n.toFixed(1) : count(n);
}
function bytes(n) {
  if (n === null || n === undefined) return nothing;
  for (const unit of ["B", "KiB", "MiB"]) { if (n < 1024) return `${digits(n)} ${unit}`; n /= 1024; }
  return `${digits(n)} GiB`;
}
function percent(share) { return share === null || share === undefined ? nothing : `${digits(100 * share)} %`; }
/** A line of the program, without the folders in which cargo keeps crates. */
function place(at) {
  return at ? `${at.file.replace(/^.*\/(registry\/src\/[^/]+|git\/checkouts|rustlib\/src\/rust\/library)\//, "")}:${at.line}` : "";
}
function exactly(at) { return at ? `${at.file}:${at.line}` : ""; }
function since(state) { return state.since_ns; }
function wokenBy(cause) {
  if (!cause) return "";
  return { spawn: "spawn", event: `event #${cause.fd}`, timer: "timer", task: `task ${cause.id}`, thread: "thread" }[cause.by] || cause.by;
}
function name(task) { return task.name === null ? (task.id === 0 ? "block_on" : "") : task.name; }
const hintNames = {
  stuck: "Stuck", join_cycle: "Join cycle", deadlock: "Deadlock", never_woken: "Never woken", self_waking: "Wakes itself",
  long_poll: "Long poll", many_tasks: "Many tasks", pool_full: "Pool full",
};

// ---- Elements --------------------------------------------------------------------------------------

const $ = id => document.getElementById(id);
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}
function say(element, text) { if (element.textContent !== text) element.textContent = text; }

// ---- A table ---------------------------------------------------------------------------------------

const ROW = 24, MOST_PIXELS = 8e6, MONO = 7.25;
function classes(column) { return [column.num && "num", column.mono && "mono", column.wide && "wide"].filter(Boolean).join(" ") || null; }

/** A table of which only the visible rows exist. `load(offset, limit, sort, descending)` resolves to `{total, rows}`. */
class Grid {
  constructor(columns, { load, label, key, open, sort, descending = true, fit = false, none = "None.", onTotal }) {
    Object.assign(this, { columns, load, key, open, sort, descending, fit, none, onTotal });
    this.total = 0; this.offset = 0; this.rows = []; this.chosen = -1; this.pool = [];
    this.asked = 0; this.isOutdated = false; this.pressed = [];
    this.header = h("tr", { "aria-rowindex": 1 });
    this.body = h("tbody");
    this.above = this.space(); this.below = this.space();
    this.body.append(this.above, this.below);
    this.table = h("table", { role: "grid", "aria-label": label }, h("colgroup"), h("thead", {}, this.header), this.body);
    this.empty = h("div", { class: "none", hidden: true }, none);
    this.element = h("div", {
      class: `grid ${fit ? "fit" : "tall"}`, tabindex: 0, onkeydown: event => this.press(event),
    }, this.table, this.empty);
    this.element.setAttribute("aria-label", label);
    this.element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.observer = new ResizeObserver(() => this.scrolled());
    this.observer.observe(this.element);
    let least = 0;
    for (const column of columns) {
      if (!column.wide) least += column.width || 180;
      const col = h("col", { class: column.wide ? "wide" : null });
      if (column.width) col.style.width = `${column.width}px`;
      this.table.firstChild.append(col);
      const label = column.sort === null ? h("span", { title: column.title }, column.label)
        : h("button", { type: "button", tabindex: -1, title: column.title, onclick: () => this.order(column) }, column.label);
      this.header.append(h("th", { scope: "col", class: classes({ ...column, mono: false }) }, label));
    }
    this.table.style.minWidth = `${least}px`;
    this.showOrder();
  }
  space() { return h("tr", { class: "space", role: "presentation" }, h("td")); }
  order(column) {
    const id = column.sort || column.id;
    if (this.sort === id) this.descending = !this.descending;
    else { this.sort = id; this.descending = Boolean(column.num); }
    this.showOrder();
    this.refresh();
  }
  showOrder() {
    this.columns.forEach((column, i) => {
      const th = this.header.children[i];
      if (column.sort !== null && this.sort === (column.sort || column.id)) th.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  }
  get seen() { return this.fit ? 400 : Math.ceil((this.element.clientHeight || 600) / ROW); }
  /** Tables of millions of rows do not fit the height that an element can have: there the scroll bar is a scale. */
  get height() { return Math.min(this.total * ROW, MOST_PIXELS); }
  get first() {
    if (this.fit) return 0;
    const most = Math.max(0, this.total - this.seen + 2);
    if (this.height === this.total * ROW) return Math.min(Math.floor(this.element.scrollTop / ROW), most);
    const way = this.height + ROW - this.element.clientHeight;
    return Math.round(Math.min(1, this.element.scrollTop / way) * most);
  }
  scrolled() {
    const first = this.first;
    if (first < this.offset || first + this.seen > this.offset + this.rows.length) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.refresh(), 30);
    }
    this.paint();
  }
  /** What is asked for has changed: the rows that are here are not the answer, and none is chosen. */
  outdate() { this.asked++; this.element.scrollTop = 0; this.chosen = -1; this.isOutdated = true; this.pressed = []; }
  /** Runs `then` when the rows are the answer to what is asked for: at once, or in turn when it arrives. */
  current(then) { if (this.isOutdated) this.pressed.push(then); else then(); }
  async refresh() {
    const asked = ++this.asked, extra = this.fit ? 0 : 40;
    const offset = Math.max(0, this.first - extra);
    const answer = await this.load(offset, this.seen + 2 * extra, this.sort, this.descending);
    if (asked !== this.asked) return; // another was asked since
    this.total = answer.total; this.rows = answer.rows; this.offset = offset; this.isOutdated = false;
    this.chosen = Math.min(this.chosen, this.total - 1);
    if (this.onTotal) this.onTotal(answer);
    this.table.setAttribute("aria-rowcount", this.total + 1);
    this.empty.hidden = this.total > 0;
    this.paint();
    for (const then of this.pressed.splice(0)) then();
  }
  paint() {
    const from = this.fit ? this.offset : Math.max(this.offset, this.first - 4);
    const to = Math.min(this.offset + this.rows.length, from + this.seen + 8);
    const shown = Math.max(0, to - from);
    const isScaled = this.height !== this.total * ROW;
    const top = isScaled ? Math.min(this.element.scrollTop, this.height - shown * ROW) : from * ROW;
    this.above.firstChild.style.height = `${Math.max(0, top)}px`;
    this.below.firstChild.style.height = `${this.fit ? 0 : Math.max(0, this.height - top - shown * ROW)}px`;
    while (this.pool.length < shown) this.pool.push(this.row());
    this.room = this.columns.map((column, i) => column.mono ? Math.max(8, Math.floor((this.header.children[i].clientWidth - 16) / MONO)) : 0);
    this.pool.forEach((tr, i) => {
      if (i >= shown) { tr.remove(); return; }
      if (!tr.isConnected) this.body.insertBefore(tr, this.below);
      const row = this.rows[from + i - this.offset];
      this.fill(tr, row, from + i);
    });
    this.mark();
  }
  row() {
    const tr = h("tr", { class: this.open ? "opens" : null }, ...this.columns.map(column => h("td", { class: classes(column) })));
    tr.addEventListener("click", event => {
      if (event.target.closest("a")) return;
      this.chosen = tr.index; this.mark();
      if (this.open && !getSelection().toString()) this.open(this.rows[tr.index - this.offset]);
    });
    return tr;
  }
  fill(tr, row, index) {
    tr.index = index;
    tr.setAttribute("aria-rowindex", index + 2);
    this.columns.forEach((column, i) => {
      const td = tr.children[i], value = column.get(row);
      if (value instanceof Node) td.replaceChildren(value);
      else {
        const text = value === null || value === undefined ? "" : String(value), room = this.room[i];
        say(td, column.mono && text.length > room ? `…${text.slice(1 - room)}` : text); // of a path its end says more
        const title = column.hint ? column.hint(row) : column.num || !text ? "" : text;
        if (td.title !== title) td.title = title;
      }
      if (column.tone) td.className = `${classes(column) || ""} ${column.tone(row)}`;
    });
  }
  mark() {
    let active = null;
    for (const tr of this.pool) {
      const is = tr.isConnected && tr.index === this.chosen;
      tr.setAttribute("aria-selected", is);
      if (is) { tr.id = `${this.element.id || "grid"}-row`; active = tr.id; } else tr.removeAttribute("id");
    }
    if (active) this.element.setAttribute("aria-activedescendant", active); else this.element.removeAttribute("aria-activedescendant");
  }
  choose(index) {
    this.chosen = Math.max(0, Math.min(this.total - 1, index));
    if (!this.fit && this.height !== this.total * ROW) {
      const first = this.first;
      if (this.chosen < first || this.chosen >= first + this.seen - 2) {
        const most = Math.max(1, this.total - this.seen + 2);
        this.element.scrollTop = this.chosen / most * (this.height + ROW - this.element.clientHeight);
      }
    } else {
      const top = this.chosen * ROW, height = this.element.clientHeight - 2 * ROW;
      if (top < this.element.scrollTop) this.element.scrollTop = top;
      else if (top > this.element.scrollTop + height) this.element.scrollTop = top - height;
    }
    this.scrolled();
  }
  press(event) {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, this.seen - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity, j: 1, k: -1 };
    const step = steps[event.key];
    if (step) this.current(() => this.choose(this.chosen < 0 && Number.isFinite(step) ? this.first : this.chosen + step));
    else if (event.key === "Enter" && this.open) this.current(() => { const row = this.rows[this.chosen - this.offset]; if (row) this.open(row); });
    else return;
    event.preventDefault(); event.stopPropagation();
  }
}

/** From the search to the first of its rows. */
function enter(event, grid) {
  event.preventDefault(); grid.element.focus();
  grid.current(() => grid.choose(Math.max(0, grid.chosen)));
}

/** What `Grid.load` is for rows that are here. */
function local(get, columns) {
  return async (offset, limit, sort, descending) => {
    const rows = get().slice(), column = columns.find(column => (column.sort || column.id) === sort);
    const value = column && (column.value || column.get);
    if (value) rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return (typeof x === "number" && typeof y === "number" ? x - y : String(x ?? "").localeCompare(String(y ?? ""))) * (descending ? -1 : 1);
    });
    return { total: rows.length, rows: rows.slice(offset, offset + limit) };
  };
}

// ---- State -----------------------------------------------------------------------------------------

const state = { view: "overview", query: new URLSearchParams(), loop: 0, paused: false, overview: null, load: new Map(), grid: null, current: null };
const views = { overview: "Overview", tasks: "Tasks", sources: "Sources", timers: "Timers", blocking: "Blocking", timeline: "Timeline" };

async function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries({ loop: state.loop, ...parameters })) if (value !== "" && value !== null && value !== undefined) query.set(key, value);
  if (state.paused) query.set("held", "1");
  const answer = await fetch(`${path}?${query}`, { cache: "no-store" });
  if (!answer.ok) throw new Error((await answer.text()).trim() || answer.statusText);
  return answer.json();
}
function go(view, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  location.hash = view + (query ? `?${query}` : "");
}
function taskLink(id) {
  return id === null || id === undefined ? document.createTextNode(nothing) : h("a", { href: `#task?id=${id}` }, String(id));
}
function taskLinks(ids) {
  const span = h("span");
  ids.slice(0, 4).forEach((id, i) => span.append(i ? ", " : "", taskLink(id)));
  if (ids.length > 4) span.append(` and ${ids.length - 4} more`);
  if (!ids.length) span.append(nothing);
  return span;
}

// ---- Columns ---------------------------------------------------------------------------------------

function longTone(ns) { return ns >= WRONG_NS ? "wrong" : ns >= LATE_NS ? "late" : ""; }
function stateTone(task) { return { running: "ok", queued: "late", waiting: "" }[task.state.is]; }
function waitText(task) {
  if (!task.waits.length) return "";
  return task.waits[0].text + left(task.waits[0]) + (task.waits.length > 1 ? `  (and ${task.waits.length - 1} more)` : "");
}
function left(wait) { return wait.left_ns === null || wait.left_ns === undefined ? "" : wait.left_ns ? `, ${duration(wait.left_ns)} to go` : ", due"; }

const taskColumns = [
  { id: "id", label: "Id", num: true, width: 76, get: task => task.id },
  { id: "name", label: "Name", width: 104, get: name },
  { id: "spawned_at", label: "Spawned at", mono: true, width: 166, get: task => place(task.spawned_at), hint: task => exactly(task.spawned_at) },
  { id: "state", label: "State", width: 68, get: task => task.state.is, tone: stateTone },
  { id: "since", label: "Since", num: true, width: 76, title: "How long it runs, is queued or waits", get: task => duration(since(task.state)) },
  { id: "waits", label: "Waits for", get: waitText, hint: task => task.waits.map(wait => wait.text + left(wait)).join("\n") },
  { id: "waits_at", label: "At", mono: true, width: 166, get: task => place(task.waits.length ? task.waits[0].at : null), hint: task => task.waits.map(wait => exactly(wait.at)).join("\n") },
  { id: "age", label: "Age", num: true, width: 76, get: task => duration(task.age_ns) },
  { id: "polls", label: "Polls", num: true, width: 80, get: task => count(task.polls) },
  { id: "poll_total", label: "In polls", num: true, width: 86, title: "The time in its polls", get: task => timed(task.poll_total_ns) },
  { id: "poll_longest", label: "Longest", num: true, width: 84, title: "Its longest poll", get: task => timed(task.poll_longest_ns), tone: task => longTone(task.poll_longest_ns) },
  { id: "poll_last", label: "Last", num: true, width: 78, wide: true, title: "Its last poll", get: task => timed(task.poll_last_ns), tone: task => longTone(task.poll_last_ns) },
  { id: "wakes", label: "Wakes", num: true, width: 80, wide: true, get: task => count(task.wakes) },
  { id: "woken_by", label: "Woken by", width: 100, get: task => wokenBy(task.woken_by) },
  { id: "size", label: "Size", num: true, width: 72, title: "The bytes of its future", get: task => bytes(task.size) },
];
const spawnColumns = [
  { id: "at", label: "Spawned at", mono: true, get: group => place(group.at), hint: group => exactly(group.at) },
  { id: "name", label: "Name", width: 80, get: group => group.name || "" },
  { id: "count", label: "Tasks", num: true, width: 80, get: group => count(group.count), value: group => group.count },
  { id: "queued", label: "Queued", num: true, width: 68, wide: true, get: group => count(group.queued), value: group => group.queued },
  { id: "polls", label: "Polls", num: true, width: 80, wide: true, get: group => count(group.polls), value: group => group.polls },
  { id: "poll_total", label: "In polls", num: true, width: 84, get: group => timed(group.poll_total_ns), value: group => group.poll_total_ns },
  { id: "poll_longest", label: "Longest", num: true, width: 84, get: group => timed(group.poll_longest_ns), value: group => group.poll_longest_ns, tone: group => longTone(group.poll_longest_ns) },
  { id: "oldest", label: "Oldest", num: true, width: 78, get: group => duration(group.oldest_ns), value: group => group.oldest_ns },
  { id: "size", label: "Memory", num: true, width: 80, title: "The bytes of their futures", get: group => bytes(group.bytes), value: group => group.bytes },
];
const waitColumns = [
  { id: "kind", label: "Waits for", width: 84, get: group => group.kind },
  { id: "text", label: "Such as", get: group => group.text },
  { id: "at", label: "At", mono: true, width: 200, get: group => place(group.at), hint: group => exactly(group.at) },
  { id: "count", label: "Waits", num: true, width: 80, get: group => count(group.count), value: group => group.count },
  { id: "oldest", label: "Oldest", num: true, width: 80, get: group => duration(group.oldest_ns), value: group => group.oldest_ns ?? 0 },
];
const quantile = (which, part) => loop => loop.histograms ? duration(loop.histograms[which][part]) : nothing;
const loopColumns = [
  { id: "index", label: "Loop", width: 96, sort: null, get: loop => `${loop.number} ${loop.thread.name}`, hint: loop => `thread ${loop.thread.tid}` },
  { id: "state", label: "State", width: 120, sort: null, get: loopState, tone: loop => loop.answered ? "" : "wrong" },
  { id: "load", label: "Busy", num: true, width: 62, sort: null, title: "The share of time in polls since the last look", get: loop => percent(loop.rates && loop.rates.busy) },
  { id: "tasks", label: "Tasks", num: true, width: 72, sort: null, get: loop => count(loop.tasks.alive) },
  { id: "queued", label: "Queued", num: true, width: 68, sort: null, get: loop => count(loop.tasks.queued) },
  { id: "bytes", label: "Memory", num: true, width: 76, sort: null, title: "The bytes of the futures of its tasks", get: loop => bytes(loop.tasks.bytes) },
  { id: "sources", label: "Sources", num: true, width: 72, sort: null, title: "Registered descriptors", get: loop => count(loop.sources) },
  { id: "timers", label: "Timers", num: true, width: 72, sort: null, get: loop => count(loop.timers) },
  { id: "jobs", label: "Jobs", num: true, width: 54, sort: null, title: "Blocking jobs, running and queued", get: loop => count(loop.jobs.running + loop.jobs.queued) },
  { id: "polls", label: "Polls/s", num: true, width: 72, sort: null, get: loop => rate(loop.rates && loop.rates.polls) },
  { id: "events", label: "Events/s", num: true, width: 76, sort: null, get: loop => rate(loop.rates && loop.rates.events) },
  { id: "turns", label: "Turns/s", num: true, width: 72, sort: null, get: loop => rate(loop.rates && loop.rates.turns) },
  { id: "p50", label: "Poll p50", num: true, width: 72, sort: null, get: quantile("poll", "p50_ns") },
  { id: "p99", label: "Poll p99", num: true, width: 72, sort: null, get: quantile("poll", "p99_ns") },
  { id: "max", label: "Poll max", num: true, width: 78, sort: null, get: quantile("poll", "max_ns"), tone: loop => longTone(loop.histograms ? loop.histograms.poll.max_ns : 0) },
  { id: "delay", label: "Wake p99", num: true, width: 82, sort: null, title: "From the wake to the poll", get: quantile("delay", "p99_ns") },
  { id: "turn", label: "Turn p99", num: true, width: 76, sort: null, get: quantile("turn", "p99_ns") },
  { id: "late", label: "Late p99", num: true, width: 76, sort: null, title: "How late timers fire", get: quantile("lateness", "p99_ns") },
];
function loopState(loop) {
  if (loop.ended) return "has ended";
  if (loop.answered) return loop.rates && loop.rates.busy > 0.9 ? "at its limit" : "answers";
  return loop.state.in_poll ? `stuck in task ${loop.state.in_poll.task}` : "does not answer";
}
const sourceColumns = [
  { id: "fd", label: "Fd", num: true, width: 72, get: source => source.fd },
  { id: "kind", label: "Kind", width: 130, get: source => source.kind },
  { id: "local", label: "Local", mono: true, width: 240, get: source => source.local || "" },
  { id: "peer", label: "Peer", mono: true, width: 240, get: source => source.peer || "" },
  { id: "readers", label: "Waits to read", get: source => taskLinks(source.readers) },
  { id: "writers", label: "Waits to write", get: source => taskLinks(source.writers) },
];
const timerColumns = [
  { id: "left", label: "To go", num: true, width: 110, get: timer => timer.left_ns ? duration(timer.left_ns) : "due" },
  { id: "set", label: "Set for", num: true, width: 110, title: "Since when it is set", get: timer => duration(timer.since_ns) },
  { id: "task", label: "Task", num: true, width: 100, get: timer => taskLink(timer.task) },
  { id: "at", label: "At", mono: true, get: timer => place(timer.at), hint: timer => exactly(timer.at) },
];
const jobColumns = [
  { id: "id", label: "Id", num: true, width: 90, get: job => job.id },
  { id: "state", label: "State", width: 100, get: job => job.is_running ? "running" : "queued", tone: job => job.is_running ? "ok" : "late" },
  { id: "since", label: "Since", num: true, width: 110, get: job => duration(job.since_ns) },
  { id: "kind", label: "Kind", width: 110, get: job => job.is_look_up ? "name look-up" : "job" },
  { id: "awaited_by", label: "Awaited by", num: true, width: 110, get: job => taskLink(job.awaited_by) },
  { id: "spawned_at", label: "Spawned at", mono: true, get: job => place(job.spawned_at), hint: job => exactly(job.spawned_at) },
];

// ---- Views -----------------------------------------------------------------------------------------

/** Each makes its elements and returns what refreshes them. */
const make = {
  overview(main) {
    const hints = h("ul", { class: "hints" }), hintPart = h("section", { hidden: true }, h("h2", {}, "Conspicuous"), hints);
    let groups = { by_spawn: [], by_wait: [] };
    const loops = new Grid(loopColumns, { fit: true, label: "Loops", load: local(() => state.overview ? state.overview.loops : [], loopColumns), open: loop => choose(loop.index) });
    const spawn = new Grid(spawnColumns, { fit: true, label: "Tasks by spawn line", sort: "count", load: local(() => groups.by_spawn, spawnColumns), open: group => go("tasks", { q: `spawned:${exactly(group.at)}` }) });
    const wait = new Grid(waitColumns, { fit: true, label: "Waits by line", sort: "count", load: local(() => groups.by_wait, waitColumns), open: group => go("tasks", { q: `wait:${group.kind}${group.at ? ` at:${exactly(group.at)}` : ""}` }) });
    const strip = h("div");
    main.append(hintPart,
      h("section", {}, h("h2", {}, "Loops"), loops.element),
      h("section", {}, h("h2", {}, h("a", { href: "#timeline" }, "The last second")), strip),
      h("div", { class: "split" },
        h("section", {}, h("h2", {}, "Tasks by spawn line"), spawn.element),
        h("section", {}, h("h2", {}, "Waits by line"), wait.element)));
    const timeline = new Timeline(strip, { strip: true, marks: ["events"] });
    return async () => {
      const [answer, picture] = await Promise.all([get("groups"), get("timeline", { columns: timeline.columns })]);
      groups = answer;
      const found = state.overview ? state.overview.loops.flatMap(loop => loop.hints) : [];
      hintPart.hidden = !found.length;
      hints.replaceChildren(...found.map(hint => h("li", {}, h("b", {}, hintNames[hint.kind] || hint.kind), h("span", {}, hint.text), hint.tasks.length ? taskLinks(hint.tasks) : null)));
      await Promise.all([loops, spawn, wait].map(grid => grid.refresh()));
      timeline.set(picture);
    };
  },

  tasks(main) {
    const search = h("input", { type: "search", id: "search", "aria-label": "Search", placeholder: "Name, id, line, address, state", value: state.query.get("q") || "", maxlength: 200, spellcheck: "false" });
    const filters = h("div", { role: "group", "aria-label": "State" }), total = h("span", { class: "count" });
    const by = h("button", { type: "button", "aria-pressed": state.query.get("by") === "line" }, "By line");
    let grid;
    const reopen = changes => {
      const next = { q: search.value, is: state.query.get("is") || "", by: state.query.get("by") || "", ...changes };
      go("tasks", Object.fromEntries(Object.entries(next).filter(([, value]) => value)));
    };
    const states = ["", "running", "queued", "waiting"].map(is => {
      const button = h("button", { type: "button", "aria-pressed": (state.query.get("is") || "") === is, onclick: () => reopen({ is }) }, is || "all");
      button.is = is;
      return button;
    });
    filters.append(...states);
    by.addEventListener("click", () => reopen({ by: state.query.get("by") === "line" ? "" : "line" }));
    let typing = null;
    const find = () => {
      clearTimeout(typing); typing = null;
      state.query.set("q", search.value);
      history.replaceState(null, "", `#tasks?${state.query}`);
      act(() => grid.refresh());
    };
    search.addEventListener("input", () => { grid.outdate(); clearTimeout(typing); typing = setTimeout(find, 150); });
    search.addEventListener("keydown", event => {
      if (event.key === "ArrowDown" || event.key === "Enter") { if (typing !== null) find(); enter(event, grid); }
      if (event.key === "Escape") { event.stopPropagation(); grid.element.focus(); }
    });
    const isByLine = state.query.get("by") === "line";
    const onTotal = answer => {
      say(total, isByLine ? `${count(answer.total)} lines` : `${count(answer.total)} of ${count(answer.all)} tasks${answer.age_ms > 2500 ? `, as of ${duration(answer.age_ms * 1e6)} ago` : ""}`);
      for (const button of states) say(button, `${button.is || "all"}${answer.counts ? ` ${count(button.is ? answer.counts[button.is] : answer.all)}` : ""}`);
    };
    const filter = () => ({ q: search.value, is: state.query.get("is") || "" });
    if (isByLine) {
      let rows = [];
      const pick = local(() => rows, spawnColumns);
      grid = new Grid(spawnColumns, {
        label: "Tasks by spawn line", sort: "count", onTotal, open: group => go("tasks", { q: `spawned:${exactly(group.at)}` }),
        load: async (...parameters) => { const answer = await get("groups", filter()); rows = answer.by_spawn; return { ...answer, ...await pick(...parameters) }; },
      });
    } else {
      grid = new Grid(taskColumns, {
        label: "Tasks", sort: state.sort || "poll_total", descending: state.descending ?? true, onTotal, none: "No task matches.",
        open: task => go("task", { id: task.id }),
        load: async (offset, limit, sort, descending) => {
          [state.sort, state.descending] = [sort, descending];
          const answer = await get("tasks", { offset, limit, sort, desc: descending ? 1 : 0, ...filter() });
          return { ...answer, total: answer.matched, rows: answer.tasks };
        },
      });
    }
    grid.element.id = "tasks";
    main.append(h("div", { class: "tools" }, search, filters, by, total), grid.element);
    state.grid = grid;
    return () => grid.refresh();
  },

  task(main) {
    const title = h("h2"), facts = h("dl", { class: "facts" }), tree = h("div"), strip = h("div"), past = h("small");
    let polls = [];
    const columns = [
      { id: "ago", label: "Ago", num: true, width: 110, get: poll => duration(poll.ago_ns), value: poll => -poll.ago_ns },
      { id: "took", label: "Took", num: true, width: 100, get: poll => duration(poll.took_ns), value: poll => poll.took_ns, tone: poll => longTone(poll.took_ns) },
      { id: "wake", label: "Woken by", width: 160, get: poll => poll.woken_by || nothing },
      { id: "delay", label: "Wake to poll", num: true, width: 110, get: poll => duration(poll.delay_ns), value: poll => poll.delay_ns ?? 0 },
      { id: "rest", label: "", sort: null, get: () => "" },
    ];
    const grid = new Grid(columns, { fit: true, label: "Polls", sort: "ago", load: local(() => polls, columns), none: "The recorder has no poll of it." });
    main.append(h("section", {}, title), h("div", { class: "split" },
      h("section", {}, h("h2", {}, "Counts"), facts), h("section", {}, h("h2", {}, "Waits for"), tree)),
      h("section", {}, h("h2", {}, "Polls that the recorder has ", past), strip, grid.element));
    const timeline = new Timeline(strip, { strip: true, first: "task, in the loop" });
    return async () => {
      const id = state.query.get("id"), answer = await get("task", { id, columns: timeline.columns }), task = answer.task;
      if (!task) { title.replaceChildren(`Task ${id} has ended, or there is none with this number.`); facts.replaceChildren(); tree.replaceChildren(); }
      else {
        title.replaceChildren(`Task ${task.id}${name(task) ? ` ${name(task)}` : ""}`);
        const rows = [
          ["State", `${task.state.is} for ${duration(since(task.state))}`], ["Spawned at", exactly(task.spawned_at)], ["Age", duration(task.age_ns)],
          ["Polls", `${count(task.polls)}, ${timed(task.poll_total_ns)} in all; longest ${timed(task.poll_longest_ns)}, last ${timed(task.poll_last_ns)}`],
          ["Wakes", `${count(task.wakes)}${task.woken_by ? `, the last by ${wokenBy(task.woken_by)}` : ""}`],
          ["Joined by", taskLink(task.joined_by)], ["Size", `${count(task.size)} bytes`],
        ];
        facts.replaceChildren(...rows.flatMap(([term, text]) => [h("dt", {}, term), h("dd", {}, text)]));
        tree.replaceChildren(frames(task));
      }
      polls = answer.polls;
      say(past, polls.length ? `${count(polls.length)}` : "");
      await grid.refresh();
      timeline.set(answer.timeline);
    };
  },

  sources: main => paged(main, "sources", "Sources", sourceColumns, "fd", false, source => source.readers.concat(source.writers)[0]),
  timers: main => paged(main, "timers", "Timers", timerColumns, "left", false, timer => timer.task),
  blocking: main => paged(main, "blocking", "Blocking jobs", jobColumns, "since", true, job => job.awaited_by),

  timeline(main) {
    const box = h("div"), live = h("button", { type: "button" }, "Live"), what = h("span", { class: "quiet" });
    const how = h("span", { class: "count" }, "Wheel or + and − zoom, drag or ← and → move, a click opens the task.");
    let lanes = [];
    const columns = [
      { id: "label", label: "Spawned at", mono: true, get: laneLabel },
      { id: "tasks", label: "Tasks polled", num: true, width: 110, get: lane => count(lane.tasks), value: lane => lane.tasks },
      { id: "polls", label: "Polls", num: true, width: 110, get: lane => count(lane.polls), value: lane => lane.polls },
      { id: "total", label: "In polls", num: true, width: 110, get: lane => duration(lane.total_ns), value: lane => lane.total_ns },
      { id: "share", label: "Share of time", num: true, width: 110, get: lane => percent(lane.share), value: lane => lane.share },
      { id: "longest", label: "Longest", num: true, width: 110, get: lane => duration(lane.longest_ns), value: lane => lane.longest_ns, tone: lane => longTone(lane.longest_ns) },
    ];
    const grid = new Grid(columns, { label: "Lanes", fit: true, sort: "total", load: local(() => lanes, columns), none: "No poll in this part.", open: lane => lane.at && go("tasks", { q: `spawned:${exactly(lane.at)}` }) });
    main.append(h("div", { class: "tools" }, live, what, how), box, grid.element);
    const timeline = new Timeline(box, {
      strip: false, open: id => go("task", { id }),
      load: async (from, to, columns, held) => {
        const answer = await get("timeline", { from, to, columns: columns || timeline.columns, recording: held });
        lanes = answer.lanes.map(lane => ({ ...lane, share: lane.total_ns / Math.max(1, answer.to_ns - answer.from_ns) }));
        act(() => grid.refresh());
        live.setAttribute("aria-pressed", !timeline.isZoomed);
        say(what, `${duration(answer.to_ns - answer.from_ns)} of ${duration(answer.whole_ns)} recorded, ${count(answer.polls)} polls`);
        return answer;
      },
    });
    live.addEventListener("click", () => timeline.reset());
    // A part that is held is asked for again, so that the server keeps its recording.
    return async () => { if (timeline.isZoomed) timeline.refine(); else timeline.set(await timeline.load()); };
  },
};

function paged(main, path, label, columns, sort, descending, task) {
  const search = h("input", { type: "search", id: "search", "aria-label": "Search", placeholder: "Search", value: state.query.get("q") || "", maxlength: 200, spellcheck: "false" });
  const total = h("span", { class: "count" });
  const grid = new Grid(columns, {
    label, sort, descending, none: "None.", onTotal: answer => say(total, `${count(answer.total)} of ${count(answer.all)}${answer.note ? `, ${answer.note}` : ""}`),
    open: row => { const id = task(row); if (id !== null && id !== undefined) go("task", { id }); },
    load: async (offset, limit, sort, descending) => {
      const answer = await get(path, { offset, limit, sort, desc: descending ? 1 : 0, q: search.value });
      return { ...answer, total: answer.matched };
    },
  });
  search.addEventListener("input", () => { grid.outdate(); act(() => grid.refresh()); });
  search.addEventListener("keydown", event => { if (event.key === "ArrowDown" || event.key === "Enter") enter(event, grid); });
  main.append(h("div", { class: "tools" }, search, total), grid.element);
  state.grid = grid;
  return () => grid.refresh();
}

/** The frames of a task as a tree, with its waits as the leaves. */
function frames(task) {
  const leaf = wait => h("li", {}, wait.text + left(wait), wait.since_ns === null ? "" : ` for ${duration(wait.since_ns)}`,
    wait.at ? h("span", { class: "mono quiet" }, `  ${exactly(wait.at)}`) : "",
    wait.task ? h("span", {}, "  task ", taskLink(wait.task)) : "");
  const root = h("ul", { class: "tree" }), path = [root], placed = new Set();
  for (const frame of task.frames) {
    const list = h("ul");
    path.length = Math.min(frame.depth + 1, path.length);
    path[path.length - 1].append(h("li", {}, frame.name, h("span", { class: "quiet" }, ` for ${duration(frame.since_ns)}`), frame.at ? h("span", { class: "mono quiet" }, `  ${exactly(frame.at)}`) : "", list));
    path.push(list);
    for (const i of frame.waits) if (task.waits[i]) { placed.add(i); list.append(leaf(task.waits[i])); }
  }
  task.waits.forEach((wait, i) => { if (!placed.has(i)) root.append(leaf(wait)); });
  if (!root.children.length) root.append(h("li", { class: "quiet" }, "Nothing: it is not waiting."));
  return root;
}

// ---- The frame of all views ------------------------------------------------------------------------

function show() {
  const [view, query] = location.hash.slice(1).split("?");
  state.view = make[view] ? view : "overview";
  state.query = new URLSearchParams(query || "");
  const main = $("main");
  const hadFocus = main.contains(document.activeElement) || document.activeElement === document.body;
  main.replaceChildren();
  state.grid = null;
  const refresh = make[state.view](main);
  state.current = refresh;
  for (const link of $("views").children) {
    const is = link.hash === `#${state.view}` || state.view === "task" && link.hash === "#tasks";
    if (is) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (hadFocus) (state.grid ? state.grid.element : main.querySelector(".timeline canvas[tabindex]") || main).focus({ preventScroll: true });
  document.title = `${views[state.view] || "Task"} – ${state.overview ? state.overview.program : "egret"}`;
  tick(true);
}
function choose(index) {
  const loops = state.overview ? state.overview.loops.length : 1;
  state.loop = Math.max(0, Math.min(loops - 1, index));
  for (const path of ["dump", "trace"]) document.querySelector(`footer a[href^="${path}"]`).href = `${path}?loop=${state.loop}`;
  $("json").href = `tasks?loop=${state.loop}`;
  show();
}
function frame() {
  const { program, pid, loops } = state.overview;
  $("program").replaceChildren(program, h("span", {}, ` ${pid}`));
  $("loops").hidden = loops.length < 2;
  if ($("loops").children.length !== loops.length) $("loops").replaceChildren(...loops.map(loop => h("button", { type: "button", onclick: () => choose(loop.index) })));
  loops.forEach((loop, i) => {
    const button = $("loops").children[i];
    say(button, loop.thread.name || `loop ${loop.number}`);
    button.setAttribute("aria-pressed", i === state.loop);
    button.className = loop.answered ? "" : "wrong";
  });
  const stuck = loops.filter(loop => !loop.answered);
  const alarm = $("alarm");
  alarm.hidden = !stuck.length;
  alarm.replaceChildren(...stuck.map(loop => {
    if (loop.ended) return h("div", {}, `Loop ${loop.number} has ended`, h("span", {}, ". What follows is from before."));
    const poll = loop.state.in_poll;
    const kernel = loop.thread.kernel ? `; its thread: ${loop.thread.kernel}` : "";
    return poll
      ? h("div", {}, `Loop ${loop.number} is stuck in task ${poll.task}${poll.name ? ` ${poll.name}` : ""} for ${duration(poll.since_ns)}`,
        h("span", {}, `${poll.spawned_at ? `, spawned at ${exactly(poll.spawned_at)}` : ""}${kernel}. What follows is from before.`))
      : h("div", {}, `Loop ${loop.number} does not answer`, h("span", {}, ` and is in no poll${kernel}. What follows is from before.`));
  }));
  const loop = loops[state.loop];
  say($("cost"), loop ? `a dump holds the loop for ${duration(loop.look.held_loop_ns)}; one each ${duration(loop.look.every_ms * 1e6)}` : "");
}

let timer = null, busy = false;
/** Runs a refresh, and says when the server does not answer. */
async function act(refresh) {
  try {
    await refresh();
    state.at = Date.now();
    $("status").className = "";
    say($("status"), state.paused ? "paused" : "live");
  } catch (error) {
    $("status").className = "wrong";
    say($("status"), error instanceof TypeError ? "no answer: has the process ended?" : String(error.message));
  }
}
async function tick(always) {
  clearTimeout(timer);
  if (!busy && (always || !state.paused) && !document.hidden) {
    busy = true;
    const current = state.current;
    await act(async () => {
      state.overview = await get("overview");
      state.loop = Math.min(state.loop, Math.max(0, state.overview.loops.length - 1));
      frame();
      if (current === state.current) await current();
    });
    busy = false;
    if (current !== state.current) return tick(true);
  }
  timer = setTimeout(tick, 1000);
}
function pause() {
  state.paused = !state.paused;
  $("pause").setAttribute("aria-pressed", state.paused);
  say($("pause"), state.paused ? "Go on" : "Pause");
  say($("status"), state.paused ? "paused" : "live");
  if (!state.paused) tick(true);
}

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  const isTyping = event.target.matches("input");
  if (event.key === "Escape") {
    if (isTyping) event.target.blur();
    else if (state.view === "task") history.length > 1 ? history.back() : go("tasks");
    return;
  }
  if (isTyping) return;
  const view = Object.keys(views)[Number(event.key) - 1];
  const loops = state.overview ? state.overview.loops.length : 1;
  if (view) go(view);
  else if (event.key === "/" && $("search")) $("search").select();
  else if (event.key === "p") pause();
  else if (event.key === "?") $("keys").showModal();
  else if (event.key === "[" || event.key === "]") choose((state.loop + (event.key === "]" ? 1 : loops - 1)) % loops);
  else if (event.key === "ArrowDown" && state.grid && !event.target.closest(".grid, canvas")) { state.grid.element.focus(); state.grid.choose(Math.max(0, state.grid.chosen)); }
  else return;
  event.preventDefault();
});
$("pause").addEventListener("click", pause);
$("help").addEventListener("click", () => $("keys").showModal());
Object.entries(views).forEach(([view, label], i) => $("views").append(h("a", { href: `#${view}`, title: String(i + 1) }, label)));
addEventListener("hashchange", show);
document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
show();
