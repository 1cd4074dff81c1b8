import contextlib
import errno
import io
import re
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tfpix2pix import InputError
from tfpix2pix.data import layouts, sources
from tfpix2pix.datasets import fetch as fetching

CURE = (
    "download tiny.tar.gz from https://phillipi.github.io/pix2pix in a browser, and fetch the "
    "data set from that file."
)


def packed(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zipped(files, links=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in sorted({name.rpartition("/")[0] for name in files} - {""}):
            archive.writestr(f"{folder}/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
        for name in links:
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o120777 << 16
            archive.writestr(member, "1.jpg")
    return buffer.getvalue()


NOISE = [np.random.default_rng(seed).bytes(500) for seed in range(3)]
FILES = dict(zip(("tiny/train/1.jpg", "tiny/train/2.jpg", "tiny/val/1.jpg"), NOISE))
ARCHIVE = packed(FILES)
DOMAINS = {
    f"tiny/{folder}/{index}.jpg": NOISE[index]
    for folder, count in {"trainA": 2, "trainB": 3, "testA": 1, "testB": 1}.items()
    for index in range(count)
}
CHECKSUM = int.from_bytes(ARCHIVE[-8:-4], "little")


class Server(ThreadingHTTPServer):
    """Serves an archive, and notes of each request its Range and how many bytes it sent."""

    daemon_threads = True
    content = ARCHIVE
    breaks_after = None
    takes_ranges = True
    tells_length = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        byte_range = self.headers["Range"]
        if self.path not in ("/tiny.tar.gz", "/tiny.zip"):
            self.send_error(404)
            return
        start = (
            int(re.fullmatch(r"bytes=(\d+)-", byte_range)[1])
            if byte_range and server.takes_ranges
            else 0
        )
        size = len(server.content)
        sent = server.content[start : server.breaks_after]
        server.requests.append((byte_range, len(sent)))
        if start and start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
        else:
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            if server.tells_length:
                self.send_header("Content-Length", str(size - start))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Makes the archive a published one, whose size only the server knows."""
    publish(monkeypatch, None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def publish(monkeypatch, size, **pairs):
    record = fetching.DataSet(size, "2 kB", "BtoA", pairs or {"train": 2, "val": 1})
    monkeypatch.setitem(fetching.DATA_SETS, "tiny", record)
    monkeypatch.setattr(fetching, "CHUNK", 100)


@contextlib.contextmanager
def refuses(message):
    with pytest.raises(InputError) as caught:
        yield
    assert str(caught.value) == message


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def cut(address, kind="ChunkedEncodingError"):
    return (
        f"The download of {address}/tiny.tar.gz must run to its end. Received: {kind}. Run it "
        f"again to go on where it stopped. Without internet, {CURE}"
    )


def test_a_data_set_is_downloaded_and_unpacked(server, tmp_path, monkeypatch):
    publish(monkeypatch, len(ARCHIVE))
    calls = []

    def progress(chunks, total, done):
        calls.append((total, done))
        for chunk in chunks:
            calls.append(len(chunk))
            yield chunk

    folder = tmp_path / "new"
    path = fetching.fetch_data_set("tiny", folder, url=server.url, progress=progress)
    assert path == folder / "tiny"
    assert contents(folder) == FILES
    assert calls[0] == (len(ARCHIVE), 0)
    assert sum(calls[1:]) == len(ARCHIVE)
    assert len(calls) > 10

    assert fetching.fetch_data_set("tiny", folder, url=server.url) == path
    assert server.requests == [(None, len(ARCHIVE))]


def test_an_interrupted_download_goes_on_where_it_stopped(server, tmp_path):
    server.breaks_after = 1000
    with refuses(cut(server.url)):
        fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert contents(tmp_path) == {"tiny.tar.gz.part": ARCHIVE[:1000]}

    server.breaks_after = None
    calls = []

    def progress(chunks, total, done):
        calls.append((total, done))
        return chunks

    fetching.fetch_data_set("tiny", tmp_path, url=server.url, progress=progress)
    assert server.requests == [(None, 1000), ("bytes=1000-", len(ARCHIVE) - 1000)]
    assert calls == [(len(ARCHIVE), 1000)]
    assert contents(tmp_path) == FILES


def test_without_ranges_it_starts_again(server, tmp_path):
    (tmp_path / "tiny.tar.gz.part").write_bytes(ARCHIVE[:1000])
    server.takes_ranges = False
    fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert server.requests == [("bytes=1000-", len(ARCHIVE))]
    assert contents(tmp_path) == FILES


def test_a_length_that_nobody_tells_is_no_fault(server, tmp_path):
    server.tells_length = False
    fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert contents(tmp_path) == FILES


def test_a_whole_part_is_not_downloaded_again(server, tmp_path):
    (tmp_path / "tiny.tar.gz.part").write_bytes(ARCHIVE)
    fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert server.requests == [(f"bytes={len(ARCHIVE)}-", 0)]
    assert contents(tmp_path) == FILES


def test_a_part_of_something_longer_is_given_up(server, tmp_path):
    (tmp_path / "tiny.tar.gz.part").write_bytes(ARCHIVE + b"more")
    with refuses(cut(server.url, "ConnectionError")):
        fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert contents(tmp_path) == FILES


def test_an_archive_that_changed_meanwhile_is_noticed(server, tmp_path):
    (tmp_path / "tiny.tar.gz.part").write_bytes(packed({**FILES, "x": NOISE[2]})[:1000])
    with pytest.raises(InputError, match=r"^The archive must be tiny\.tar\.gz, whole and of plain"):
        fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert names(tmp_path) == []


def test_another_size_is_refused_before_anything_is_downloaded(server, tmp_path, monkeypatch):
    publish(monkeypatch, 2000)
    message = (
        f"{server.url}/tiny.tar.gz must be the archive, of 2000 bytes. Received: 200 OK, "
        f"{len(ARCHIVE)} bytes. It has moved or a proxy steps in: {CURE}"
    )
    with refuses(message):
        fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert names(tmp_path) == []


def test_a_page_that_is_not_there_is_refused(server, tmp_path):
    with pytest.raises(InputError) as caught:
        fetching.fetch_data_set("tiny", tmp_path, url=f"{server.url}/old")
    assert re.sub(r"\d+ bytes", "1 bytes", str(caught.value)) == (
        f"{server.url}/old/tiny.tar.gz must be the archive, of some bytes. Received: 404 Not "
        f"Found, 1 bytes. It has moved or a proxy steps in: {CURE}"
    )
    assert names(tmp_path) == []


def test_no_connection_keeps_what_there_is(tmp_path):
    (tmp_path / "tiny.tar.gz.part").write_bytes(ARCHIVE[:1000])
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        address = f"http://127.0.0.1:{closed.server_port}"
    with refuses(cut(address, "ConnectionError")):
        fetching.fetch_data_set("tiny", tmp_path, url=address)
    assert contents(tmp_path) == {"tiny.tar.gz.part": ARCHIVE[:1000]}


def test_a_file_is_unpacked_and_stays(tmp_path):
    file = tmp_path / "downloads.tgz"
    file.write_bytes(ARCHIVE)
    fetching.fetch_data_set("tiny", tmp_path / "data", file=file)
    assert contents(tmp_path / "data") == FILES
    assert file.read_bytes() == ARCHIVE


def test_a_file_that_is_missing_is_refused(tmp_path):
    message = (
        "The archive must be readable and the folder writable, with room for twice 2 kB. Received: "
        "[Errno 2] No such file or directory: 'none.tar.gz'. Mend this and run it again to go on."
    )
    with refuses(message):
        fetching.fetch_data_set("tiny", tmp_path, file="none.tar.gz")
    assert names(tmp_path) == []


def link(name, kind):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type = kind
        member.linkname = "1.jpg"
        tar.addfile(member)
    return buffer.getvalue()


BROKEN = {
    "parent": (packed({**FILES, "../evil": b""}), "'../evil' is no plain file inside of it"),
    "detour": (packed({"tiny/../../evil": b""}), "'tiny/../../evil' is no plain file inside of it"),
    "symbolic link": (link("link", tarfile.SYMTYPE), "'link' is no plain file inside of it"),
    "hard link": (link("link", tarfile.LNKTYPE), "'link' is no plain file inside of it"),
    "cut": (ARCHIVE[:1000], "Compressed file ended before the end-of-stream marker was reached"),
    "checksum": (ARCHIVE[:-8] + bytes(8), f"CRC check failed 0x0 != {hex(CHECKSUM)}"),
    "page": (b"<html>Log in</html>", "Not a gzipped file (b'<h')"),
    "empty": (b"", "empty file"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_or_hostile_archive_leaves_nothing(case, server, tmp_path):
    content, reason = BROKEN[case]
    server.content = content
    file = tmp_path / "file.tgz"
    data = tmp_path / "data"
    file.write_bytes(content)

    def message(archive):
        return (
            "The archive must be tiny.tar.gz, whole and of plain files. Received: "
            f"{str(archive)!r}, which is not: {reason}. Download it again."
        )

    with refuses(message(file)):
        fetching.fetch_data_set("tiny", data, file=file)
    with refuses(message(data / "tiny.tar.gz.part")):
        fetching.fetch_data_set("tiny", data, url=server.url)
    assert names(data) == []
    assert contents(tmp_path) == {"file.tgz": content}


def test_an_absolute_member_stays_inside(tmp_path):
    file = tmp_path / "file.tgz"
    outside = tmp_path / "outside"
    file.write_bytes(packed({**FILES, str(outside): b"evil"}))
    fetching.fetch_data_set("tiny", tmp_path / "data", file=file)
    assert not outside.exists()
    assert contents(tmp_path / "data") == FILES


@pytest.mark.parametrize("number", [3, None])
def test_another_number_of_images_is_refused(number, server, tmp_path, monkeypatch):
    publish(monkeypatch, None, train=number, test=number)
    message = (
        f"The archive of tiny must hold pairs {{'train': {number}, 'test': {number}}}. "
        f"Received: {{'train': 2, 'test': 0}} in '{tmp_path}/tiny.tar.gz.part', which stays. "
        "Unpack it by hand if you want these."
    )
    with refuses(message):
        fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert contents(tmp_path) == {"tiny.tar.gz.part": ARCHIVE}


def test_some_images_suffice_where_no_number_is_known(tmp_path, monkeypatch):
    publish(monkeypatch, None, train=None, val=1)
    file = tmp_path / "file.tgz"
    file.write_bytes(ARCHIVE)
    fetching.fetch_data_set("tiny", tmp_path, file=file)
    assert contents(tmp_path / "tiny") == {k[5:]: v for k, v in FILES.items()}


def test_a_full_disk_keeps_the_download(server, tmp_path):
    def full(chunks, total, done):
        yield next(chunks)
        raise OSError(errno.ENOSPC, "No space left on device")

    message = (
        "The archive must be readable and the folder writable, with room for twice 2 kB. Received: "
        "[Errno 28] No space left on device. Mend this and run it again to go on."
    )
    with refuses(message):
        fetching.fetch_data_set("tiny", tmp_path, url=server.url, progress=full)
    assert contents(tmp_path) == {"tiny.tar.gz.part": ARCHIVE[:100]}


def test_an_unknown_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.delitem(fetching.DATA_SETS, "tiny")
    message = (
        "The data set must be one of apple2orange, cezanne2photo, cityscapes, edges2handbags, "
        "edges2shoes, facades, horse2zebra, iphone2dslr_flower, maps, monet2photo, night2day, "
        "summer2winter_yosemite, ukiyoe2photo, vangogh2photo. Received: 'facade'. Check "
        "the spelling; images of your own need no fetching."
    )
    with refuses(message):
        fetching.fetch_data_set("facade", tmp_path)


def test_every_record_is_usable():
    for data_set in fetching.DATA_SETS.values():
        pairs = data_set.origin is fetching.PAIRED
        assert data_set.direction in (sources.DIRECTIONS if pairs else (None,))
        assert ({"train"} if pairs else {"trainA", "trainB"}) <= set(data_set.counts)
        assert re.fullmatch(r"[\d.]+ [kMG]B", data_set.about)
        number, unit = data_set.about.split()
        expected = float(number) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]
        assert data_set.size is None or abs(data_set.size / expected - 1) < 0.02


def test_a_folder_that_is_there_is_not_touched(tmp_path):
    (tmp_path / "tiny").mkdir()
    assert fetching.fetch_data_set("tiny", tmp_path, file="none") == tmp_path / "tiny"
    assert names(tmp_path / "tiny") == []


@pytest.fixture
def two_domains(monkeypatch):
    """Makes the archive one of two domains."""
    counts = {"trainA": 2, "trainB": 3, "testA": 1, "testB": 1}
    record = fetching.DataSet(None, "2 kB", None, counts, fetching.UNPAIRED)
    monkeypatch.setitem(fetching.DATA_SETS, "tiny", record)


def test_two_domains_are_downloaded_continued_and_unpacked(two_domains, server, tmp_path):
    server.content = zipped({**DOMAINS, "__MACOSX/tiny/x.jpg": b"beside"})
    server.breaks_after = 1000
    message = (
        cut(server.url)
        .replace("tar.gz", "zip")
        .replace(fetching.PAIRED.project, "https://junyanz.github.io/CycleGAN")
    )
    with refuses(message):
        fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    server.breaks_after = None
    path = fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert contents(tmp_path) == DOMAINS
    assert server.requests[1][0] == "bytes=1000-"
    assert layouts.detect(path) == "unpaired"


BROKEN_ZIPS = {
    "parent": (zipped({**DOMAINS, "tiny/../x": b""}), "'tiny/../' is no plain file inside of it"),
    "link": (zipped(DOMAINS, ["tiny/link"]), "'tiny/link' is no plain file inside of it"),
    "cut": (zipped(DOMAINS)[:2000], "File is not a zip file"),
    "checksum": (
        zipped(DOMAINS).replace(NOISE[0][:100], bytes(100)),
        "Bad CRC-32 for file 'trainA/0.jpg'",
    ),
    "page": (b"<html>Log in</html>", "File is not a zip file"),
}


@pytest.mark.parametrize("case", BROKEN_ZIPS)
def test_a_broken_or_hostile_zip_leaves_nothing(case, two_domains, server, tmp_path):
    server.content, reason = BROKEN_ZIPS[case]
    with refuses(
        f"The archive must be tiny.zip, whole and of plain files. Received: "
        f"'{tmp_path}/tiny.zip.part', which is not: {reason}. Download it again."
    ):
        fetching.fetch_data_set("tiny", tmp_path, url=server.url)
    assert names(tmp_path) == []


def test_another_number_of_images_of_a_domain_is_refused(two_domains, tmp_path):
    file = tmp_path / "tiny.zip"
    file.write_bytes(zipped({k: v for k, v in DOMAINS.items() if k != "tiny/trainB/2.jpg"}))
    with refuses(
        "The archive of tiny must hold images {'trainA': 2, 'trainB': 3, 'testA': 1, 'testB': 1}. "
        "Received: {'trainA': 2, 'trainB': 2, 'testA': 1, 'testB': 1} in "
        f"{str(file)!r}, which stays. Unpack it by hand if you want these."
    ):
        fetching.fetch_data_set("tiny", tmp_path / "data", file=file)
