"""Which recordings are named, how answers call them, and what the network is asked together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import get_ident
from typing import cast

import numpy as np
import pytest
import torch

from cantaor.chain import FoundClips, MotifFinder
from cantaor.errors import AudioError, CantaorError, CorpusError, WorkspaceError
from cantaor.inference import batch
from cantaor.inference.batch import (
    Found,
    InferenceBatcher,
    InferenceJob,
    Input,
    LocatedClips,
    Predicted,
    content_of,
    find_inputs,
)
from cantaor.io.audio import write_audio
from cantaor.learn.export.bundle import Bundle
from cantaor.learn.identification import identification
from cantaor.settings import Settings
from cantaor.types import Clusters, Motifs

INF = float("inf")


def clips(number: int, content: str = "") -> LocatedClips:
    ends = np.arange(1.0, number + 1)
    return LocatedClips(FoundClips("a", ((1,),) * number, ends - 1, ends), content)


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (Input("a.wav"), "a.wav"),
        (Input("a.wav", 0.0, 2.5), "a.wav#t=0,2.5"),
        (Input("a.wav", 1.0), "a.wav#t=1"),
        (Input("a.wav", 1.0, 10.0), "a.wav#t=1,10"),
        (Input("a.wav", 0.1 + 0.2, INF), "a.wav#t=0.30000000000000004"),
        (Input("a#t=1.wav"), "a\\#t=1.wav"),
        (Input("a\\b.wav"), "a\\\\b.wav"),
        (Input("a\nb.wav"), "a\\nb.wav"),
    ],
)
def test_an_answer_calls_a_recording_by_its_place_and_span(one: Input, name: str) -> None:
    assert one.name == name


def table(folder: Path, *lines: str) -> Path:
    path = folder / "t.csv"
    path.write_text("\n".join(("path,start_s,end_s", *lines)) + "\n")
    return path


def test_rows_of_a_table_name_spans_of_files_beside_it(tmp_path: Path) -> None:
    path = table(tmp_path, "a.wav,,", "a.wav,0,1", "a.wav,1,", "a.wav,,1e9", "s3://b/c.wav,2,3")
    a = str(tmp_path / "a.wav")
    # The second row of the same span and place is the same recording.
    assert find_inputs([path, str(path)]) == [
        *(Input(a), Input(a, 0.0, 1.0), Input(a, 1.0, INF), Input(a, 0.0, 1e9)),
        Input("s3://b/c.wav", 2.0, 3.0),
    ]
    upper = tmp_path / "T.CSV"
    path.rename(upper)
    assert len(find_inputs([upper])) == 5


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (",0,1", "path is empty"),
        ("a.wav,1,1", "start_s (1.0) must be below end_s (1.0)"),
        ("a.wav,2,1", "start_s (2.0) must be below end_s (1.0)"),
        ("a.wav,-0.1,", "start_s must be seconds, 0 or more, not '-0.1'"),
        ("a.wav,0,1.0001e9", "end_s must be seconds, 0 or more, not '1.0001e9'"),
        ("a.wav,0,nan", "end_s must be seconds, 0 or more, not 'nan'"),
        ("a.wav,soon,", "start_s must be seconds, 0 or more, not 'soon'"),
    ],
)
def test_a_row_that_names_no_span_is_named_by_its_line(
    tmp_path: Path, row: str, fault: str
) -> None:
    path = table(tmp_path, "a.wav,0,1", row)
    with pytest.raises(CorpusError) as caught:
        find_inputs([path])
    assert str(caught.value) == f"{path}, line 3: {fault}"


def test_a_folder_stands_for_its_audio_in_order_and_must_hold_some(tmp_path: Path) -> None:
    (tmp_path / "s" / "deep").mkdir(parents=True)
    for name in ("s/b.wav", "s/a.flac", "s/deep/c.mp3", "s/notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "s" / "old.csv").mkdir()
    names = ["a.flac", "b.wav", "deep/c.mp3"]
    assert find_inputs([tmp_path / "s"]) == [Input(str(tmp_path / "s" / n)) for n in names]
    # A file is taken by its name, whether it is there or not.
    assert find_inputs(["gone.wav", "x", "gone.wav"]) == [Input("gone.wav"), Input("x")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError) as caught:
        find_inputs([tmp_path / "empty"])
    assert str(caught.value) == f"{tmp_path / 'empty'}: no audio in this folder"


def test_a_url_is_a_folder_only_where_it_is_asked_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def is_folder(url: str) -> bool:
        asked.append(url)
        if "shut" in url:
            raise OSError("no key")
        return "songs" in url

    monkeypatch.setattr(batch, "is_folder", is_folder)
    monkeypatch.setattr(batch, "audio_urls", lambda url: [PurePosixPath("b.wav"), "d/a.wav"])
    found = find_inputs(["s3://x/songs", "s3://x/songs.FLAC", "s3://x/file"])
    assert [one.location for one in found] == [
        *("s3://x/songs/b.wav", "s3://x/songs/d/a.wav", "s3://x/songs.FLAC", "s3://x/file")
    ]
    # What ends like a recording is one.
    assert asked == ["s3://x/songs", "s3://x/file"]
    with pytest.raises(CorpusError) as caught:
        find_inputs(["s3://shut/x"])
    assert str(caught.value) == "s3://shut/x: cannot be listed: no key"


def test_a_table_behind_a_url_names_files_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(place: str, wanted: list[str]) -> Iterator[tuple[str, dict[str, object]]]:
        assert (place, wanted) == ("s3://x/songs/t.parquet", ["path"])
        yield "row 1", {"path": "a.wav", "start_s": None, "end_s": 4}
        yield "row 2", {"path": "b.wav"}
        yield "row 3", {"path": "c.wav", "end_s": [1]}

    monkeypatch.setattr(batch, "read_rows", rows)
    found = batch._inputs_of("s3://x/songs/t.parquet", None)
    assert next(found) == Input("s3://x/songs/a.wav", 0.0, 4.0)
    assert next(found) == Input("s3://x/songs/b.wav")
    with pytest.raises(CorpusError, match=r"^row 3: end_s must be seconds, 0 or more, not '\[1\]'"):
        next(found)


def sizes(outcomes: list[LocatedClips | CantaorError]) -> list[list[int]]:
    return [[index for index, _ in group] for group in batch._groups(enumerate(outcomes))]


def test_the_network_is_asked_about_1024_clips_or_32_recordings_together() -> None:
    assert sizes([clips(1023), clips(1), clips(1024), clips(5)]) == [[0, 1], [2], [3]]
    assert sizes([clips(1023), clips(2000), clips(1023)]) == [[0, 1], [2]]
    assert sizes([clips(1)] * 64) == [list(range(32)), list(range(32, 64))]
    assert sizes([clips(1)] * 33) == [list(range(32)), [32]]
    # What cannot be read has no clips but waits as well.
    broken = AudioError("b: silent")
    assert sizes([clips(600), broken, clips(423), clips(1), broken]) == [[0, 1, 2, 3], [4]]
    assert sizes([broken] * 40) == [list(range(32)), list(range(32, 40))]
    assert sizes([]) == []


def test_an_error_of_the_workspace_ends_all() -> None:
    full = WorkspaceError("no room")
    with pytest.raises(WorkspaceError, match=r"^no room$"):
        sizes([clips(1), full])


def group(number: int) -> list[Found]:
    return [(number, AudioError(str(number)))]


def answer(one: list[Found]) -> Predicted:
    return [(Input(str(index)), cast(CantaorError, outcome)) for index, outcome in one]


def names(predicted: Predicted) -> list[str]:
    return [one.name for one, _ in predicted]


class Later(Future[Predicted]):
    """Is worked out when somebody waits for it, or was done at once."""

    def __init__(self, one: list[Found], events: list[str], ready: bool) -> None:
        super().__init__()
        self.one, self.events, self.ready = one, events, ready

    def done(self) -> bool:
        return self.ready

    def result(self, timeout: float | None = None) -> Predicted:
        self.events.append(f"wait {self.one[0][0]}")
        return answer(self.one)


class Threads:
    """Notes what is submitted."""

    def __init__(self, events: list[str], ready: tuple[int, ...]) -> None:
        self.events, self.ready = events, ready

    def submit(self, _: object, one: list[Found]) -> Later:
        self.events.append(f"submit {one[0][0]}")
        return Later(one, self.events, one[0][0] in self.ready)


@pytest.mark.parametrize(
    ("ready", "events"),
    [
        # As many as there are threads are at work and one waits before an answer is waited for.
        ((), "submit 0, submit 1, submit 2, wait 0, submit 3, wait 1, wait 2, wait 3"),
        # What is done is handed on at once, but not before what came first.
        ((0,), "submit 0, wait 0, submit 1, submit 2, submit 3, wait 1, wait 2, wait 3"),
        ((1,), "submit 0, submit 1, submit 2, wait 0, wait 1, submit 3, wait 2, wait 3"),
    ],
)
def test_no_more_than_one_group_waits_for_the_threads(ready: tuple[int, ...], events: str) -> None:
    seen: list[str] = []
    threads = cast(ThreadPoolExecutor, Threads(seen, ready))
    results = batch._Network(threads, 2).results(answer, [group(n) for n in range(4)])
    assert [names(one) for one in results] == [["0"], ["1"], ["2"], ["3"]]
    assert ", ".join(seen) == events


def test_a_single_worker_asks_the_network_in_this_thread() -> None:
    with batch._open_network(1) as network:
        assert (network.threads, network.number) == (None, 1)
        seen: list[int] = []

        def predict(one: list[Found]) -> Predicted:
            seen.append(get_ident())
            return answer(one)

        results = network.results(predict, [group(7)])
        assert [names(one) for one in results] == [["7"]]
        assert seen == [get_ident()]


def test_as_many_threads_as_workers_each_with_one_native_thread() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with batch._open_network(3) as network:
            assert network.number == 3
            assert network.threads is not None
            assert network.threads._max_workers == 3
            assert torch.get_num_threads() == 1
        with pytest.raises(RuntimeError, match="after shutdown"):
            network.threads.submit(int)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_recordings_and_errors_come_out_in_order_and_leave_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [Input("a.wav"), Input("b.wav", 2.0, 5.0), Input("c.wav", 1.0, 2.0), Input("d.wav")]
    for number in (0, 1, 3):
        np.full(4, number, np.float32).tofile(tmp_path / f"{number}.f32")
    calls: list[tuple[object, ...]] = []

    def predict(
        bundle: object, located: list[identification.LocatedRecording], device: str
    ) -> Iterator[str]:
        rows = [
            (
                one.path,
                len(one.found),
                one.samples.tolist(),
                one.content,
                one.location,
                one.offset_s,
            )
            for one in located
        ]
        calls.append((bundle, rows, device))
        for one in located:
            yield f"answer for {one.path}"

    monkeypatch.setattr(identification, "predict_recordings", predict)
    bundle = cast(Bundle, object())
    batcher = InferenceBatcher(bundle, inputs, tmp_path, "cpu")
    silent = AudioError("c: silent")
    found: list[Found] = [(1, clips(2, "one")), (2, silent), (0, clips(3, "nought"))]
    assert batcher.predict(found) == [
        (inputs[1], "answer for b.wav#t=2,5"),
        (inputs[2], silent),
        (inputs[0], "answer for a.wav"),
    ]
    assert calls == [
        (
            bundle,
            [
                ("b.wav#t=2,5", 2, [1.0] * 4, "one", "b.wav", 2.0),
                ("a.wav", 3, [0.0] * 4, "nought", "a.wav", 0.0),
            ],
            "cpu",
        )
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["3.f32"]
    # Without a clip the network is not asked.
    assert batcher.predict([(2, silent)]) == [(inputs[2], silent)]
    assert len(calls) == 1


def test_content_is_of_bytes_and_channel_and_empty_where_there_are_none(tmp_path: Path) -> None:
    one, other = tmp_path / "a.wav", tmp_path / "b.wav"
    one.write_bytes(b"same")
    other.write_bytes(b"same")
    digest = hashlib.blake2b(b"same", digest_size=16).hexdigest()
    assert content_of(one, 0) == f"{digest}-0"
    assert content_of(str(other), "mean") == f"{digest}-mean"
    assert content_of(tmp_path / "gone.wav", 0) == ""
    assert content_of("a\0b", 0) == ""


def job(tmp_path: Path, one: Input, windows: str = "motifs") -> InferenceJob:
    finder = MotifFinder(
        Clusters(np.array([1.0]), np.zeros(0), 0.0, np.ones(1)),
        Motifs(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32)),
        Settings(channel=0),
    )
    return InferenceJob(one, finder, "random", 4_000, tmp_path / "0.f32", windows)


def tone(path: Path) -> Path:
    """A second at 8 kHz of two channels; the second is silent."""
    sung = np.sin(2 * np.pi * 200 * np.arange(8_000) / 8_000).astype(np.float32)
    write_audio(path, np.stack([sung / 2, 0 * sung], axis=1), 8_000)
    return path


def test_a_worker_hears_the_span_of_one_channel_and_leaves_it_at_the_models_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[object, ...]] = []

    def find(
        finder: MotifFinder, kind: str, blocks: Iterator[np.ndarray], rate: int, name: str
    ) -> FoundClips:
        samples = np.concatenate(list(blocks))
        heard.append((kind, samples.size, rate, name, bool(np.abs(samples).max() > 0.45)))
        return FoundClips(name, ((1,), (2,)), np.array([0.0, 0.1]), np.array([0.3, 0.2]))

    monkeypatch.setattr(batch, "find_clips", find)
    one = Input(str(tone(tmp_path / "a.wav")), 0.25, 0.75)
    located = batch.locate_recording_clips(job(tmp_path, one))
    assert heard == [("random", 4_000, 8_000, one.name, True)]
    # Half a second at 4 kHz, four bytes each.
    assert (tmp_path / "0.f32").stat().st_size == 8_000
    left = np.fromfile(tmp_path / "0.f32", np.float32)
    assert 0.45 < np.abs(left[200:-200]).max() < 0.55
    assert located.found.motifs == ((1,), (2,))
    assert located.content == content_of(one.location, 0)
    # Side by side: what the two clips cover is about one window.
    fixed = batch.locate_recording_clips(job(tmp_path, one, "fixed"))
    np.testing.assert_allclose(fixed.found.start_s, [0.0])
    assert fixed.found.motifs == ((1,),)


def test_a_recording_that_fails_leaves_nothing_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Input(str(tone(tmp_path / "a.wav")), 0.25)

    def fail(*_: object) -> FoundClips:
        raise ValueError("odd")

    monkeypatch.setattr(batch, "find_clips", fail)
    with pytest.raises(AudioError) as caught:
        batch.locate_recording_clips(job(tmp_path, one))
    assert str(caught.value) == f"{one.name}: cannot be used: ValueError: odd"
    assert not (tmp_path / "0.f32").exists()
    gone = Input(str(tmp_path / "gone.wav"))
    with pytest.raises(AudioError, match=r"gone\.wav"):
        batch.locate_recording_clips(job(tmp_path, gone))
    assert not (tmp_path / "0.f32").exists()


def test_a_scratch_file_without_room_is_an_error_of_the_workspace(tmp_path: Path) -> None:
    one = Input(str(tone(tmp_path / "a.wav")))
    nowhere = replace(job(tmp_path, one), samples_path=tmp_path / "none" / "0.f32")
    with pytest.raises(WorkspaceError, match=r"0\.f32: no room for scratch files: "):
        batch.locate_recording_clips(nowhere)

    def full(data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with pytest.raises(WorkspaceError, match=r"^no room for scratch files: .*No space left"):
        batch._writer(full)(np.zeros(3, np.float32))
    written: list[bytes] = []
    batch._writer(written.append)(np.array([1.0], np.float32))
    assert written == [np.float32(1).tobytes()]
