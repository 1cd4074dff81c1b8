// The objects of a drawing: which stroke painted each pixel, and which appearance the visitor chose
// for an object. `canvas.js` goes on in the same scope; a direction without objects skips all this.
const find = (selector) => element.querySelector(selector);
const canvas = find("canvas");
const [marker, trace] = [0, 1].map(() =>
  document.createElement("canvas").getContext("2d", { willReadFrequently: true })); // Never shown.
const outline = find(".outline");

let lastMark = 0; // Of all strokes so far; none is given twice.
let lastInk = null;
let chosen = {}; // Ids to numbers of appearances; replaced when it changes.
let answered = null; // Objects of the last answer: the place of each pixel's, ids, names.
let picked = null; // An id.

const isSame = () => find("[data-action=same]").getAttribute("aria-pressed") === "true";
const objectsSnapshot = () =>
  (convention.objects ? { marks: content(marker), appearances: chosen } : {});
const strokesText = () => (convention.objects
  ? JSON.stringify({ marks: marker.canvas.toDataURL("image/png"), appearances: chosen }) : "");

function restoreObjects({ marks, appearances }) {
  if (!marks) return;
  marker.putImageData(marks, 0, 0);
  chosen = appearances;
  showPicked();
}

function clearObjects() {
  marker.fillStyle = "#000000";
  marker.fillRect(0, 0, canvas.width, canvas.height);
  marker.imageSmoothingEnabled = false; // Numbers must not be mixed.
  chosen = {};
  showPicked();
}

// Gives a stroke its number; what is erased has none.
function mark(mask, ink) {
  if (!convention.objects) return;
  if (ink && !(isSame() && ink === lastInk)) lastMark += 1;
  lastInk = ink ?? lastInk;
  const number = ink ? lastMark : 0;
  const bytes = [number >> 16, (number >> 8) & 255, number & 255];
  const marks = content(marker);
  for (let i = 0; i < mask.length; i += 4) if (mask[i + 3] > 127) marks.data.set(bytes, i);
  marker.putImageData(marks, 0, 0);
}

function exampleMarks(index) {
  const encoded = convention.objects?.marks[index];
  if (!encoded) return null;
  const image = new Image();
  image.src = pngSource(encoded);
  return image;
}

function showObjects() {
  for (const context of [marker, trace]) {
    context.canvas.width = canvas.width;
    context.canvas.height = canvas.height;
  }
  lastMark = Math.max(lastMark, convention.objects?.known ?? 0);
  lastInk = answered = picked = null;
  find("[data-action=same]").hidden = !convention.objects;
  find(".object").hidden = !convention.objects?.appearances.length;
  const options = [["As the model chooses", () => null], ["By chance", byChance]];
  convention.objects?.appearances.forEach((name, number) => options.push([name, () => number]));
  find(".appearances").replaceChildren(...options.map(([name, number]) => {
    const button = document.createElement("button");
    button.textContent = name;
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => chooseAppearance(number()));
    return button;
  }));
  showPicked();
}

// Another number is another look.
const byChance = () => -1 - Math.floor(Math.random() * -convention.objects.chance);

function chooseAppearance(number) {
  remember();
  const { [picked]: _, ...others } = chosen;
  chosen = number === null ? others : { ...others, [picked]: number };
  showPicked();
  announce();
}

// Objects of an answer, among which a click picks one.
async function pickFrom(objects) {
  if (!objects) return;
  const image = new Image();
  image.src = pngSource(objects.places);
  await image.decode();
  const { width, height } = image;
  const reader = new OffscreenCanvas(width, height).getContext("2d");
  reader.drawImage(image, 0, 0);
  const { data } = reader.getImageData(0, 0, width, height);
  const places = Array.from({ length: width * height }, (_, i) =>
    (data[4 * i] << 16) | (data[4 * i + 1] << 8) | data[4 * i + 2]);
  answered = { ...objects, places, width, height };
  if (!answered.ids.includes(picked)) picked = null;
  showPicked();
}

find(".result").addEventListener("click", (event) => {
  if (!answered || !convention.objects?.appearances.length) return;
  const box = find(".translated").getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) * answered.width) / box.width);
  const y = Math.floor(((event.clientY - box.top) * answered.height) / box.height);
  picked = answered.ids[answered.places[y * answered.width + x]] ?? null;
  showPicked();
});

function showPicked() {
  const place = answered && picked !== null ? answered.ids.indexOf(picked) : -1;
  outline.toggleAttribute("hidden", place < 0);
  find(".object .note").textContent = place < 0
    ? "Click an object in the result, and choose how it shall look."
    : `Chosen object: ${answered.names[place]}`;
  const number = chosen[picked];
  const checked = number === undefined ? 0 : Math.max(1, number + 2);
  [...find(".appearances").children].forEach((button, index) => {
    button.disabled = place < 0;
    button.setAttribute("aria-checked", place >= 0 && index === checked);
  });
  if (place >= 0) drawOutline(place);
}

function drawOutline(place) {
  const { places, width, height } = answered;
  const isInside = (x, y) =>
    x >= 0 && y >= 0 && x < width && y < height && places[y * width + x] === place;
  let path = "";
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!isInside(x, y)) continue;
      if (!isInside(x, y - 1)) path += `M${x} ${y}h1`;
      if (!isInside(x, y + 1)) path += `M${x} ${y + 1}h1`;
      if (!isInside(x - 1, y)) path += `M${x} ${y}v1`;
      if (!isInside(x + 1, y)) path += `M${x + 1} ${y}v1`;
    }
  }
  outline.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const line of outline.children) line.setAttribute("d", path);
}

