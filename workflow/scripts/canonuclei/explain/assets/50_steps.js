// How the canonical shape becomes the nucleus: X' = L X + t read backwards, in four small pictures.

const SIDE = 200; // of a small picture, in its own units

class Steps {
  constructor(model, viewer) {
    this.model = model;
    this.viewer = viewer;
    this.crop = document.createElement("canvas");
  }

  show(index) {
    const { model } = this, place = $("steps");
    const one = model.nucleus(index), frame = model.frame(index);
    const level = levelLogit(one.p, model.threshold), now = model.shape.at(level);
    if (now === null) return place.replaceChildren(make("li", {}, "At this p(z) no pixel reaches the threshold: there is nothing to draw."));
    const rings = model.shape.outline(level), map = mapping(one, frame);
    const scaled = (x, y) => [map.a * x, map.d * y];
    const sheared = (x, y) => [map.a * x, map.b * x + map.d * y];
    const near = 0.55 * Math.max(span(rings, scaled), span(rings, sheared), 1e-9) * 2;
    place.replaceChildren(
      this.step("1. The shape", this.panel(rings, null, (x, y) => [x, y], span(rings, (x, y) => [x, y]) * 1.1, "unit"), this.wordsShape(one)),
      this.step("2. Scaled", this.panel(rings, null, scaled, near, "px"), this.wordsScaled(one, map)),
      this.step("3. Sheared", this.panel(rings, scaled, sheared, near, "px"), this.wordsSheared(one, map)),
      this.step("4. Moved", this.placed(rings, map, model.numbers(index), index), this.wordsMoved(one, map, frame, model.parts(index).length)),
    );
    $("formula").textContent = this.formula(one);
  }

  step(title, picture, words) {
    return make("li", {}, make("h4", {}, title), picture, make("p", {}, words));
  }

  /** Rings under a mapping around the origin; `ghost` draws the step before, dashed. */
  panel(rings, ghost, map, width, unit) {
    const k = SIDE / width, half = SIDE / 2;
    const put = (way) => (x, y) => way(x, y).map((value) => half + k * value);
    const picture = draw("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true", class: "step" });
    picture.append(draw("path", { d: `M${half},0V${SIDE}M0,${half}H${SIDE}`, class: "axes" }));
    if (ghost) picture.append(draw("path", { d: pathOf(rings, put(ghost)), class: "ghost" }));
    picture.append(draw("path", { d: pathOf(rings, put(map)), class: "outline", "fill-rule": "evenodd" }));
    picture.append(...scaleBar(k, unit));
    return picture;
  }

  /** The outline in the image around it. */
  placed(rings, map, numbers, index) {
    const { image } = this.model, width = Math.max(numbers ? numbers.axis_major_length * 1.9 : 0, 16);
    const left = (numbers ? numbers["centroid-1"] : map.ox) + 0.5 - width / 2, top = (numbers ? numbers["centroid-0"] : map.oy) + 0.5 - width / 2;
    const k = SIDE / width, put = (x, y) => [(map.a * x + map.ox + 0.5 - left) * k, (map.b * x + map.d * y + map.oy + 0.5 - top) * k];
    const picture = draw("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true", class: "step" });
    if (this.viewer.picture) {
      const share = image.shownWidth / image.width, canvas = this.crop, context = canvas.getContext("2d");
      canvas.width = canvas.height = SIDE;
      context.imageSmoothingEnabled = k * share < 8;
      context.drawImage(this.viewer.picture, left * share, top * share, width * share, width * share, 0, 0, SIDE, SIDE);
      picture.append(draw("image", { href: canvas.toDataURL(), width: SIDE, height: SIDE }));
    }
    const d = pathOf(rings, put);
    if (this.model.parts(index).length > 1) {
      const whole = pathOf(this.model.union(index), (x, y) => [(x + 0.5 - left) * k, (y + 0.5 - top) * k]);
      picture.append(draw("path", { d: whole, class: "casing" }), draw("path", { d: whole, class: "whole" }));
    }
    picture.append(draw("path", { d, class: "casing" }), draw("path", { d, class: "inplace" }));
    picture.append(...scaleBar(k, "px", true));
    return picture;
  }

  wordsShape(one) {
    return `The one outline learned for all nuclei, cut where p(s) × p(z) = ${digits(this.model.threshold, 2)}: ` +
      `with p(z) = ${digits(one.p)}, at p(s) = ${digits(this.model.threshold / one.p)}.`;
  }

  wordsScaled(one, map) {
    return `One unit of the shape becomes ${digits(map.a)} px across (${digits(map.half)} / l11) and ${digits(map.d)} px down ` +
      `(${digits(map.half)} / l22; half a tile is ${digits(map.half)} px).`;
  }

  wordsSheared(one, map) {
    const slope = map.b / map.a;
    if (Math.abs(slope) < 0.01) return "Hardly sheared: it stays upright (l21 is near 0).";
    return `It leans: for every 10 px to the right, a point goes ${digits(Math.abs(10 * slope))} px ${slope > 0 ? "down" : "up"} ` +
      `(−l21 / l22 = ${digits(-one.l21 / one.l22)}). Dashed: before.`;
  }

  wordsMoved(one, map, frame, parts) {
    return `Its origin goes to column ${digits(map.ox, 4)}, row ${digits(map.oy, 4)} of the image: −L⁻¹t, counted from the middle of the ` +
      `tile at column ${digits(frame.tile_x, 4)}, row ${digits(frame.tile_y, 4)}. ${parts > 1 ?
      `This is the biggest of ${parts} instances that were merged: the nucleus is their union (dashed).` : "That is the nucleus."}`;
  }

  formula(one) {
    const n = (value) => digits(value).padStart(7);
    return `x' = ${n(one.l11)} · x               + ${n(one.t1)}\ny' = ${n(one.l21)} · x + ${n(one.l22)} · y + ${n(one.t2)}`;
  }
}

/** Twice the farthest reach of rings from the origin under a mapping. */
function span(rings, map) {
  let reach = 0;
  for (const ring of rings) for (let k = 0; k < ring.length; k += 2) reach = Math.max(reach, ...map(ring[k], ring[k + 1]).map(Math.abs));
  return 2 * reach;
}

/** A bar of a round length, about a quarter of the picture; k is the picture's units in one of `unit`. */
function scaleBar(k, unit, onImage = false) {
  const wanted = SIDE / 4 / k, power = 10 ** Math.floor(Math.log10(wanted));
  const value = [5, 2, 1].find((times) => times * power <= wanted) * power;
  const length = value * k, name = `${Number(value.toPrecision(1))} ${unit}`;
  const y = SIDE - 10, kind = onImage ? "bar light" : "bar";
  const text = draw("text", { x: 10, y: y - 6, class: kind });
  text.textContent = name;
  return [draw("path", { d: `M10,${y}h${length.toFixed(1)}`, class: kind }), text];
}
