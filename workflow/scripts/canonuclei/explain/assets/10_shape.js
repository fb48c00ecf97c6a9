// The canonical shape: the library's 88-weight network in float64, its level sets, their moments.
// Same conventions as nuclei/fused.py, nuclei/outline.py and nuclei/measures.py.

const SAMPLES = 256; // samples a side around the lowest level's outline
const LEVELS = 160; // levels at which outlines and moments are tabled
const FARTHEST = 64; // canonical units searched, as the library does

const logitOf = (level) => Math.log(1 / level - 1);
/** u of an outline: p(s) · p(z) ≥ threshold exactly where u ≤ log(p / threshold − 1). */
const levelLogit = (p, threshold) => Math.log(Math.max(p / threshold - 1, 0));

class Shape {
  constructor(weights, lowest) {
    const flat = (name) => Float64Array.from(weights[name].flat());
    this.w = [1, 2, 3].map((layer) => flat(`layer${layer}.weight`));
    this.b = [1, 2, 3].map((layer) => flat(`layer${layer}.bias`));
    this.hidden = new Float64Array(11);
    this.second = new Float64Array(7);
    this.lowest = lowest;
    // an outline without an end cannot be drawn: take the least level that closes
    for (const level of [lowest, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].filter((one) => one >= lowest)) {
      this.field = this.sampleField(logitOf(level));
      this.lowest = level;
      if (this.field === null || this.field.closed) break;
    }
    this.start = logitOf(this.lowest);
    this.least = this.field ? this.field.values.reduce((a, b) => Math.min(a, b), Infinity) : Infinity;
    this.highest = this.field ? 1 / (1 + Math.exp(this.least)) : 0;
    this.step = (this.start - this.least) / LEVELS;
    this.rings = new Map();
    this.table = this.field && this.field.closed ? this.measureLevels() : [];
  }

  /** u(x, y); p(s) = 1 / (1 + exp(u)). */
  logit(x, y) {
    const [w1, w2, w3] = this.w, [b1, b2, b3] = this.b, h = this.hidden, g = this.second;
    const r = Math.sqrt(x * x + y * y);
    for (let k = 0; k < 8; k++) h[k] = Math.max(w1[3 * k] * x + w1[3 * k + 1] * y + w1[3 * k + 2] * r + b1[k], 0);
    h[8] = x; h[9] = y; h[10] = r;
    for (let k = 0; k < 4; k++) {
      let sum = b2[k];
      for (let m = 0; m < 11; m++) sum += w2[11 * k + m] * h[m];
      g[k] = Math.max(sum, 0);
    }
    g[4] = x; g[5] = y; g[6] = r;
    let out = b3[0];
    for (let m = 0; m < 7; m++) out += w3[m] * g[m];
    return out;
  }

  probability(x, y) {
    return 1 / (1 + Math.exp(this.logit(x, y)));
  }

  /** Bounds [x0, y0, x1, y1] of u ≤ level within a box, one sample wider; null where there is none. */
  insideBox(box, level) {
    const n = SAMPLES, dx = (box[2] - box[0]) / (n - 1), dy = (box[3] - box[1]) / (n - 1);
    let [c0, c1, r0, r1] = [n, -1, n, -1];
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        if (this.logit(box[0] + column * dx, box[1] + row * dy) > level) continue;
        c0 = Math.min(c0, column); c1 = Math.max(c1, column);
        r0 = Math.min(r0, row); r1 = Math.max(r1, row);
      }
    }
    if (c1 < 0) return null;
    return [box[0] + c0 * dx - dx, box[1] + r0 * dy - dy, box[0] + c1 * dx + dx, box[1] + r1 * dy + dy];
  }

  sampleField(level) {
    let box = null;
    for (let half = 1; half <= FARTHEST; half *= 2) {
      const found = this.insideBox([-half, -half, half, half], level);
      if (found === null) continue;
      box = box === null ? found : [0, 1, 2, 3].map((k) => (k < 2 ? Math.min : Math.max)(box[k], found[k]));
    }
    if (box === null) return null;
    const closed = box.every((value) => Math.abs(value) < FARTHEST);
    for (let time = 0; time < 2; time++) box = this.insideBox(box, level) || box;
    const n = SAMPLES, px = ((box[2] - box[0]) * 2) / n, py = ((box[3] - box[1]) * 2) / n;
    const [x0, y0] = [box[0] - px, box[1] - py];
    const dx = (box[2] + px - x0) / (n - 1), dy = (box[3] + py - y0) / (n - 1);
    const values = new Float64Array(n * n);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) values[row * n + column] = this.logit(x0 + column * dx, y0 + row * dy);
    }
    return { values, x0, y0, dx, dy, n, closed };
  }

  outline(level) {
    return marching(this.field, level);
  }

  /** Outline at the tabled level nearest to u, thinned to about `points` points: quick, for thousands. */
  roughOutline(level, points) {
    if (!this.table.length || !(level > this.least)) return [];
    const index = Math.min(Math.max(Math.round((level - this.least) / this.step), 1), LEVELS);
    const key = index * 1000 + points;
    if (!this.rings.has(key)) {
      const rings = this.outline(this.least + index * this.step);
      this.rings.set(key, rings.map((ring) => thinned(ring, points)));
    }
    return this.rings.get(key);
  }

  measureLevels() {
    const table = [];
    for (let index = 1; index <= LEVELS; index++) {
      const level = this.least + index * this.step;
      const one = moments(this.outline(level));
      if (one.area > 0) table.push({ level, radius: Math.sqrt(one.area), c: [one.x, one.y],
        s: [one.xx / one.area, one.xy / one.area, one.yy / one.area] });
    }
    return table;
  }

  /** Area, centroid and covariance of the level set u ≤ level, or null where it is empty. */
  at(level) {
    const table = this.table;
    if (!table.length || !(level > this.least)) return null;
    let high = table.findIndex((row) => row.level >= level);
    if (high < 0) high = table.length - 1;
    const a = table[Math.max(high - 1, 0)], b = table[high];
    const part = a === b ? 0 : Math.min(Math.max((level - a.level) / (b.level - a.level), 0), 1);
    const mix = (u, v) => u + (v - u) * part;
    const area = mix(a.radius, b.radius) ** 2;
    const [xx, xy, yy] = [0, 1, 2].map((k) => mix(a.s[k], b.s[k]) * area);
    return { area, x: mix(a.c[0], b.c[0]), y: mix(a.c[1], b.c[1]), xx, xy, yy };
  }
}

