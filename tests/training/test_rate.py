import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from tests.cases.families import TEST_FAMILIES, toy_paper
from tfpix2pix import InputError, families, load_run
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.data import codecs, images
from tfpix2pix.families.pix2pix import Pix2PixConfig
from tfpix2pix.testing import save_untrained
from training import rate
from training.rating import rating_page, real_or_fake, stimuli

ROOT = Path(__file__).parents[2]
IMAGES = 40
KINDS = ("real", "fake")


def protocol(**changes):
    names = [f"photo{index}.png" for index in range(IMAGES)]
    options = {"practice": 2, "trials": 18, "names": names, **changes}
    return real_or_fake.Protocol("runs/a", 700, best=True, averaged=False, data="data", **options)


@pytest.fixture
def folder(tmp_path):
    """A folder of answers in which every image has a colour of its own."""
    real_or_fake.begin(protocol(), tmp_path / "answers")
    for number, kind in enumerate(KINDS):
        for index in range(IMAGES):
            pixels = np.full((4, 6, 3), (number, index, 9), "uint8")
            codecs.write(pixels, real_or_fake.image_path(tmp_path / "answers", kind, index))
    return tmp_path / "answers"


@pytest.fixture
def serve():
    """Starts servers, and stops them in the end."""
    running = []

    def start(folder, host="127.0.0.1"):
        server = rating_page.make(real_or_fake.Answers(folder), host, 0)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.port}/"

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def begin(address):
    return requests.post(address, timeout=9).url


def seen(session, trial):
    """Returns `(kind, index)` of the left and the right image, as their pixels tell."""
    images = (requests.get(f"{session}/{trial}/{side}", timeout=9) for side in real_or_fake.SIDES)
    pixels = [codecs.decode(image.content).pixels[0, 0].tolist() for image in images]
    return [(KINDS[number], index) for number, index, _ in pixels]


def send(session, trial, answer, **changes):
    given = {"trial": trial, "answer": answer, "shown_ms": 1000.2, "answer_ms": 345, **changes}
    return requests.post(session, json=given, timeout=9)


def side_of_fake(session, trial):
    return real_or_fake.SIDES[[kind for kind, _ in seen(session, trial)].index("fake")]


def rates(session, skill, seed):
    """Answers all trials, right with the probability `skill`; returns what was shown."""
    random, shown = np.random.default_rng(seed), []
    for trial in range(1, 21):
        shown.append(seen(session, trial))
        right = [kind for kind, _ in shown[-1]].index("fake")
        response = send(session, trial, real_or_fake.SIDES[right ^ int(random.random() > skill)])
        assert response.json() == {"fake": real_or_fake.SIDES[right] if trial <= 2 else None}
    return shown


def answers(folder):
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]


def test_raters_of_known_skill_are_fooled_as_often_as_they_are(folder, serve, capsys):
    address = serve(folder)
    sessions = [begin(address) for _ in range(6)]
    threads = [
        threading.Thread(target=rates, args=(session, 0.7, seed))
        for seed, session in enumerate(sessions)
    ]
    for thread in threads:  # All at once: they do not mix.
        thread.start()
    for thread in threads:
        thread.join()
    assert send(unfinished := begin(address), 1, "left").ok
    found = real_or_fake.summary(folder)
    low, high = found["interval"]
    assert low < 0.3 < high
    assert 0.1 < high - low < 0.3
    fooled = Counter()
    for line in answers(folder)[:-1]:
        fooled[line["session"]] += (line["answer"] != line["side"]) and not line["practice"]
    assert found["raters"] == {s: n / 18 for s, n in fooled.items()}
    assert found["fooling_rate"] == pytest.approx(sum(fooled.values()) / 108, abs=1e-12)
    others = (found["trials"], found["resampled"], found["incomplete"], found["step"])
    assert others == (108, "raters", 1, 700)
    rate.main(report=folder)
    *table, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == found
    assert table[1:7] == [f"{s:20} {n:7.1%}" for s, n in found["raters"].items()]
    assert table[-1] == "Incomplete sessions left out: 1."
    assert unfinished.rsplit("/", 1)[1] not in found["raters"]


