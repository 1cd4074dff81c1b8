import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.client import __main__ as command
from serving.client import image_files
from serving.client.failures import BadArgument
from tests.serving.local import check_translated, picture, serving
from tfpix2pix.data import codecs, images


@pytest.fixture(scope="module")
def address(manager):
    with serving(manager) as (address, _):
        yield address


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def test_the_command_writes_png_files_of_the_same_names(exported, address, tmp_path, capsys):
    encoded, pixels = picture(3)
    (tmp_path / "a.b.png").write_bytes(encoded)
    command.main([tmp_path / "a.b.png"], tmp_path / "out/new", "tiny", address=address)
    assert names(tmp_path / "out") == ["new/a.b.png"]
    check_translated((tmp_path / "out/new/a.b.png").read_bytes(), exported[0], pixels)
    assert f"1 of 1 images translated to {tmp_path}/out/new." in capsys.readouterr().out


def test_the_command_keeps_the_places_of_files_and_reports_failures_at_the_end(
    address, tmp_path, capsys
):
    (tmp_path / "in/deep").mkdir(parents=True)
    Image.fromarray(picture()[1]).save(tmp_path / "in/deep/a.JPG")
    (tmp_path / "in/bad.png").write_bytes(b"broken")
    (tmp_path / "in/notes.txt").write_text("no image")
    (tmp_path / "z.png").write_bytes(picture()[0])
    given = [tmp_path / "in", tmp_path / "z.png"]
    with pytest.raises(SystemExit, match=r"^error: .*bad\.png: The server at .*\.$") as caught:
        command.main(given, tmp_path / "out", "tiny", address=address)
    assert str(caught.value).count("error:") == 1
    assert names(tmp_path / "out") == ["deep/a.png", "z.png"]
    assert "2 of 3 images translated" in capsys.readouterr().out


def test_the_command_goes_on_where_it_ended(address, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "in" / name).write_bytes(picture()[0])
    image_files.write(b"of an earlier run", tmp_path / "out/a.png")
    command.main([tmp_path / "in"], tmp_path / "out", "tiny", address=address, resume=True)
    assert (tmp_path / "out/a.png").read_bytes() == b"of an earlier run"
    assert names(tmp_path / "out") == ["a.png", "b.png"]
    assert "1 of 1 images translated" in capsys.readouterr().out


def test_the_command_sends_large_images_in_tiles(exported, address, tmp_path):
    _, pixels = picture(5, (16, 28))
    Image.fromarray(pixels).save(tmp_path / "large.png")
    (tmp_path / "small.png").write_bytes(picture(3)[0])
    sources = [tmp_path / "large.png", tmp_path / "small.png"]
    command.main(sources, tmp_path / "out", "tiny", address=address, tile=16, overlap=4)
    large = np.asarray(Image.open(tmp_path / "out/large.png"))
    assert large.shape == pixels.shape
    # Beside what neighbours share, each tile is as the generator makes it.
    for own, tile in ((slice(0, 12), slice(0, 16)), (slice(16, 28), slice(12, 28))):
        made = exported[0](images.to_signed(pixels[:, tile])[None], training=False)
        expected = (
            images.to_pixels(made)[0].numpy().astype(int)[:, own.start - tile.start :][:, :12]
        )
        assert np.abs(large[:, own] - expected).max() <= 1
    check_translated((tmp_path / "out/small.png").read_bytes(), exported[0], picture(3)[1])


def test_tiles_no_larger_than_their_overlap_are_refused_first(tmp_path):
    with pytest.raises(BadArgument, match=r"^Tiles must be larger than their overlap.*\.$"):
        command.main([tmp_path / "a.png"], tmp_path / "out", "tiny", tile=64)
    assert not (tmp_path / "out").exists()


def test_the_command_reports_an_absent_server_once(tmp_path, capsys):
    sources = [tmp_path / f"{index}.png" for index in range(9)]
    for path in sources:
        path.write_bytes(picture()[0])
    with pytest.raises(SystemExit) as caught:
        command.main(sources, tmp_path / "out", "m", address="127.0.0.1:1", patience=0)
    assert str(caught.value).count("UNAVAILABLE") == 1
    assert "0 of 9 images translated" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "to", "message"),
    [
        (
            ["in/a.png", "x.png"],
            "out",
            "The images must be files, or folders of image files. Received: x.png. Correct the "
            "path.",
        ),
        (
            ["empty"],
            "out",
            "The images must be files, or folders of image files. Received: empty. Correct the "
            "path.",
        ),
        (
            ["in/a.png", "deep/a.png"],
            "out",
            "Each result must have a name of its own. Received: deep/a.png, whose result "
            "out/a.png.png would replace that of in/a.png. Rename one, or choose another folder.",
        ),
        (
            ["in/a.png"],
            "in",
            "Each result must have a name of its own. Received: in/a.png, whose result in/a.png "
            "would replace that of in/a.png. Rename one, or choose another folder.",
        ),
        (
            ["in"],
            "in/out",
            "Results must go outside of the folder of images. Received: in/out, in in. Choose "
            "another folder.",
        ),
    ],
)
def test_paths_that_do_not_do_are_refused_before_anything_is_written(
    tmp_path, monkeypatch, given, to, message
):
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.png", "deep/a.png", "empty/notes.txt"):
        image_files.write(b"any", tmp_path / name)
    before = names(tmp_path)
    with pytest.raises(BadArgument, match=f"^{re.escape(message)}$"):
        command.main([Path(path) for path in given], Path(to), "m")
    assert names(tmp_path) == before


@pytest.mark.parametrize(("half", "columns"), [("left", slice(0, 6)), ("right", slice(6, 12))])
def test_half_of_a_side_by_side_file_is_sent(tmp_path, half, columns):
    encoded, pixels = picture()
    (tmp_path / "pair.png").write_bytes(encoded)
    sent = np.asarray(Image.open(io.BytesIO(image_files.read_image(tmp_path / "pair.png", half))))
    np.testing.assert_array_equal(sent, pixels[:, columns])
    assert image_files.read_image(tmp_path / "pair.png") == encoded


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_half_of_sixteen_bit_channels_is_refused_since_it_would_lose_bits(tmp_path, channels):
    deep = np.random.default_rng(0).integers(0, 65536, (4, 12, channels)).astype("uint16")
    codecs.write(deep, tmp_path / "pair.png")
    refusal = image_files.read_image(tmp_path / "pair.png", "left")
    assert str(refusal) == (
        "A half can be cut of 8-bit files and of grey ones. Received: INVALID_ARGUMENT: 16 bits "
        "of colour or of grey with transparency. Cut it by another program, or send all of it."
    )


def test_a_half_of_sixteen_bit_grey_is_exact(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (4, 12, 1)).astype("uint16")
    codecs.write(deep, tmp_path / "grey.png")
    half = image_files.read_image(tmp_path / "grey.png", "left")
    np.testing.assert_array_equal(codecs.decode(half).pixels, deep[:, :6])


@pytest.mark.parametrize("content", [None, b"", b"broken", picture()[0][:-60]])
def test_a_file_that_cannot_be_read_is_one_failure(tmp_path, content):
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    refusal = image_files.read_image(tmp_path / "a.png", "left")
    assert re.fullmatch(
        r"The image must be readable\. Received: INVALID_ARGUMENT: .*\. Correct the image; PNG and "
        r"JPEG files are understood\.",
        str(refusal),
    )
