"""Encoders from outside: files of three formats, checked, cached, and models that use them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.clips import ClipSet, join_clips
from cantaor.learn.encoders.encoder import Encoder, load_encoder
from cantaor.learn.encoders.encoding import cut_windows, encode
from cantaor.learn.encoders.sources import add_embeddings, source_facts
from cantaor.learn.evaluation.evaluation import predict
from cantaor.learn.export.attached_encoder import attach_encoder, embed_clips, require_view
from cantaor.learn.export.bundle import load_bundle, save_bundle
from cantaor.learn.export.export import export_onnx, export_pt2, export_torchscript
from cantaor.learn.export.formats import export_model
from cantaor.learn.identification.enrolment import make_backend
from cantaor.learn.identification.singer_identifier import SingerIdentifier
from cantaor.learn.training.ensemble_training import fit_wccn, view_weights
from cantaor.learn.training.recipes import recipe_settings
from cantaor.learn.training.settings import TrainingSettings, settings_facts, training_digest
from cantaor.learn.training.train import train
from cantaor.learn.training.window_features import extract_window_features
from cantaor.types import Audio
from tests.encoder_files import (
    FACTS,
    RATE,
    Bands,
    Bits,
    Convolved,
    Growing,
    Neighbours,
    OneOfBatch,
    Steps,
    Undefined,
    script,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CANTAOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return script(tmp_path_factory.mktemp("encoder") / "bands.ts", Bands(), FACTS)


def sung(singers: int = 3, groups: int = 2, each: int = 12, seed: int = 0) -> ClipSet:
    """Noise through a band of the singer's own, 0.3 s a clip, at 22,050 Hz."""
    rng = np.random.default_rng(seed)
    rows, labels, recordings = [], [], []
    for singer in range(singers):
        for group in range(groups):
            for _ in range(each):
                spectrum = np.fft.rfft(rng.standard_normal(6_615))
                hz = np.fft.rfftfreq(6_615, 1 / 22_050)
                spectrum *= np.exp(-(((hz - 1_000 - 1_500 * singer) / 600) ** 2)) + 0.02
                rows.append((0.05 * np.fft.irfft(spectrum, 6_615)).astype(np.float32))
                labels.append(singer)
                recordings.append(f"{singer}-{group}")
    names = sorted(set(recordings))
    index = [names.index(name) for name in recordings]
    return ClipSet.from_arrays(rows, labels, ("a", "b", "c")[:singers], names, index, 22_050)


def settings(view: str = "profile+encoder") -> TrainingSettings:
    return recipe_settings("robust", view=view)


def test_three_formats_give_the_same_embeddings(tmp_path: Path, file: Path) -> None:
    pytest.importorskip("onnxscript")
    example, batch = torch.zeros(2, 8_000), torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(Bands(), (example,), dynamic_shapes=({0: batch},))
    with (tmp_path / "bands.pt2").open("wb") as sink:
        torch.export.save(program, sink, extra_files=FACTS)
    convolution = Convolved().eval()
    script(tmp_path / "convolved.ts", convolution, FACTS)
    onnx = torch.onnx.export(
        convolution, (example,), dynamo=True, verbose=False, dynamic_shapes=({0: batch},)
    )
    onnx.model.metadata_props.update(FACTS)
    onnx.save(str(tmp_path / "convolved.onnx"))
    rows = [row[:5_000] for row in np.random.default_rng(0).standard_normal((3, 6_000))]
    clips = [row.astype(np.float32) for row in rows]
    for one, other in ((file, "bands.pt2"), (tmp_path / "convolved.ts", "convolved.onnx")):
        found = [load_encoder(path, trust=True) for path in (one, tmp_path / other)]
        assert [(e.sample_rate, e.window_s, e.size) for e in found] == [(RATE, 0.5, 8)] * 2
        assert found[0].digest != found[1].digest
        values = [encode(encoder, clips, RATE).values for encoder in found]
        np.testing.assert_allclose(values[0], values[1], atol=1e-5)
    # ONNX runs no code of its own.
    load_encoder(tmp_path / "convolved.onnx")


