"""A file of every kind that programs write, tiny, and what is in it where that is known by hand.

Pillow writes few kinds of PNG, no BMP with masks, no GIF whose frame is smaller than its canvas and
no CMYK without Adobe's marker; those are put together here, from the formats' specifications.
"""

import io
import re
import struct
import zlib
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf
import tifffile
from PIL import Image, ImageCms

try:
    tf.io.decode_image(b"no image")
except tf.errors.InvalidArgumentError as error:
    # Versions of TensorFlow list other kinds.
    UNKNOWN_KIND = re.search(r"Unknown image file format\. One of .*? required\.", str(error))[0]

RANDOM = np.random.default_rng(0)
SIZE = (9, 13)
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4))  # Adam7.
PASSES += ((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
PALETTE = RANDOM.integers(0, 256, (256, 3)).astype("uint8")
ALPHA = RANDOM.integers(0, 256, 256).astype("uint8")
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
COLOR_CHUNKS = {
    b"sRGB": b"\0",
    b"gAMA": struct.pack(">I", 45455),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    b"iCCP": b"x\0\0" + zlib.compress(ICC),
}


class ImageKind(NamedTuple):
    """A file.

    Attributes:
        encoded: Its bytes.
        pixels: What is in it by hand, `[height, width, channels]`, or `None`.
    """

    encoded: bytes
    pixels: Optional[np.ndarray] = None


def image_kinds():
    """Returns a dict of names to `ImageKind`."""
    return {**pngs(), **jpegs(), **bmps(), **gifs(), **others()}


def png(samples, color, bits, *chunks, interlaced=False):
    """Writes a PNG file by hand.

    Args:
        samples: int `[height, width, samples]`.
        color: Colour type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
        bits: Of each sample.
        *chunks: `(kind, content)`, before the pixels.
        interlaced: Whether to write the seven passes.
    """
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))
    passes = PASSES if interlaced else [(0, 0, 1, 1)]
    parts = [samples[top::down, left::right] for top, left, down, right in passes]
    body = b"".join(b"\0" + _packed(row, bits) for part in parts if part.size for row in part)
    chunks = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def saved(image, kind, **options):
    """Returns the bytes of a file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation):
    """Returns the EXIF block of an orientation."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def pngs():
    """PNG files of all colour types and bits, with what may stand beside the pixels."""
    kinds = {}
    for name, color, count, depths in (
        ("grey", 0, 1, (1, 2, 4, 8, 16)),
        ("rgb", 2, 3, (8, 16)),
        ("palette", 3, 1, (1, 2, 4, 8)),
        ("grey with alpha", 4, 2, (8, 16)),
        ("rgba", 6, 4, (8, 16)),
    ):
        for bits in depths:
            samples = RANDOM.integers(0, 2**bits, (*SIZE, count))
            chunks = [(b"PLTE", PALETTE[: 2**bits].tobytes())] if color == 3 else []
            largest = 255 if bits <= 8 else 65535
            pixels = (samples * (largest // (2**bits - 1))).astype(f"uint{8 if bits < 16 else 16}")
            pixels = PALETTE[samples[..., 0]] if color == 3 else pixels

            title = f"png {name} {bits}"

            def add(what, pixels, *more, written=(samples, color, bits), title=title, **options):
                kinds[title + what] = ImageKind(png(*written, *more, **options), pixels)

            add("", pixels, *chunks)
            add(" interlaced", pixels, *chunks, interlaced=True)
            turned = (b"eXIf", exif(6).removeprefix(b"Exif\0\0"))
            add(" turned", np.rot90(pixels, -1), *chunks, turned)
            if color in (2, 3, 6):
                for kind, content in COLOR_CHUNKS.items():
                    add(f" {kind.decode()}", pixels, (kind, content), *chunks)
            if color in (0, 2):
                key = samples[0, 0]
                alpha = largest * (samples != key).any(-1, keepdims=True)
                keyed = np.concatenate([pixels, alpha], -1).astype(pixels.dtype)
                add(" tRNS", keyed, (b"tRNS", struct.pack(f">{count}H", *key)))
            if color == 3:
                for what, stored in (("", 2**bits), (" of one", 1)):
                    alpha = np.append(ALPHA[:stored], np.full(256 - stored, 255, "uint8"))
                    keyed = np.concatenate([pixels, alpha[samples]], -1)
                    add(f" tRNS{what}", keyed, *chunks, (b"tRNS", ALPHA[:stored].tobytes()))
    frames = [Image.fromarray(RANDOM.integers(0, 256, (*SIZE, 3)).astype("uint8")) for _ in "ab"]
    encoded = saved(frames[0], "png", save_all=True, append_images=frames[1:])
    kinds["png animated"] = ImageKind(encoded, np.asarray(frames[0]))
    xmp = b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="3"/>'
    grey = RANDOM.integers(0, 256, (*SIZE, 1)).astype("uint8")
    kinds["png turned by XMP"] = ImageKind(png(grey, 0, 8, (b"iTXt", xmp)), grey[::-1, ::-1])
    return kinds


def jpegs():
    """JPEG files; what is in them is left to the decoders."""
    noise = Image.fromarray(RANDOM.integers(0, 256, (24, 32, 3)).astype("uint8"))
    image = noise.resize((64, 48), Image.Resampling.BICUBIC)
    kinds = {}
    for quality in (30, 75, 100):
        for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
            options = {"quality": quality, "subsampling": subsampling}
            kinds[f"jpeg {name} {quality}"] = saved(image, "jpeg", **options)
            options["progressive"] = True
            kinds[f"jpeg {name} {quality} progressive"] = saved(noise, "jpeg", **options)
    # The blocks of 4:2:2 and 4:2:0, in another order: a picture of nothing, but a valid one.
    of_422, of_420 = kinds["jpeg 422 100"], kinds["jpeg 420 100"]
    kinds["jpeg 440"] = _resampled(of_422, 0x12, (93, 31))
    kinds["jpeg 411"] = _resampled(of_420, 0x41, (23, 123))
    kinds["jpeg grey"] = saved(image.convert("L"), "jpeg")
    kinds["jpeg rgb"] = saved(image, "jpeg", keep_rgb=True)
    kinds["jpeg restarts"] = saved(image, "jpeg", restart_marker_rows=1)
    kinds["jpeg icc"] = saved(image, "jpeg", icc_profile=ICC)
    kinds["jpeg mpo"] = saved(image, "mpo", save_all=True, append_images=[noise])
    for orientation in range(1, 9):
        kinds[f"jpeg turned {orientation}"] = saved(image, "jpeg", exif=exif(orientation))
    cmyk = saved(image.convert("CMYK"), "jpeg")
    start = cmyk.index(b"\xff\xee")
    end = start + 2 + struct.unpack(">H", cmyk[start + 2 : start + 4])[0]
    kinds["jpeg cmyk"] = cmyk
    kinds["jpeg cmyk without marker"] = cmyk[:start] + cmyk[end:]
    kinds["jpeg ycck"] = cmyk[: end - 1] + b"\2" + cmyk[end:]
    return {name: ImageKind(encoded) for name, encoded in kinds.items()}


def bmps():
    """BMP files of all bits, with and without masks and palettes."""
    pixels = RANDOM.integers(0, 256, (5, 8, 4)).astype("uint8")
    color = np.ascontiguousarray(pixels[..., 2::-1])
    fives = RANDOM.integers(0, 32, (5, 8, 3))
    packed = (fives << [10, 5, 0]).sum(-1).astype("<u2")
    scaled = (fives * 255 // 31).astype("uint8")
    levels = np.arange(255, -1, -1, "uint8")
    palette = np.stack([levels, levels, levels, 0 * levels], -1).tobytes()
    indices = RANDOM.integers(0, 256, (5, 8)).astype("uint8")
    masks = struct.pack("<3I", 0x7C00, 0x3E0, 0x1F)
    red_last = struct.pack("<3I", 0xFF000000, 0xFF0000, 0xFF00)
    flipped = pixels[::-1]
    return {
        "bmp 24": ImageKind(bmp(24, flipped[..., :3].tobytes()), color),
        "bmp 24 from the top": ImageKind(bmp(24, pixels[..., :3].tobytes(), height=-5), color),
        "bmp 24 and more": ImageKind(bmp(24, flipped[..., :3].tobytes()) + b"more", color),
        "bmp 32": ImageKind(bmp(32, flipped.tobytes()), color),
        "bmp 32 by masks": ImageKind(
            bmp(32, flipped.tobytes(), masks=red_last), pixels[..., :0:-1]
        ),
        "bmp 16": ImageKind(bmp(16, packed[::-1].tobytes()), scaled),
        "bmp 16 by masks": ImageKind(bmp(16, packed[::-1].tobytes(), masks=masks), scaled),
        "bmp palette": ImageKind(
            bmp(8, indices[::-1].tobytes(), palette=palette),
            np.repeat(255 - indices[..., np.newaxis], 3, -1),
        ),
        "bmp grey": ImageKind(saved(Image.fromarray(indices), "bmp"), indices[..., np.newaxis]),
        "bmp 1": ImageKind(
            saved(Image.fromarray(indices > 99), "bmp"),
            255 * (indices > 99)[..., np.newaxis].astype("uint8"),
        ),
    }


def bmp(bits, body, *, height=5, masks=b"", palette=b""):
    """Writes a BMP file of 5 rows of 8 pixels; a height below zero means from the top."""
    start = 54 + len(masks) + len(palette)
    header = struct.pack("<HHI", 0, 0, start) + struct.pack("<IiiHH", 40, 8, height, 1, bits)
    header += struct.pack("<IIiiII", 3 if masks else 0, len(body), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<I", start + len(body)) + header + masks + palette + body


def gifs():
    """GIF files; Pillow's canvas around a frame is the colour of index 0, or transparent."""
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], "uint8")
    opaque = np.full((1, 4, 1), 255, "uint8")
    alpha = np.array([[[255], [0], [255], [255]]], "uint8")
    row = colors[[[0, 1, 2, 3]]]
    within = colors[[[0, 1, 2, 0]]]
    photo = Image.fromarray(RANDOM.integers(0, 256, (*SIZE, 3)).astype("uint8")).quantize(16)
    frames = [photo, photo.rotate(180)]
    return {
        "gif": ImageKind(saved(photo, "gif"), np.asarray(photo.convert("RGB"))),
        "gif interlaced": ImageKind(saved(photo, "gif", interlace=1)),
        "gif animated": ImageKind(saved(frames[0], "gif", save_all=True, append_images=frames[1:])),
        "gif by hand": ImageKind(gif(4, 0, [0, 1, 2, 3]), row),
        "gif transparent": ImageKind(gif(4, 0, [0, 1, 2, 3], 1), np.concatenate([row, alpha], -1)),
        "gif small frame": ImageKind(gif(4, 1, [1, 2]), within),
        "gif small transparent frame": ImageKind(gif(4, 1, [1, 2], 3)),
        "gif opaque": ImageKind(gif(4, 0, [0, 1, 2, 0], 3), np.concatenate([within, opaque], -1)),
    }


def gif(width, left, indices, transparent=None):
    """Writes a GIF file of one row, whose frame is `indices` at `left`; 4 colours."""
    file = b"GIF89a" + struct.pack("<HHBBB", width, 1, 0x81, 0, 0)
    file += bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
    if transparent is not None:
        file += b"\x21\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    file += b"," + struct.pack("<HHHHB", left, 0, len(indices), 1, 0) + b"\2"
    codes = [code for index in indices for code in (4, index)] + [5]  # 4 clears the table.
    bits = "".join(f"{code:03b}"[::-1] for code in codes)
    bits += "0" * (-len(bits) % 8)
    body = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    return file + bytes([len(body)]) + body + b"\0;"


def others():
    """TIFF, WebP and Netpbm files, and some that no format of ours is."""
    color = RANDOM.integers(0, 256, (*SIZE, 4)).astype("uint8")
    deep = RANDOM.integers(0, 65536, (*SIZE, 3)).astype("uint16")
    image = Image.fromarray(color[..., :3])
    kinds = {}
    for mode in ("1", "L", "LA", "P", "RGB", "CMYK", "LAB", "I", "F"):
        converted = image.convert("L").convert(mode) if mode in "IF" else image.convert(mode)
        kinds[f"tiff {mode}"] = ImageKind(saved(converted, "tiff"))
    pages = saved(image, "tiff", save_all=True, append_images=[image.rotate(180)])
    turned = np.rot90(color[..., :3], -1)
    kinds["tiff RGBA"] = ImageKind(saved(Image.fromarray(color), "tiff"), color)
    kinds["tiff pages"] = ImageKind(pages, color[..., :3])
    kinds["tiff turned"] = ImageKind(saved(image, "tiff", exif=exif(6)), turned)
    for name, pixels in (("grey", deep[..., 0]), ("colour", deep), ("two", deep[..., :2])):
        for order, mark in (("<", "little"), (">", "big")):
            file = io.BytesIO()
            plane = {"planarconfig": "contig"} if pixels.ndim == 3 else {}
            look = "rgb" if name == "colour" else "minisblack"
            tifffile.imwrite(file, pixels, byteorder=order, photometric=look, **plane)
            kinds[f"tiff 16 {name} {mark}"] = ImageKind(
                file.getvalue(), pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
            )
    exact = {"lossless": True, "exact": True}
    kinds["webp"] = ImageKind(saved(image, "webp", **exact), color[..., :3])
    kinds["webp alpha"] = ImageKind(saved(Image.fromarray(color), "webp", **exact), color)
    kinds["webp turned"] = ImageKind(saved(image, "webp", exif=exif(6), **exact), turned)
    kinds["webp lossy"] = ImageKind(saved(image, "webp"))
    frames = {"save_all": True, "append_images": [image.rotate(180)], "lossless": True}
    kinds["webp animated"] = ImageKind(saved(image, "webp", **frames))
    kinds["ppm"] = ImageKind(saved(image, "ppm"), color[..., :3])
    kinds["pgm"] = ImageKind(saved(image.convert("L"), "ppm"))
    kinds["pgm of 100"] = ImageKind(b"P2 2 1\n100\n0 100", np.array([[[0], [255]]], "uint8"))
    kinds["pbm"] = ImageKind(b"P1 2 1\n1 0", np.array([[[0], [255]]], "uint8"))
    for name, head in (("pgm", b"P5 39 9 65535\n"), ("ppm", b"P6 13 9 65535\n")):
        pixels = deep.reshape(9, 39, 1) if name == "pgm" else deep
        kinds[f"{name} 16"] = ImageKind(head + deep.astype(">u2").tobytes(), pixels)
    return kinds


def _chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def _packed(row, bits):
    values = row.ravel()
    if bits >= 8:
        return values.astype(">u2" if bits == 16 else "u1").tobytes()
    flags = np.unpackbits(values.astype("u1")[:, np.newaxis], axis=1)[:, 8 - bits :]
    return np.packbits(flags.ravel()).tobytes()


def _resampled(jpeg, sampling, size):
    start = jpeg.index(b"\xff\xc0")
    sides = struct.pack(">HH", *size)
    return (
        jpeg[: start + 5]
        + sides
        + jpeg[start + 9 : start + 11]
        + bytes([sampling])
        + jpeg[start + 12 :]
    )
