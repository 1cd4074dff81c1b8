// A surface on which a visitor paints the value of a control: classes by a brush, or a picture. It
// has the pixels of the value; what is not painted is transparent. What is painted lies in
// `surfaces`, for `send.js`: a direction that is not shown is not in the document.
const { id, title, kind, size, palette } = props.surface;
const surfaces = (window.surfaces ??= {});
const find = (selector) => element.querySelector(selector);
const canvas = find("canvas");
const file = find("input[type=file]");
const pen = canvas.getContext("2d", { willReadFrequently: true });
const MOST_STEPS = 40; // To undo.
const past = [];
let color = find(".color input").value;
let isErasing = false;
let last = null;

canvas.height = size[0];
canvas.width = size[1];
find(".title").textContent = title;
canvas.setAttribute("aria-label", title);
find(".palette").setAttribute("aria-label", `Class of ${title}`);
find(".color").hidden = kind === "map";
find("[data-action=upload]").hidden = kind !== "image";

const snapshot = () => pen.getImageData(0, 0, canvas.width, canvas.height);

function announce() {
  const isEmpty = !snapshot().data.some((level, index) => index % 4 === 3 && level);
  surfaces[id] = isEmpty ? "" : canvas.toDataURL("image/png");
  find("[data-action=undo]").disabled = past.length === 0;
  trigger("input");
}

function remember() {
  past.push(snapshot());
  if (past.length > MOST_STEPS) past.shift();
}

// The drawing shows through, so that one sees where one paints.
function underlay() {
  const drawing = document.querySelector("#drawing canvas")?.drawing;
  canvas.style.backgroundImage = drawing ? `linear-gradient(#fff9, #fff9), url(${drawing})` : "";
}

function at(event) {
  const box = canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) * canvas.width) / box.width);
  return [x, Math.floor(((event.clientY - box.top) * canvas.height) / box.height)];
}

// Squares of whole pixels: a smooth border would have colours of no class.
function dab([x, y]) {
  const side = Number(find(".size").value);
  const corner = [x - Math.floor(side / 2), y - Math.floor(side / 2)];
  pen.clearRect(...corner, side, side);
  if (isErasing) return;
  pen.fillStyle = color;
  pen.fillRect(...corner, side, side);
}

function stroke(to) {
  const steps = Math.max(...to.map((end, axis) => Math.abs(end - last[axis])), 1);
  for (let step = 1; step <= steps; step++) {
    dab(to.map((end, axis) => Math.round(last[axis] + ((end - last[axis]) * step) / steps)));
  }
  last = to;
}

canvas.addEventListener("pointerenter", underlay);
canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  remember();
  last = at(event);
  dab(last);
});
canvas.addEventListener("pointermove", (event) => {
  if (last) stroke(at(event));
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => {
    if (!last) return;
    last = null;
    announce();
  });
}

function choose(erases) {
  isErasing = erases;
  find("[data-tool=brush]").setAttribute("aria-pressed", !erases);
  find("[data-tool=eraser]").setAttribute("aria-pressed", erases);
}

async function put(blob) {
  const image = await createImageBitmap(blob);
  remember();
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  announce();
}

const ACTIONS = {
  undo: () => { if (past.length) { pen.putImageData(past.pop(), 0, 0); announce(); } },
  clear: () => { remember(); pen.clearRect(0, 0, canvas.width, canvas.height); announce(); },
  upload: () => file.click(),
};
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.tool) choose(button.dataset.tool === "eraser");
  if (button?.dataset.action) ACTIONS[button.dataset.action]();
});
file.addEventListener("change", () => {
  if (file.files.length) put(file.files[0]);
  file.value = ""; // So that the same file can be chosen again.
});
find(".color input").addEventListener("input", (event) => { color = event.target.value; });

for (const [name, value] of Object.entries(palette)) {
  const button = document.createElement("button");
  const swatch = document.createElement("i");
  swatch.style.background = `rgb(${value.join(",")})`;
  button.append(swatch, name);
  button.setAttribute("role", "radio");
  button.addEventListener("click", () => {
    color = swatch.style.background;
    choose(false);
    for (const other of find(".palette").children) {
      other.setAttribute("aria-checked", other === button);
    }
  });
  find(".palette").append(button);
}
[...find(".palette").children].at(-1)?.click();

// A direction that was shown before has its surface as it was left.
find("[data-action=undo]").disabled = true;
if (surfaces[id]) {
  const image = new Image();
  image.onload = () => pen.drawImage(image, 0, 0);
  image.src = surfaces[id];
}
underlay();
