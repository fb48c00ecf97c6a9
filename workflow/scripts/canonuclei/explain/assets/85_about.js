// What made the page, in words: the model at the top where it must be told, everything else at the foot.

const ABOUT_WORDS = {
  name: "Image", image_shape: "Rows and columns, px", channels: "Channels", channel: "Channel looked at", pixel_size: "Pixel, µm",
  scale: "Sides taken times", scaled_size: "Seen by the network as, px", keep: "Least p(z) kept", threshold: "Threshold on p(z) · p(s)",
  merge_overlap: "Merged from this overlap on", tile_size: "Side of a tile, px", tile_overlap: "Tiles overlap by, px",
  guaranteed_whole_diameter_px: "Surely whole up to, px across", normalization: "Normalization", model: "Model", device: "Device",
  bf16: "Computed in bf16", processor: "Processor", versions: "Versions", made: "Made", counts: "Counts", seed: "Seed",
  revision: "Commit", code: "Code", threads: "Threads", run: "Run", dataset: "Data set",
};

const aboutWord = (key) => ABOUT_WORDS[key] || key.replaceAll("_", " ");

/** A value as text: lists with commas, no braces. */
function aboutText(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return String(Number(value.toPrecision(6)));
  if (Array.isArray(value)) return value.map((one) => (Array.isArray(one) ? `(${aboutText(one)})` : aboutText(one))).join(", ") || "–";
  if (typeof value === "object") return Object.entries(value).map(([key, one]) => `${key.replaceAll("_", " ")} ${aboutText(one)}`).join("; ");
  return String(value);
}

/** A description of one entry; what has parts of its own gets a line for each that says something. */
function aboutLines(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [aboutText(value)];
  const told = Object.entries(value).filter(([, one]) => one !== null && one !== "");
  return told.map(([key, one]) => make("div", {}, make("span", { class: "part" }, `${key.replaceAll("_", " ")} `), aboutText(one)));
}

function describeRun(data) {
  const rows = Object.entries(data.about).filter(([, value]) => value !== null && aboutText(value) !== "–");
  $("about").replaceChildren(...rows.map(([key, value]) => make("div", {}, make("dt", {}, aboutWord(key)), make("dd", {}, ...aboutLines(value)))));
  $("page-notes").replaceChildren(...data.notes.map((text) => make("li", {}, text)));
  $("page-notes").hidden = data.notes.length === 0;
  describeModel(data.about.model);
}

/** What kind of model it was, where it says so: a short run must not pass for a trained one. */
function describeModel(model) {
  const label = model !== null && typeof model === "object" && typeof model.label === "string" ? model.label : "";
  const note = $("model-note");
  note.hidden = label === "";
  note.className = label.startsWith("short-run") ? "warning" : "note";
  note.textContent = label && `Found by a ${label}.`;
}
