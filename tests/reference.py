"""The papers' formulas in NumPy: slow, plain, independent of TensorFlow."""

import numpy as np


def convolution(x, kernel, strides, padding=1):
    """Convolution of `[batch, height, width, channels]`, `padding` zeros on every side."""
    size = kernel.shape[0]
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows, columns = ((side - size) // strides + 1 for side in x.shape[1:3])
    result = np.zeros((len(x), rows, columns, kernel.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            patch = x[:, i * strides : i * strides + size, j * strides : j * strides + size]
            result[:, i, j] = np.einsum("bhwc,hwcf->bf", patch, kernel)
    return result


def transposed_convolution(x, kernel):
    """4x4 transposed convolution of stride 2 and padding 1; kernel `[4, 4, filters, channels]`."""
    batch, height, width, _ = x.shape
    result = np.zeros((batch, 2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for i in range(height):
        for j in range(width):
            stamp = np.einsum("bc,hwfc->bhwf", x[:, i, j], kernel)
            result[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += stamp
    return result[:, 1:-1, 1:-1]


def doubled(x, kernel):
    """3x3 transposed convolution of stride 2 as PyTorch's, of padding 1 and output_padding 1."""
    batch, height, width, _ = x.shape
    result = np.zeros((batch, 2 * height + 1, 2 * width + 1, kernel.shape[2]))
    for i in range(height):
        for j in range(width):
            stamp = np.einsum("bc,hwfc->bhwf", x[:, i, j], kernel)
            result[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += stamp
    return result[:, 1:, 1:]


def normalize(x, gamma, beta, axes, epsilon=1e-5):
    """Mean 0 and variance 1 over `axes`, then scaled and shifted."""
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def leaky_relu(x, slope=0.2):
    """x where positive, else slope times x."""
    return np.where(x > 0, x, slope * x)


def unet(
    x,
    weights,
    depth,
    norm_axes,
    *,
    skips=True,
    leak=0.2,
    epsilon=1e-5,
    innermost_norm=False,
    activated_skips=False,
):
    """The U-Net of Isola et al., section 6.1.1; `weights` maps `"down2_conv/kernel"` to arrays.

    With `activated_skips` that of the TensorFlow tutorial, whose decoder gets the leaky ReLU of
    the encoder's levels as it is.
    """

    def normalized(x, name):
        gamma, beta = weights[f"{name}/gamma"], weights[f"{name}/beta"]
        return normalize(x, gamma, beta, norm_axes, epsilon)

    def bias(name):
        return weights.get(f"{name}/bias", 0)

    of_level = {}
    for level in range(1, depth + 1):
        x = leaky_relu(x, leak) if level > 1 else x
        name = f"down{level}_conv"
        x = convolution(x, weights[f"{name}/kernel"], 2) + bias(name)
        if 1 < level < depth or (innermost_norm and level == depth):
            x = normalized(x, f"down{level}_norm")
        of_level[level] = x
    if activated_skips:
        of_level = {level: leaky_relu(x, leak) for level, x in of_level.items()}
        x = of_level[depth]
    for level in range(depth - 1, 0, -1):
        name = f"up{level}_conv"
        x = x if activated_skips else np.maximum(x, 0)
        x = transposed_convolution(x, weights[f"{name}/kernel"]) + bias(name)
        x = normalized(x, f"up{level}_norm")
        x = np.maximum(x, 0) if activated_skips else x
        x = np.concatenate([x, of_level[level]], axis=-1) if skips else x
    x = x if activated_skips else np.maximum(x, 0)
    x = transposed_convolution(x, weights["head_conv/kernel"])
    return np.tanh(x + weights["head_conv/bias"])


def reflected(x, kernel):
    """Convolution of stride 1 behind reflection padding that keeps the size."""
    margin = kernel.shape[0] // 2
    padding = ((0, 0), (margin, margin), (margin, margin), (0, 0))
    return convolution(np.pad(x, padding, mode="reflect"), kernel, 1, padding=0)


def resnet(x, weights, blocks, enlarged=None):
    """The ResNet generator of Zhu et al., section 7.2, with instance norm of no parameters.

    `enlarged` doubles maps before a reflected convolution, instead of a transposed one.
    """

    def layer(convolve, x, name, *options):
        x = convolve(x, weights[f"{name}_conv/kernel"], *options)
        return x + weights[f"{name}_conv/bias"]

    def activated(x):
        return np.maximum(normalize(x, 1, 0, (1, 2)), 0)

    x = activated(layer(reflected, x, "stem"))
    for level in (1, 2):
        x = activated(layer(convolution, x, f"down{level}", 2))
    for block in range(1, blocks + 1):
        y = activated(layer(reflected, x, f"block{block}_first"))
        x = x + normalize(layer(reflected, y, f"block{block}_second"), 1, 0, (1, 2))
    for level in (2, 1):
        name = f"up{level}"
        x = layer(reflected, enlarged(x), name) if enlarged else layer(doubled, x, name)
        x = activated(x)
    return np.tanh(layer(reflected, x, "head"))


def patchgan(source, target, weights, strided):
    """The PatchGAN of section 6.1.2 with instance norm and `strided` layers of stride 2."""
    x = np.concatenate([source, target], axis=-1)
    for level in range(1, strided + 2):
        x = convolution(x, weights[f"patch{level}_conv/kernel"], 2 if level <= strided else 1)
        if level == 1:
            x = x + weights["patch1_conv/bias"]
        else:
            norm = f"patch{level}_norm"
            x = normalize(x, weights[f"{norm}/gamma"], weights[f"{norm}/beta"], (1, 2))
        x = leaky_relu(x)
    return convolution(x, weights["head_conv/kernel"], 1) + weights["head_conv/bias"]


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def weights_of(model):
    """Maps `"layer/variable"` to the arrays of a model."""
    return {
        f"{layer.name}/{v.name.split('/')[-1].split(':')[0]}": v.numpy().astype("float64")
        for layer in model.layers
        for v in layer.weights
    }


def projection(features, kernel, vector):
    """The inner product of features and a matrix times a vector of length 1 (Miyato and Koyama)."""
    asked = vector / np.linalg.norm(vector, axis=1, keepdims=True) @ kernel
    return np.einsum("bhwc,bc->bhw", features, asked)[..., np.newaxis]


def style_code(x, weights, side):
    """The code of a style: convolutions without norms to 4 pixels, a mean, a matrix."""

    def unit(x, name):
        kernel = weights[f"{name}_conv/kernel"]
        y = convolution(x, kernel, 1, kernel.shape[0] // 2) + weights[f"{name}_conv/bias"]
        return leaky_relu(y)

    x = unit(x, f"from{side}")
    while side > 4:
        x = unit(unit(x, f"down{side}_first"), f"down{side}_second")
        x = sum(x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
        side //= 2
    x = unit(x, "head_first").mean((1, 2))
    return x @ weights["head_style/kernel"][0, 0] + weights["head_style/bias"]


def twingan(x, weights, side, skip_size, domains, vector=None):
    """TwinGAN's encoder and generator in a stable phase, by the norms of two domains (its code).

    `weights` are those of "encoder" and "generator", as `weights_of` returns them. By a vector the
    generator's scales and shifts are linear in its direction.
    """
    source, target = domains
    skips = {}

    def affine(player, name, domain):
        own = weights[player]
        rows = [own[f"{name}_norm/{part}"][domain] for part in ("gamma", "beta")]
        if vector is None or player == "encoder":
            return rows
        unit = vector / np.linalg.norm(vector, axis=1, keepdims=True)
        kernels = [own[f"{name}_norm/{part}_kernel"] for part in ("gamma", "beta")]
        return [r + (unit @ kernel)[:, np.newaxis, np.newaxis] for r, kernel in zip(rows, kernels)]

    def unit(x, player, name, domain):
        kernel = weights[player][f"{name}_conv/kernel"]
        x = convolution(x, kernel, 1, kernel.shape[0] // 2)
        gamma, beta = affine(player, name, domain)
        x = leaky_relu(normalize(x, gamma, beta, (1, 2)))
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)

    sides = [4 * 2**n for n in range(1, side.bit_length() - 2)]
    x = unit(x, "encoder", f"from{side}", source)
    for side_now in reversed(sides):
        for part in ("first", "second"):
            x = unit(x, "encoder", f"down{side_now}_{part}", source)
        skips[side_now] = x
        x = sum(x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
    for part in ("first", "second"):
        x = unit(x, "generator", f"base4_{part}", target)
    for side_now in sides:
        x = x.repeat(2, axis=1).repeat(2, axis=2)
        if side_now <= skip_size:
            x = np.concatenate([x, skips[side_now]], axis=-1)
        for part in ("first", "second"):
            x = unit(x, "generator", f"up{side_now}_{part}", target)
    gamma, beta = affine("generator", f"to{side}", target)
    return convolution(x, weights["generator"][f"to{side}_conv/kernel"], 1, 0) * gamma + beta


def gram(features):
    """Returns the Gram matrix of the channels of each image, over height times width."""
    batch, height, width, channels = features.shape
    rows = features.reshape(batch, height * width, channels)
    return rows.transpose(0, 2, 1) @ rows / (height * width)


def patch_nce(queries, keys, temperature):
    """Park et al., 2020, equation 3, as the authors compute it, of `[batch, patches, units]`."""
    queries, keys = (
        x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-7) for x in (queries, keys)
    )
    losses = []
    for q, k in zip(queries, keys):
        own = (q * k).sum(-1, keepdims=True)
        others = q @ k.T
        np.fill_diagonal(others, -10.0)
        logits = np.concatenate([own, others], 1) / temperature
        losses.append(np.mean(np.log(np.exp(logits).sum(1)) - logits[:, 0]))
    return np.array(losses)


def blur(x):
    """Every second pixel of `[height, width]` blurred by 1, 2, 1 along each side, reflected."""
    x = np.pad(x, 1, mode="reflect")
    x = (x[:-2] + 2 * x[1:-1] + x[2:])[::2] / 4
    return (x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:])[:, ::2] / 4
