// The nucleus pointed at or chosen: its numbers, its doubts, its sliders.

const SLIDERS = [
  { key: "p", label: "Presence p(z)", unit: "", step: 0.001 },
  { key: "long", label: "Length (major axis)", unit: "px", step: 0.1 },
  { key: "short", label: "Width (minor axis)", unit: "px", step: 0.1 },
  { key: "angle", label: "Direction of the long axis", unit: "°", step: 1 },
  { key: "column", label: "Centre, column", unit: "px", step: 0.1 },
  { key: "row", label: "Centre, row", unit: "px", step: 0.1 },
];
const RAW = { l11: "l11", l21: "l21", l22: "l22", t1: "t1", t2: "t2" };

class Panel {
  constructor(model, steps) {
    this.model = model;
    this.steps = steps;
    this.inputs = {};
    this.subject = -1;
    for (const one of SLIDERS) this.addSlider(one);
    for (const name of Object.keys(RAW)) this.addRaw(name);
    $("restore").addEventListener("click", () => { model.edit(model.chosen, null); announce("The network's own numbers are back."); });
    $("pick").addEventListener("click", () => model.toggle(model.chosen));
    $("next-doubtful").addEventListener("click", () => {
      const index = nextDoubtful(model);
      if (index < 0) return;
      model.choose(index);
      announce(sentence(model, index));
    });
    const redraw = framed(() => this.draw());
    for (const event of ["chosen", "hover", "selection", "picture", "outlines"]) model.on(event, redraw);
  }

  addSlider({ key, label, unit, step }) {
    const input = make("input", { type: "range", id: `slide-${key}`, step });
    const output = make("output", { for: input.id });
    const row = make("div", { class: "slider" }, make("label", { for: input.id }, label), input, output);
    input.addEventListener("input", () => this.slide(key, Number(input.value)));
    $("sliders").append(row);
    this.inputs[key] = { input, output, unit };
  }

  addRaw(name) {
    const input = make("input", { type: "number", id: `raw-${name}`, step: "0.01" });
    input.addEventListener("change", () => {
      const value = Number(input.value);
      const bad = input.value === "" || !Number.isFinite(value) || (name !== "l21" && name[0] === "l" && value <= 0);
      if (!bad) return this.model.edit(this.model.chosen, { ...this.model.nucleus(this.model.chosen), [name]: value });
      announce(`${name} must be a number${name === "l11" || name === "l22" ? " above 0" : ""}.`);
      this.draw();
    });
    $("raw").append(make("label", { for: input.id }, RAW[name], " ", input));
    this.inputs[name] = { input };
  }

  /** What the sliders say of a nucleus. The length stays the longer one only in the measures, not while sliding. */
  readable(numbers, one) {
    return { p: one.p, long: numbers.axis_major_length, short: numbers.axis_minor_length,
      angle: seenAngle(numbers.orientation), column: numbers["centroid-1"], row: numbers["centroid-0"] };
  }

  slide(key, value) {
    const { model } = this, index = model.chosen;
    if (index < 0) return;
    const one = model.nucleus(index);
    if (key === "p") model.edit(index, { ...one, p: value });
    else {
      this.wanted = { ...(this.wanted || this.readable(measure(model.shape, one, model.frame(index), model.threshold), one)), [key]: value };
      const { long, short, angle, column, row } = this.wanted;
      const wanted = { axis_major_length: long, axis_minor_length: short, orientation: orientationOf(angle), "centroid-1": column, "centroid-0": row };
      model.edit(index, withMeasures(model.shape, one, model.frame(index), model.threshold, wanted));
    }
    const { output } = this.inputs[key];
    announce(`${SLIDERS.find((slider) => slider.key === key).label} ${output.textContent}`);
  }

  draw() {
    const { model } = this, index = model.hover >= 0 ? model.hover : model.chosen;
    if (index !== this.subject || !model.edits.has(index)) this.wanted = null;
    this.subject = index;
    $("panel").classList.toggle("empty", index < 0);
    $("chosen-title").textContent = index < 0 ? "No nucleus" : `Nucleus ${model.columns.id[index]}`;
    $("chosen-how").textContent = index < 0 ? (model.shown.length ? "Point at one in the image." : "") :
      model.hover >= 0 && model.hover !== model.chosen ? "pointed at; click to keep it here" : "chosen";
    $("pick").disabled = index < 0 || model.values[index] === null;
    if (index < 0) return this.drawNone();
    const one = model.nucleus(index), numbers = model.values[index];
    this.drawNumbers(index, one, numbers);
    this.drawDoubts(index);
    this.steps.show(index);
    this.drawSliders(index, one);
    $("pick").setAttribute("aria-pressed", String(model.selection.has(index)));
    $("pick").textContent = model.selection.has(index) ? "Selected" : "Select";
    $("restore").disabled = !model.edits.has(index);
  }

  drawNone() {
    $("pick").setAttribute("aria-pressed", "false");
    $("pick").textContent = "Select";
    $("steps").replaceChildren(make("li", {}, "Choose a nucleus in the image to see how the shape becomes it."));
  }

