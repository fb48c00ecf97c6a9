// One nucleus: from its parameters to pixels and measures, and back from what a person would set.
// A nucleus is { l11, l21, l22, t1, t2, p } in the frame { tile_y, tile_x, tile_size } (image px).

/** canonical → image px: x = a·X + ox, y = b·X + d·Y + oy: L⁻¹ (canonical − t), in px of the image. */
function mapping(one, frame) {
  const half = frame.tile_size / 2;
  const a = half / one.l11, d = half / one.l22, b = (-half * one.l21) / (one.l11 * one.l22);
  const middleX = frame.tile_x + half - 0.5, middleY = frame.tile_y + half - 0.5;
  return { a, b, d, ox: middleX - a * one.t1, oy: middleY - b * one.t1 - d * one.t2, half };
}

/** u of the shape at an image point, under the nucleus's map. */
function logitAt(shape, one, frame, x, y) {
  const half = frame.tile_size / 2;
  const X = (x + 0.5 - frame.tile_x) / half - 1, Y = (y + 0.5 - frame.tile_y) / half - 1;
  return shape.logit(one.l11 * X + one.t1, one.l21 * X + one.l22 * Y + one.t2);
}

/** Is the image point inside: p(s) p(z) ≥ threshold? */
function contains(shape, one, frame, threshold, x, y) {
  return logitAt(shape, one, frame, x, y) <= levelLogit(one.p, threshold);
}

/** Measures by the names of regionprops, in px; null where the nucleus has no inside. */
function measure(shape, one, frame, threshold) {
  const level = shape.at(levelLogit(one.p, threshold));
  if (level === null) return null;
  const { a, b, d, ox, oy } = mapping(one, frame);
  const xx = a * a * level.xx;
  const xy = a * (b * level.xx + d * level.xy);
  const yy = b * b * level.xx + 2 * b * d * level.xy + d * d * level.yy;
  return { ...ellipse(xx, xy, yy), area: a * d * level.area, xx, xy, yy,
    "centroid-1": a * level.x + ox, "centroid-0": b * level.x + d * level.y + oy };
}

function ellipse(xx, xy, yy) {
  const mean = (xx + yy) / 2, half = Math.hypot((xx - yy) / 2, xy);
  const large = mean + half, small = Math.max(mean - half, 0);
  const major = 4 * Math.sqrt(large), minor = 4 * Math.sqrt(small);
  return { axis_major_length: major, axis_minor_length: minor, orientation: 0.5 * Math.atan2(2 * xy, yy - xx),
    eccentricity: Math.sqrt(1 - small / large) };
}

/** The same in µm, for pixels that need not be square. */
function measureMicrons(numbers, pixelSize) {
  const [sy, sx] = pixelSize;
  const spread = numbers.xx === undefined ? covariance(numbers) : numbers;
  const axes = ellipse(spread.xx * sx * sx, spread.xy * sx * sy, spread.yy * sy * sy);
  return { "centroid-0_um": numbers["centroid-0"] * sy, "centroid-1_um": numbers["centroid-1"] * sx,
    area_um2: numbers.area * sx * sy, axis_major_length_um: axes.axis_major_length,
    axis_minor_length_um: axes.axis_minor_length, orientation_um: axes.orientation, eccentricity_um: axes.eccentricity };
}

function covariance(numbers) {
  const long = (numbers.axis_major_length / 4) ** 2, short = (numbers.axis_minor_length / 4) ** 2;
  const sin = Math.sin(numbers.orientation), cos = Math.cos(numbers.orientation);
  return { xx: long * sin * sin + short * cos * cos, xy: (long - short) * sin * cos, yy: long * cos * cos + short * sin * sin };
}

/** L and t that give a nucleus these axes, orientation and centroid at its p (the only such, L triangular). */
function withMeasures(shape, one, frame, threshold, wanted) {
  const level = shape.at(levelLogit(one.p, threshold));
  if (level === null) return one;
  const half = frame.tile_size / 2, to = cholesky(covariance(wanted)), from = cholesky(level);
  // L⁻¹ = chol(C) chol(S)⁻¹, so L = chol(S) chol(C)⁻¹
  const l11 = (from.a / to.a) * half, l22 = (from.d / to.d) * half;
  const l21 = (from.b - (from.d * to.b) / to.d) / to.a * half;
  const X = (wanted["centroid-1"] + 0.5 - frame.tile_x) / half - 1, Y = (wanted["centroid-0"] + 0.5 - frame.tile_y) / half - 1;
  return { p: one.p, l11, l21, l22, t1: level.x - l11 * X, t2: level.y - l21 * X - l22 * Y };
}

function cholesky({ xx, xy, yy }) {
  const a = Math.sqrt(xx), b = xy / a;
  return { a, b, d: Math.sqrt(Math.max(yy - b * b, 1e-12)) };
}

/** Degrees counter-clockwise from the horizontal, as one sees it, in (0, 180]; and back. */
const seenAngle = (orientation) => (orientation * 180) / Math.PI + 90;
const orientationOf = (degrees) => ((degrees - 90) * Math.PI) / 180;
/** Under this ratio of the axes an orientation is chance. */
const ROUND = 1.1;
const elongation = (numbers) => numbers.axis_major_length / numbers.axis_minor_length;