/** Closed rings of u = level as flat [x, y, x, y …]; holes wind against outer rings (marching squares). */
function marching({ values, x0, y0, dx, dy, n }, level) {
  const next = new Map();
  for (let row = 0; row < n - 1; row++) {
    for (let column = 0; column < n - 1; column++) {
      const at = row * n + column;
      const inside = [values[at], values[at + 1], values[at + n + 1], values[at + n]].map((value) => value <= level);
      if (inside[0] === inside[1] && inside[1] === inside[2] && inside[2] === inside[3]) continue;
      // an edge's number: twice its first sample, plus 1 if it runs down
      const edges = [2 * at, 2 * (at + 1) + 1, 2 * (at + n), 2 * at + 1];
      for (let k = 0; k < 4; k++) {
        if (!inside[k] || inside[(k + 1) % 4]) continue;
        let to = (k + 1) % 4;
        while (inside[to] || !inside[(to + 1) % 4]) to = (to + 1) % 4;
        next.set(edges[k], edges[to]);
      }
    }
  }
  const rings = [];
  while (next.size) {
    const ring = [];
    let edge = next.keys().next().value;
    while (next.has(edge)) {
      const at = edge >> 1, down = edge & 1, other = at + (down ? n : 1);
      const part = (level - values[at]) / (values[other] - values[at]);
      ring.push(x0 + dx * ((at % n) + (down ? 0 : part)), y0 + dy * (Math.floor(at / n) + (down ? part : 0)));
      const following = next.get(edge);
      next.delete(edge);
      edge = following;
    }
    if (ring.length > 6) rings.push(ring);
  }
  return rings;
}

function thinned(ring, points) {
  const count = ring.length / 2, keep = Math.min(count, points), out = [];
  for (let k = 0; k < keep; k++) {
    const at = 2 * Math.floor((k * count) / keep);
    out.push(ring[at], ring[at + 1]);
  }
  return out;
}

/** Area, centroid, covariance of what rings enclose (Green's theorem), about a point inside. */
function moments(rings) {
  let [count, mx, my] = [0, 0, 0];
  for (const ring of rings) for (let k = 0; k < ring.length; k += 2) { mx += ring[k]; my += ring[k + 1]; count++; }
  mx /= count || 1; my /= count || 1;
  let [area, fx, fy, xx, xy, yy] = [0, 0, 0, 0, 0, 0];
  for (const ring of rings) {
    for (let k = 0; k < ring.length; k += 2) {
      const m = (k + 2) % ring.length;
      const [ax, ay, bx, by] = [ring[k] - mx, ring[k + 1] - my, ring[m] - mx, ring[m + 1] - my];
      const cross = ax * by - bx * ay, sx = ax + bx, sy = ay + by;
      area += cross / 2;
      fx += (sx * cross) / 6; fy += (sy * cross) / 6;
      xx += ((sx * sx + ax * ax + bx * bx) * cross) / 24;
      xy += ((sx * sy + ax * ay + bx * by) * cross) / 24;
      yy += ((sy * sy + ay * ay + by * by) * cross) / 24;
    }
  }
  if (area === 0) return { area: 0 };
  const x = fx / area, y = fy / area;
  return { area: Math.abs(area), x: mx + x, y: my + y, xx: xx / area - x * x, xy: xy / area - x * y, yy: yy / area - y * y };
}
