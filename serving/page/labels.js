// The classes of label maps, in the scope of `canvas.js`: only their colours may be on the canvas.

// Browsers smooth the borders of strokes; between the colours of two classes may lie a third's.
function sharpen(mask) {
  const [before, now] = [past.at(-1).pixels.data, content(pen)];
  const drawn = ink().match(/\d+/g).map(Number);
  for (let i = 0; i < mask.length; i += 4) {
    now.data.set(mask[i + 3] > 127 ? drawn : before.subarray(i, i + 3), i);
  }
  pen.putImageData(now, 0, 0);
}

// Where a file has the numbers of classes, they are too dark to tell apart.
function recolor() {
  const key = ([red, green, blue]) => (red << 16) | (green << 8) | blue;
  const colors = new Map();
  for (const [name, own] of Object.entries(convention.own_palette)) {
    if (key(own) !== key(convention.palette[name])) colors.set(key(own), convention.palette[name]);
  }
  if (colors.size === 0) return;
  const now = content(pen);
  for (let i = 0; i < now.data.length; i += 4) {
    const color = colors.get(key(now.data.subarray(i, i + 3)));
    if (color) now.data.set(color, i);
  }
  pen.putImageData(now, 0, 0);
}

