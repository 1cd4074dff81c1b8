import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data, transform

from tfpix2pix import InputError, atomic
from tfpix2pix.data import codecs
from tfpix2pix.datasets import face_folders, faces, jobs
from tfpix2pix.datasets.faces import Face
from training import prepare

HEAD = data.astronaut()[:220, 114:334]
# By hand: the middle between the eyes, and how far the head is turned.
EYES = np.array([110.0, 102.0])
TILT = 3.5


def cat():
    """The left half of a cat's face and its mirror image: one that looks at the camera."""
    half = data.chelsea()[20:260, 67:217]
    return np.concatenate([half, half[:, ::-1]], axis=1)


def coordinates(height, width):
    """Returns float32 `[height, width, 3]`: the x and y of each pixel, and zero."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, 0 * x], axis=-1).astype("float32")


@pytest.mark.parametrize("of", ["people", "cats"])
def test_a_face_is_cut_out_turned_about_its_middle(of):
    face = Face(150.0, 100.0, 40.0, 20.0, True)
    image = faces.cut_out(coordinates(200, 300), face, of, size=(48, 72), margin=0.1)
    # Clockwise in a picture whose y points down; a cat's ears are above the box.
    lift = {"people": 0, "cats": 0.08 * 40}[of]
    row, column = np.mgrid[:48, :72]
    right = column - 35.5
    down = row - 23.5 - lift
    cosine = np.cos(np.radians(20))
    sine = np.sin(np.radians(20))
    expected = np.stack([150 + cosine * right - sine * down, 100 + sine * right + cosine * down])
    np.testing.assert_allclose(np.moveaxis(image[..., :2], -1, 0), expected, atol=0.05)


def test_a_large_face_is_reduced_by_means():
    photo = np.indices((200, 200, 3)).sum(0).astype("uint16") % 2 * 60000
    image = faces.cut_out(photo, Face(100.0, 100.0, 80.0, 0.0, True), "people", size=(8, 8))
    assert (image.dtype, image.shape) == ("uint16", (8, 8, 3))
    assert abs(image.astype(int) - 30000).max() < 1000


def test_the_margin_ends_where_the_photo_ends():
    near = Face(30.0, 100.0, 40.0, 0.0, True)
    image = faces.cut_out(coordinates(200, 300), near, "people", size=(60, 60), margin=2.0)
    x = image[30, :, 0]
    np.testing.assert_allclose(x, np.linspace(x[0], x[-1], 60), atol=0.05)
    assert 0 <= x[0] < 1
    assert 59 < x[-1] <= 60
    beyond = near._replace(x=10.0)  # Half of its left half is outside.
    image = faces.cut_out(coordinates(200, 300), beyond, "people", size=(40, 40), margin=2.0)
    np.testing.assert_allclose(image[20, :, 0], abs(np.arange(40) - 9.5), atol=0.05)


def test_photos_may_be_larger_than_opencv_takes():
    photo = np.zeros((40, 40_000, 3), "uint8")
    photo[:, 39_900:] = 255
    image = faces.cut_out(photo, Face(39_950.0, 20.0, 20.0, 5.0, True), "people", size=(16, 16))
    assert (image == 255).all()


def eyes_of(face):
    """Returns where the middle between the eyes is, as the cascade's box has it."""
    up = (0.5 - faces.KINDS["people"].eyes) * face.side
    turn = np.radians(face.angle)
    return np.array([face.x + np.sin(turn) * up, face.y - np.cos(turn) * up])


def test_faces_are_where_they_were_put_the_largest_first():
    photo = np.full((700, 800, 3), 120, "uint8")
    photo[20:240, 30:250] = HEAD
    large = transform.resize(HEAD, (330, 330), preserve_range=True).astype("uint8")
    photo[340:670, 400:730] = large
    first, second = faces.find_faces(photo, "people")
    assert first.has_eyes
    assert second.has_eyes
    assert 1.3 < first.side / second.side < 1.7
    np.testing.assert_allclose(eyes_of(first), 1.5 * EYES + [400, 340], atol=8)
    np.testing.assert_allclose(eyes_of(second), EYES + np.array([30, 20]), atol=6)
    assert len(faces.find_faces(photo, "people", smallest=120)) == 1


