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
  model.pages.forEach((page, number) => chooser.append(make("option", { value: number }, `${page.name}${page.warnings.length ? " – look twice" : ""}`)));
  $("choose-image").hidden = model.pages.length < 2;
  chooser.addEventListener("change", () => {
    model.show(Number(chooser.value));
    announce(`${model.image.name}: ${many(model.shown.length, "nucleus", "nuclei")}.`);
  });
}

function countWords(model) {
  const doubtful = model.doubtful().length;
  $("count").textContent = many(model.shown.length, "nucleus", "nuclei") + (doubtful ? `, ${doubtful.toLocaleString("en")} of them doubtful` : model.shown.length ? ", none marked doubtful" : "");
  $("next-doubtful").disabled = $("select-doubtful").disabled = doubtful === 0;
  describeNone(model);
}

/** Without a nucleus there are no steps, histograms and selections: one sentence says what can be done. */
function describeNone(model) {
  const none = model.shown.length === 0, less = model.sureness().filter((p) => p > model.shape.lowest);
  document.querySelector("main").classList.toggle("none", none);
  $("none").hidden = !none;
  if (!none) return;
  const sure = less.length ? `The surest of ${many(less.length, "candidate")} has p(z) = ${digits(Math.max(...less))}: move the threshold below it to see it.` :
    "There are no candidates under the threshold either.";
  $("none").textContent = `No nucleus reaches the threshold of ${digits(model.threshold, 2)} in this image. ${sure}`;
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

try {
  start();
} catch (error) {
  $("failure").hidden = false;
  $("failure").textContent = `This page could not be drawn: ${error.message}. A browser from 2022 or newer is needed.`;
  throw error;
}
