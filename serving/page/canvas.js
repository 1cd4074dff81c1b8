// The canvas and the result: everything about a drawing stays in the visitor's browser; an event
// reports each change to the page, a moment after the last one. Each direction has its own sheet.
const MOMENT = 120; // Milliseconds.
const MOST_STEPS = 40; // To undo.
const SENDABLE = /^image\/(png|jpeg|webp|bmp|gif|tiff)$/; // Files that are sent as they are, if any.

const css = (color) => `rgb(${color.join(",")})`;
const video = find("video");
const file = find("input[type=file]");
const pen = canvas.getContext("2d", { willReadFrequently: true });
const sheets = {}; // Of the directions that are not shown.

let convention = null; // Of the direction that is shown.
let scale = 1; // Pixels of the canvas for one of the model.
let tool = "pen";
let color = "#000000";
let isMirrored = false;
let exampleShown = 0;
let past = [];
let future = [];
let timer = null;

const note = (text) => { find("[role=status]").textContent = text; };
const content = (context) => context.getImageData(0, 0, canvas.width, canvas.height);
const snapshot = () => (convention.points
  ? hintsSnapshot() : { pixels: content(pen), ...objectsSnapshot() });

// What is sent, whenever that is: never a stroke that is still being drawn.
function keep() {
  canvas.drawing = convention.points ? photoSource() : canvas.toDataURL("image/png");
  canvas.strokes = convention.points ? hintsText() : strokesText();
}

function announce() {
  find("[data-action=undo]").disabled = past.length === 0;
  find("[data-action=redo]").disabled = future.length === 0;
  keep();
  clearTimeout(timer);
  timer = setTimeout(() => trigger("input"), MOMENT);
}

function remember() {
  past.push(snapshot());
  past = past.slice(-MOST_STEPS);
  future = [];
  note("");
}

function step(from, to) {
  if (from.length === 0) return;
  to.push(snapshot());
  restore(from.pop());
  announce();
}

function restore(sheet) {
  if (convention.points) return restoreHints(sheet);
  pen.putImageData(sheet.pixels, 0, 0);
  restoreObjects(sheet);
}

function fill() {
  if (convention.points) return clearHints();
  pen.fillStyle = css(convention.background);
  pen.fillRect(0, 0, canvas.width, canvas.height);
  clearObjects();
}

function place(image, imageWidth, imageHeight, marks) {
  remember();
  put(image, imageWidth, imageHeight, marks);
  announce();
}

function put(image, imageWidth, imageHeight, marks) {
  if (convention.points) return putPhoto(image, imageWidth, imageHeight);
  fill();
  const enlarged = Math.min(canvas.width / imageWidth, canvas.height / imageHeight);
  const [w, h] = [imageWidth * enlarged, imageHeight * enlarged];
  pen.imageSmoothingEnabled = convention.kind === "picture"; // Colours of classes must not be mixed.
  pen.drawImage(image, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
  recolor();
  if (marks) marker.drawImage(marks, 0, 0, canvas.width, canvas.height);
}

const asUrl = (blob) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.readAsDataURL(blob);
});

async function load(blob) {
  try {
    const image = await createImageBitmap(blob);
    image.file = SENDABLE.test(blob.type) && await asUrl(blob);
    place(image, image.width, image.height);
  } catch {
    note("This is no image that the browser can read.");
  }
}

// Pen and eraser.
let last = null;

function point(event) {
  const box = canvas.getBoundingClientRect();
  const x = ((event.clientX - box.left) * canvas.width) / box.width;
  return [x, ((event.clientY - box.top) * canvas.height) / box.height];
}

const ink = () => (tool === "pen" ? color : css(convention.background));

function draw(event) {
  const next = point(event);
  pen.strokeStyle = ink();
  for (const context of [pen, trace]) {
    context.lineWidth = find(".size").value * scale * (tool === "pen" ? 1 : 2);
    context.lineCap = context.lineJoin = "round";
    line(context, last, next);
    if (isMirrored) line(context, ...[last, next].map(([x, y]) => [canvas.width - x, y]));
  }
  last = next;
}

function line(context, from, to) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(to[0] + 0.01, to[1]); // A line of no length would leave no dot.
  context.stroke();
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || last || convention.points) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  remember();
  last = point(event);
  trace.clearRect(0, 0, canvas.width, canvas.height);
  draw(event);
});
canvas.addEventListener("pointermove", (event) => last && draw(event));
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => {
    if (!last) return;
    last = null;
    const mask = content(trace).data; // Opaque where the stroke is.
    if (convention.kind === "labels") sharpen(mask);
    mark(mask, tool === "pen" ? ink() : null);
    announce();
  });
}

// Tools.
function choose(name) {
  tool = name;
  for (const button of element.querySelectorAll("[data-tool]")) {
    button.setAttribute("aria-pressed", button.dataset.tool === name);
  }
}

function mirror(isOn) {
  isMirrored = isOn;
  find("[data-action=mirror]").setAttribute("aria-pressed", isOn);
  find(".axis").hidden = !isOn;
}

function stopWebcam() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  video.hidden = true;
  find("[data-action=webcam]").textContent = "Webcam";
}

async function webcam() {
  if (video.srcObject) {
    place(video, video.videoWidth, video.videoHeight);
    stopWebcam();
    return;
  }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    video.hidden = false;
    find("[data-action=webcam]").textContent = "Take picture";
  } catch (error) {
    note(`The webcam cannot be used: ${error.message}`);
  }
}

