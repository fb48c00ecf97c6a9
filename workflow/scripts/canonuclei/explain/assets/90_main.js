// Wiring: the data block, the chooser, the threshold, the words at the top.

function start() {
  const data = JSON.parse($("data").textContent);
  const model = new Model(data);
  const viewer = new Viewer(model);
  new Panel(model, new Steps(model, viewer));
  new Canonical(model);
  makeHistograms(model);
  new Table(model);
  wirePointing(model, viewer);
  wireThreshold(model);
  wireChooser(model);
  model.on("image", () => describeImage(model));
  model.on("outlines", () => countWords(model));
  describeRun(data);
  model.emit("image", "outlines", "selection", "chosen");
  document.documentElement.dataset.ready = "true";
  // for those who look at the page from the browser's console, and for the tests
  window.canonuclei = { model, viewer, Shape, measure, mapping, moments, withMeasures, contains, levelLogit };
}

function wireThreshold(model) {
  const input = $("threshold"), output = $("threshold-now");
  input.min = Math.ceil(model.shape.lowest * 100) / 100;
  const say = () => {
    input.value = model.threshold;
    const same = model.threshold === model.base;
    output.textContent = `${digits(model.threshold, 2)}${same ? " (as the file was made)" : ""}`;
    input.setAttribute("aria-valuetext", `${digits(model.threshold, 2)}, ${many(model.shown.length, "nucleus", "nuclei")}`);
    $("threshold-reset").disabled = same;
    $("threshold-note").hidden = same;
  };
  const set = framed(() => model.setThreshold(Math.abs(Number(input.value) - model.base) < 0.003 ? model.base : Number(input.value)));
  input.addEventListener("input", () => { set(); });
  $("threshold-reset").addEventListener("click", () => model.setThreshold(model.base));
  model.on("outlines", () => {
    say();
    if (document.activeElement === input) announce(`Threshold ${digits(model.threshold, 2)}: ${many(model.shown.length, "nucleus", "nuclei")}.`);
  });
}

function wireChooser(model) {
  const chooser = $("chooser");
  model.pages.forEach((page, number) => chooser.append(make("option", { value: number }, page.name)));
  $("choose-image").hidden = model.pages.length < 2;
  chooser.addEventListener("change", () => {
    model.show(Number(chooser.value));
    announce(`${model.image.name}: ${many(model.shown.length, "nucleus", "nuclei")}.`);
  });
}

function countWords(model) {
  const doubtful = model.doubtful().length;
  $("count").textContent = many(model.shown.length, "nucleus", "nuclei") + (doubtful ? `, ${doubtful.toLocaleString("en")} of them doubtful` : ", none marked doubtful");
  $("next-doubtful").disabled = $("select-doubtful").disabled = doubtful === 0;
}

function describeImage(model) {
  const { name, width, height, warnings, notes, pixelSize } = model.image;
  $("name").textContent = name;
  $("size").textContent = `${width.toLocaleString("en")} × ${height.toLocaleString("en")} px` +
    (pixelSize ? `, ${digits(pixelSize[1])}${pixelSize[0] === pixelSize[1] ? "" : ` × ${digits(pixelSize[0])}`} µm a pixel` : "");
  $("warnings").hidden = warnings.length === 0;
  $("warning-list").replaceChildren(...warnings.map((text) => make("li", {}, text)));
  $("notes").replaceChildren(...notes.map((text) => make("li", {}, text)));
  $("notes").hidden = notes.length === 0;
}

function describeRun(data) {
  const flat = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));
  const rows = Object.entries(data.about).map(([key, value]) => make("div", {}, make("dt", {}, key), make("dd", {}, flat(value))));
  $("about").replaceChildren(...rows);
  $("page-notes").replaceChildren(...data.notes.map((text) => make("li", {}, text)));
  $("page-notes").hidden = data.notes.length === 0;
}

try {
  start();
} catch (error) {
  $("failure").hidden = false;
  $("failure").textContent = `This page could not be drawn: ${error.message}. A browser from 2022 or newer is needed.`;
  throw error;
}
