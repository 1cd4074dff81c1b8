// Hints: colours that a visitor sets at points of a photo, in the scope of `canvas.js`. The photo is
// sent as it came, and the hints beside it. A hint has a colour, a radius in pixels of the photo and
// places `[y, x]`: one, or those of a stroke. No hint is changed: another takes its place.
const MOST_SUGGESTIONS = 9;
const MOST_RECENT = 9;
const JITTER = 3; // Pixels of the screen within which a pointer stands still.
const REACH = 10; // Pixels of the screen around a place at which its hint is caught.
const NEARBY = 0.1; // Of the shorter side: how far suggestions are looked for.
const ALIKE = 8; // Of 100, the difference of lightness of places from which suggestions come.
const CHROMA_BIN = 8; // Of CIELAB's a and b.

const picker = find(".color input");
const radius = find(".size");
const layer = find(".hints");

let photo = null; // Its pixels, and the file that is sent.
let hints = [];
let marked = null; // The hint that was clicked or set last.
let isCaught = false; // Whether it was clicked after it had been set: then it changes with the tools.
let held = null; // What the pointer does to it.
let recent = [];

const hintsSnapshot = () => ({ photo, hints });
const hintsText = () => JSON.stringify(hints.flatMap((hint) =>
  hint.places.map((place) => [...place, ...hint.color, hint.radius])));
const photoSource = () => photo?.source ?? canvas.toDataURL("image/png");

const rgb = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
const hexOf = (levels) =>
  `#${levels.map((level) => level.toString(16).padStart(2, "0")).join("")}`;

function putPhoto(image, width, height) {
  photo = { sheet: new OffscreenCanvas(width, height) };
  photo.sheet.getContext("2d").drawImage(image, 0, 0, width, height);
  hints = [];
  marked = null;
  showPhoto();
  photo.source = image.file || image.src || canvas.toDataURL("image/png");
  find(".suggestions").replaceChildren();
}

function showPhoto() {
  canvas.width = photo.sheet.width;
  canvas.height = photo.sheet.height;
  pen.drawImage(photo.sheet, 0, 0);
  find(".result").style.aspectRatio = `${canvas.width} / ${canvas.height}`;
  const shorter = Math.min(canvas.width, canvas.height);
  const widest = Math.max(4, Math.round(shorter / 10));
  if (Number(radius.max) !== widest) {
    radius.max = widest;
    radius.value = Math.max(1, Math.round(shorter / 50));
  }
  showLayer();
}

function restoreHints(sheet) {
  ({ photo, hints } = sheet);
  marked = null;
  if (photo) showPhoto();
  else clearSheet();
}

function clearHints() {
  hints = [];
  marked = null;
  if (photo) showLayer();
  else clearSheet();
}

function clearSheet() {
  pen.fillStyle = css(convention.background);
  pen.fillRect(0, 0, canvas.width, canvas.height);
  showLayer();
}

// Another direction.
function showHints() {
  const isOn = convention.points;
  photo = null;
  hints = [];
  marked = held = null;
  Object.assign(radius, isOn ? { min: 0, max: 0 } : { min: 1, max: 24 });
  radius.ariaLabel = find(".measure").textContent = isOn ? "Radius" : "Size";
  radius.title = isOn ? "In pixels of the photo" : "";
  find("[data-action=remove]").hidden = find(".hinting").hidden = !isOn;
  for (const button of element.querySelectorAll("[data-tool]")) button.hidden = isOn;
  if (isOn && recent.length === 0) picker.value = "#d03020";
  showLayer();
}

function showLayer() {
  layer.setAttribute("viewBox", `0 0 ${canvas.width} ${canvas.height}`);
  layer.replaceChildren(...hints.map((hint) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const side = 2 * hint.radius + 1;
    path.setAttribute("d", hint.places.map(([y, x]) =>
      `M${x - hint.radius} ${y - hint.radius}h${side}v${side}h${-side}z`).join(""));
    path.setAttribute("fill", css(hint.color));
    path.setAttribute("aria-current", hint === marked);
    return path;
  }));
  find("[data-action=remove]").disabled = marked === null;
}

function swatches(name, colors, act) {
  find(name).replaceChildren(...colors.map((levels) => {
    const button = document.createElement("button");
    button.style.background = css(levels);
    button.ariaLabel = button.title = hexOf(levels);
    button.addEventListener("click", () => act(levels));
    return button;
  }));
}

// A colour is taken for the next hint; a suggestion, and a hint that was caught, get it at once.
function take(levels, isSuggested) {
  picker.value = hexOf(levels);
  remind(picker.value);
  if (marked && (isSuggested || isCaught)) change({ color: levels });
}

function remind(hex) {
  recent = [hex, ...recent.filter((other) => other !== hex)].slice(0, MOST_RECENT);
  swatches(".recent", recent.map(rgb), (levels) => take(levels, false));
}

function change(changes) {
  remember();
  replace({ ...marked, ...changes });
  announce();
}

function replace(hint) {
  hints = hints.map((one) => (one === marked ? hint : one));
  marked = hint;
  showLayer();
}

function removeHint(hint) {
  remember();
  hints = hints.filter((one) => one !== hint);
  marked = null;
  showLayer();
  announce();
}

// Places in the photo.
const onScreen = (distance) =>
  (distance * canvas.getBoundingClientRect().width) / canvas.width;