  drawNumbers(index, one, numbers) {
    const { model } = this, { columns } = model, rows = [];
    const um = numbers && model.image.pixelSize ? measureMicrons(numbers, model.image.pixelSize) : {};
    rows.push(["Presence p(z)", digits(one.p), "p"]);
    if (numbers) {
      rows.push(["Area", `${digits(numbers.area)} px²${um.area_um2 === undefined ? "" : ` (${digits(um.area_um2)} µm²)`}`, "area"]);
      rows.push(["Length × width", `${digits(numbers.axis_major_length)} × ${digits(numbers.axis_minor_length)} px` +
        (um.area_um2 === undefined ? "" : ` (${digits(um.axis_major_length_um)} × ${digits(um.axis_minor_length_um)} µm)`), "axes"]);
      rows.push(["Elongation", `${digits(elongation(numbers))} (length / width); eccentricity ${digits(numbers.eccentricity, 2)}`, "elongation"]);
      rows.push(["Direction", elongation(numbers) < ROUND ? "nearly round: none" :
        `${digits(seenAngle(numbers.orientation))}° from the horizontal (orientation ${digits(numbers.orientation, 2)} rad)`, "orientation"]);
      rows.push(["Centre", `row ${digits(numbers["centroid-0"], 4)}, column ${digits(numbers["centroid-1"], 4)}`, "centroid"]);
    }
    const asInFile = model.untouched(index);
    if (asInFile && columns.touches_border && columns.touches_border[index] > 0) rows.push(["Border", "touches the image's edge", "border"]);
    if (columns.merged_from && columns.merged_from[index]) rows.push(["Merged from", columns.merged_from[index].split(";").join(", "), "merged"]);
    for (const [name, words] of [["overlap", "Shared pixels"], ["disagreement", "Disagreement"]]) {
      const value = columns[name] ? columns[name][index] : NaN;
      if (asInFile && Number.isFinite(value)) rows.push([words, `${digits(100 * value, 2)} %${name === "overlap" ? " of it is claimed by another nucleus too" : " under flips and rotations"}`, name]);
    }
    for (const name of Object.keys(columns).filter((key) => key.startsWith("intensity_mean-"))) {
      if (asInFile && Number.isFinite(columns[name][index])) rows.push([`Mean intensity\u00a0${name.slice(15)}`, digits(columns[name][index]), name]);
    }
    rows.push(["L", `${digits(one.l11)}, 0; ${digits(one.l21)}, ${digits(one.l22)}`, "L"], ["t", `${digits(one.t1)}, ${digits(one.t2)}`, "t"]);
    $("numbers").replaceChildren(...rows.map(([name, value, key]) => make("div", { "data-key": key }, make("dt", {}, name), make("dd", {}, value))));
    const merged = model.parts(index).length > 1 ? " It is a union of merged instances; the sliders and L, t are of the biggest." : "";
    $("source").textContent = (model.edits.has(index) ? "Changed by hand: the measures are of the outline drawn." :
      model.untouched(index) ? "Measures as in nuclei.csv." : "Measures of the outline drawn, at this threshold.") + merged;
  }

  drawDoubts(index) {
    const doubts = this.model.doubts(index);
    $("doubts").hidden = doubts.length === 0;
    $("doubts").textContent = doubts.length ? `Doubtful: ${doubts.join("; ")}.` : "";
  }

  drawSliders(index, one) {
    const { model } = this, frame = model.frame(index);
    const numbers = measure(model.shape, one, frame, model.threshold);
    const chosen = index === model.chosen;
    for (const { key } of SLIDERS) this.inputs[key].input.disabled = !chosen || (numbers === null && key !== "p");
    for (const name of Object.keys(RAW)) {
      this.inputs[name].input.disabled = !chosen;
      this.inputs[name].input.value = Number(one[name].toFixed(5));
    }
    const told = measure(model.shape, { ...model.told(index), p: Math.max(model.told(index).p, model.threshold + 0.01) }, frame, model.threshold);
    const now = numbers ? { ...this.readable(numbers, one), ...(chosen && this.wanted) } : { p: one.p };
    now.p = one.p;
    const most = Math.max(told ? told.axis_major_length : 10, 8) * 2.5;
    const ends = { p: [Math.min(0.05, this.model.shape.lowest), 1], long: [2, most], short: [2, most], angle: [0, 180],
      column: told && [told["centroid-1"] - most, told["centroid-1"] + most], row: told && [told["centroid-0"] - most, told["centroid-0"] + most] };
    for (const { key, unit } of SLIDERS) {
      const { input, output } = this.inputs[key];
      if (now[key] === undefined || !ends[key]) { output.textContent = "–"; continue; }
      [input.min, input.max] = ends[key].map((value, end) => (end ? Math.ceil(value * 1000) / 1000 : Math.floor(value * 1000) / 1000));
      // while the user drags it, its value is theirs: writing it back could move it under the pointer
      if (Number(input.value) !== now[key]) input.value = now[key];
      output.textContent = `${digits(now[key], key === "column" || key === "row" ? 4 : 3)}${unit && (unit === "°" ? "°" : ` ${unit}`)}`;
      input.setAttribute("aria-valuetext", output.textContent);
    }
  }
}