async function paste() {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((name) => name.startsWith("image/"));
      if (type) return load(await item.getType(type));
    }
    note("There is no image in the clipboard.");
  } catch {
    note("Press Ctrl+V: the browser does not let the page read the clipboard.");
  }
}

const ACTIONS = {
  undo: () => step(past, future),
  redo: () => step(future, past),
  clear: () => { remember(); fill(); announce(); },
  mirror: () => mirror(!isMirrored),
  same: () => find("[data-action=same]").setAttribute("aria-pressed", !isSame()),
  remove: () => removeHint(marked),
  again: () => trigger("input"),
  random: () => {
    const others = exampleButtons().filter((_, index) => index !== exampleShown);
    const all = others.length ? others : exampleButtons();
    all[Math.floor(Math.random() * all.length)].click();
  },
  upload: () => file.click(),
  paste,
  webcam,
};
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.tool) choose(button.dataset.tool);
  if (button?.dataset.action) ACTIONS[button.dataset.action]();
});
file.addEventListener("change", () => {
  if (file.files.length) load(file.files[0]);
  file.value = ""; // So that the same file can be chosen again.
});
document.addEventListener("paste", (event) => {
  const image = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  if (image) load(image);
});
canvas.addEventListener("dragover", (event) => event.preventDefault());
canvas.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) load(event.dataTransfer.files[0]);
});

// What the model's card says of a direction.
function choosePalette(palette) {
  find(".palette").replaceChildren();
  for (const [name, value] of Object.entries(palette)) {
    const button = document.createElement("button");
    const swatch = document.createElement("i");
    swatch.style.background = css(value);
    button.append(swatch, name);
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => {
      color = css(value);
      choose("pen");
      for (const other of find(".palette").children) {
        other.setAttribute("aria-checked", other === button);
      }
    });
    find(".palette").append(button);
  }
  find(".palette button")?.click();
}

const exampleButtons = () => [...find(".examples").children];

function showExamples(examples) {
  find(".examples").replaceChildren();
  find("[data-action=random]").hidden = examples.length === 0;
  examples.forEach((example, index) => {
    const button = document.createElement("button");
    const image = new Image();
    image.src = pngSource(example);
    image.alt = `Example ${index + 1}`;
    button.append(image);
    image.marks = exampleMarks(index);
    button.addEventListener("click", () => {
      exampleShown = index;
      place(image, image.naturalWidth, image.naturalHeight, image.marks);
    });
    find(".examples").append(button);
  });
}

// A sheet that was never shown begins with the first example.
async function begin(direction) {
  const image = find(".examples img");
  if (!image) return;
  await Promise.all([image.decode(), image.marks?.decode()]);
  if (canvas.direction !== direction || past.length || last) return;
  exampleShown = 0;
  put(image, image.naturalWidth, image.naturalHeight, image.marks);
  announce();
}

function show(direction) {
  if (canvas.direction) sheets[canvas.direction] = { past, future, ...snapshot() };
  canvas.direction = direction;
  convention = props.conventions[direction];
  const [height, width] = convention.size;
  scale = Math.max(1, Math.round(512 / Math.max(height, width)));
  canvas.width = width * scale;
  canvas.height = height * scale;
  showObjects();
  showHints();
  find(".result").style.aspectRatio = `${width} / ${height}`;
  color = convention.kind === "lines" ? css(convention.line_color) : find(".color input").value;
  find(".color").hidden = convention.kind !== "picture" && !convention.points;
  find("[data-action=mirror]").hidden = convention.kind !== "lines" || convention.points;
  mirror(false);
  find(".size").value = convention.kind === "lines" ? Math.round(convention.line_width) : 4;
  choosePalette(convention.points ? {} : convention.palette);
  showExamples(convention.examples);
  const sheet = sheets[direction];
  past = sheet?.past ?? [];
  future = sheet?.future ?? [];
  if (sheet) {
    restore(sheet);
  } else {
    fill();
    begin(direction);
  }
}

// What came back.
const pngSource = (encoded) => `data:image/png;base64,${encoded}`;

canvas.showAnswer = (answer) => {
  find("#failure").hidden = !answer.failure;
  find("#failure").textContent = answer.failure ?? "";
  if (answer.failure) return; // The last result stays, and so does the drawing.
  find(".translated").src = find(".actions a").href = pngSource(answer.translated);
  if (answer.sent) find(".sent img").src = pngSource(answer.sent);
  find(".times").textContent = answer.times;
  pickFrom(answer.objects);
  find(".result .note").hidden = true;
  for (const name of [".translated", ".actions a"]) find(name).hidden = false;
  find(".sent").hidden = !answer.sent;
  find(".samples").replaceChildren(...answer.samples.map((sample, index) => {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = `Seed ${answer.seed + index}`;
    const image = new Image();
    image.src = pngSource(sample);
    image.alt = caption.textContent;
    figure.append(image, caption);
    return figure;
  }));
};

find(".color input").addEventListener("input", (event) => { color = event.target.value; });
canvas.show = (direction) => {
  if (direction === canvas.direction) return;
  show(direction);
  announce();
};
show(Object.keys(props.conventions)[0]);
keep();
find("[data-action=undo]").disabled = find("[data-action=redo]").disabled = true;
