#!/usr/bin/env bash
# SSIM of the same two pictures depends on where zero is, and no library says so.
#
# scikit-image 0.26.0; torchmetrics 1.6.1 on PyTorch 2.13.0 for CPUs; NumPy 1.26.4.
#
# Both take pictures in [-1, 1], the range of networks, with a `data_range` of 2, and torchmetrics
# takes `data_range=(-1.0, 1.0)`, which names the least value too. Neither uses where the range
# begins: luminance, 2xy / (x² + y²) of local means, is compared about zero, so that two greys on
# either side of it are opposites. Nothing warns; the value is finite and in the range of SSIM.
#
# Guess before the first run: about 0 from both on [-1, 1] for a grey pair, and the least value of
# the pair goes unused. So it was, though the values are a little above 0.
#
# Cure: move the values to [0, 1] and say 1. This product does so in tfpix2pix/metrics/image.py.
#
# Seen:
#                                    SSIM   MS-SSIM
#   scikit-image, uint8            0.8224
#   scikit-image, [0, 1]           0.8224
#   scikit-image, [-1, 1] by 2     0.1112
#   torchmetrics, [0, 255]         0.8218    0.9801
#   torchmetrics, [0, 1]           0.8218    0.9801
#   torchmetrics, [-1, 1] by 2     0.1109    0.6825
#   torchmetrics, [-1, 1] by pair  0.1109    0.6825
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
# PyTorch's own index has its builds for CPUs, a tenth of the size.
"$folder/venv/bin/pip" install --quiet --no-deps torch==2.13.0 \
    --extra-index-url https://download.pytorch.org/whl/cpu
"$folder/venv/bin/pip" install --quiet \
    scikit-image==0.26.0 torchmetrics==1.6.1 torch==2.13.0 numpy==1.26.4
cd "$folder"
"$folder/venv/bin/python" -I - <<'PYTHON'
import warnings

import numpy as np
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure as ms_ssim,
)
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

warnings.simplefilter("error")
row, column = np.mgrid[:192, :192]
grey = np.round(128 + 30 * np.sin(column / 9) * np.cos(row / 13)).astype("uint8")
noise = np.random.default_rng(0).normal(0, 4, grey.shape)
brighter = np.round(grey + 20 + noise).astype("uint8")


def by_scikit_image(scale, data_range):
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    value = structural_similarity(scale(grey), scale(brighter), data_range=data_range, **options)
    return (value,)


def by_torchmetrics(scale, data_range):
    images = [torch.tensor(scale(x), dtype=torch.float64)[None, None] for x in (grey, brighter)]
    return tuple(float(measure(*images, data_range=data_range)) for measure in (ssim, ms_ssim))


def signed(pixels):
    return pixels / 127.5 - 1


seen = {
    "scikit-image, uint8": (by_scikit_image(lambda x: x, 255), (0.8224,)),
    "scikit-image, [0, 1]": (by_scikit_image(lambda x: x / 255, 1), (0.8224,)),
    "scikit-image, [-1, 1] by 2": (by_scikit_image(signed, 2), (0.1112,)),
    "torchmetrics, [0, 255]": (by_torchmetrics(lambda x: x, 255.0), (0.8218, 0.9801)),
    "torchmetrics, [0, 1]": (by_torchmetrics(lambda x: x / 255, 1.0), (0.8218, 0.9801)),
    "torchmetrics, [-1, 1] by 2": (by_torchmetrics(signed, 2.0), (0.1109, 0.6825)),
    "torchmetrics, [-1, 1] by pair": (by_torchmetrics(signed, (-1.0, 1.0)), (0.1109, 0.6825)),
}
print(f"{'':30}     SSIM   MS-SSIM")
for name, (values, _) in seen.items():
    print(f"{name:30}" + "".join(f"{value:9.4f} " for value in values))
changed = [
    name for name, (values, known) in seen.items() if not np.allclose(values, known, atol=1e-4)
]
raise SystemExit(f"Changed: {', '.join(changed)}" if changed else 0)
PYTHON
