#!/usr/bin/env bash
# Pillow reads valid TIFF files of bands and of numbers as others, without a word.
#
# Pillow 12.3.0, tifffile 2026.3.3, NumPy 2.4.6.
#
# Four bands that lie one after the other and are compressed (as GDAL writes with INTERLEAVE=BAND
# and COMPRESS=DEFLATE) open as one grey image: the first band. RGB with a fourth sample that is no
# alpha (near infrared) opens as RGB. Signed 8 bits open as unsigned ones, unsigned 32 bits as
# signed ones. Grey of which white is zero is inverted at 8 bits and not at 16, so that one picture
# at two depths gives a picture and its negative. No warning in any case; tifffile gives the numbers
# that are stored.
#
# Guess before the first run: an error for what the modes of Pillow cannot hold, and one rule for
# white-is-zero.
#
# Cure: tifffile for all TIFF files, and one's own rule for what the numbers mean, as in this
# product's tfpix2pix/data/tiffs.py.
#
# Seen (stored -> Pillow):
#   4 compressed planes      -> L, the first plane
#   RGB and near infrared    -> RGB
#   int8 -70                 -> L 186
#   uint32 3000000000        -> I -1294967296
#   white-is-zero 0 and full -> 255 and 0 at 8 bits, 0 and 65535 at 16
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==12.3.0 tifffile==2026.3.3 numpy
cd "$folder"
"$folder/venv/bin/python" -I -W error - <<'PYTHON'
import io

import numpy as np
import tifffile
from PIL import Image


def read(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    file.seek(0)
    stored = tifffile.imread(file)
    assert (stored == pixels).all()
    image = Image.open(file)
    return image.mode, np.asarray(image)


bands = np.random.default_rng(0).integers(0, 256, (4, 8, 8)).astype("uint8")
mode, seen = read(bands, photometric="minisblack", planarconfig="separate", compression="zlib")
print("4 compressed planes ->", mode, "first plane:", (seen == bands[0]).all())
assert (mode, (seen == bands[0]).all()) == ("L", True)
mode, seen = read(np.moveaxis(bands, 0, -1), photometric="rgb", extrasamples=["unspecified"])
print("RGB and near infrared ->", mode, seen.shape)
assert (mode, seen.shape) == ("RGB", (8, 8, 3))
mode, seen = read(np.full((4, 4), -70, "int8"))
print("int8 -70 ->", mode, seen[0, 0])
assert (mode, seen[0, 0]) == ("L", 186)
mode, seen = read(np.full((4, 4), 3_000_000_000, "uint32"))
print("uint32 3000000000 ->", mode, seen[0, 0])
assert (mode, seen[0, 0]) == ("I", -1_294_967_296)
for dtype, expected in (("uint8", [255, 0]), ("uint16", [0, 65535])):
    full = np.iinfo(dtype).max
    _, seen = read(np.array([[0, full]], dtype), photometric="miniswhite")
    print("white-is-zero, 0 and", full, "->", seen[0].tolist())
    assert seen[0].tolist() == expected
PYTHON