def test_code_runs_only_where_it_is_trusted(tmp_path: Path, file: Path) -> None:
    for name in ("a.ts", "a.pt2"):
        path = tmp_path / name
        path.write_bytes(file.read_bytes())
        with pytest.raises(ModelError, match=r"runs code of its own.*--trust"):
            load_encoder(path)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Steps(), r"gives \(2, 48, 400\) for waveforms \(2, 8000\).*\(2, dim\)"),
        (Bits(), "gives int64; an encoder gives floating-point numbers"),
        (OneOfBatch(), r"gives \(1, 4\) for waveforms \(2, 8000\)"),
        (Neighbours(), "moves by .* with the waveform beside it"),
        (Growing(), "gives 4000 numbers for 8000 samples and 6001 for 12001"),
        (Undefined(), "not finite"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_is_no_encoder_is_refused(tmp_path: Path, module: nn.Module, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_encoder(script(tmp_path / "bad.ts", module, FACTS), trust=True)


def test_rate_and_window_are_said_by_the_file_or_the_caller(tmp_path: Path, file: Path) -> None:
    mute = script(tmp_path / "mute.ts", Bands())
    with pytest.raises(ModelError, match=r"nothing of its sample rate.*--encoder-rate"):
        load_encoder(mute, trust=True)
    with pytest.raises(ModelError, match=r"nothing of the seconds.*--encoder-window"):
        load_encoder(mute, trust=True, sample_rate=RATE)
    found = load_encoder(mute, trust=True, sample_rate=RATE, window_s=0.25)
    assert (found.sample_rate, found.window) == (RATE, 4_000)
    with pytest.raises(ModelError, match="takes 16000 Hz, as it says itself, not 44100 Hz"):
        load_encoder(file, trust=True, sample_rate=44_100)
    with pytest.raises(ModelError, match=r"window_s must be above 0 and at most 600, not 0"):
        load_encoder(file, trust=True, window_s=0.0)
    with pytest.raises(ModelError, match=r"\.wav is no format"):
        load_encoder(_renamed(file, tmp_path / "a.wav"), trust=True)
    with pytest.raises(ModelError, match="cannot be read as an encoder"):
        load_encoder(_written(tmp_path / "broken.ts", b"PK"), trust=True)
    with pytest.raises(ModelError, match="cannot be read"):
        load_encoder(tmp_path / "nowhere.onnx")


def _renamed(file: Path, path: Path) -> Path:
    return _written(path, file.read_bytes())


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_an_embedding_is_computed_once(file: Path, cache: Path) -> None:
    encoder = load_encoder(file, trust=True)
    rng = np.random.default_rng(1)
    clips = [rng.standard_normal(n).astype(np.float32) for n in (300, 9_000, 25_000, 300)]
    clips[3] = clips[0].copy()
    first = encode(encoder, clips, 22_050)
    assert first.computed == 3
    np.testing.assert_allclose(np.linalg.norm(first.values, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(first.values[0], first.values[3])
    again = encode(load_encoder(file, trust=True), clips[::-1], 22_050)
    assert again.computed == 0
    np.testing.assert_array_equal(again.values[::-1], first.values)
    # The same samples at another rate, or in other windows, are something else.
    assert encode(encoder, clips[:1], 16_000).computed == 1
    assert encode(load_encoder(file, trust=True, window_s=0.4), clips[:1], 22_050).computed == 1
    assert [path.suffix for path in (cache / "encoders").iterdir()] == [".sqlite"]


def test_a_clip_is_embedded_as_if_it_were_alone(file: Path, tmp_path: Path) -> None:
    clips = [
        np.random.default_rng(n).standard_normal(n).astype(np.float32) for n in (50, 8_000, 30_001)
    ]
    together = encode(load_encoder(file, trust=True, cache=tmp_path / "a"), clips, RATE).values
    encoder = load_encoder(file, trust=True, cache=tmp_path / "b")
    for clip, expected in zip(clips, together, strict=True):
        np.testing.assert_array_equal(encode(encoder, [clip], RATE).values[0], expected)


def test_windows_overlap_by_half_and_their_embeddings_are_averaged(file: Path) -> None:
    encoder = load_encoder(file, trust=True)
    clip = np.random.default_rng(3).standard_normal(15_000).astype(np.float32)
    # Windows of 8,000 samples every 4,000: at 0 and 4,000, and the last one ends with the clip.
    parts = np.stack([clip[at : at + 8_000] for at in (0, 4_000, 7_000)])
    with torch.inference_mode():
        mean = Bands()(torch.from_numpy(parts)).double().numpy().mean(axis=0)
    np.testing.assert_allclose(
        encode(encoder, [clip], RATE).values[0], mean / np.linalg.norm(mean), atol=1e-6
    )
    assert cut_windows(clip[:8_000], 8_000).shape == (1, 8_000)


def test_a_cache_that_cannot_be_used_is_said_and_done_without(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = _written(tmp_path / "file", b"")
    encoder = load_encoder(file, trust=True, cache=in_the_way)
    assert f"{in_the_way}" in capsys.readouterr().err
    clip = np.ones(100, np.float32)
    assert [encode(encoder, [clip], RATE).computed for _ in range(2)] == [1, 0]


def test_a_damaged_cache_gives_no_wrong_embedding(file: Path, cache: Path) -> None:
    clip = np.random.default_rng(0).standard_normal(900).astype(np.float32)
    expected = encode(load_encoder(file, trust=True), [clip], RATE).values
    database = next((cache / "encoders").iterdir())
    for value in (b"abc", np.ones(7, np.float32).tobytes(), np.full(8, np.nan, "f4").tobytes()):
        with sqlite3.connect(database) as connection:
            connection.execute("UPDATE embeddings SET value = ?", (value,))
        found = encode(load_encoder(file, trust=True), [clip], RATE)
        assert found.computed == 1
        np.testing.assert_array_equal(found.values, expected)


@pytest.mark.parametrize("view", ["encoder", "profile+encoder"])
def test_a_model_learns_on_the_embeddings_and_keeps_whose_they_were(
    view: str, file: Path, tmp_path: Path
) -> None:
    encoder = load_encoder(file, trust=True)
    learned, asked = (add_embeddings(sung(seed=seed), encoder) for seed in (0, 1))
    trained = train(learned, learned.select([]), settings(view))
    probabilities, embeddings = predict(trained, asked)
    assert (probabilities.argmax(axis=1) == asked.labels).mean() > 0.95
    assert embeddings.shape[1] == 8 + 96 * (view != "encoder")
    backend = make_backend(trained, learned)
    assert backend.calibration is not None
    saved = save_bundle(tmp_path / "m", trained, {}, {"encoder": source_facts(encoder)})
    again = attach_encoder(load_bundle(saved), encoder)
    plain = replace(sung(seed=1))
    for found, expected in zip(
        predict(again.trained, embed_clips(again, plain)), (probabilities, embeddings), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ArgumentError, match=r"embedding of size 8 .* the clips have none"):
        predict(trained, plain)
    with pytest.raises(ArgumentError, match=r"size 8 .* clips' have size 5"):
        predict(trained, replace(plain, embeddings=np.ones((len(plain), 5), np.float32)))


def test_a_model_takes_no_encoder_but_its_own(file: Path, tmp_path: Path) -> None:
    encoder = load_encoder(file, trust=True)
    trained = train(add_embeddings(sung(), encoder), sung().select([]), settings("encoder"))
    saved = save_bundle(tmp_path / "m", trained, {}, {"encoder": source_facts(encoder)})
    bundle = load_bundle(saved)
    with pytest.raises(ModelError, match=r"takes encoder bands.ts \(digest .*--encoder FILE"):
        embed_clips(bundle, sung())
    with pytest.raises(ModelError, match=r"takes encoder bands.ts"):
        SingerIdentifier.load(saved)
    other = load_encoder(script(tmp_path / "other.ts", Convolved(), FACTS), trust=True)
    with pytest.raises(ModelError, match=rf"{encoder.digest}.*{other.digest}"):
        attach_encoder(bundle, other)
    longer = load_encoder(file, trust=True, window_s=1.0)
    with pytest.raises(ModelError, match=r"'window_s': 1.0.*not.*'window_s': 0.5"):
        attach_encoder(bundle, longer)
    with pytest.raises(ModelError, match=f"is encoder {other.digest}, but .*{encoder.digest}"):
        load_encoder(tmp_path / "other.ts", trust=True, digest=encoder.digest)
    without = save_bundle(
        tmp_path / "plain", train(sung(), sung().select([]), recipe_settings("robust"))
    )
    with pytest.raises(ModelError, match="trained without an encoder"):
        attach_encoder(load_bundle(without), encoder)
    with pytest.raises(ModelError, match="only models without one are exported"):
        export_model(trained, tmp_path / "out.ts")
    identifier = SingerIdentifier.load(saved, encoder)
    clips = [Audio(sung()[i], 22_050) for i in range(3)]
    assert identifier.predict_proba(clips).argmax(axis=1).tolist() == [0, 0, 0]


def test_view_and_encoder_go_together(file: Path) -> None:
    encoder = load_encoder(file, trust=True)
    with pytest.raises(ArgumentError, match=r"view 'profile', and .*bands.ts is given"):
        require_view(recipe_settings("robust"), encoder)
    with pytest.raises(ArgumentError, match="view 'encoder', and no encoder is given"):
        require_view(settings("encoder"), None)
    with pytest.raises(ArgumentError, match="for the recipe 'robust'"):
        recipe_settings("accurate", view="encoder")
    with pytest.raises(ArgumentError, match="clips have none"):
        train(sung(), sung().select([]), settings("encoder"))


def test_what_was_kept_before_there_were_views_is_still_found() -> None:
    assert "view" not in settings_facts(recipe_settings("robust"))
    assert settings_facts(settings())["view"] == "profile+encoder"
    clips = sung(each=2)
    with_embeddings = replace(clips, embeddings=np.ones((len(clips), 3), np.float32))
    keys = [
        training_digest(clips, None, recipe_settings("robust")),
        training_digest(clips, None, settings()),
        training_digest(with_embeddings, None, settings()),
    ]
    assert len(set(keys)) == 3


def test_views_are_whitened_apart_and_weigh_alike() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((60, 5)).astype(np.float32)
    groups = np.repeat(np.arange(6), 10).astype(np.int32)
    centre, whitening = fit_wccn(values, groups, (2, 3))
    first, second = (fit_wccn(values[:, part], groups) for part in (slice(2), slice(2, 5)))
    np.testing.assert_allclose(centre, np.concatenate([first[0], second[0]]))
    assert not whitening[:2, 2:].any()
    assert not whitening[2:, :2].any()
    # Five numbers in two views: each view has half of the sum of squares, 5 / 2.
    np.testing.assert_allclose(whitening[:2, :2], first[1] * np.sqrt(5 / 2 / 2))
    np.testing.assert_allclose(whitening[2:, 2:], second[1] * np.sqrt(5 / 2 / 3))
    np.testing.assert_allclose((view_weights((96, 256)) ** 2)[:96].sum(), 352 / 2)


def test_a_window_has_the_embedding_of_its_clip() -> None:
    clips = sung(each=1)
    embeddings = np.arange(len(clips) * 2, dtype=np.float32).reshape(-1, 2)
    clips = replace(clips, embeddings=embeddings)
    beside = extract_window_features(clips, view="profile+encoder")
    profile = extract_window_features(clips)
    np.testing.assert_array_equal(beside.values[:, :96], profile.values)
    # Clips of 0.3 s hold one window of 0.2 s each.
    np.testing.assert_array_equal(beside.values[:, 96:], embeddings)
    alone = extract_window_features(clips, view="encoder")
    np.testing.assert_array_equal(alone.values, embeddings)
    assert (beside.views, alone.views) == ((96, 2), (2,))


def test_joined_clips_keep_their_embeddings_in_order() -> None:
    clips = sung(each=1)
    embedded = replace(clips, embeddings=np.eye(len(clips), 4, dtype=np.float32))
    both = join_clips(embedded, embedded.select([2, 0]))
    assert both.embeddings is not None
    np.testing.assert_array_equal(both.embeddings[-2:], embedded.embeddings[[2, 0]])  # type: ignore[index]
    with pytest.raises(ArgumentError, match=r"\(4\) must be second's \(None\)"):
        join_clips(embedded, clips)
    with pytest.raises(ArgumentError, match="embedding of clip 1 is not finite"):
        replace(clips, embeddings=np.where(np.arange(6)[:, None] == 1, np.inf, 0).astype("f4"))
    with pytest.raises(ArgumentError, match=r"float32 \(6, dim\).*float32 \(5, 4\)"):
        replace(clips, embeddings=np.zeros((5, 4), np.float32))


def test_our_own_exports_are_encoders(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    clips = sung(each=6)
    trained = train(clips, clips.select([]), recipe_settings("robust"))
    expected = predict(trained, ClipSet.from_arrays([clips[0]], [0], clips.classes))[1][0]
    for write, name in (
        (export_torchscript, "a.ts"),
        (export_pt2, "a.pt2"),
        (export_onnx, "a.onnx"),
    ):
        encoder: Encoder = load_encoder(write(trained, tmp_path / name), trust=True)
        assert (encoder.sample_rate, encoder.window_s, encoder.size) == (22_050, 1.0, 96)
        window = np.resize(clips[0], 22_050)
        whole = predict(trained, ClipSet.from_arrays([window], [0], clips.classes))[1][0]
        found = encode(encoder, [clips[0]], 22_050).values[0]
        np.testing.assert_allclose(found, whole / np.linalg.norm(whole), atol=1e-3)
    assert expected.shape == (96,)
    clips = replace(clips, sample_rate=None)
    network = train(clips, clips, recipe_settings("paper", model="crnn", width=2, epochs=1))
    with pytest.raises(ModelError, match=r"takes features and gives no embeddings"):
        load_encoder(export_onnx(network, tmp_path / "network.onnx"))