def test_a_session_keeps_to_the_protocol(folder, serve):
    session = begin(serve(folder))
    shown = rates(session, skill=1, seed=0)
    for kind in KINDS:
        indices = [index for pair in shown for of, index in pair if of == kind]
        assert len(set(indices)) == len(indices) == 20
    assert all(pair[0][1] != pair[1][1] for pair in shown)
    # With twice as many examples as trials none is shown both ways.
    assert len({index for pair in shown for _, index in pair}) == 40
    lines = answers(folder)
    assert [line["trial"] for line in lines] == list(range(1, 21))
    assert [line["practice"] for line in lines] == [True] * 2 + [False] * 18
    names = protocol().names
    for line, pair in zip(lines, shown):
        indices = dict(pair)
        assert (line["real"], line["fake"]) == (names[indices["real"]], names[indices["fake"]])
        assert line["side"] == line["answer"] == real_or_fake.SIDES[pair[1][0] == "fake"]
        assert line["correct"]
    others = {"shown_ms": 1000.2, "answer_ms": 345, "run": "runs/a", "step": 700}
    assert others.items() <= lines[4].items()
    found = real_or_fake.summary(folder)
    assert (found["fooling_rate"], found["interval"]) == (0.0, [0.0, 0.0])
    assert found["resampled"] == "trials"
    page = requests.get(session, timeout=9).text
    assert "Thank you!" in page
    assert "%" not in re.sub(r"(?s)<style>.*</style>", "", page)


def test_sides_and_order_differ_from_session_to_session():
    plans = [real_or_fake.plan(protocol(), f"{seed:016x}") for seed in range(50)]
    assert len({tuple(trials) for trials in plans}) == 50
    left = sum(trial.side == "left" for trials in plans for trial in trials)
    assert 0.44 < left / 1000 < 0.56  # 4 deviations.
    firsts = Counter(trials[0].fake for trials in plans)
    assert max(firsts.values()) < 8


def test_images_suffice_for_a_session_without_one_twice():
    tight = protocol(practice=0, trials=3, names=["a", "b", "c"])
    for seed in range(20):
        trials = real_or_fake.plan(tight, f"{seed:x}")
        assert sorted(trial.real for trial in trials) == [0, 1, 2]
        assert sorted(trial.fake for trial in trials) == [0, 1, 2]
        assert all(trial.real != trial.fake for trial in trials)


def test_nothing_tells_which_is_fake_before_the_answer(folder, serve):
    address = serve(folder)
    sessions = [begin(address) for _ in range(24)]
    pages = {requests.get(session, timeout=9).text for session in sessions}
    assert len(pages) == 1  # So it is the same whatever their plans are.
    assert len({side_of_fake(session, 1) for session in sessions}) == 2  # Once in 8 million not.
    assert not re.search(r"photo\d|https?:|\.png", pages.pop())
    left, right = (
        requests.get(f"{sessions[0]}/1/{side}", timeout=9) for side in real_or_fake.SIDES
    )
    told = [{**image.headers, "Date": "", "Content-Length": ""} for image in (left, right)]
    assert told[0] == told[1]
    assert "default-src 'none'" in told[0]["Content-Security-Policy"]
    left, right = (Image.open(io.BytesIO(image.content)) for image in (left, right))
    assert (left.mode, left.size, left.info) == (right.mode, right.size, right.info)
    assert left.info == {}
    # The address of a session alone does not either: another folder has another secret.
    session, same = "00000000000000ab", protocol()
    assert real_or_fake.plan(same, session) == real_or_fake.plan(same, session)
    assert real_or_fake.plan(same, session) != real_or_fake.plan(protocol(), session)


def refusal(trial, expected):
    return (
        f"Each trial is answered once, in order. Received: an answer to trial {trial}; expected "
        f"is {expected}. Reload the page to go on."
    )


def test_double_and_early_answers_are_refused_without_harm(folder, serve):
    session = begin(serve(folder))
    together, results = threading.Barrier(4), []

    def submit():
        together.wait()
        results.append(send(session, 1, "left"))

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(response.status_code for response in results) == [200, 400, 400, 400]
    refused = {response.text for response in results if not response.ok}
    assert refused == {refusal(1, "trial 2")}
    assert send(session, 3, "left").text == refusal(3, "trial 2")
    assert len(answers(folder)) == 1
    for trial in range(2, 21):
        assert send(session, trial, "right").ok
    assert send(session, 20, "right").text == refusal(20, "none, for the session is over")
    assert len(answers(folder)) == 20


