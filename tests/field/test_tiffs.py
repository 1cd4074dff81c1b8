"""TIFF files as GDAL, Photoshop, scanners and microscopes write them."""

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import codecs, formats, sources
from tfpix2pix.translation import animations

RANDOM = np.random.default_rng(5)
ORIENTATION = 274
TYPES = ("uint8", "uint16", "float32", "int16")
LAYOUTS = {
    "plain": {},
    "tiled": {"tile": (16, 16)},
    "big-endian": {"byteorder": ">"},
    "deflate": {"compression": "zlib"},
    "predictor": {"compression": "zlib", "predictor": True},
    "lzw": {"compression": "lzw", "predictor": True},
    "zstd": {"compression": "zstd"},
    "packbits": {"compression": "packbits"},
    "lzma": {"compression": "lzma"},
}


def tiff(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def noise(bands, dtype, size=(24, 40)):
    values = RANDOM.integers(0, 255, (*size, bands))
    return (values / 255 if dtype == "float32" else values).astype(dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("dtype", TYPES)
def test_all_bands_are_read_in_every_layout(dtype, planes, layout):
    """Of satellites: RGB and near infrared, thirteen bands, one after the other (GDAL's BAND)."""
    for bands in (1, 3, 4, 13):
        pixels = noise(bands, dtype)
        stored = np.moveaxis(pixels, -1, 0) if planes == "separate" else pixels
        options = {"planarconfig": planes} if bands > 1 else {}
        stored = stored if bands > 1 else pixels[..., 0]
        photometric = "rgb" if bands == 3 else "minisblack"
        encoded = tiff(stored, photometric=photometric, **options, **LAYOUTS[layout])
        decoded = codecs.decode(encoded)
        np.testing.assert_array_equal(decoded.pixels, pixels)
        assert not decoded.alpha


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_fourth_band_that_is_no_alpha_stays_a_band(dtype):
    """RGB with near infrared behind it: ExtraSamples 0."""
    pixels = noise(4, dtype)
    decoded = codecs.decode(tiff(pixels, photometric="rgb", extrasamples=["unspecified"]))
    np.testing.assert_array_equal(decoded.pixels, pixels)
    assert not decoded.alpha
    with pytest.raises(InputError, match="Grey and RGB, with and without alpha, can be converted"):
        formats.convert(decoded.pixels, 3, dtype, alpha=decoded.alpha)


@pytest.mark.parametrize(("dtype", "most"), [("uint8", 255), ("uint16", 65535)])
def test_one_rule_for_every_depth(dtype, most):
    """What 8 bits are read as, 16 bits are, of the same picture."""
    scale = most // 255
    color = RANDOM.integers(0, 256, (6, 9, 4)).astype("uint8")

    def read(pixels, **options):
        return codecs.decode(tiff(pixels.astype(dtype) * dtype_of(scale), **options))

    def dtype_of(value):
        return np.dtype(dtype).type(value)

    # White is zero.
    grey = read(color[..., 0], photometric="miniswhite").pixels
    np.testing.assert_array_equal(
        grey[..., 0], most - color[..., 0].astype(dtype) * dtype_of(scale)
    )
    # Inks, against the formula of Pillow on 8 bits.
    inks = read(color, photometric="separated").pixels
    expected = np.asarray(Image.fromarray(color, "CMYK").convert("RGB")).astype(int)
    assert np.abs(inks // scale - expected).max() <= 1
    # Colours that were multiplied by alpha.
    alpha = color[..., 3:].astype(int)
    multiplied = np.concatenate([color[..., :3] * alpha // 255, alpha], -1)
    decoded = read(multiplied, photometric="rgb", extrasamples=["assocalpha"])
    assert decoded.alpha
    seen = alpha[..., 0] > 128
    assert np.abs(decoded.pixels[seen, :3] / scale - color[seen, :3]).max() <= 2
    # Lab of prints, against the profile of Pillow.
    lab = Image.fromarray(color[..., :3]).convert("LAB")
    stored = np.asarray(lab)
    if dtype == "uint16":
        chroma = stored[..., 1:].view("int8").astype("int16") * 256
        wide = np.concatenate([stored[..., :1].astype("uint16") * 257, chroma.view("uint16")], -1)
        rgb = codecs.decode(tiff(wide, photometric="cielab")).pixels / 257
    else:
        rgb = codecs.decode(tiff(stored, photometric="cielab")).pixels
    away = np.abs(rgb - np.asarray(lab.convert("RGB")).astype(float))
    # Dark and saturated colours are near the border of what a screen shows.
    assert (away.mean() < 3, away.max() < 20) == (True, True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [1, 3, 5])
def test_scans_stand_upright(bands, dtype):
    """Orientation 6, of a scanner or a camera."""
    pixels = noise(bands, dtype)
    flat = pixels[..., 0] if bands == 1 else pixels
    photometric = "rgb" if bands == 3 else "minisblack"
    planar = {"planarconfig": "contig"} if bands > 1 else {}
    tags = [(ORIENTATION, "H", 1, 6, True)]
    decoded = codecs.decode(tiff(flat, photometric=photometric, extratags=tags, **planar))
    np.testing.assert_array_equal(decoded.pixels, np.rot90(pixels, -1))


def test_numbers_of_other_types_keep_their_values():
    """Hounsfield units, counts of photons."""
    for dtype, value in (("int8", -70), ("uint32", 3_000_000_000), ("int32", -5), ("float64", 0.5)):
        decoded = codecs.decode(tiff(np.full((3, 4), value, dtype))).pixels
        assert (decoded.dtype, decoded.shape) == (np.float32, (3, 4, 1))
        assert (decoded == value).all()


def packed_tiff(width, bits, content):
    """Returns a grey TIFF of one row of few bits, tag by tag."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: 1, 273: 0, 277: 1, 278: 1}
    tags[279] = len(content)
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + bytes(4) + content


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_reach_from_black_to_white(bits):
    """Pages of a fax, masks of two values."""
    most = 2**bits - 1
    levels = np.arange(2**bits, dtype="uint8").repeat(8)[np.newaxis]
    digits = np.unpackbits(levels.T, axis=1)[:, 8 - bits :].ravel()
    decoded = codecs.decode(packed_tiff(levels.size, bits, np.packbits(digits).tobytes())).pixels
    np.testing.assert_array_equal(decoded[..., 0], levels * (255 // most))


def test_overviews_of_a_picture_are_no_further_pictures():
    """Cloud-optimized GeoTIFFs and slides keep smaller copies as pages."""
    file = io.BytesIO()
    picture = noise(3, "uint8", (64, 64))
    with tifffile.TiffWriter(file) as writer:
        writer.write(picture, photometric="rgb")
        for step in (2, 4):
            writer.write(picture[::step, ::step], photometric="rgb", subfiletype=1)
    decoded = codecs.decode(file.getvalue())
    assert decoded.frames == 1
    assert animations.read(file.getvalue()).count == 1
    np.testing.assert_array_equal(decoded.pixels, picture)


def test_inks_of_other_colours_are_named():
    """Orange and green beside those of every printer."""
    tags = [(332, "H", 1, 2, True)]
    five = tiff(noise(5, "uint8"), photometric="separated", planarconfig="contig", extratags=tags)
    with pytest.raises(codecs.UnreadableError) as error:
        codecs.decode(five)
    assert str(error.value) == (
        "it cannot be decoded: inks that are not cyan, magenta, yellow and black; save it as RGB"
    )


def test_two_bands_of_radar_are_both_trained_on(tmp_path):
    """VV and VH as NPY or float TIFF: neither is alpha."""
    for name, suffix in (("A", "npy"), ("B", "tif")):
        for index in range(2):
            path = tmp_path / f"train/{name}/{index}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = noise(2, "float32")
            if suffix == "npy":
                np.save(path, pixels)
            else:
                tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")
    found = sources.pairs(tmp_path)
    assert [one.channels for one in found.formats] == [2, 2]
