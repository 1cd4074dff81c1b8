#!/usr/bin/env bash
# TensorFlow mixes grey in linear light if a PNG says how its colours are encoded.
#
# Versions: tensorflow-cpu 2.15.1, Pillow 12.3.0, NumPy 1.26.4, Python 3.11 (or PYTHON names 3.10).
# Behaviour: `tf.io.decode_png(file, channels=1)` and `tf.io.decode_image` make grey of colours by
#   libpng's png_set_rgb_to_gray. Where the file has an `sRGB` chunk, or a `gAMA` chunk of 1/2.2,
#   libpng undoes the gamma, mixes and applies it again. Most editors write one of these chunks, and
#   they say nothing that a reader without them would not assume. Pillow's luma ignores them. Colours
#   (channels=3) are the same with and without. https://github.com/tensorflow/tensorflow/issues/55550
#   is about other differences of the same grey.
# What helps: decode 3 channels and mix the grey.
# Seen: the table at the end of this file, red 147 for 76. This script fails if another comes out.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check \
    tensorflow-cpu==2.15.1 numpy==1.26.4 pillow==12.3.0 2> "$folder/log" || { cat "$folder/log"; exit 1; }

cat > "$folder/compare.py" <<'PYTHON'
import io
import struct
import zlib

import PIL
import tensorflow as tf
from PIL import Image

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255,) * 3}
CHUNKS = {
    "none": [],
    "sRGB": [(b"sRGB", b"\0")],
    "gAMA": [(b"gAMA", struct.pack(">I", 45455))],
}


def png(*chunks):
    """Returns a PNG of one row, with chunks before its pixels."""
    header = struct.pack(">IIBBBBB", len(COLORS), 1, 8, 2, 0, 0, 0)
    row = b"\0" + b"".join(bytes(color) for color in COLORS.values())
    chunks = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(row)), (b"IEND", b"")]
    file = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        file += struct.pack(">I", len(content)) + kind + content + checksum
    return file


print(f"tensorflow {tf.__version__}, Pillow {PIL.__version__}")
print("chunk", *COLORS, "(TensorFlow)", *COLORS, "(Pillow)")
for name, chunks in CHUNKS.items():
    file = png(*chunks)
    pixels = tf.io.decode_png(file, channels=3)[0].numpy()
    assert [tuple(pixel) for pixel in pixels.tolist()] == list(COLORS.values())
    grey = tf.io.decode_png(file, channels=1)[0, :, 0].numpy()
    print(name, *grey, "-", *Image.open(io.BytesIO(file)).convert("L").tobytes())
PYTHON

TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/compare.py" 2> "$folder/log" \
    > "$folder/seen" || { cat "$folder/log"; exit 1; }
cat "$folder/seen"
if diff "$folder/seen" - <<'EXPECTED'
tensorflow 2.15.1, Pillow 12.3.0
chunk red green blue white (TensorFlow) red green blue white (Pillow)
none 76 149 29 255 - 76 150 29 255
sRGB 147 200 95 255 - 76 150 29 255
gAMA 147 200 95 255 - 76 150 29 255
EXPECTED
then
    echo "As it was."
else
    echo "The behaviour has changed: correct this file, and what relies on it."
    exit 1
fi
