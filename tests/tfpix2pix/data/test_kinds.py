"""Files of every kind: the library reads what is in them, and the graph what the library reads."""

import numpy as np
import pytest
import tensorflow as tf

from tests.cases.image_kinds import COLOR_CHUNKS, UNKNOWN_KIND, image_kinds, png
from tfpix2pix.data import codecs, formats, images

KINDS = image_kinds()


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.pixels is not None])
def test_the_library_reads_what_was_written(name):
    decoded = codecs.decode(KINDS[name].encoded).pixels
    assert decoded.dtype == KINDS[name].pixels.dtype
    np.testing.assert_array_equal(decoded, KINDS[name].pixels)


def test_the_graph_reads_what_is_native_as_the_library_does():
    native = {name for name, kind in KINDS.items() if codecs.decode(kind.encoded).native}
    kinds = {name.split()[0] for name in native}
    assert kinds == {"png", "jpeg"}
    turned = {name for name in KINDS if "turned" in name} - {"jpeg turned 1"}
    assert not native & turned
    for channels in (1, 3, 4):
        for dtype in ("uint8", "uint16"):
            decode = tf.function(
                lambda encoded, channels=channels, dtype=dtype: images.decode(
                    encoded, channels, dtype
                ),
                input_signature=[tf.TensorSpec((), tf.string)],
            )
            for name in native:
                pixels = codecs.decode(KINDS[name].encoded).pixels
                if formats.convertible(pixels.shape[-1], str(pixels.dtype), channels, dtype):
                    expected = formats.convert(pixels, channels, dtype)
                    read = decode(tf.constant(KINDS[name].encoded))
                    np.testing.assert_array_equal(read, expected, f"{name}, {channels}, {dtype}")


def test_the_graph_reads_other_files_as_the_table_for_other_clients_says():
    def differs(name):
        expected = formats.convert(codecs.decode(KINDS[name].encoded).pixels, 3, "uint8")
        read = images.decode(KINDS[name].encoded, 3).numpy()
        return read.shape != expected.shape or (read != expected).any()

    alike = ("jpeg cmyk", "jpeg ycck", "bmp 24", "bmp 24 from the top", "bmp 32", "png animated")
    others = ("jpeg cmyk without marker", "jpeg turned 6", "gif small frame", "gif transparent")
    assert [name for name in (*alike, "gif") if differs(name)] == []
    assert all(differs(name) for name in (*others, "bmp palette", "bmp 32 by masks"))
    for name in ("bmp 16", "bmp 1", "tiff RGB", "ppm"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            images.decode(KINDS[name].encoded, 3)
    # From TensorFlow 2.21 on the graph reads it.
    assert "WebP" not in UNKNOWN_KIND or not differs("webp")


def test_grey_is_the_luma_of_colours_as_they_are_stored():
    """Worked by hand: 0.299 of 255 is 76.2. In linear light it would be 147."""
    red = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 35]]], "uint8")
    expected = [[[76], [150], [29], [19]]]  # 2.99 + 11.74 + 3.99 = 18.72.
    assert formats.convert(red, 1, "uint8").tolist() == expected
    for chunks in ((), *([chunk] for chunk in COLOR_CHUNKS.items())):
        assert images.decode(png(red, 2, 8, *chunks), 1).numpy().tolist() == expected


def test_grey_is_rounded_alike_everywhere():
    """Half a level is rounded up, in NumPy as in the graph."""
    colors = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype("uint8")
    exact = colors.astype("int64") @ [299, 587, 114]
    assert (exact % 1000 == 500).any()
    expected = (exact // 1000 + (exact % 1000 >= 500))[..., np.newaxis]
    np.testing.assert_array_equal(formats.convert(colors, 1, "uint8"), expected)
    np.testing.assert_array_equal(images.decode(codecs.encode(colors, ".png"), 1), expected)
    deep = colors.astype("uint16") * 257
    exact = deep.astype("int64") @ [299, 587, 114]
    expected = (exact // 1000 + (exact % 1000 >= 500))[..., np.newaxis]
    np.testing.assert_array_equal(formats.convert(deep, 1, "uint16"), expected)
    encoded = codecs.encode(deep, ".png")
    np.testing.assert_array_equal(images.decode(encoded, 1, "uint16"), expected)