@pytest.mark.parametrize(
    "photo",
    [
        HEAD.astype("uint16") * 257,
        (HEAD / 255).astype("float32"),
        np.concatenate([HEAD, HEAD[..., :1]], axis=-1),
    ],
    ids=["uint16", "float32", "RGBA"],
)
def test_the_kind_of_the_pixels_does_not_matter(photo):
    (face,) = faces.find_faces(HEAD, "people")
    np.testing.assert_allclose(faces.find_faces(photo, "people")[0], face, atol=3)


@pytest.mark.parametrize("angle", [-32, -12, 12, 32])
def test_it_is_found_how_far_a_head_is_turned(angle):
    # scikit-image turns counter-clockwise.
    turned = transform.rotate(HEAD, -angle, mode="edge", preserve_range=True).astype("uint8")
    (face,) = faces.find_faces(turned, "people")
    assert face.has_eyes
    assert abs(face.angle - TILT - angle) < 6
    radians = np.radians(angle)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    np.testing.assert_allclose(eyes_of(face), 109.5 + turn @ (EYES - 109.5), atol=6)


def test_a_cat_is_found_and_a_nose_is_none():
    (face,) = faces.find_faces(cat(), "cats")
    np.testing.assert_allclose((face.x, face.angle), (149.5, 0), atol=3)  # Its axis of symmetry.
    # Half in profile. OpenCV's cascade alone finds a face in its nose.
    assert faces.find_faces(data.chelsea(), "cats") == []


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Photos with no, one and two faces, one of them lying on its side."""
    monkeypatch.chdir(tmp_path)
    codecs.write(np.concatenate([HEAD, HEAD], axis=1), "album/train/both.jpg")
    codecs.write(HEAD, "album/train/both_face2.jpg")  # The name of a second face is taken.
    codecs.write(np.full((90, 90, 3), 99, "uint8"), "album/train/wall.png")
    orientation = Image.Exif()
    orientation[0x0112] = 6  # To be turned clockwise by a quarter.
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(HEAD)))
    Path("album/test").mkdir()
    lying.save("album/test/lying.jpg", quality=95, exif=orientation)
    return tmp_path


def test_a_folder_becomes_a_data_set_of_faces(album):
    report = face_folders.cut_out_faces("album", "out", "people", size=(32, 32))
    assert report.done == jobs.Done(made=4, skipped=0)
    assert report.photos_with(0) == ["train/wall.png"]
    assert report.photos_with(1) == ["test/lying.jpg", "train/both_face2.jpg"]
    assert report.photos_with(2, 9) == ["train/both.jpg"]
    assert Path("out/faces.csv").read_text() == (
        "photo,faces\ntest/lying.jpg,1\ntrain/both.jpg,2\ntrain/both_face2.jpg,1\n"
        "train/wall.png,0\n"
    )
    written = {
        file.relative_to("out").as_posix(): codecs.read(file) for file in Path("out").rglob("*.png")
    }
    assert sorted(written) == [
        *("test/lying.png", "train/both.png", "train/both_face2.png", "train/both_face3.png")
    ]
    heads = np.array([image.ravel() for image in written.values()], "float64")
    assert np.corrcoef(heads).min() > 0.5  # All are of one person, upright.


def test_only_what_is_new_is_searched_again(album, monkeypatch):
    face_folders.cut_out_faces("album", "out", "people", size=(32, 32))
    Path("out/train/both_face3.png").unlink()  # One that the user does not want.
    later = time.time() + 9
    codecs.write(HEAD, "album/train/new.png")
    atomic.write_bytes(Path("album/train/new.png").read_bytes(), "album/train/wall.png")
    os.utime("album/train/wall.png", (later, later))
    report = face_folders.cut_out_faces("album", "out", "people", size=(32, 32))
    assert report.done == jobs.Done(made=2, skipped=3)
    assert report.photos_with(0) == []
    assert not Path("out/train/both_face3.png").exists()


def test_faces_that_many_threads_find_are_those_of_one(tmp_path):
    random = np.random.default_rng(0)
    found = {}
    for index in range(16):
        top, left = random.integers(0, 60, 2)
        photo = np.full((300, 300, 3), 90, "uint8")
        photo[top : top + 220, left : left + 220] = HEAD
        codecs.write(photo, tmp_path / f"many/{index}.png")
        (face,) = faces.find_faces(photo, "people")
        found[index] = faces.cut_out(photo, face, "people", size=(32, 32))
    face_folders.cut_out_faces(tmp_path / "many", tmp_path / "out", "people", size=(32, 32))
    for index, image in found.items():
        np.testing.assert_array_equal(codecs.read(tmp_path / f"out/{index}.png"), image)


def test_broken_photos_are_named_when_the_others_are_done(album):
    atomic.write_bytes(b"no GIF", "album/train/a.gif")
    with pytest.raises(InputError) as caught:
        face_folders.cut_out_faces("album", "out", "people", size=(32, 32))
    assert str(caught.value) == (
        "Every file must be an image that can be used. Received 1 of 5 that are not: "
        "album/train/a.gif (it cannot be decoded: it is no image of a known format); the rest was "
        "written. Replace or remove them and run the same command again."
    )
    assert Path("out/test/lying.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "dogs"}, "`of` must be one of cats, people. Received: 'dogs'."),
        ({"smallest": 8}, "`smallest` must be at least 24 pixels. Received: 8."),
        (
            {"size": (0, 8)},
            "`size` must be positive and `margin` at least 0. Received: size=(0, 8), margin=0.25.",
        ),
        (
            {"margin": -0.1},
            "`size` must be positive and `margin` at least 0. Received: size=(256, 256), "
            "margin=-0.1.",
        ),
    ],
)
def test_wrong_options_are_refused_before_a_file_is_read(options, message):
    with pytest.raises(InputError) as caught:
        face_folders.cut_out_faces("no-such-folder", "out", **{"of": "cats", **options})
    assert str(caught.value) == message


def test_opencv_is_needed_only_here(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError) as caught:
        faces.find_faces(HEAD, "people")
    assert str(caught.value) == (
        "Faces are found by the package opencv-python-headless. Received: no cv2. Install it by "
        "`pip install tfpix2pix[faces]`."
    )


def test_the_program_says_which_photos_have_how_many_faces(album, capsys):
    arguments = ["faces", "album", "--to", "out", "--of", "people", "--size", "[16,24]"]
    for searched, before in ((4, 0), (0, 4)):
        prepare.main([*arguments, "--smallest", "48", "--margin", "0.1"])
        printed = capsys.readouterr()
        assert printed.out == (
            f"out: 4 faces; {searched} photos were searched, {before} before. Of 4 photos\n"
            "    1 have no face: train/wall.png\n"
            "    2 have one face\n"
            "    1 have several: train/both.jpg\n"
            "out/faces.csv names all. Train on them: python -m training.train edges2cats --data "
            "out --run runs/out\n"
        )
        assert "4/4" in printed.err
    assert codecs.read("out/test/lying.png").shape == (16, 24, 3)
    assert json.loads(Path("out/.faces/train/both.json").read_text()) == 2


def test_a_folder_without_faces_is_not_to_be_trained_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    codecs.write(np.full((60, 60, 3), 99, "uint8"), "walls/1.png")
    prepare.main(["faces", "walls", "--to", "out"])
    assert capsys.readouterr().out == (
        "out: 0 faces; 1 photos were searched, 0 before. Of 1 photos\n"
        "    1 have no face: 1.png\n"
        "    0 have one face\n"
        "    0 have several\n"
    )
