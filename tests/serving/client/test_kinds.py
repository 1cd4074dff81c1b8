"""Files of every kind: the server translates the pixels that the library reads, by every way in."""

import asyncio
import io

import numpy as np
import pytest
from PIL import Image
from tensorflow import keras

from serving.client import AsyncClient, Client, decoding, image_files
from serving.client.failures import BadImage
from serving.client.tiles import Tiling
from serving.page import sketches
from serving.page.translator import Translator
from tests.cases.image_kinds import image_kinds
from tests.serving.local import managed, resting, serving
from tfpix2pix import InputError
from tfpix2pix.data import codecs, formats
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.export import export
from tfpix2pix.export.directions import named_directions
from tfpix2pix.translation import direction_translator, export_translator

KINDS = {name: kind.encoded for name, kind in image_kinds().items()}
# Models that give their sources: name -> channels and type of their files.
MODELS = {
    "grey": (1, "uint8"),
    "color": (3, "uint8"),
    "alpha": (4, "uint8"),
    "deep_grey": (1, "uint16"),
    "deep": (3, "uint16"),
    "deep_alpha": (4, "uint16"),
}
# What Pillow alone cannot read without loss, and therefore the client not.
REFUSED = {
    "png rgb 16 turned",
    "png grey with alpha 16 turned",
    "png rgba 16 turned",
    "tiff 16 colour little",
    "tiff 16 colour big",
    "tiff I",
    "tiff F",
    "pgm 16",
    "ppm 16",
}
UNKNOWN = {"tiff 16 two little", "tiff 16 two big"}


def echo(channels, dtype):
    """Returns a network that gives its source, and its task."""
    source = keras.Input((None, None, channels))
    same = keras.initializers.Identity()
    convolution = keras.layers.Conv2D(
        channels,
        1,
        use_bias=False,
        kernel_initializer=lambda shape, dtype: same(shape[2:])[None, None],
    )
    pixel_format = PixelFormat(channels, dtype, formats.full_range(dtype))
    return keras.Model(source, convolution(source)), Pairs((pixel_format, pixel_format))


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("echoes")
    for name, pixel_format in MODELS.items():
        network, task = echo(*pixel_format)
        export(network, folder / name, task=task)
    return folder


@pytest.fixture(scope="module")
def addresses(exports):
    with managed(exports) as manager, serving(manager) as (address, _), resting(manager) as url:
        yield [address, url]


def expected(name, model):
    """Returns the pixels that the library reads for a model, or `None` if it refuses them."""
    try:
        return formats.convert(codecs.decode(KINDS[name]).pixels, *MODELS[model])
    except InputError:
        return None


@pytest.mark.parametrize("model", MODELS)
def test_every_way_in_reads_what_the_library_reads(addresses, exports, model):
    """To the bit, JPEG files too: the graph and Pillow take the same DCT."""
    answers = [list(Client(a, model).translate_all(KINDS.values())) for a in addresses]

    async def translate(address):
        async with AsyncClient(address, model) as client:
            return [answer async for answer in client.translate_all(KINDS.values())]

    answers += [asyncio.run(translate(address)) for address in addresses]
    network, task = echo(*MODELS[model])
    offline = [
        export_translator(exports / model),
        direction_translator(named_directions(network, task)["translate"]),
    ]
    translated = 0
    for name, *outcomes in zip(KINDS, *answers):
        pixels = expected(name, model)
        if pixels is None or name in REFUSED | UNKNOWN:
            assert all(isinstance(outcome, BadImage) for outcome in outcomes), name
            continue
        for outcome in outcomes:
            np.testing.assert_array_equal(codecs.decode(outcome).pixels, pixels, name)
        for translator in offline:
            (output,) = translator.translate(codecs.decode(KINDS[name]).pixels)
            np.testing.assert_array_equal(output, pixels, name)
        translated += 1
    assert translated > 100


def test_what_has_more_bits_than_the_model_s_images_is_refused(addresses):
    for address in addresses:
        with Client(address, "color") as client, pytest.raises(BadImage) as caught:
            client.translate(KINDS["png rgb 16"])
        text = (
            "INVALID_ARGUMENT: assertion failed: [Images of 8 bits must be sent to this model. "
            "Received: a PNG of 16 bits] [Scale it to 8 bits.]"
        )
        assert text in str(caught.value)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_lose_bits_is_refused(name):
    with pytest.raises(BadImage) as caught:
        decoding.sendable(KINDS[name])
    kind = {"png": "PNG", "tiff": "TIFF"}.get(name.split()[0], "PPM")
    assert str(caught.value) == (
        "What is sent must have 8 bits, or 16 of grey, or be an upright PNG. Received: "
        f"INVALID_ARGUMENT: a {kind} of more bits or channels. Convert it to such a PNG."
    )


def test_what_the_server_reads_alike_is_sent_as_it_is():
    for name, encoded in KINDS.items():
        if codecs.decode(encoded).native or name in UNKNOWN:
            assert decoding.sendable(encoded) is encoded, name
        elif name not in REFUSED:
            sent = decoding.sendable(encoded)
            assert decoding.sendable(sent) is sent
            assert codecs.decode(sent).native
    assert decoding.sendable(b"no image") == b"no image"


@pytest.mark.parametrize("name", ["gif", "tiff RGB", "webp", "bmp 24"])
def test_a_file_that_is_cut_off_is_one_failure(addresses, name):
    with Client(addresses[0], "color") as client, pytest.raises(BadImage) as caught:
        client.translate(KINDS[name][: len(KINDS[name]) // 2])
    assert str(caught.value).startswith("The image must be readable. Received: INVALID_ARGUMENT: ")


@pytest.mark.parametrize("name", ["jpeg turned 6", "jpeg cmyk without marker", "png palette 8"])
def test_tiles_and_halves_are_cut_of_the_same_pixels(addresses, tmp_path, name):
    pixels = expected(name, "color")
    with Client(addresses[0], "color") as client:
        tiled = client.translate(KINDS[name], tiling=Tiling(8, 2))
        (tmp_path / "file").write_bytes(KINDS[name])
        half = client.translate(image_files.read_image(tmp_path / "file", "right"))
    # Pillow rounds where tiles fade into each other.
    assert np.abs(codecs.decode(tiled).pixels.astype(int) - pixels).max() <= 1
    np.testing.assert_array_equal(codecs.decode(half).pixels, pixels[:, pixels.shape[1] // 2 :])


def test_the_page_reads_what_the_library_reads(addresses):
    for name in KINDS.keys() - REFUSED - UNKNOWN:
        pixels = codecs.decode(KINDS[name]).pixels
        if pixels.dtype == "uint8":
            read = sketches.read(KINDS[name])
            np.testing.assert_array_equal(read, formats.convert(pixels, 4, "uint8"), name)
        elif pixels.dtype == "uint16":  # Pillow cuts colour to 8 bits, and does not round it.
            colors = formats.convert(pixels, 3, "uint16") / 257
            assert np.abs(sketches.read(KINDS[name])[..., :3] - colors).max() <= 1, name
    with Client(addresses[0], "color") as client:
        page = Translator(client, "color")
        turned = expected("webp turned", "color")
        size = Image.fromarray(turned).size
        page.directions["translate"] = page.directions["translate"]._replace(
            convention=sketches.Convention(size=size[::-1])
        )
        translated = page.translate(KINDS["webp turned"]).translated
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(translated))), turned)
