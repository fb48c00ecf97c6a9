// Histograms of size, elongation and direction: brushed with the mouse or with two sliders each.

const BINS = 24, WIDE = 300, HIGH = 110;
const QUANTITIES = [
  { key: "area", title: "Size", unit: "px²", of: (numbers) => numbers.area, words: "area in px²" },
  { key: "elongation", title: "Elongation", unit: "", of: elongation, words: "length divided by width; 1 is round" },
  { key: "direction", title: "Direction", unit: "°", of: (numbers) => (elongation(numbers) < ROUND ? NaN : seenAngle(numbers.orientation)),
    words: "of the long axis, in degrees counter-clockwise from the horizontal", range: [0, 180] },
];

class Histogram {
  constructor(model, quantity, place) {
    Object.assign(this, { model, quantity });
    const { key, title, words } = quantity;
    this.picture = draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH + 18}`, class: "histogram", role: "img", id: `hist-${key}` });
    this.from = make("input", { type: "range", min: 0, max: BINS, value: 0, id: `from-${key}` });
    this.to = make("input", { type: "range", min: 0, max: BINS, value: BINS, id: `to-${key}` });
    this.note = make("p", { class: "note" });
    const sliders = [[this.from, "from"], [this.to, "to"]].map(([input, name]) => {
      const output = make("output", { for: input.id });
      input.addEventListener("input", () => this.slid(input));
      return make("div", { class: "slider" }, make("label", { for: input.id }, `${title} ${name}`), input, output);
    });
    place.append(make("div", { class: "quantity" },
      make("h3", {}, `${title}`), make("p", { class: "note" }, words), this.picture, ...sliders, this.note));
    this.wireDrag();
  }

  wireDrag() {
    let start = null;
    const bin = (event) => {
      const frame = this.picture.getBoundingClientRect();
      return Math.min(Math.max(((event.clientX - frame.left) / frame.width) * BINS, 0), BINS);
    };
    this.picture.addEventListener("pointerdown", (event) => {
      start = bin(event);
      this.picture.setPointerCapture(event.pointerId);
    });
    this.picture.addEventListener("pointermove", (event) => {
      if (start === null) return;
      const end = bin(event);
      if (Math.abs(end - start) > 0.2) this.brush(Math.floor(Math.min(start, end)), Math.ceil(Math.max(start, end)));
    });
    this.picture.addEventListener("pointerup", (event) => {
      if (start !== null && Math.abs(bin(event) - start) <= 0.2) this.brush(Math.floor(start), Math.min(Math.floor(start) + 1, BINS));
      start = null;
    });
    this.picture.addEventListener("pointercancel", () => { start = null; });
  }

  slid(moved) {
    let from = Number(this.from.value), to = Number(this.to.value);
    if (from >= to) moved === this.from ? (from = to - 1) : (to = from + 1);
    this.brush(Math.max(from, 0), Math.min(to, BINS));
  }

  /** Bins from…to (not included) are taken; the whole range is no brush. Brushes of the histograms add up. */
  brush(from, to) {
    const { model, quantity } = this, brushes = { ...model.brushes };
    if (from <= 0 && to >= BINS) delete brushes[quantity.key];
    else brushes[quantity.key] = [from, to];
    const names = Object.keys(brushes);
    const passes = (index) => this.all.every((one) => {
      const held = brushes[one.quantity.key];
      const at = one.bin(one.quantity.of(model.values[index]));
      return !held || (at >= held[0] && at < held[1]);
    });
    model.select(names.length ? model.shown.filter(passes) : [], brushes);
  }

  bin(value) {
    if (!Number.isFinite(value)) return -1;
    return Math.min(Math.max(Math.floor(((value - this.low) / (this.high - this.low)) * BINS), 0), BINS - 1);
  }

  edge(bin) {
    return this.low + ((this.high - this.low) * bin) / BINS;
  }

  /** New ranges only with new images: bins that move while one brushes cannot be aimed at. */
  range() {
    const { model, quantity } = this;
    const values = model.shown.map((index) => quantity.of(model.values[index])).filter(Number.isFinite).sort((a, b) => a - b);
    const last = values.length - 1;
    [this.low, this.high] = quantity.range || [values[0] ?? 0, values[Math.ceil(last * 0.995)] ?? 1];
    this.cut = !quantity.range && last >= 0 && values[last] > this.high;
    // one value alone: in the middle, with room on both sides
    if (!(this.high > this.low)) [this.low, this.high] = this.low ? [0.75 * this.low, 1.25 * this.low] : [0, 1];
  }

  draw() {
    const { model, quantity } = this, all = new Array(BINS).fill(0), taken = new Array(BINS).fill(0);
    let without = 0;
    for (const index of model.shown) {
      const at = this.bin(quantity.of(model.values[index]));
      if (at < 0) { without++; continue; }
      all[at]++;
      if (model.selection.has(index)) taken[at]++;
    }
    const most = Math.max(...all, 1), wide = WIDE / BINS;
    const bars = [];
    for (const [counts, kind] of [[all, "bin"], [taken, "bin taken"]]) {
      counts.forEach((count, k) => {
        const height = (count / most) * (HIGH - 6);
        if (count) bars.push(draw("rect", { x: (k * wide + 0.75).toFixed(2), y: (HIGH - height).toFixed(2), width: (wide - 1.5).toFixed(2), height: height.toFixed(2), class: kind }));
      });
    }
    const held = model.brushes[quantity.key], [from, to] = held || [0, BINS];
    if (held) bars.unshift(draw("rect", { x: from * wide, y: 0, width: (to - from) * wide, height: HIGH, class: "brush" }));
    for (const k of [0, BINS / 2, BINS]) {
      const text = draw("text", { x: k * wide, y: HIGH + 14, class: `small ${k === 0 ? "" : k === BINS ? "end" : "middle"}` });
      text.textContent = digits(this.edge(k));
      bars.push(text);
    }
    bars.push(draw("path", { d: `M0,${HIGH}H${WIDE}`, class: "ground" }));
    this.picture.replaceChildren(...bars);
    this.picture.setAttribute("aria-label", `Histogram of ${quantity.title.toLowerCase()}, from ${digits(this.edge(0))} to ${digits(this.edge(BINS))} ${quantity.unit}: ` +
      `most (${most}) between ${digits(this.edge(all.indexOf(most)))} and ${digits(this.edge(all.indexOf(most) + 1))}; ${taken.reduce((a, b) => a + b, 0)} of ${model.shown.length} selected.`);
    for (const [input, value] of [[this.from, from], [this.to, to]]) {
      input.value = value;
      const words = `${digits(this.edge(value))}${quantity.unit === "°" ? "°" : quantity.unit && ` ${quantity.unit}`}`;
      input.setAttribute("aria-valuetext", words);
      input.nextElementSibling.textContent = words;
    }
    this.note.textContent = without ? `${many(without, "nucleus", "nuclei")} nearly round (ratio under ${ROUND}): without a direction.` :
      this.cut ? "The largest 0.5 % are in the last bin." : "";
  }
}

function makeHistograms(model) {
  const all = QUANTITIES.map((quantity) => new Histogram(model, quantity, $("histograms")));
  for (const one of all) one.all = all;
  const redraw = framed(() => all.forEach((one) => one.draw()));
  model.on("image", () => { all.forEach((one) => one.range()); redraw(); });
  model.on("outlines", redraw);
  model.on("selection", redraw);
  return all;
}
