import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from serving.page.sketches import Convention, normalized, read, write

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def canvas(size, color=(255, 255, 255, 255)):
    image = Image.new("RGBA", size, color)
    return image, ImageDraw.Draw(image)


@pytest.mark.parametrize("pen", [1, 3, 17])
@pytest.mark.parametrize("line_width", [0.5, 1.0, 2.0, 3.0])
def test_lines_get_the_width_of_the_model_whatever_pen_drew_them(pen, line_width):
    image, draw = canvas((256, 128))
    draw.line((40, 64, 216, 64), (0, 0, 0), pen)
    convention = Convention((32, 64), "lines", line_width=line_width)
    sent = normalized(np.asarray(image), convention)
    assert sent.shape == (32, 64, 3)
    ink = 1 - sent[:, 20:44, 0] / 255.0  # Away from the ends.
    np.testing.assert_allclose(ink.sum(0), line_width, atol=0.15)
    np.testing.assert_allclose((ink * np.arange(32)[:, None]).sum(0) / ink.sum(0), 15.5, atol=1)


@pytest.mark.parametrize("drawn", [(0, 0, 0, 255), (150, 0, 30, 255)])
def test_lines_get_the_colours_of_the_model(drawn):
    convention = Convention(
        (32, 32), "lines", background=(10, 20, 30), line_color=(250, 200, 150), line_width=4
    )
    # Light lines on dark: what is near the line's colour is ink, what is clear is background.
    image, draw = canvas((32, 32), (0, 0, 0, 0))
    draw.line((0, 16, 32, 16), (255, 255, 255, 255), 5)
    sent = normalized(np.asarray(image), convention)
    assert tuple(sent[2, 2]) == (10, 20, 30)
    assert tuple(sent[16, 16]) == (250, 200, 150)
    # Other colours than the model's do not come through.
    image, draw = canvas((32, 32))
    draw.line((0, 16, 32, 16), drawn, 3)
    black = Convention((32, 32), "lines")
    grey = normalized(np.asarray(image), black)
    assert (grey == grey[..., :1]).all()
    assert grey.min() == 0


def pale_example():
    """Lines of half a pixel, as they look where a training image of twice the size was reduced."""
    image, draw = canvas((64, 64))
    draw.line((10, 50, 30, 12, 52, 40), (0, 0, 0), 1)
    return np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BOX))


@pytest.mark.parametrize("scale", [1, 16])
def test_an_example_is_sent_as_it_is(scale):
    example = pale_example()
    convention = Convention((32, 32), "lines", line_width=0.5, examples=(write(example),))
    shown = np.repeat(np.repeat(example, scale, 0), scale, 1)
    np.testing.assert_array_equal(normalized(read(write(shown)), convention), example)


def test_lines_paler_than_the_model_s_are_not_lost():
    example = pale_example()
    shown = read(write(np.repeat(np.repeat(example, 16, 0), 16, 1)))
    sent = normalized(shown, Convention((32, 32), "lines", line_width=0.5))
    inked, meant = sent[..., 0] < 255, example[..., 0] < 200
    assert meant.sum() > 20
    assert ndimage.binary_dilation(inked)[meant].all()
    assert not inked[~ndimage.binary_dilation(example[..., 0] < 255)].any()


def test_an_empty_sheet_is_background():
    for kind in ("lines", "picture"):
        convention = Convention((16, 24), kind, background=(9, 8, 7), line_color=(200, 200, 200))
        sent = normalized(np.zeros((64, 96, 4), "uint8"), convention)
        np.testing.assert_array_equal(sent, np.full((16, 24, 3), (9, 8, 7)))


def test_labels_are_colours_of_the_palette_and_smoothed_borders_bring_no_third_class():
    # Between green and blue lies (0, 128, 128), a class of its own.
    palette = {"sky": GREEN, "wall": BLUE, "teal": (0, 128, 128)}
    convention = Convention((32, 32), "labels", background=GREEN, palette=palette)
    image, draw = canvas((32, 32), (*GREEN, 255))
    draw.rectangle((8, 8, 23, 23), BLUE)
    smooth = image.resize((128, 128), Image.Resampling.BILINEAR)
    assert (0, 128, 128) not in {tuple(c) for c in np.asarray(image)[..., :3].reshape(-1, 3)}
    sent = normalized(np.asarray(smooth), convention)
    np.testing.assert_array_equal(sent, np.asarray(image)[..., :3])


def test_labels_near_a_class_or_far_from_all_become_the_nearest():
    convention = Convention((4, 4), "labels", palette={"a": (0, 0, 0), "b": (200, 200, 200)})
    for drawn, expected in (((20, 10, 0), 0), ((150, 160, 140), 200)):
        image, _ = canvas((4, 4), (*drawn, 255))
        assert (normalized(np.asarray(image), convention) == expected).all()


def test_a_picture_is_fitted_into_the_middle():
    image, _ = canvas((40, 10), (*RED, 255))
    sent = normalized(np.asarray(image), Convention((16, 16), background=BLUE))
    assert sent.shape == (16, 16, 3)
    assert (sent[7:9, 2:14] == RED).all()
    assert (sent[[0, 1, 14, 15]] == BLUE).all()


def test_a_picture_of_the_model_s_size_is_sent_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3)).astype("uint8")
    np.testing.assert_array_equal(
        normalized(read(write(pixels)), Convention((8, 12))),
        pixels,
    )


def test_files_are_read_with_their_opacity():
    encoded = io.BytesIO()
    Image.new("LA", (3, 2), (7, 9)).save(encoded, "png")
    np.testing.assert_array_equal(read(encoded.getvalue()), np.full((2, 3, 4), (7, 7, 7, 9)))


@pytest.mark.parametrize("kind", ["lines", "labels", "picture"])
def test_what_is_larger_than_needed_is_reduced_and_keeps_lines_and_classes(kind):
    """A photo of 24 megapixels took seconds, and 60 took 18 s and 4 GB."""
    palette = {"white": (255, 255, 255), "red": RED, "blue": BLUE}
    convention = Convention((32, 64), kind, line_width=1.0, palette=palette)
    image, draw = canvas((4800, 2400))
    if kind == "lines":
        draw.line((600, 1201, 4200, 1201), (0, 0, 0), 1)
    else:
        draw.rectangle((0, 0, 2399, 2399), (*RED, 255))
    sent = normalized(np.asarray(image), convention)
    if kind == "lines":
        ink = 1 - sent[:, 20:44, 0] / 255.0
        np.testing.assert_allclose(ink.sum(0), 1.0, atol=0.15)
    else:
        assert (sent[:, :28] == RED).all()
        assert (sent[:, 36:] == 255).all()
        known = {tuple(color) for color in sent.reshape(-1, 3).tolist()}
        assert known <= set(palette.values()) or kind == "picture"
