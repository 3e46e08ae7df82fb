"""Many recordings before and after the network: inputs, groups, scratch files, order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from cantaor.chain import FoundClips
from cantaor.errors import AudioError, CantaorError, CorpusError, WorkspaceError
from cantaor.inference import batch
from cantaor.inference.batch import (
    InferenceBatcher,
    Input,
    LocatedClips,
    _groups,
    _inputs_of,
    _open_network,
    content_of,
)

EMPTY = AudioError("no voice")


def clips(number: int) -> LocatedClips:
    times = np.arange(number, dtype=np.float64)
    return LocatedClips(FoundClips("a", ((1,),) * number, times, times + 0.5), "content")


def sizes(outcomes: list[LocatedClips | CantaorError]) -> list[int]:
    return [len(group) for group in _groups(iter(enumerate(outcomes)))]


def test_recordings_are_gathered_until_they_have_a_thousand_clips() -> None:
    assert sizes([clips(512), clips(512), clips(1)]) == [2, 1]
    assert sizes([clips(512), clips(511), clips(1), clips(1)]) == [3, 1]
    assert sizes([clips(2000), clips(1023), clips(1)]) == [1, 2]
    assert sizes([]) == []


def test_no_more_than_thirty_two_recordings_wait() -> None:
    assert sizes([clips(1)] * 33) == [32, 1]
    assert sizes([EMPTY] * 64) == [32, 32]


def test_an_error_of_the_workspace_ends_it_all() -> None:
    with pytest.raises(WorkspaceError, match="no room"):
        sizes([clips(1), WorkspaceError("no room")])


@pytest.mark.parametrize("number", [1, 3])
def test_answers_come_in_order_whoever_is_done_first(number: int) -> None:
    waits = threading.Event()

    def predict(group: list[Any]) -> list[Any]:
        if number > 1:
            if group[0][0] == 0:
                assert waits.wait(30)
            if group[0][0] == 2:
                waits.set()
        return [(Input(f"{index}"), EMPTY) for index, _ in group]

    groups: list[list[Any]] = [[(index, EMPTY)] for index in range(7)]
    with _open_network(number) as network:
        found = [one[0].location for part in network.results(predict, groups) for one in part]
    assert found == [str(index) for index in range(7)]


def test_groups_are_not_taken_long_before_their_answers() -> None:
    taken: list[int] = []

    def groups() -> Iterator[list[Any]]:
        for index in range(12):
            taken.append(index)
            yield [(index, EMPTY)]

    hold = threading.Event()

    def predict(group: list[Any]) -> list[Any]:
        assert group[0][0] == 0 or hold.wait(30)
        return [(Input("x"), EMPTY)]

    with _open_network(2) as network:
        answers = network.results(predict, groups())
        next(answers)
        assert len(taken) <= 4
        hold.set()
        assert sum(len(part) for part in answers) == 11


def test_what_waits_is_dropped_where_the_caller_ends() -> None:
    """Two threads are busy; the answers behind them are never asked for."""
    begun: list[int] = []
    hold, second = threading.Event(), threading.Event()

    def predict(group: list[Any]) -> list[Any]:
        begun.append(group[0][0])
        if group[0][0] == 1:
            second.set()
        assert (second if group[0][0] == 0 else hold).wait(30)
        return [(Input("x"), EMPTY)]

    groups: list[list[Any]] = [[(index, EMPTY)] for index in range(6)]

    def use() -> None:
        with _open_network(2) as network:
            for _ in network.results(predict, groups):
                threading.Timer(0.2, hold.set).start()
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use()
    # Whoever is still at work when the caller ends is waited for.
    assert hold.is_set()
    ended = len(begun)
    threading.Event().wait(0.1)
    assert len(begun) == ended <= 3


def test_predictions_meet_their_recordings_and_scratch_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def predict_recordings(bundle: object, located: list[Any], device: str) -> Iterator[str]:
        assert (bundle, device) == ("bundle", "cpu")
        given.extend(located)
        for one in located:
            yield f"answer to {one.path}, {len(one.samples)} samples"

    monkeypatch.setattr(
        "cantaor.learn.identification.identification.predict_recordings", predict_recordings
    )
    inputs = [Input("/a.wav", 1.5, 9.0), Input("/b.wav"), Input("/c.wav")]
    for index in (0, 2):
        np.arange(10 + index, dtype=np.float32).tofile(tmp_path / f"{index}.f32")
    bundle: Any = "bundle"
    batcher = InferenceBatcher(bundle, inputs, tmp_path, "cpu")
    found = batcher.predict([(2, clips(1)), (1, EMPTY), (0, clips(1))])
    assert found == [
        (inputs[2], "answer to /c.wav, 12 samples"),
        (inputs[1], EMPTY),
        (inputs[0], f"answer to {inputs[0].name}, 10 samples"),
    ]
    assert [(one.location, one.offset_s, one.content) for one in given] == [
        ("/c.wav", 0.0, "content"),
        ("/a.wav", 1.5, "content"),
    ]
    assert list(tmp_path.iterdir()) == []
    assert batcher.predict([(1, EMPTY)]) == [(inputs[1], EMPTY)]


def test_a_content_names_bytes_and_channel(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    assert content_of(tmp_path / "a", "left") == content_of(tmp_path / "b", "left")
    assert content_of(tmp_path / "a", "left") != content_of(tmp_path / "a", 1)
    assert content_of(tmp_path / "a", 1).endswith("-1")
    assert content_of(tmp_path / "gone", 1) == ""


def table(folder: Path, *rows: str) -> Path:
    path = folder / "list.CSV"
    path.write_text("path,start_s,end_s\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_rows_of_a_table_are_spans_of_files_beside_it(tmp_path: Path) -> None:
    path = table(tmp_path, "a.wav,,", "b.wav,0,1.5", "c.wav,2,", f"{tmp_path}/d.wav,,3")
    found = list(_inputs_of(path, None))
    assert [(Path(one.location).name, one.start_s, one.end_s) for one in found] == [
        ("a.wav", 0.0, float("inf")),
        ("b.wav", 0.0, 1.5),
        ("c.wav", 2.0, float("inf")),
        ("d.wav", 0.0, 3.0),
    ]
    assert {str(Path(one.location).parent) for one in found} == {str(tmp_path)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",0,1", "path is empty"),
        ("a.wav,2,2", r"start_s \(2\.0\) must be below end_s \(2\.0\)"),
        ("a.wav,-1,2", "start_s must be seconds, 0 or more, not '-1'"),
        ("a.wav,0,nan", "end_s must be seconds, 0 or more, not 'nan'"),
        ("a.wav,0,1e10", "end_s must be seconds, 0 or more, not '1e10'"),
        ("a.wav,x,1", "start_s must be seconds, 0 or more, not 'x'"),
    ],
)
def test_a_row_that_names_no_recording_is_refused(row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=message):
        list(_inputs_of(table(tmp_path, row), None))
    assert len(list(_inputs_of(table(tmp_path, "a.wav,0,1e9"), None))) == 1


def test_a_folder_is_its_recordings_and_a_file_is_itself(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("in/b.wav", "in/deep/a.wav", "in/note.txt"):
        soundfile.write(tmp_path / name, np.zeros(10), 8000, format="WAV")
    passed: list[tuple[str, str]] = []
    found = [one.location for one in _inputs_of(tmp_path / "in", passed)]
    assert found == [f"{tmp_path}/in/b.wav", f"{tmp_path}/in/deep/a.wav"]
    assert [one.location for one in _inputs_of(f"{tmp_path}/gone.wav", None)] == [
        f"{tmp_path}/gone.wav"
    ]
    (tmp_path / "bare").mkdir()
    with pytest.raises(CorpusError, match="no audio in this folder"):
        list(_inputs_of(tmp_path / "bare", None))


def test_a_url_with_the_name_of_a_recording_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> bool:
        raise OSError("not to be reached")

    monkeypatch.setattr(batch, "is_folder", fail)
    found = list(_inputs_of("https://archive.example/a.FLAC", None))
    assert [one.location for one in found] == ["https://archive.example/a.FLAC"]
    with pytest.raises(CorpusError, match="cannot be listed: not to be reached"):
        list(_inputs_of("https://archive.example/songs", None))


def test_threads_run_the_network_where_workers_share_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    network = _open_network

    def spy(number: int) -> Any:
        asked.append(number)
        return network(number)

    monkeypatch.setattr(batch, "_open_network", spy)
    monkeypatch.setattr(batch, "map_recordings", lambda *_: iter(()))
    finder = ("finder", "motifs")
    monkeypatch.setattr(
        "cantaor.learn.identification.saved_finder.finder_from_bundle", lambda _: finder[0]
    )
    module = SimpleNamespace(sample_rate=8000)
    bundle: Any = SimpleNamespace(extra={"data": "motifs"}, trained=SimpleNamespace(module=module))
    for workers, expected in ((None, 1), (3, 3)):
        pool: Any = None if workers is None else SimpleNamespace(workers=workers)
        answers = batch.infer_recordings(bundle, [], pool, "cpu")
        assert list(answers) == []
        assert asked[-1] == expected