function pixelAt(event) {
  const [x, y] = point(event);
  const within = (place, side) => Math.min(Math.max(Math.floor(place), 0), side - 1);
  return [within(y, canvas.height), within(x, canvas.width)];
}

function hintAt(at) {
  const covers = (hint) => hint.places.some((place) => {
    const away = Math.max(...place.map((one, axis) => Math.abs(one - at[axis])));
    return away <= hint.radius || onScreen(away) <= REACH;
  });
  return hints.findLast(covers) ?? null;
}

function moved(hint, steps) {
  const most = [canvas.height - 1, canvas.width - 1];
  const inside = steps.map((step, axis) => {
    const all = hint.places.map((place) => place[axis]);
    return Math.min(Math.max(step, -Math.min(...all)), most[axis] - Math.max(...all));
  });
  return { ...hint, places: hint.places.map(([y, x]) => [y + inside[0], x + inside[1]]) };
}

function drawOn(to) {
  const from = marked.places.at(-1);
  const steps = to.map((end, axis) => end - from[axis]);
  const count = Math.floor(Math.hypot(...steps) / Math.max(1, marked.radius));
  const added = Array.from({ length: count }, (_, index) =>
    from.map((start, axis) => Math.round(start + (steps[axis] * (index + 1)) / count)));
  if (count) replace({ ...marked, places: [...marked.places, ...added] });
}

canvas.addEventListener("pointerdown", (event) => {
  if (!convention.points || event.button !== 0 || held) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  const at = pixelAt(event);
  marked = hintAt(at);
  isCaught = marked !== null;
  held = { at, hint: marked, isChanged: false };
  if (isCaught) {
    picker.value = hexOf(marked.color);
    radius.value = marked.radius;
  } else {
    remember();
    held.isChanged = true;
    marked = { color: rgb(picker.value), radius: Number(radius.value), places: [at] };
    hints = [...hints, marked];
    remind(picker.value);
  }
  showLayer();
  suggest(at);
});
canvas.addEventListener("pointermove", (event) => {
  if (!held) return;
  const at = pixelAt(event);
  const steps = at.map((place, axis) => place - held.at[axis]);
  held.isMoving ||= onScreen(Math.hypot(...steps)) > JITTER;
  if (!held.isMoving) return;
  if (!held.hint) return drawOn(at);
  if (!held.isChanged) remember();
  held.isChanged = true;
  replace(moved(held.hint, steps));
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => {
    if (held?.isChanged) announce();
    held = null;
  });
}
canvas.addEventListener("contextmenu", (event) => {
  if (!convention.points) return;
  event.preventDefault();
  const hint = hintAt(pixelAt(event));
  if (hint && !held) removeHint(hint);
});
document.addEventListener("keydown", (event) => {
  const isWriting = event.target.closest?.("textarea, input:not([type=range], [type=color])");
  if (["Delete", "Backspace"].includes(event.key) && marked && !held && !isWriting) {
    removeHint(marked);
  }
});
picker.addEventListener("change", () => convention.points && take(rgb(picker.value), false));
radius.addEventListener("change", () => {
  if (marked && isCaught) change({ radius: Number(radius.value) });
});

// The most frequent colours of the answer around a place, where it is about as bright as there.
function suggest([y, x]) {
  const image = find(".translated");
  if (image.naturalWidth !== canvas.width || image.naturalHeight !== canvas.height) return;
  const far = Math.max(4, Math.round(NEARBY * Math.min(canvas.width, canvas.height)));
  const [left, top] = [Math.max(0, x - far), Math.max(0, y - far)];
  const width = Math.min(canvas.width, x + far + 1) - left;
  const height = Math.min(canvas.height, y + far + 1) - top;
  const reader = new OffscreenCanvas(width, height).getContext("2d");
  reader.drawImage(image, left, top, width, height, 0, 0, width, height);
  const { data } = reader.getImageData(0, 0, width, height);
  const levels = (index) => [...data.subarray(4 * index, 4 * index + 3)];
  const [lightness] = lab(levels((y - top) * width + x - left));
  const bins = new Map();
  for (let index = 0; index < width * height; index++) {
    const own = levels(index);
    const [ownLightness, a, b] = lab(own);
    if (Math.abs(ownLightness - lightness) > ALIKE) continue;
    const key = [a, b].map((chroma) => Math.round(chroma / CHROMA_BIN)).join();
    const bin = bins.get(key) ?? { count: 0, sum: [0, 0, 0] };
    bins.set(key, { count: bin.count + 1, sum: bin.sum.map((sum, k) => sum + own[k]) });
  }
  const frequent = [...bins.values()].sort((one, other) => other.count - one.count);
  const means = frequent.slice(0, MOST_SUGGESTIONS).map(({ count, sum }) =>
    sum.map((one) => Math.round(one / count)));
  swatches(".suggestions", means, (color) => take(color, true));
}

// From sRGB to CIELAB under D65.
function lab(levels) {
  const linear = levels.map((level) => (level > 10.31475
    ? ((level / 255 + 0.055) / 1.055) ** 2.4 : level / 255 / 12.92));
  const mixed = ([red, green, blue]) => red * linear[0] + green * linear[1] + blue * linear[2];
  const [x, y, z] = [
    [0.433953, 0.376219, 0.189828], [0.212671, 0.71516, 0.072169], [0.017758, 0.109477, 0.872765],
  ].map(mixed).map((one) => (one > 0.008856 ? Math.cbrt(one) : 7.787 * one + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

