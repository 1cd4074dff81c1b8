"""Two toy domains of heads of one kind, and what tells a translation between them from a trick.

A head has a position, a size, a hue of its hair and its length. A is noisy and lit from one side or
the other, B flat, with outlines and large eyes. No image of one domain has its twin in the other.
"""

import colorsys

import numpy as np

from tfpix2pix.data import codecs

SIDE = 32


def latents(count, seed):
    """Returns float `[count, 5]` in [0, 1]: row, column, size, hue and length of the hair."""
    return np.random.default_rng(seed).uniform(size=(count, 5))


def heads(latent, domain, seed=0):
    """Draws uint8 `[count, SIDE, SIDE, 3]`."""
    random = np.random.default_rng(seed)
    return np.stack([_head(one, domain, random) for one in latent])


def _head(latent, domain, random):
    row, column, size, hue, length = latent
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    radius = SIDE * (0.22 + 0.1 * size)
    center = SIDE * (0.42 + 0.16 * row), SIDE * (0.35 + 0.3 * column)
    down, right = (y - center[0]) / radius, (x - center[1]) / radius
    face = (down / 1.2) ** 2 + right**2 < 1
    shape = (down / 1.45) ** 2 + (right / 1.35) ** 2 < 1
    falls = (np.abs(right) < 1.35) & (down > 0) & (down < 0.4 + 1.6 * length)
    hair = (shape & (down < 0.5)) | falls
    fringe = face & (down < -0.45)
    color = np.array(colorsys.hsv_to_rgb(hue, 0.8, 0.75 if domain == "A" else 0.95))
    skin = (0.8, 0.58, 0.46) if domain == "A" else (1.0, 0.93, 0.88)
    image = np.full((SIDE, SIDE, 3), 0.45 if domain == "A" else 0.55)
    image[hair] = color
    image[face] = skin
    image[fringe] = color
    eye = 0.13 if domain == "A" else 0.28
    for side in (-0.4, 0.4):
        image[(down - 0.1) ** 2 + (right - side) ** 2 < eye**2] = (0.1, 0.1, 0.15)
    if domain == "B":
        drawn = np.where(face, 1, 0) + np.where(hair, 2, 0)
        edges = (drawn != np.roll(drawn, 1, 0)) | (drawn != np.roll(drawn, 1, 1))
        image[edges] = 0.05
    else:
        image *= (0.95 + random.uniform(-0.5, 0.5) * (0.5 - x / SIDE))[..., np.newaxis]
        image += random.normal(0, 0.03, image.shape)
    return (255 * np.clip(image, 0, 1)).astype("uint8")


def write(folder, train=400, test=60):
    """Writes `trainA`, `trainB`, `testA`, `testB`; returns the latents of both test folders."""
    held_out = {}
    for number, domain in enumerate("AB"):
        for split, count, seed in (("train", train, 10), ("test", test, 20)):
            latent = latents(count, seed + number)
            for index, image in enumerate(heads(latent, domain, seed)):
                codecs.write(image, folder / f"{split}{domain}/{index:04d}.png")
            held_out[domain] = latent
    return held_out


def mean_image_l1(train, test):
    """Mean absolute error of the mean of the training images."""
    return np.abs(test - train.mean(0)).mean()


def classifier(one, other):
    """Fits a linear classifier of images by ridge regression; returns a function to bool."""
    features = _flat(np.concatenate([one, other]))
    mean = features.mean(0)
    answers = np.r_[-np.ones(len(one)), np.ones(len(other))]
    kernel = (features - mean) @ (features - mean).T
    weights = (features - mean).T @ np.linalg.solve(
        kernel + 1e-2 * np.trace(kernel) / len(kernel) * np.eye(len(kernel)),
        answers - answers.mean(),
    )
    return lambda images: (_flat(images) - mean) @ weights + answers.mean() > 0


def diversity(images, real):
    """Mean distance between two images over that of the real ones."""
    return _spread(images, images) / _spread(real, real)


def energy_distance(images, real):
    """Energy distance over the spread of the real images: 0 for images of the same law."""
    own, reals = _spread(images, images), _spread(real, real)
    return (2 * _spread(images, real) - own - reals) / reals


def correlations(images, sources):
    """Mean correlation of 8x8 luminances with the own source, and with those of others."""
    small = [_standardized(_luminance(batch)) for batch in (images, sources)]
    table = small[0] @ small[1].T / small[0].shape[1]
    own = np.trace(table) / len(table)
    return own, (table.sum() - np.trace(table)) / (table.size - len(table))


def recall(vectors, others, latent, other_latent, count=5, near=5):
    """How often one of the `count` nearest by cosine is one of the `near` twins, and by chance."""
    unit = [v.reshape(len(v), -1) for v in (vectors, others)]
    unit = [v - v.mean(0) for v in unit]
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in unit]
    found = np.argsort(-unit[0] @ unit[1].T, axis=1)[:, :count]
    far = np.linalg.norm(latent[:, np.newaxis] - other_latent, axis=-1)
    twins = np.argsort(far, axis=1)[:, :near]
    hits = [len(set(a) & set(b)) / near for a, b in zip(found, twins)]
    return np.mean(hits), count / len(other_latent)


def _flat(images):
    return np.asarray(images, "float64").reshape(len(images), -1)


def _spread(one, other):
    alone = one is other
    one, other = _flat(one), _flat(other)
    squares = (one**2).sum(1)[:, np.newaxis] + (other**2).sum(1) - 2 * one @ other.T
    distances = np.sqrt(np.maximum(squares, 0))
    if not alone:
        return distances.mean()
    return distances.sum() / (len(one) * (len(one) - 1))  # Without those to themselves.


def _luminance(images):
    grey = np.asarray(images, "float64") @ (0.299, 0.587, 0.114)
    part = grey.shape[1] // 8
    return grey.reshape(len(grey), 8, part, 8, part).mean((2, 4)).reshape(len(grey), -1)


def _standardized(rows):
    rows = rows - rows.mean(1, keepdims=True)
    return rows / (rows.std(1, keepdims=True) + 1e-9)
