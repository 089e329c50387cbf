"""Files that only pretend to be videos, and damaged ones: refused, without reading or calling elsewhere."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.exceptions import InvalidInput
from uploads.video.container import open_video
from uploads.video.poster import make_poster
from uploads.video.probe import probe
from uploads.video.transcode import transcode

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT.parent / "shared" / "fixtures"
CANARY = b"canary-7f3a-never-to-be-seen"
MUTATIONS = 100

MUTANTS = """
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (1536 << 20, 1536 << 20))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
import av.logging
av.logging.set_level(None)
from jobs.exceptions import InvalidInput
from uploads.video import probe, transcode
outcomes = {}
for name in sys.argv[2:]:
    source = Path(name)
    target = source.with_suffix(".out")
    try:
        probe(source)
        transcode(source, target, progress=lambda share: None, max_height=90, threads=1)
        outcomes[source.name] = "processed"
    except InvalidInput as error:
        outcomes[source.name] = error.code
    finally:
        target.unlink(missing_ok=True)
    print(json.dumps(outcomes), file=open(sys.argv[1], "w"))
"""


class Listener:
    """A loopback server that only counts who called."""

    def __init__(self) -> None:
        self.hits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.close()


def disguises(canary: Path, port: int) -> dict[str, bytes]:
    """Return name → bytes of playlists that would read `canary` or call `port`."""
    url = f"http://127.0.0.1:{port}/x.ts"
    texts = {
        "concat.mp4": f"ffconcat version 1.0\nfile '{canary}'\n",
        "concat-url.mp4": f"ffconcat version 1.0\nfile '{url}'\n",
        "list.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
        "list-file.webm": f"#EXTM3U\n#EXTINF:1,\nfile://{canary}\n#EXT-X-ENDLIST\n",
        "session.mov": f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
        "dash.mp4": f"<MPD><BaseURL>{url}</BaseURL></MPD>",
    }
    plain = {name: text.encode() for name, text in texts.items()}
    # The same lists behind the first bytes of a real container, so that only the demuxer is left to refuse.
    dressed = {f"box-{name}": b"\0\0\0\x10free\0\0\0\0\0\0\0\0" + data for name, data in plain.items()}
    return plain | dressed


def test_a_playlist_named_like_a_video_reads_no_file_and_calls_nobody(
    tmp_path: Path, listener: Listener
) -> None:
    canary = tmp_path / "canary.txt"
    canary.write_bytes(CANARY * 50)
    folder = tmp_path / "uploads"
    folder.mkdir()
    for name, data in disguises(canary, listener.port).items():
        source = folder / name
        source.write_bytes(data)
        for attempt in (
            lambda path: probe(path),
            lambda path: transcode(path, folder / "out.mp4", progress=lambda share: None),
            lambda path: make_poster(path, folder / "out.jpg"),
        ):
            with pytest.raises(InvalidInput) as caught:
                attempt(source)
            assert caught.value.code in {"video_not_a_video", "video_unreadable", "video_no_picture"}
            assert CANARY.decode() not in str(caught.value)
        source.unlink()
    assert listener.hits == 0
    assert list(folder.iterdir()) == []


def test_the_demuxer_gate_holds_even_when_the_first_bytes_do_not_decide(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uploads.video.container.container_family", lambda path: "iso")
    canary = tmp_path / "canary.txt"
    canary.write_bytes(CANARY * 50)
    for name, data in disguises(canary, listener.port).items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidInput), open_video(tmp_path / name):
            pass
    assert listener.hits == 0


def test_a_video_followed_by_a_web_page_keeps_nothing_of_the_page(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes((FIXTURES / "video/monster.mp4").read_bytes() + b"<script>" + CANARY)
    transcode(source, tmp_path / "out.mp4", progress=lambda share: None, max_height=120)
    assert CANARY not in (tmp_path / "out.mp4").read_bytes()


def test_a_truncated_upload_is_refused_or_says_that_it_is_cut(tmp_path: Path) -> None:
    whole = (FIXTURES / "video/pig.webm").read_bytes()
    (tmp_path / "cut.webm").write_bytes(whole[: len(whole) // 2])
    assert probe(tmp_path / "cut.webm").truncated
    movie = (FIXTURES / "video/flower.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(movie[:20_000])
    with pytest.raises(InvalidInput):
        probe(tmp_path / "cut.mp4")


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with up to 40 bytes changed, mostly in the header, sometimes cut or doubled."""
    out = bytearray(data)
    reach = len(out) if chance.random() < 0.4 else min(len(out), 4000)
    for _ in range(chance.randint(1, 40)):
        out[chance.randrange(reach)] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
    if chance.random() < 0.15:
        del out[chance.randrange(len(out)) :]
    if chance.random() < 0.1:
        at = chance.randrange(len(out) + 1)
        out[at:at] = out[max(0, at - 500) : at]
    return bytes(out)


def test_a_hundred_mutated_videos_end_processed_or_refused_within_the_limits(tmp_path: Path) -> None:
    from tests.uploads.test_video_processing import record, tone

    chance = random.Random(20260101)
    originals = [
        record(tmp_path / "a.mp4", size=(160, 120), seconds=0.6, sound=tone(0.2)).read_bytes(),
        record(tmp_path / "b.webm", size=(160, 120), seconds=0.6, codec="libvpx", live=True).read_bytes(),
        (FIXTURES / "video-hostile/bipbop_nonfragment_header.mp4").read_bytes(),
    ]
    names = []
    for index in range(MUTATIONS):
        # Most are MP4: that is the format with the most ways to lie about offsets and counts.
        original = originals[(0, 0, 0, 1, 2)[index % 5]]
        path = tmp_path / f"mutant-{index:03}.mp4"
        path.write_bytes(mutated(original, chance))
        names.append(str(path))
    report = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-c", MUTANTS, str(report), *names],
        cwd=ROOT,
        timeout=90,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes = json.loads(report.read_text())
    assert len(outcomes) == MUTATIONS
    assert all(value == "processed" or value.startswith("video_") for value in outcomes.values())
    assert len(set(outcomes.values())) >= 3
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.out"))
