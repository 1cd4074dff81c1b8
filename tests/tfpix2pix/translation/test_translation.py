import io
import os
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from tests.cases import fixed_weights, open_generator
from tfpix2pix import InputError, atomic, inference, translation, unet_generator
from tfpix2pix.data import codecs, images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Colorization, Labels, Pairs
from tfpix2pix.export import export, named_directions
from tfpix2pix.inference import Control
from tfpix2pix.translation import Translator, animations
from tfpix2pix.translation.value_files import ValueFolder

RANDOM = np.random.default_rng(0)
COLOR, GREY = PixelFormat(3, "uint8", (0.0, 255.0)), PixelFormat(1, "uint8", (0.0, 255.0))
DEEP = PixelFormat(3, "uint16", (0.0, 65535.0))


def noise(*shape, dtype="uint8"):
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def write_bytes(path, content):
    atomic.write_bytes(content, path)


def saved(image, kind, **options):
    encoded = io.BytesIO()
    image.save(encoded, kind, **options)
    return encoded.getvalue()


def tree(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def generator_translator(generator, task=None, *, kernel="bilinear", **options):
    (direction,) = named_directions(generator, task).values()
    return translation.direction_translator(direction._replace(kernel=kernel), **options)


@pytest.fixture(scope="module")
def generator():
    return fixed_weights(open_generator())


@pytest.fixture(scope="module")
def translator(generator):
    return generator_translator(generator)


@pytest.fixture
def negative():
    """Makes negatives and counts them."""

    def translate(pixels):
        output.append(pixels)
        return [255 - pixels[..., :3]]

    output = []
    return Translator(translate, COLOR, COLOR), output


def expected(generator, pixels):
    signed = pixels.astype("float32")[np.newaxis] / 127.5 - 1
    translated = inference.translate(generator, tf.constant(signed))[0].numpy()
    return np.clip(np.rint((translated + 1) * 127.5), 0, 255).astype(int)


def test_files_of_a_folder_come_back_under_their_names_and_in_their_sizes(
    tmp_path, generator, translator
):
    pictures = {"1.png": noise(9, 14, 3), "deep/er/2.bmp": noise(5, 3, 3), "3.tif": noise(8, 8, 3)}
    for name, pixels in pictures.items():
        codecs.write(pixels, tmp_path / "in" / name)
    write_bytes(tmp_path / "in/notes.txt", b"no image")
    done = translation.translate_files(translator, tmp_path / "in", tmp_path / "out")
    assert (done.written, done.skipped, done.failures) == (3, 0, {})
    assert tree(tmp_path / "out") == ["1.png", "3.png", "deep/er/2.png"]
    for name, pixels in pictures.items():
        output = codecs.read((tmp_path / "out" / name).with_suffix(".png")).astype(int)
        assert np.abs(output - expected(generator, pixels)).max() <= 1


ODD = {
    "blank": saved(Image.new("RGB", (8, 8), "white"), "png"),
    "black": saved(Image.new("RGB", (8, 8)), "png"),
    "noise": saved(Image.fromarray(noise(12, 8, 3)), "png"),
    "one": saved(Image.new("RGB", (1, 1), "red"), "png"),
    "flat": saved(Image.fromarray(noise(20, 3000, 3)), "png"),
    "grey": saved(Image.fromarray(noise(6, 7)), "png"),
    "bit": saved(Image.fromarray(noise(6, 7)).convert("1"), "png"),
    "palette": saved(Image.fromarray(noise(6, 7, 3)).quantize(9), "gif"),
    "cmyk": saved(Image.fromarray(noise(6, 7, 4), "CMYK"), "jpeg", quality=95),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_translated_as_their_rgb_pixels(tmp_path, generator, translator, name):
    write_bytes(tmp_path / f"{name}.png", ODD[name])
    done = translation.translate_files(translator, tmp_path / f"{name}.png", tmp_path / "out")
    assert (done.written, done.failures) == (1, {})
    pixels = np.asarray(Image.open(io.BytesIO(ODD[name])).convert("RGB"))
    output = codecs.read(tmp_path / f"out/{name}.png")
    assert (output.dtype, output.shape) == ("uint8", pixels.shape)
    assert np.abs(output.astype(int) - expected(generator, pixels)).max() <= 1


def test_the_orientation_of_cameras_is_applied(tmp_path, negative):
    upright = noise(6, 10, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned right by 90 degrees.
    turned = Image.fromarray(np.rot90(upright))
    write_bytes(tmp_path / "a.png", saved(turned, "png", exif=exif))
    translation.translate_files(negative[0], tmp_path / "a.png", tmp_path / "out")
    np.testing.assert_array_equal(codecs.read(tmp_path / "out/a.png"), 255 - upright)


FAULTY = {
    "text.png": (b"Dear diary", "it cannot be decoded: it is no image of a known format"),
    "empty.jpg": (b"", "it cannot be decoded: the file is empty"),
    "truncated.png": (ODD["noise"][:-40], "it cannot be decoded: "),
    "deep.png": (
        codecs.encode(noise(4, 4, 1, dtype="uint16"), ".png"),
        "Grey and RGB, with and without alpha, can be converted to each other, and 8 bits to 16. "
        "Received: "
        "1 channels of uint16 for 3 of uint8. Scale them by "
        "`images.to_pixels(images.to_signed(pixels))`.",
    ),
    "void.npy": (
        codecs.encode(np.zeros((0, 4, 3), "uint8"), ".npy"),
        "An image must have pixels. Received: (0, 4, 3). Replace it.",
    ),
}


def test_what_fails_is_told_and_stops_nothing_else(tmp_path, translator):
    codecs.write(noise(4, 4, 3), tmp_path / "in/a.png")
    codecs.write(noise(4, 4, 3), tmp_path / "in/z.png")
    for name, (content, _) in FAULTY.items():
        write_bytes(tmp_path / "in" / name, content)
    done = translation.translate_files(translator, tmp_path / "in", tmp_path / "out")
    assert done.written == 2
    assert tree(tmp_path / "out") == ["a.png", "z.png"]
    reasons = {os.path.basename(file): reason for file, reason in done.failures.items()}
    assert set(reasons) == set(FAULTY)
    for name, (_, reason) in FAULTY.items():
        assert reasons[name].startswith(reason)
    assert str(done).startswith("2 translations made, 0 were there already, 5 files failed:\n")


def test_what_is_there_stays_unless_told_otherwise(tmp_path, negative):
    translator, output = negative
    for index in range(3):
        codecs.write(noise(4, 4, 3), tmp_path / f"in/{index}.png")
    codecs.write(np.zeros((1, 1, 3), "uint8"), tmp_path / "out/1.png")
    folders = (tmp_path / "in", tmp_path / "out")
    assert translation.translate_files(translator, *folders)[:2] == (2, 1)
    assert codecs.read(tmp_path / "out/1.png").shape == (1, 1, 3)
    assert translation.translate_files(translator, *folders)[:2] == (0, 3)
    assert len(output) == 2
    assert translation.translate_files(translator, *folders, overwrite=True)[:2] == (3, 0)
    assert codecs.read(tmp_path / "out/1.png").shape == (4, 4, 3)


def test_alpha_is_kept_where_the_format_has_it(tmp_path, generator, translator):
    pixels = noise(6, 5, 4)
    codecs.write(pixels, tmp_path / "in/a.png")
    grey = np.concatenate([pixels[..., :1], pixels[..., 3:]], axis=-1)
    codecs.write(grey, tmp_path / "in/grey.png")
    for suffix, channels in ((".png", 4), (".webp", 4), (".tiff", 4), (".jpg", 3), (".bmp", 3)):
        folder = tmp_path / suffix
        translation.translate_files(translator, tmp_path / "in", folder, format=suffix[1:])
        for name, color in (("a", pixels[..., :3]), ("grey", np.repeat(grey[..., :1], 3, -1))):
            output = codecs.read(folder / f"{name}{suffix}").astype(int)
            assert output.shape == (6, 5, channels)
            np.testing.assert_array_equal(output[..., 3:], pixels[..., 3:][..., : channels - 3])
            if suffix != ".jpg":
                assert np.abs(output[..., :3] - expected(generator, color)).max() <= 1


def test_a_fourth_channel_that_was_trained_on_is_no_alpha(tmp_path):
    source = PixelFormat(4, "uint8", (0.0, 255.0))
    translator = Translator(lambda pixels: [pixels[..., 3:]], source, GREY)
    pixels = noise(3, 4, 4)
    codecs.write(pixels, tmp_path / "a.png")
    translation.translate_files(translator, tmp_path / "a.png", tmp_path / "out")
    np.testing.assert_array_equal(codecs.read(tmp_path / "out/a.png"), pixels[..., 3:])


def test_bits_are_those_of_the_target(tmp_path, generator):
    """Files of 8 bits are widened, white stays white; alpha too."""
    translator = generator_translator(generator, Pairs((DEEP, DEEP)))
    deep, shallow = noise(8, 9, 1, dtype="uint16"), noise(8, 9, 4)
    codecs.write(deep, tmp_path / "in/deep.png")
    codecs.write(shallow, tmp_path / "in/shallow.png")
    translation.translate_files(translator, tmp_path / "in", tmp_path / "out")
    output = {name: codecs.read(tmp_path / f"out/{name}.png") for name in ("deep", "shallow")}
    assert {name: (str(p.dtype), p.shape) for name, p in output.items()} == {
        "deep": ("uint16", (8, 9, 3)),
        "shallow": ("uint16", (8, 9, 4)),
    }
    np.testing.assert_array_equal(output["shallow"][..., 3], shallow[..., 3].astype("uint16") * 257)
    signed = np.repeat(deep, 3, axis=-1)[np.newaxis].astype("float32") / 32767.5 - 1
    translated = inference.translate(generator, tf.constant(signed))[0].numpy()
    np.testing.assert_allclose(output["deep"], (translated + 1) * 32767.5, atol=2)
    assert np.any(output["deep"] % 257)  # More than 8 bits have.


def test_what_png_cannot_hold_becomes_tiff(tmp_path):
    pixel_format = PixelFormat(6, "float32", (0.0, 1.0))
    translator = Translator(lambda pixels: [pixels / 2], pixel_format, pixel_format)
    pixels = RANDOM.random((3, 4, 6), "float32")
    codecs.write(pixels, tmp_path / "a.npy")
    translation.translate_files(translator, tmp_path / "a.npy", tmp_path / "out")
    np.testing.assert_array_equal(codecs.read(tmp_path / "out/a.tiff"), pixels / 2)


def test_the_task_makes_sources_of_files(tmp_path, generator):
    """A label map of colours that are a little off, one-hot."""
    palette = np.array([(0, 0, 255), (0, 99, 99), (250, 255, 0)])
    labels = dict(zip(("sky", "sea", "sand"), map(tuple, palette.tolist())))
    translator = generator_translator(
        generator, Labels((COLOR, COLOR), labels=(labels, None)), kernel="nearest"
    )
    classes = RANDOM.integers(0, 3, (6, 5))
    off = RANDOM.integers(-9, 10, (6, 5, 3))
    codecs.write(np.clip(palette[classes] + off, 0, 255).astype("uint8"), tmp_path / "a.png")
    translation.translate_files(translator, tmp_path / "a.png", tmp_path / "out", size=12)
    enlarged = classes.repeat(2, axis=0).repeat(2, axis=1)
    output = codecs.read(tmp_path / "out/a.png").astype(int)
    assert np.abs(output - expected(generator, np.eye(3)[enlarged] * 255)).max() <= 1


def test_colorization_keeps_the_lightness_of_a_photo(tmp_path):
    generator = unet_generator((None, None, 1), 2, depth=2, base_filters=4)
    translator = generator_translator(generator, Colorization((COLOR,)))
    photo = np.repeat(np.linspace(40, 215, 60).astype("uint8").reshape(6, 10, 1), 3, axis=-1)
    codecs.write(photo, tmp_path / "a.png")
    translation.translate_files(translator, tmp_path / "a.png", tmp_path / "out")
    luma = np.asarray(Image.open(tmp_path / "out/a.png").convert("L"), float)
    assert np.corrcoef(luma.ravel(), photo[..., 0].ravel())[0, 1] > 0.99


def test_pixels_out_of_the_range_of_the_training_are_refused(tmp_path, generator):
    pixel_format = PixelFormat(3, "uint16", (0.0, 4095.0))
    translator = generator_translator(generator, Pairs((pixel_format, COLOR)))
    codecs.write(np.full((4, 4, 3), 4096, "uint16"), tmp_path / "a.png")
    done = translation.translate_files(translator, tmp_path / "a.png", tmp_path / "out")
    assert list(done.failures.values()) == [
        "Pixels must be in the range of what was trained on, 0 to 4095. Received: values from 4096 "
        "to 4096. Rescale them; label maps need the classes of the training."
    ]


def test_samples_differ_and_come_again_with_their_seed(tmp_path):
    generator = unet_generator((None, None, 3), depth=3, base_filters=4, dropout_levels=1)

    def translate(to, **options):
        task = Pairs((COLOR, COLOR))
        translator = generator_translator(generator, task, **options)
        assert (
            translation.translate_files(translator, tmp_path / "a.png", tmp_path / to).written == 2
        )
        assert tree(tmp_path / to) == ["a_0.png", "a_1.png"]
        return np.stack([codecs.read(tmp_path / f"{to}/a_{i}.png") for i in range(2)])

    codecs.write(noise(8, 8, 3), tmp_path / "a.png")
    first = translate("first", samples=2, seed=5)
    assert np.any(first[0] != first[1])
    np.testing.assert_array_equal(translate("again", samples=2, seed=5), first)
    assert np.any(translate("other", samples=2, seed=6) != first)


def test_strips_change_nothing(tmp_path, generator, translator):
    codecs.write(noise(21, 10, 3), tmp_path / "a.png")
    strips = generator_translator(generator, Pairs((COLOR, COLOR)), strip=4)
    for name, by in (("whole", translator), ("strips", strips)):
        assert translation.translate_files(by, tmp_path / "a.png", tmp_path / name).written == 1
    at_once, parts = (codecs.read(tmp_path / f"{n}/a.png").astype(int) for n in ("whole", "strips"))
    assert np.abs(at_once - parts).max() <= 1


def test_options_that_do_not_fit_the_generator_are_refused_at_once(generator):
    with pytest.raises(InputError):
        generator_translator(generator, Pairs((COLOR, COLOR)), statistics="moving")


def moving(suffix, count=5, **options):
    """Returns frames of a square that moves, and the file of them."""
    frames = np.zeros((count, 16, 20, 3), "uint8")
    for index in range(count):
        frames[index, 4:9, index * 3 : index * 3 + 4] = (200, 40 * index, 90)
    first, *others = (Image.fromarray(frame) for frame in frames)
    return frames, saved(first, suffix, save_all=True, append_images=others, **options)


DURATIONS = [40, 70, 70, 100, 40]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("gif", {"duration": DURATIONS, "loop": 3}),
        ("webp", {"duration": DURATIONS, "loop": 3, "lossless": True}),
        ("png", {"duration": DURATIONS, "loop": 3}),
        ("tiff", {}),
    ],
)
def test_frames_become_files_or_the_same_animation(tmp_path, negative, kind, options):
    translator, _ = negative
    frames, encoded = moving(kind, **options)
    file = tmp_path / f"in/clip.{kind}"
    write_bytes(file, encoded)
    done = translation.translate_files(translator, file, tmp_path / "out")
    assert done.written == 5
    assert tree(tmp_path / "out") == [f"clip.{kind}/000{index}.png" for index in range(5)]
    for index, frame in enumerate(frames):
        output = codecs.read(tmp_path / f"out/clip.{kind}/000{index}.png")
        np.testing.assert_array_equal(output[..., :3], 255 - frame)

    to = tmp_path / "animations"
    for counts in ((1, 0), (0, 1)):
        done = translation.translate_files(translator, file.parent, to, frames="animation")
        assert done[:2] == counts
    with Image.open(to / f"clip.{kind}") as animation:
        assert animation.n_frames == 5
        shown = []
        for index in range(5):
            animation.seek(index)
            animation.load()
            shown.append(np.asarray(animation.convert("RGB")))
            if kind != "tiff":
                assert animation.info["duration"] == DURATIONS[index]
        if kind != "tiff":
            assert animation.info["loop"] == 3
    np.testing.assert_array_equal(shown, 255 - frames)


def test_equal_frames_are_translated_alike(tmp_path, translator):
    frame = Image.fromarray(noise(8, 8, 3))
    pages = [frame, Image.new("RGB", (8, 8)), frame]
    write_bytes(tmp_path / "a.tiff", saved(frame, "tiff", save_all=True, append_images=pages[1:]))
    translation.translate_files(translator, tmp_path / "a.tiff", tmp_path / "out")
    first, other, again = ((tmp_path / f"out/a.tiff/000{i}.png").read_bytes() for i in range(3))
    assert first == again != other


@pytest.mark.parametrize(("channels", "dtype"), [(1, "uint16"), (3, "uint16"), (5, "uint8")])
def test_pages_of_any_bits_and_channels_keep_them(tmp_path, channels, dtype):
    pixel_format = PixelFormat(channels, dtype, (0.0, float(np.iinfo(dtype).max)))
    translator = Translator(lambda pixels: [pixels[::-1]], pixel_format, pixel_format)
    pages = [noise(6, 7, channels, dtype=dtype) for _ in range(3)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in pages:
            color = "rgb" if channels == 3 else "minisblack"
            file.write(page.squeeze(), photometric=color, contiguous=False, planarconfig="contig")
    to = tmp_path / "out"
    assert translation.translate_files(translator, tmp_path / "a.tif", to).written == 3
    suffix = ".tiff" if channels == 5 else ".png"
    for index, page in enumerate(pages):
        output = codecs.read(to / f"a.tif/000{index}{suffix}")
        np.testing.assert_array_equal(output, page[::-1], strict=True)
    translation.translate_files(translator, tmp_path / "a.tif", to / "s", frames="animation")
    with tifffile.TiffFile(to / "s/a.tiff") as file:
        assert len(file.pages) == 3
        for written, page in zip(file.pages, pages):
            np.testing.assert_array_equal(written.asarray(), page[::-1].squeeze(), strict=True)


def test_transparent_frames_keep_their_alpha(tmp_path, negative):
    frames = noise(3, 6, 5, 4)
    frames[..., 3] = [[[0]], [[128]], [[255]]]
    encoded = animations.encode([(frame, 50) for frame in frames], "WEBP")
    write_bytes(tmp_path / "a.webp", encoded)
    to = tmp_path / "out"
    translation.translate_files(negative[0], tmp_path / "a.webp", to, frames="animation")
    output = [pixels for pixels, _ in animations.read((to / "a.webp").read_bytes()).frames]
    np.testing.assert_array_equal(np.stack(output)[..., 3], frames[..., 3])
    np.testing.assert_array_equal(output[2][..., :3], 255 - frames[2, ..., :3])


def test_a_truncated_animation_keeps_its_whole_frames_and_is_told(tmp_path, negative):
    frames, encoded = moving("gif")
    write_bytes(tmp_path / "a.gif", encoded[: len(encoded) * 3 // 4])
    done = translation.translate_files(negative[0], tmp_path / "a.gif", tmp_path / "out")
    (reason,) = done.failures.values()
    assert re.match(r"(frame \d|it) cannot be decoded: ", reason)
    for index, name in enumerate(tree(tmp_path / "out")):
        output = codecs.read(tmp_path / "out" / name)
        np.testing.assert_array_equal(output, 255 - frames[index])


def test_the_longer_side_is_resized_before(tmp_path, negative):
    for name, shape in (("wide", (10, 40, 3)), ("high", (30, 1, 3))):
        codecs.write(noise(*shape), tmp_path / f"in/{name}.png")
    translation.translate_files(negative[0], tmp_path / "in", tmp_path / "out", size=20)
    assert codecs.read(tmp_path / "out/wide.png").shape == (5, 20, 3)
    assert codecs.read(tmp_path / "out/high.png").shape == (20, 1, 3)


def test_maps_of_an_image_are_resized_with_it(tmp_path):
    about = {"range": [0, 999]}
    control = Control("ids", tf.TensorSpec((None, None, 1), tf.int32), about=about)
    ids = np.repeat(np.repeat([[7, 300], [65535, 0]], 4, axis=0), 4, axis=1)[..., np.newaxis]
    codecs.write(noise(8, 8, 1), tmp_path / "in/a.png")
    codecs.write(ids.astype("uint16"), tmp_path / "ids/a.png")
    received = []

    def translate(pixels, values):
        received.append(values["ids"])
        return [pixels]

    folders = (ValueFolder(control, tmp_path / "ids"),)
    translator = Translator(translate, GREY, GREY, folders=folders)
    translation.translate_files(translator, tmp_path / "in", tmp_path / "out", size=2)
    assert received[0].tolist() == [[[7], [300]], [[65535], [0]]]


def test_points_that_all_files_have_are_resized_with_each(tmp_path):
    hints = Control("hints", tf.TensorSpec((None, 6)), about={"kind": "points"})
    codecs.write(noise(60, 80, 1), tmp_path / "in/a.png")
    codecs.write(noise(60, 40, 1), tmp_path / "in/b.png")
    received = []

    def translate(pixels, values):
        received.append(values["hints"].tolist())
        return [pixels]

    shared = ((hints, [(10, 20, (255, 0, 0), 3.5)]),)
    translator = Translator(translate, GREY, GREY, shared=shared)
    translation.translate_files(translator, tmp_path / "in", tmp_path / "out", size=30)
    assert received == [
        [[3.4375, 7.1875, 255, 0, 0, 1.0]],  # By 3/8 around the centre of the corner pixel.
        [[4.75, 9.75, 255, 0, 0, 1.5]],
    ]


def test_only_a_few_files_are_read_ahead(tmp_path):
    for index in range(9):
        codecs.write(noise(2, 2, 3), tmp_path / f"in/{index}.png")

    def translate(pixels):
        for index in range(len(calls) + 4, 9):  # What is far ahead is not read yet: it may go.
            (tmp_path / f"in/{index}.png").unlink(missing_ok=True)
        calls.append(pixels)
        return [pixels]

    calls = []
    translator = Translator(translate, COLOR, COLOR)
    done = translation.translate_files(translator, tmp_path / "in", tmp_path / "out")
    assert done.written + len(done.failures) == 9
    assert len(done.failures) >= 5


def test_a_contact_sheet_shows_inputs_beside_outputs(tmp_path, negative):
    for index, shape in enumerate([(1, 1, 3), (300, 2, 3), (256, 256, 3)]):
        codecs.write(np.full(shape, 40 * index, "uint8"), tmp_path / f"in/{index}.png")
    write_bytes(tmp_path / "in/9.png", b"broken")
    for _ in range(2):  # What was there already is shown too.
        done = translation.translate_files(negative[0], tmp_path / "in", tmp_path / "out")
        sheet = np.asarray(translation.contact_sheet(done, negative[0]))
        assert sheet.shape == (32 + 3 * 264 + 8, 2 * 264 + 8, 3)
        for row, column, level in ((0, 0, 0), (0, 1, 255), (2, 0, 80), (2, 1, 175)):
            assert (sheet[32 + row * 264 + 128, 8 + column * 264 + 128] == level).all()


def refused(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def test_what_cannot_work_is_refused_before_anything_is_written(tmp_path, negative):
    translator, output = negative
    codecs.write(noise(2, 2, 3), tmp_path / "in/a.png")
    folder, to = tmp_path / "in", tmp_path / "out"
    with refused(
        f"What is translated must be an image file or a folder of such. Received: '{to}', where "
        "there is nothing. Check the spelling."
    ):
        translation.translate_files(translator, to, to)
    with refused(
        "The folder to write to must not be that of the image, or it could be overwritten. "
        f"Received: '{folder}'. Use another."
    ):
        translation.translate_files(translator, folder / "a.png", folder)
    with refused("`frames` must be one of folder, animation. Received: 'film'."):
        translation.translate_files(translator, folder / "a.png", to, frames="film")
    with refused("`size` must be at least 1 pixel. Received: size=0. Leave it out to keep sizes."):
        translation.translate_files(translator, folder / "a.png", to, size=0)
    with refused(
        "An animation has one translation of a frame. Received: frames='animation', samples=2. "
        "Leave the samples out, or use frames='folder'."
    ):
        translation.translate_files(
            translator._replace(samples=2), folder / "a.png", to, frames="animation"
        )
    with refused(
        "The format of a file must hold the channels and bits of its image. Received: 3 channels "
        "of uint16 for '.jpg'. Use .png or .tif or .tiff or .npy."
    ):
        translation.translate_files(
            translator._replace(target=DEEP), folder / "a.png", to, format="jpg"
        )
    assert (output, tree(tmp_path)) == ([], ["in/a.png"])


def test_frames_that_the_animation_cannot_hold_are_a_failure_with_its_cure(tmp_path):
    translator = Translator(lambda pixels: [pixels.astype("uint16")], COLOR, DEEP)
    write_bytes(tmp_path / "a.gif", moving("gif")[1])
    done = translation.translate_files(
        translator, tmp_path / "a.gif", tmp_path / "out", frames="animation"
    )
    assert list(done.failures.values()) == [
        "An animation of the format GIF must have 1 to 4 channels of 8 bits. Received: 3 channels "
        "of uint16. Write the frames as files of their own."
    ]


def assert_alike(one, other, tmp_path, dtype):
    """Translates files of all counts of channels by both."""
    for name, channels in (("color", 3), ("grey", 1), ("alpha", 4), ("both", 2)):
        codecs.write(noise(7, 10, channels, dtype=dtype), tmp_path / f"in/{name}.png")
    for translator, to in ((one, "one"), (other, "other")):
        assert translation.translate_files(translator, tmp_path / "in", tmp_path / to).written == 4
    for name in ("color.png", "grey.png", "alpha.png", "both.png"):
        output, again = (codecs.read(tmp_path / to / name) for to in ("one", "other"))
        assert (output.dtype, output.shape) == (again.dtype, again.shape) == (dtype, output.shape)
        np.testing.assert_allclose(output.astype(int), again, atol=1)


def test_an_export_translates_files_as_its_generator(tmp_path, exported):
    generator, exports = exported
    by_export = translation.export_translator(exports / "tiny")
    assert by_export.target == COLOR
    assert_alike(
        generator_translator(generator, Pairs((COLOR, COLOR))), by_export, tmp_path, "uint8"
    )


@pytest.mark.slow
def test_an_export_of_16_bits_keeps_them(tmp_path, generator):
    task = Pairs((DEEP, DEEP))
    export(generator, tmp_path / "exports", task=task)
    by_export = translation.export_translator(tmp_path / "exports")
    assert by_export.target == DEEP
    assert_alike(generator_translator(generator, task), by_export, tmp_path, "uint16")


def test_the_newest_version_is_taken_or_the_one_that_is_named(tmp_path, exported):
    generator, exports = exported
    shutil.copytree(exports / "tiny/1", tmp_path / "10")
    tf.saved_model.save(tf.Module(), str(tmp_path / "9"))  # Without a signature.
    pixels = noise(8, 8, 3)
    for folder in (tmp_path, tmp_path / "10"):
        (output,) = translation.export_translator(folder).translate(pixels)
        assert np.abs(output.astype(int) - expected(generator, pixels)).max() <= 1
    with refused(
        "An export must have the signatures serving_default and float, as "
        f"`tfpix2pix.export.export` writes them. Received: '{tmp_path / '9'}', which has none. "
        "Export the run again."
    ):
        translation.export_translator(tmp_path / "9")


@pytest.mark.slow
def test_an_export_of_floats_without_a_card_takes_what_fills_its_range(tmp_path):
    generator = fixed_weights(unet_generator((None, None, 5), 1, depth=2, base_filters=4))
    pixel_format = PixelFormat(5, "float32", (0.0, 1.0))
    version, _ = export(
        generator, tmp_path, task=Pairs((pixel_format, PixelFormat(1, "float32", (0.0, 1.0))))
    )
    (version / "model_card.json").unlink()
    translator = translation.export_translator(tmp_path)
    pixels = RANDOM.random((6, 7, 5), "float32")
    (output,) = translator.translate(pixels)
    reference = inference.translate(generator, images.to_signed(pixels)[tf.newaxis])[0]
    np.testing.assert_allclose(output, (reference + 1) / 2, atol=1e-5)
    assert output.dtype == np.float32
    with refused(
        "This export translates images of 5 channels. Received: 3. Give files such as it was "
        "trained on."
    ):
        translator.translate(noise(4, 4, 3))


def test_pixels_that_an_export_of_files_cannot_be_given_are_refused(tmp_path, exported):
    shutil.copytree(exported[1] / "tiny", tmp_path, dirs_exist_ok=True)
    (tmp_path / "1/model_card.json").unlink()
    translator = translation.export_translator(tmp_path)
    with refused(
        "This export translates images of 1 to 4 channels of 8 or 16 bits. Received: 3 channels "
        "of float32. Give files such as it was trained on."
    ):
        translator.translate(RANDOM.random((4, 4, 3), "float32"))


def test_an_export_takes_and_gives_the_ranges_of_its_card(tmp_path):
    generator = fixed_weights(unet_generator((None, None, 2), 1, depth=2, base_filters=4))
    formats = PixelFormat(2, "float32", (-4.0, 6.0)), PixelFormat(1, "uint16", (0.0, 4095.0))
    export(generator, tmp_path, task=Pairs(formats))
    translator = translation.export_translator(tmp_path)
    assert (translator.source, translator.target) == formats
    pixels = RANDOM.uniform(-4, 6, (6, 7, 2)).astype("float32")
    (output,) = translator.translate(pixels)
    reference = inference.translate(generator, (pixels[np.newaxis] + 4) / 5 - 1)[0]
    assert output.dtype == np.uint16
    np.testing.assert_allclose(output.astype(float), (reference + 1) / 2 * 4095, atol=1)
    with refused(
        "Pixels must be in the range of what was trained on, -4 to 6. Received: values from 7 to "
        "7. Rescale them; label maps need the classes of the training."
    ):
        translator.translate(np.full((1, 1, 2), 7, "float32"))


def test_what_is_no_export_is_refused(tmp_path):
    with refused(
        "An export is a folder with numbered versions, as `tfpix2pix.export.export` makes it. "
        f"Received: '{tmp_path}', which has none. Check the spelling or export a run."
    ):
        translation.export_translator(tmp_path)
