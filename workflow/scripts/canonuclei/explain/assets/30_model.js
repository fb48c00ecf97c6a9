// What the page knows: the images, the threshold, edits, and which nuclei are pointed at, chosen, selected.

const FRAME = ["tile_y", "tile_x", "tile_size"];
const PARAMETERS = ["l11", "l21", "l22", "t1", "t2", "p"];
const ARRAYS = { f4: Float32Array, f8: Float64Array, i4: Int32Array };

function decodeColumn(column) {
  if (column.words) return Array.from(decodeColumn(column.index), (index) => column.words[index]);
  const bytes = Uint8Array.from(atob(column.data), (letter) => letter.charCodeAt(0));
  return new ARRAYS[column.type](bytes.buffer);
}

class Model {
  constructor(data) {
    this.about = data.about;
    this.base = data.threshold;
    this.shape = new Shape(data.shape, data.lowest);
    this.pages = data.images;
    this.listeners = {};
    this.show(0);
  }

  on(event, listener) {
    (this.listeners[event] ??= []).push(listener);
  }

  emit(...events) {
    for (const event of events) for (const listener of this.listeners[event] || []) listener(this);
  }

  show(number) {
    this.number = number;
    this.image = this.pages[number];
    const columns = {};
    for (const [name, column] of Object.entries(this.image.columns)) columns[name] = decodeColumn(column);
    this.columns = columns;
    this.count = this.image.count;
    this.threshold = this.base;
    this.edits = new Map();
    this.selection = new Set();
    this.brushes = {};
    this.hover = -1;
    this.chosen = -1;
    this.byId = new Map(Array.from({ length: this.count }, (_, index) => [columns.id[index], index]));
    this.update();
    this.chosen = this.nearest(this.image.width / 2, this.image.height / 2);
    this.emit("image", "outlines", "selection", "chosen");
  }

  frame(index) {
    return Object.fromEntries(FRAME.map((name) => [name, this.columns[name][index]]));
  }

  told(index) {
    return Object.fromEntries(PARAMETERS.map((name) => [name, this.columns[name][index]]));
  }

  nucleus(index) {
    return this.edits.get(index) || this.told(index);
  }

  edit(index, nucleus) {
    if (nucleus === null) this.edits.delete(index);
    else this.edits.set(index, nucleus);
    this.update();
    this.emit("outlines", "chosen", "selection");
  }

  setThreshold(value) {
    this.threshold = value;
    this.update();
    this.emit("outlines", "chosen", "selection");
  }

  /** p(z) of every nucleus and candidate, as it is now. */
  sureness() {
    return Array.from({ length: this.count }, (_, index) => this.nucleus(index).p);
  }

  kept(index) {
    return this.columns.kept[index] === 1;
  }

  /** Do the file's numbers still hold for this nucleus? */
  untouched(index) {
    return this.threshold === this.base && !this.edits.has(index) && this.kept(index);
  }

  /** Numbers of a nucleus: the file's, or computed here where the threshold or the nucleus was changed. */
  numbers(index) {
    if (!this.untouched(index)) {
      const own = measure(this.shape, this.nucleus(index), this.frame(index), this.threshold);
      const whole = own && this.parts(index).length > 1 ? moments(this.union(index)) : null;
      return whole && whole.area > 0 ? { ...ellipse(whole.xx, whole.xy, whole.yy), ...whole, "centroid-0": whole.y, "centroid-1": whole.x } : own;
    }
    const names = ["centroid-0", "centroid-1", "area", "axis_major_length", "axis_minor_length", "orientation", "eccentricity"];
    return Object.fromEntries(names.map((name) => [name, this.columns[name][index]]));
  }

  /** The outline's parts: of the nucleus and of what was merged into it. */
  parts(index) {
    const words = this.columns.merged_from ? this.columns.merged_from[index] : "";
    const members = words ? words.split(";").map((id) => this.byId.get(Number(id))) : [];
    const present = (member) => member !== undefined && member !== index && this.nucleus(member).p > this.threshold;
    return [index, ...members.filter(present)];
  }

  /** Outline of a nucleus made of several instances, in image px: where any of them reaches the threshold. */
  union(index) {
    if (this.unions.has(index)) return this.unions.get(index);
    const all = this.parts(index).map((part) => ({ one: this.nucleus(part), frame: this.frame(part) }));
    const boxes = all.map(({ one, frame }) => measure(this.shape, one, frame, this.threshold)).filter((numbers) => numbers !== null);
    const side = (name, sign) => boxes.reduce((far, numbers) =>
      Math.max(far, sign * numbers[name] + 0.75 * numbers.axis_major_length + 1), -Infinity) * sign;
    const n = 56, x0 = side("centroid-1", -1), y0 = side("centroid-0", -1);
    const dx = (side("centroid-1", 1) - x0) / (n - 1), dy = (side("centroid-0", 1) - y0) / (n - 1);
    const values = new Float64Array(n * n).fill(Infinity);
    for (const { one, frame } of all) {
      const level = levelLogit(one.p, this.threshold);
      if (!Number.isFinite(level)) continue;
      for (let k = 0; k < n * n; k++) {
        values[k] = Math.min(values[k], logitAt(this.shape, one, frame, x0 + dx * (k % n), y0 + dy * Math.floor(k / n)) - level);
      }
    }
    const rings = boxes.length ? marching({ values, x0, y0, dx, dy, n }, 0) : [];
    this.unions.set(index, rings);
    return rings;
  }

