// Small helpers: elements by textContent only (nothing from a file is ever read as HTML), numbers, words.

const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A number as a person would write it: about three digits, a true minus, never −0. */
function digits(value, least = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const places = size < 1e-12 ? 0 : Math.max(0, Math.min(least - 1 - Math.floor(Math.log10(size)), 4));
  const text = value.toFixed(places);
  return (Number(text) === 0 ? (0).toFixed(Math.min(places, 2)) : text).replace("-", "−");
}

const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

let speaking = 0;
/** Tell screen readers; short pauses gather what a moving slider would say. */
function announce(text) {
  clearTimeout(speaking);
  speaking = setTimeout(() => { $("live").textContent = text; }, 250);
}

/** Run once a frame, however often it is asked for. */
function framed(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; work(); });
  };
}

/** SVG path of rings [x, y, x, y …] under a mapping (x, y) → [x, y]. */
function pathOf(rings, map) {
  return rings.map((ring) => {
    const points = [];
    for (let k = 0; k < ring.length; k += 2) points.push(map(ring[k], ring[k + 1]).map((v) => v.toFixed(2)).join(","));
    return points.length ? `M${points.join("L")}Z` : "";
  }).join("");
}
