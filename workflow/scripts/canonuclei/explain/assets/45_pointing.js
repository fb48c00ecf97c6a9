// Mouse, touch and keyboard on the image.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function wirePointing(model, viewer) {
  const box = viewer.box;
  let down = null;
  const place = (event) => {
    const frame = box.getBoundingClientRect();
    return [event.clientX - frame.left - box.clientLeft, event.clientY - frame.top - box.clientTop];
  };
  box.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [x, y] = place(event);
    down = { x, y, atX: x, atY: y, moved: false, frame: event.shiftKey };
    box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (!down) return model.point(model.hit(...viewer.point(x, y)));
    down.moved ||= Math.hypot(x - down.x, y - down.y) > 4;
    if (!down.moved) return;
    if (down.frame) {
      viewer.rectangle = [Math.min(x, down.x), Math.min(y, down.y), Math.max(x, down.x), Math.max(y, down.y)];
      viewer.drawOver();
    } else viewer.move(x - down.atX, y - down.atY);
    [down.atX, down.atY] = [x, y];
  });
  box.addEventListener("pointerup", (event) => {
    if (!down) return;
    const was = down;
    down = null;
    if (viewer.rectangle) return selectFrame(model, viewer);
    if (was.moved) return;
    const index = model.hit(...viewer.point(...place(event)));
    if (event.shiftKey || event.ctrlKey || event.metaKey) {
      if (index >= 0) model.toggle(index);
    } else if (index >= 0) {
      model.choose(index);
      announce(sentence(model, index));
    }
  });
  for (const kind of ["pointerleave", "pointercancel"]) {
    box.addEventListener(kind, () => { if (kind === "pointercancel") down = null; model.point(-1); });
  }
  box.addEventListener("wheel", (event) => {
    // the wheel alone scrolls the page; with Ctrl (or two fingers on a touchpad) it zooms
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    viewer.zoom(Math.exp(-event.deltaY / 300), ...place(event));
  }, { passive: false });
  box.addEventListener("keydown", (event) => keys(event, model, viewer));
}

function selectFrame(model, viewer) {
  const [x0, y0, x1, y1] = viewer.rectangle;
  const [a, b] = [viewer.point(x0, y0), viewer.point(x1, y1)];
  viewer.rectangle = null;
  const inside = (numbers) => numbers["centroid-1"] >= a[0] && numbers["centroid-1"] <= b[0] &&
    numbers["centroid-0"] >= a[1] && numbers["centroid-0"] <= b[1];
  model.select(model.shown.filter((index) => inside(model.values[index])));
}

function keys(event, model, viewer) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  let index = model.chosen;
  const order = model.shown, at = order.indexOf(index);
  if (arrow && event.shiftKey) viewer.move(-60 * arrow[0], -60 * arrow[1]);
  else if (arrow) index = model.towards(...arrow);
  else if (event.key === "Home") index = order[0] ?? -1;
  else if (event.key === "End") index = order[order.length - 1] ?? -1;
  else if (event.key === "PageDown") index = order[Math.min(at + 1, order.length - 1)] ?? -1;
  else if (event.key === "PageUp") index = order[Math.max(at - 1, 0)] ?? -1;
  else if (event.key === "+" || event.key === "=") viewer.zoom(1.5);
  else if (event.key === "-") viewer.zoom(1 / 1.5);
  else if (event.key === "0") viewer.fit();
  else if (event.key === "d") index = nextDoubtful(model);
  else if (event.key === " " || event.key === "Enter") { if (index >= 0 && model.values[index]) model.toggle(index); }
  else if (event.key === "Escape") model.select([]);
  else return;
  event.preventDefault();
  if (index >= 0 && (index !== model.chosen || arrow)) {
    model.choose(index);
    announce(sentence(model, index));
  }
}

function nextDoubtful(model) {
  const all = model.doubtful();
  return all.find((index) => index > model.chosen) ?? all[0] ?? model.chosen;
}

/** A nucleus in one sentence, for the live region. */
function sentence(model, index) {
  const numbers = model.values[index];
  if (!numbers) return "";
  const doubts = model.doubts(index);
  return `Nucleus ${model.columns.id[index]}, p(z) ${digits(model.nucleus(index).p, 2)}, ` +
    `${digits(numbers.axis_major_length)} by ${digits(numbers.axis_minor_length)} pixels` +
    `${doubts.length ? `, doubtful: ${doubts.join("; ")}` : ""}${model.selection.has(index) ? ", selected" : ""}.`;
}