  update() {
    this.values = new Array(this.count).fill(null);
    this.unions = new Map();
    const shown = [], late = [];
    for (let index = 0; index < this.count; index++) {
      const p = this.nucleus(index).p;
      if (!(p > this.threshold)) continue;
      if (this.kept(index)) shown.push(index);
      else if (this.columns.p[index] <= this.base) late.push(index);
    }
    for (const index of shown) this.values[index] = this.numbers(index);
    this.shown = shown.filter((index) => this.values[index] !== null);
    this.buckets = null;
    this.addCandidates(late);
    this.selection = new Set([...this.selection].filter((index) => this.values[index] !== null));
    if (this.chosen >= 0 && this.values[this.chosen] === null && !this.edits.has(this.chosen)) this.chosen = -1;
    this.hover = -1;
  }

  /** Below the threshold that was used, candidates come back, unless a surer nucleus covers their centre. */
  addCandidates(late) {
    late.sort((a, b) => this.nucleus(b).p - this.nucleus(a).p);
    for (const index of late) {
      const numbers = this.numbers(index);
      if (numbers === null || this.hit(numbers["centroid-1"], numbers["centroid-0"]) >= 0) continue;
      this.values[index] = numbers;
      this.shown.push(index);
      this.put(index);
    }
  }

  /** A coarse grid of who may be where, so that pointing and covering stay quick among thousands. */
  put(index) {
    const numbers = this.values[index], reach = numbers.axis_major_length * 0.75 + 2;
    const cell = (value) => Math.floor(value / 64);
    for (let row = cell(numbers["centroid-0"] - reach); row <= cell(numbers["centroid-0"] + reach); row++) {
      for (let column = cell(numbers["centroid-1"] - reach); column <= cell(numbers["centroid-1"] + reach); column++) {
        const key = row * 65536 + column;
        if (!this.buckets.has(key)) this.buckets.set(key, []);
        this.buckets.get(key).push(index);
      }
    }
  }

  /** The nucleus at an image point (the smallest where several are), or −1. */
  hit(x, y) {
    if (this.buckets === null) {
      this.buckets = new Map();
      for (const index of this.shown) this.put(index);
    }
    const near = this.buckets.get(Math.floor(y / 64) * 65536 + Math.floor(x / 64)) || [];
    let best = -1;
    for (const index of near) {
      const inside = this.parts(index).some((part) =>
        contains(this.shape, this.nucleus(part), this.frame(part), this.threshold, x, y));
      if (inside && (best < 0 || this.values[index].area < this.values[best].area)) best = index;
    }
    return best;
  }

  nearest(x, y) {
    const distance = (index) => Math.hypot(this.values[index]["centroid-1"] - x, this.values[index]["centroid-0"] - y);
    return this.shown.reduce((best, index) => (best < 0 || distance(index) < distance(best) ? index : best), -1);
  }

  /** Next nucleus from the chosen one in the direction (dx, dy): near, and rather ahead than aside. */
  towards(dx, dy) {
    if (this.chosen < 0 || !this.values[this.chosen]) return this.nearest(this.image.width / 2, this.image.height / 2);
    const from = this.values[this.chosen];
    let best = -1, least = Infinity;
    for (const index of this.shown) {
      const x = this.values[index]["centroid-1"] - from["centroid-1"], y = this.values[index]["centroid-0"] - from["centroid-0"];
      const ahead = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (index !== this.chosen && ahead > 0 && ahead + 2 * aside < least && aside <= 2 * ahead) {
        least = ahead + 2 * aside;
        best = index;
      }
    }
    return best < 0 ? this.chosen : best;
  }

  doubts(index) {
    const said = (this.columns.doubt && this.columns.doubt[index]) || "";
    const words = said ? said.split(";").map((word) => word.trim()).filter(Boolean) : [];
    if (!this.kept(index)) words.unshift("below the threshold that was used");
    return words;
  }

  doubtful() {
    return this.shown.filter((index) => this.doubts(index).length > 0);
  }

  choose(index) {
    if (index === this.chosen) return;
    this.chosen = index;
    this.emit("chosen");
  }

  point(index) {
    if (index === this.hover) return;
    this.hover = index;
    this.emit("hover");
  }

  select(indices, brushes = {}) {
    this.selection = new Set(indices);
    this.brushes = brushes;
    this.emit("selection");
  }

  toggle(index) {
    const next = new Set(this.selection);
    if (!next.delete(index)) next.add(index);
    this.select(next);
  }
}
