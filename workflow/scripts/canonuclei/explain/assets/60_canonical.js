// The canonical shape: its outline at several levels, and p(s) along the radius in eight directions.

const CONTOURS = [0.1, 0.3, 0.5, 0.7, 0.9];
const DIRECTIONS = [["right", 0], ["up", 90], ["left", 180], ["down", 270]];

class Canonical {
  constructor(model) {
    this.model = model;
    model.on("image", () => this.draw());
    const mark = framed(() => this.mark());
    for (const event of ["chosen", "hover", "outlines"]) model.on(event, mark);
  }

  draw() {
    const { shape } = this.model;
    if (!shape.table.length) {
      $("shape-words").textContent = "The learned shape has no closed outline: nothing can be drawn.";
      return;
    }
    const widest = shape.outline(shape.start);
    this.reach = span(widest, (x, y) => [x, y]) / 2;
    this.drawContours();
    this.drawProfile();
    this.describe();
    this.mark();
  }

  at(x, y) {
    const k = 150 / (this.reach * 1.15);
    return [150 + k * x, 150 + k * y];
  }

  drawContours() {
    const { shape } = this.model, picture = $("contours");
    picture.replaceChildren(draw("path", { d: "M150,0V300M0,150H300", class: "axes" }));
    const labels = [];
    for (const level of CONTOURS.filter((one) => one >= shape.lowest && one < shape.highest)) {
      const rings = shape.outline(logitOf(level));
      picture.append(draw("path", { d: pathOf(rings, (x, y) => this.at(x, y)), class: "contour", "fill-rule": "evenodd" }));
      labels.push([level, this.rightmost(rings)]);
    }
    picture.append(draw("path", { id: "now", class: "now" }), ...this.fan(labels));
    picture.append(draw("title", {}, "Outlines of the canonical shape at several levels of p(s)"));
  }

  /** Where rings reach farthest to the right, in the picture. */
  rightmost(rings) {
    let [x, y] = [-Infinity, 0];
    for (const ring of rings) for (let k = 0; k < ring.length; k += 2) if (ring[k] > x) [x, y] = [ring[k], ring[k + 1]];
    return this.at(x, y);
  }

  /** Labels in a column beside the picture, a line from each to its outline: lines may lie too close for text. */
  fan(labels) {
    return labels.flatMap(([level, [x, y]], k) => {
      const end = 158 + 15 * k, text = draw("text", { x: 312, y: end + 4, class: "small" });
      text.textContent = level;
      return [draw("path", { d: `M${x.toFixed(1)},${y.toFixed(1)}L308,${end}`, class: "leader" }),
        draw("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 2, class: "dot" }), text];
    });
  }

  place(r, p) {
    return [34 + (r / (this.reach * 1.15)) * 256, 270 - p * 250];
  }

  drawProfile() {
    const { shape } = this.model, picture = $("profile");
    picture.replaceChildren();
    for (const p of [0, 0.25, 0.5, 0.75, 1]) {
      const y = this.place(0, p)[1], text = draw("text", { x: 30, y: y + 4, class: "small end" });
      text.textContent = p;
      picture.append(draw("path", { d: `M34,${y}H290`, class: "axes" }), text);
    }
    const step = this.reach > 1 ? Math.ceil(this.reach / 4) : 0.2;
    for (let r = 0; r <= this.reach * 1.15; r += step) {
      const text = draw("text", { x: this.place(r, 0)[0], y: 286, class: "small middle" });
      text.textContent = Number(r.toFixed(2));
      picture.append(text);
    }
    for (let angle = 45; angle < 360; angle += 90) picture.append(this.ray(shape, angle, "ray between"));
    for (const [name, angle] of DIRECTIONS) picture.append(this.ray(shape, angle, `ray ${name}`));
    picture.append(draw("path", { id: "now-level", class: "now" }));
    const name = draw("text", { x: 162, y: 299, class: "small middle" });
    name.textContent = "distance from the origin, canonical units";
    picture.append(name, draw("title", {}, "p(s) along the radius in eight directions"));
  }

  ray(shape, angle, kind) {
    const cos = Math.cos((angle * Math.PI) / 180), sin = -Math.sin((angle * Math.PI) / 180), points = [];
    for (let k = 0; k <= 160; k++) {
      const r = (k / 160) * this.reach * 1.15;
      points.push(this.place(r, shape.probability(r * cos, r * sin)).map((value) => value.toFixed(1)).join(","));
    }
    return draw("path", { d: `M${points.join("L")}`, class: kind });
  }

  describe() {
    const { shape, base } = this.model;
    const level = shape.at(logitOf(Math.max(base, shape.lowest)));
    if (level === null) {
      $("shape-words").textContent = `The learned shape nowhere reaches p(s) = ${digits(base, 2)}: it draws no nucleus.`;
      return;
    }
    const axes = ellipse(level.xx, level.xy, level.yy), radius = Math.sqrt(level.area / Math.PI);
    const ratio = axes.axis_major_length / axes.axis_minor_length;
    const edge = [0.9, 0.1].map((p) => shape.at(logitOf(p))).map((one) => one && Math.sqrt(one.area / Math.PI));
    $("shape-words").textContent =
      `Where p(s) = ${digits(base, 2)} its radius is ${digits(radius)} (as of a disc of the same area), ` +
      `${ratio < 1.05 ? "and it is round" : `${digits(ratio)} times as long as wide`} (axes ratio ${digits(ratio)}); its centre lies ` +
      `${digits(Math.hypot(level.x, level.y) / radius, 2)} radii from the origin. p(s) is ${digits(shape.highest)} at most` +
      (edge[0] && edge[1] ? `, and falls from 0.9 to 0.1 between the radii ${digits(edge[0])} and ${digits(edge[1])}.` : ".");
  }

  /** The level at which the nucleus pointed at or chosen cuts the shape. */
  mark() {
    const { model } = this, index = model.hover >= 0 ? model.hover : model.chosen;
    const outline = $("now"), line = $("now-level");
    if (!outline || !line) return;
    const level = index < 0 ? null : model.threshold / model.nucleus(index).p;
    const drawn = level !== null && level < model.shape.highest && level >= model.shape.lowest * 0.999;
    outline.setAttribute("d", drawn ? pathOf(model.shape.outline(logitOf(level)), (x, y) => this.at(x, y)) : "");
    line.setAttribute("d", drawn ? `M34,${this.place(0, level)[1]}H290` : "");
    $("now-words").textContent = index < 0 ? "" : drawn ?
      `Nucleus ${model.columns.id[index]} cuts the shape at p(s) = ${digits(model.threshold, 2)} / ${digits(model.nucleus(index).p)} = ${digits(level)} (thick line).` :
      `Nucleus ${model.columns.id[index]} is not drawn at this threshold.`;
  }
}
