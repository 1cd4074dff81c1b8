#!/usr/bin/env bash
# The white of sRGB is blue in scikit-image's CIE Lab of the illuminant D50, and so is every grey.
#
# scikit-image 0.26.0, Pillow 12.3.0, NumPy 2.4.6 (1.26.4 gives the same).
#
# skimage.color.rgb2lab(rgb, illuminant="D50") divides the XYZ of sRGB, whose white is D65, by the
# white of D50 without adapting one to the other. White becomes (100, -2.4, -19.4) instead of
# (100, 0, 0), and a Lab TIFF of a print, which is of D50 by its definition, read by
# lab2rgb(..., illuminant="D50") turns yellow: (100, 0, 0) is clipped to the yellow (1, 0.99, 0.87).
# ICC profiles adapt by Bradford's matrix; Pillow's, which reads 8 bits alone, agrees with that.
#
# Guess before the first run: white is (100, 0, 0) for any illuminant, as for D65.
#
# Cure: lab2xyz with illuminant="D50", Bradford's matrix, xyz2rgb. This product does so in
# tfpix2pix/data/tiffs.py for TIFF files of 16 bits.
#
# Seen:
#   white of sRGB by illuminant="D50"      100.0 -2.4 -19.4
#   Lab (100, 0, 0) by illuminant="D50"    1.00 0.99 0.87
#   the same by Pillow's profile           1.00 1.00 1.00
#   the same by Bradford's matrix          1.00 1.00 1.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-image==0.26.0 pillow==12.3.0 numpy
cd "$folder"
"$folder/venv/bin/python" -I - <<'PYTHON'
import numpy as np
from PIL import Image
from skimage import color

white = np.ones((1, 1, 3))
paper = np.array([[[100.0, 0, 0]]])
bradford = np.array(
    [
        [0.9555766, -0.0230393, 0.0631636],
        [-0.0282895, 1.0099416, 0.0210077],
        [0.0122982, -0.0204830, 1.3299098],
    ]
)
seen = color.rgb2lab(white, illuminant="D50")[0, 0]
print("white of sRGB by illuminant D50", seen.round(1))
plain = color.lab2rgb(paper, illuminant="D50")[0, 0]
print("paper by illuminant D50", plain.round(2))
profile = np.asarray(Image.frombytes("LAB", (1, 1), bytes((255, 0, 0))).convert("RGB"))[0, 0] / 255
print("paper by Pillow's profile", profile.round(2))
adapted = color.xyz2rgb(color.lab2xyz(paper, illuminant="D50") @ bradford.T)[0, 0]
print("paper by Bradford's matrix", adapted.round(2))
assert np.allclose(seen, (100, -2.4, -19.4), atol=0.05)
assert np.allclose(plain, (1, 0.99, 0.87), atol=0.02)
assert np.allclose(profile, 1, atol=0.01)
assert np.allclose(adapted, 1, atol=0.01)
PYTHON
