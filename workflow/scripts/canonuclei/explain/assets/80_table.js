// The table of the selected nuclei, and its export as CSV.

const ROWS = 200; // more would make the page slow; the CSV has all
const SHOWN = [
  ["Nucleus", (model, index) => model.columns.id[index], 0],
  ["p(z)", (model, index) => model.nucleus(index).p],
  ["Area, px²", (model, index) => model.values[index].area],
  ["Length, px", (model, index) => model.values[index].axis_major_length],
  ["Width, px", (model, index) => model.values[index].axis_minor_length],
  ["Elongation", (model, index) => elongation(model.values[index])],
  ["Direction, °", (model, index) => (elongation(model.values[index]) < ROUND ? NaN : seenAngle(model.values[index].orientation))],
  ["Row", (model, index) => model.values[index]["centroid-0"]],
  ["Column", (model, index) => model.values[index]["centroid-1"]],
  ["Doubtful", (model, index) => model.doubts(index).join("; ")],
];

class Table {
  constructor(model) {
    this.model = model;
    this.order = [0, 1];
    const redraw = framed(() => this.draw());
    for (const event of ["selection", "chosen", "outlines"]) model.on(event, redraw);
    $("table-head").append(...SHOWN.map(([name], column) => {
      const button = make("button", { type: "button" }, name);
      button.addEventListener("click", () => {
        this.order = [column, this.order[0] === column ? -this.order[1] : 1];
        this.draw();
      });
      return make("th", { scope: "col" }, button);
    }));
    $("select-all").addEventListener("click", () => model.select(model.shown));
    $("select-doubtful").addEventListener("click", () => model.select(model.doubtful()));
    $("select-none").addEventListener("click", () => model.select([]));
    $("export").addEventListener("click", () => this.save());
    model.on("selection", () => announce(`${many(model.selection.size, "nucleus", "nuclei")} of ${model.shown.length} selected.`));
  }

  sorted() {
    const { model } = this, [column, sign] = this.order, value = (index) => SHOWN[column][1](model, index);
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : (Number.isNaN(a) ? Infinity : a) - (Number.isNaN(b) ? Infinity : b));
    return [...model.selection].filter((index) => model.values[index]).sort((a, b) => sign * compare(value(a), value(b)) || a - b);
  }

  draw() {
    const { model } = this, all = this.sorted(), count = all.length;
    $("table-head").querySelectorAll("th").forEach((head, column) => {
      if (column === this.order[0]) head.setAttribute("aria-sort", this.order[1] > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    $("table-body").replaceChildren(...all.slice(0, ROWS).map((index) => this.row(index)));
    $("table-caption").textContent = count ? `${many(count, "selected nucleus", "selected nuclei")} of ${model.shown.length.toLocaleString("en")}` +
      (count > ROWS ? `; the first ${ROWS} are listed, the CSV has all` : "") : "No nucleus is selected";
    $("table-empty").hidden = count > 0;
    $("table-scroll").hidden = count === 0;
    $("export").disabled = $("select-none").disabled = count === 0;
    $("select-all").disabled = model.shown.length === 0;
    $("export").textContent = count ? `Save ${count.toLocaleString("en")} as CSV` : "Save as CSV";
  }

  row(index) {
    const { model } = this, button = make("button", { type: "button", class: "id" }, String(model.columns.id[index]));
    button.addEventListener("click", () => { model.choose(index); announce(sentence(model, index)); });
    const row = make("tr", {}, make("th", { scope: "row" }, button));
    if (index === model.chosen) row.setAttribute("aria-current", "true");
    for (const [, value] of SHOWN.slice(1)) {
      const content = value(model, index);
      row.append(make("td", {}, typeof content === "number" ? digits(content) : content));
    }
    return row;
  }

  save() {
    const { model } = this, url = URL.createObjectURL(new Blob([selectionCsv(model, this.sorted())], { type: "text/csv" }));
    const link = make("a", { href: url, download: `${fileName(model.image.name)}-selected.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    announce(`${many(model.selection.size, "nucleus", "nuclei")} saved.`);
  }
}

const fileName = (name) => name.replace(/[^\p{L}\p{N}._-]+/gu, "_").replace(/^[._]+/, "").slice(0, 80) || "nuclei";

/** Columns that were measured on the pixels of the file's mask: nobody measures them on another outline. */
const ofMask = (name) => /^(intensity_|overlap$|disagreement$|touches_border$)/.test(name);

/** The file's columns by their names, measures as they are now; `threshold` and `edited` say what made them. */
function selectionCsv(model, indices) {
  const names = Object.keys(model.columns);
  const lines = [["image", ...names, "threshold", "edited"].map(csvField).join(",")];
  for (const index of indices) {
    const values = model.values[index], changed = !model.untouched(index);
    const now = changed ? { ...model.nucleus(index), ...values, ...(model.image.pixelSize ? measureMicrons(values, model.image.pixelSize) : {}) } : {};
    const kept = (name) => (changed && ofMask(name) ? "" : model.columns[name][index]);
    const fields = names.map((name) => csvField(now[name] !== undefined ? now[name] : kept(name)));
    lines.push([csvField(model.image.name), ...fields, csvField(model.threshold), model.edits.has(index) ? 1 : 0].join(","));
  }
  return `${lines.join("\n")}\n`;
}

/** RFC 4180; a text that a spreadsheet would run as a formula gets an apostrophe before it. */
function csvField(value) {
  if (typeof value === "number") return Number.isFinite(value) ? String(Number(value.toPrecision(9))) : "";
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
