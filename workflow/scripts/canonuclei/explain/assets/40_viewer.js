// The image with its outlines on two canvases: one for image and all outlines, one for what changes quickly.

// Okabe and Ito's colours: told apart with every common colour vision, and by dashes and width besides
const COLOURS = { sure: "#56b4e9", doubtful: "#e69f00", selected: "#f0e442", chosen: "#ffffff", casing: "rgba(0,0,0,0.75)" };
const LARGEST_ZOOM = 24;

class Viewer {
  constructor(model) {
    this.model = model;
    this.box = $("view");
    this.base = $("base").getContext("2d");
    this.over = $("over").getContext("2d");
    this.drawBase = framed(() => this.paintBase());
    this.drawOver = framed(() => this.paintOver());
    model.on("image", () => this.load());
    model.on("outlines", () => { this.drawBase(); this.drawOver(); });
    model.on("selection", () => { this.drawBase(); this.drawOver(); });
    model.on("hover", () => { this.drawOver(); this.tip(); });
    model.on("chosen", () => { this.reveal(); this.drawOver(); });
    // a frame later, and for widths alone: fit() itself sets the height
    new ResizeObserver(framed(() => { if (this.box.clientWidth !== this.size[0]) this.fit(); })).observe(this.box);
    this.size = [0, 0];
    $("outlines").addEventListener("change", this.drawBase);
    $("zoom-in").addEventListener("click", () => this.zoom(1.5));
    $("zoom-out").addEventListener("click", () => this.zoom(1 / 1.5));
    $("zoom-all").addEventListener("click", () => this.fit());
    this.rectangle = null;
  }

  load() {
    const picture = new Image(), { name, width, height } = this.model.image;
    this.picture = null;
    this.fit();
    $("view").setAttribute("aria-label", `Image ${name}, ${width} by ${height} pixels, with ${many(this.model.shown.length, "nucleus", "nuclei")}`);
    picture.addEventListener("load", () => {
      if (this.model.image.name !== name) return;
      this.picture = picture;
      document.documentElement.dataset.picture = String(this.model.number);
      this.drawBase();
      this.model.emit("picture");
    });
    picture.src = this.model.image.picture;
  }

  /** The whole image in the box; k is CSS px per image px, (x, y) the image's corner. */
  fit() {
    const { width, height } = this.model.image;
    const across = this.box.clientWidth;
    const down = Math.min((across * height) / width, Math.max(window.innerHeight * 0.72, 260));
    this.box.style.height = `${Math.round(down)}px`;
    this.size = [across, Math.round(down)];
    for (const canvas of [this.base.canvas, this.over.canvas]) {
      canvas.width = Math.round(across * devicePixelRatio);
      canvas.height = Math.round(this.size[1] * devicePixelRatio);
    }
    this.least = Math.min(across / width, this.size[1] / height);
    this.k = this.least;
    this.x = (across - width * this.k) / 2;
    this.y = (this.size[1] - height * this.k) / 2;
    this.drawBase();
    this.drawOver();
  }

  zoom(factor, x = this.size[0] / 2, y = this.size[1] / 2) {
    const k = Math.min(Math.max(this.k * factor, this.least), Math.max(LARGEST_ZOOM, this.least));
    this.x = x - ((x - this.x) * k) / this.k;
    this.y = y - ((y - this.y) * k) / this.k;
    this.k = k;
    this.keepInside();
  }