@pytest.mark.parametrize(
    "given",
    [
        {"answer": "middle"},
        {"answer": ["left"]},
        {"shown_ms": -1},
        {"shown_ms": float("nan")},
        {"answer_ms": "3"},
        {"correct": True},
    ],
)
def test_what_is_no_answer_is_refused(folder, given):
    given = {"trial": 1, "answer": "left", "shown_ms": 1000, "answer_ms": 5, **given}
    message = (
        "An answer has the number of a trial, a side (left or right), and two times in "
        f"milliseconds. Received: {given!r}. Reload the page and answer there."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        real_or_fake.Answers(folder).add("ab", given)
    assert not (folder / "answers.jsonl").exists()


def test_other_requests_are_refused(folder, serve):
    address = serve(folder)
    session = begin(address)
    for path, status in (("x", 404), ("1/left", 200), ("21/left", 404), ("1/middle", 404)):
        assert requests.get(f"{session}/{path}", timeout=9).status_code == status
    assert requests.get(f"{address}not-a-session", timeout=9).status_code == 404
    assert requests.post(session, data={"trial": 1}, timeout=9).status_code == 415
    assert requests.post(session, json=["x" * 2000], timeout=9).status_code == 413
    assert requests.put(session, timeout=9).status_code == 405
    stranger = {"Host": "elsewhere.example"}
    assert requests.get(address, headers=stranger, timeout=9).status_code == 400
    opened = serve(folder, "0.0.0.0")
    assert requests.get(opened, headers=stranger, timeout=9).ok


def test_a_session_goes_on_after_a_reload_and_after_a_kill(folder, serve):
    session = begin(serve(folder))
    for trial in (1, 2, 3):
        assert send(session, trial, "left").ok
    assert "first = 4," in requests.get(session, timeout=9).text
    before = [seen(session, trial) for trial in range(1, 21)]
    with (folder / "answers.jsonl").open("a") as file:
        file.write('{"session": "cut o')
    other = serve(folder) + session.rsplit("/", 1)[1]
    assert "first = 4," in requests.get(other, timeout=9).text
    assert [seen(other, trial) for trial in range(1, 21)] == before
    assert send(other, 4, "left").ok
    assert [line["trial"] for line in answers(folder)] == [1, 2, 3, 4]


@pytest.fixture(scope="module")
def run(facades, tmp_path_factory):
    """A run whose generator is at step 7."""
    folder = tmp_path_factory.mktemp("run")
    config = ExperimentConfig(
        name="tiny",
        summary="",
        data=DataConfig(str(facades), direction="BtoA", image_size=32),
        model=Pix2PixConfig(base_filters=4, depth=3, receptive_field=16),
        train=TrainConfig(seed=6),
    )
    return save_untrained(config, folder)


def test_the_images_are_targets_and_translations_of_held_out_examples(run, facades, tmp_path):
    stimuli.prepare(run, tmp_path, practice=1, trials=2)
    generator = load_run(run).directions["translate"].network
    for index in range(3):
        photo, labels = np.split(codecs.read(facades / f"test/{index:05d}.png"), 2, axis=1)
        translated = generator(labels[np.newaxis].astype("float32") / 127.5 - 1)[0].numpy()
        fake = codecs.read(real_or_fake.image_path(tmp_path, "fake", index))
        np.testing.assert_array_equal(
            codecs.read(real_or_fake.image_path(tmp_path, "real", index)), photo
        )
        np.testing.assert_allclose(fake, np.clip((translated + 1) * 127.5, 0, 255), atol=0.51)
    made = real_or_fake.load(tmp_path)
    assert (made.step, made.data) == (7, str(facades))
    assert made.names == [f"{index:05d}.png" for index in range(3)]
    # The same goes on and makes nothing anew; another test is refused.
    kept = real_or_fake.image_path(tmp_path, "fake", 1)
    kept.write_bytes(b"kept")
    protocol = json.loads((tmp_path / "protocol.json").read_text())
    assert protocol.pop("direction") is None  # Which older folders do not have.
    (tmp_path / "protocol.json").write_text(json.dumps(protocol))
    stimuli.prepare(run, tmp_path, practice=1, trials=2, direction="translate")
    assert kept.read_bytes() == b"kept"
    message = (
        "A folder of answers is of one run, one step and one protocol. Received: "
        f"{str(tmp_path)!r}, which has other practice, trials. Use another --to folder."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        stimuli.prepare(run, tmp_path, practice=0, trials=3)
    message = "A direction must be one of translate. Received: 'back'. Leave it out for translate."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        rate.main(run, tmp_path, direction="back")


def test_without_targets_real_images_of_the_domain_are_shown(tmp_path, monkeypatch):
    monkeypatch.setitem(families.FAMILIES, "toy", TEST_FAMILIES["toy"])
    run = save_untrained(toy_paper(tmp_path / "data"), tmp_path / "run")
    to = tmp_path / "answers"
    rate_images = {"practice": 0, "trials": 3, "direction": "BtoA"}
    stimuli.prepare(run, to, **rate_images)
    made = real_or_fake.load(to)
    # As many real ones as translations, of which there are three.
    assert made.names == [f"testB/{index}.png" for index in range(3)]
    assert made.real_names == [f"testA/{index}.png" for index in range(3)]
    assert made.direction == "BtoA"
    assert len(list((to / "images").rglob("*.png"))) == 6
    direction = load_run(run).directions["BtoA"]
    network, (style, _, regions) = direction.network, direction.controls
    for index in range(3):
        real, source = (
            images.resize(codecs.read(tmp_path / f"data/test{domain}/{index}.png"), (32, 32))
            for domain in "AB"
        )
        shown = codecs.read(real_or_fake.image_path(to, "real", index))
        np.testing.assert_array_equal(shown, real)
        signed = source.numpy()[np.newaxis].astype("float32") / 127.5 - 1
        translated = network([signed, style.neutral(signed), regions.neutral(signed)])[0].numpy()
        fake = codecs.read(real_or_fake.image_path(to, "fake", index))
        np.testing.assert_allclose(fake, np.clip((translated + 1) * 127.5, 0, 255), atol=0.51)
    answers_of_run = real_or_fake.Answers(to)
    answer = {"trial": 1, "answer": "left", "shown_ms": 1000, "answer_ms": 5}
    answers_of_run.add("ab", answer)
    trial = real_or_fake.plan(made, "ab")[0]
    (line,) = answers(to)
    assert (line["real"], line["fake"]) == (
        f"testA/{trial.real}.png",
        f"testB/{trial.fake}.png",
    )
    stimuli.prepare(run, to, **rate_images)  # The same goes on.


def test_too_few_images_are_refused_before_anything_is_written(run, tmp_path):
    message = (
        "A session shows no image twice, so 10 trials for practice and 40 that count need 50 "
        "held-out images. Received: 3. Give more by --data, or lower --trials or --practice."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        rate.main(run, tmp_path / "answers")
    message = (
        "A session has 1 or more trials, and 0 or more for practice. Received: trials=0, "
        "practice=2. Use more."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        rate.main(run, tmp_path / "answers", practice=2, trials=0)
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_and_missing_answers_are_named(folder):
    message = (
        "A test needs a run and a folder for its answers. Received: run=None, to=x. Give --run "
        "RUN --to ANSWERS, or --report ANSWERS for what was answered."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        rate.main(to=Path("x"))
    message = (
        "A folder of answers has a protocol.json, as `python -m training.rate --run RUN --to "
        "FOLDER` makes it. Received: 'nothing', which has none. Check the spelling."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        rate.main(report="nothing")
    message = (
        f"A report needs a session that is complete. Received: {folder} with 0 that are not. "
        "Answer all trials of one."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        real_or_fake.summary(folder)


@pytest.mark.slow
def test_the_program_serves_until_it_is_interrupted_and_reports(run, tmp_path):
    command = [sys.executable, "-m", "training.rate"]
    options = ["--run", run, "--to", "answers", "--practice", "1", "--trials", "2", "--port", "0"]
    process = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "text": True}
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, **process) as server:
        address = re.search(r"Rate at (\S+)", server.stdout.readline()).group(1)
        session = begin(address)
        for trial in (1, 2, 3):
            assert send(session, trial, "left").ok
        server.send_signal(signal.SIGINT)
        assert "--report answers" in server.communicate(timeout=60)[0]
    assert server.returncode == 0
    report = subprocess.run(
        [*command, "--report", "answers"], capture_output=True, check=True, **process
    )
    assert json.loads(report.stdout.splitlines()[-1])["trials"] == 2