  keepInside() {
    const { width, height } = this.model.image;
    const held = (at, size, room) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(at, room - size)));
    this.x = held(this.x, width * this.k, this.size[0]);
    this.y = held(this.y, height * this.k, this.size[1]);
    this.drawBase();
    this.drawOver();
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.keepInside();
  }

  /** Image coordinates (px centres are whole numbers) of a place in the box. */
  point(x, y) {
    return [(x - this.x) / this.k - 0.5, (y - this.y) / this.k - 0.5];
  }

  /** Bring the chosen nucleus into sight. */
  reveal() {
    const numbers = this.model.chosen < 0 ? null : this.model.values[this.model.chosen];
    if (!numbers || this.k === this.least) return;
    const x = this.x + numbers["centroid-1"] * this.k, y = this.y + numbers["centroid-0"] * this.k;
    const inside = x > 20 && y > 20 && x < this.size[0] - 20 && y < this.size[1] - 20;
    if (!inside) this.move(this.size[0] / 2 - x, this.size[1] / 2 - y);
  }

  path(indices, exact = false) {
    const { model } = this, path = new Path2D();
    const points = exact ? 400 : model.shown.length > 1500 && this.k < 2 ? 28 : 64;
    for (const index of indices) {
      const parts = model.parts(index);
      if (parts.length > 1) {
        const still = { a: 1, b: 0, d: 1, ox: 0, oy: 0 };
        for (const ring of model.union(index)) this.trace(path, ring, still);
      } else for (const part of parts) {
        const one = model.nucleus(part), map = mapping(one, model.frame(part));
        const level = levelLogit(one.p, model.threshold);
        const rings = exact ? (model.shape.at(level) ? model.shape.outline(level) : []) : model.shape.roughOutline(level, points);
        for (const ring of rings) this.trace(path, ring, map);
      }
    }
    return path;
  }

  trace(path, ring, map) {
    for (let k = 0; k < ring.length; k += 2) {
      const x = this.x + (map.a * ring[k] + map.ox + 0.5) * this.k;
      const y = this.y + (map.b * ring[k] + map.d * ring[k + 1] + map.oy + 0.5) * this.k;
      if (k) path.lineTo(x, y);
      else path.moveTo(x, y);
    }
    path.closePath();
  }

  inSight(index) {
    const numbers = this.model.values[index], reach = numbers.axis_major_length;
    const x = this.x + numbers["centroid-1"] * this.k, y = this.y + numbers["centroid-0"] * this.k, r = reach * this.k;
    return x + r > 0 && y + r > 0 && x - r < this.size[0] && y - r < this.size[1];
  }

  begin(context) {
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, ...this.size);
    context.lineJoin = "round";
  }

  stroke(context, path, colour, width, dash = [], casing = 1.6) {
    context.setLineDash([]);
    context.strokeStyle = COLOURS.casing;
    context.lineWidth = width + casing;
    context.stroke(path);
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke(path);
    context.setLineDash([]);
  }

  paintBase() {
    const { model, base } = this, { width, height } = model.image;
    this.begin(base);
    base.imageSmoothingEnabled = this.k * (width / model.image.shownWidth) < 3;
    if (this.picture) base.drawImage(this.picture, this.x, this.y, width * this.k, height * this.k);
    if (!$("outlines").checked) return;
    const seen = model.shown.filter((index) => this.inSight(index));
    const line = model.shown.length > 1500 && this.k < 1 ? 1 : 1.6;
    const [sure, doubtful] = [[], []];
    for (const index of seen) (model.doubts(index).length ? doubtful : sure).push(index);
    this.stroke(base, this.path(sure), COLOURS.sure, line);
    this.stroke(base, this.path(doubtful), COLOURS.doubtful, line + 0.4, [5, 3]);
  }

  paintOver() {
    const { model, over } = this;
    this.begin(over);
    const selected = this.path([...model.selection].filter((index) => model.values[index] && this.inSight(index)));
    over.fillStyle = "rgba(240,228,66,0.35)";
    over.fill(selected);
    this.stroke(over, selected, COLOURS.selected, 2);
    for (const [index, width] of [[model.hover, 2], [model.chosen, 3.2]]) {
      if (index < 0 || !model.values[index]) continue;
      this.stroke(over, this.path([index], true), COLOURS.chosen, width, [], 3.6); // reads on black and on white
    }
    if (this.rectangle) {
      const [x0, y0, x1, y1] = this.rectangle;
      over.setLineDash([4, 3]);
      over.lineWidth = 1.5;
      over.strokeStyle = COLOURS.casing;
      over.strokeRect(x0 + 1, y0 + 1, x1 - x0, y1 - y0);
      over.strokeStyle = COLOURS.selected;
      over.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
  }

  tip() {
    const { model } = this, tip = $("tip"), numbers = model.hover < 0 ? null : model.values[model.hover];
    tip.hidden = numbers === null;
    if (numbers === null) return;
    const doubts = model.doubts(model.hover);
    tip.textContent = `Nucleus ${model.columns.id[model.hover]} · p(z) ${digits(model.nucleus(model.hover).p, 2)} · ` +
      `${digits(numbers.axis_major_length)} × ${digits(numbers.axis_minor_length)} px${doubts.length ? ` · ${doubts.join("; ")}` : ""}`;
    const x = this.x + numbers["centroid-1"] * this.k, y = this.y + (numbers["centroid-0"] + numbers.axis_major_length * 0.6) * this.k;
    tip.style.left = `${Math.min(Math.max(x - tip.offsetWidth / 2, 4), Math.max(this.size[0] - tip.offsetWidth - 4, 4))}px`;
    tip.style.top = `${Math.min(Math.max(y, 4), this.size[1] - tip.offsetHeight - 4)}px`;
  }
}
