"""Training: it learns, repeats itself, resumes after being killed, and says what is wrong."""

from __future__ import annotations

import logging
import random
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.augmentation import CHANGES, MASKS, MIXUP
from cantaor.learn.data.clips import ClipSet, join_clips
from cantaor.learn.evaluation.evaluation import predict
from cantaor.learn.training.recipes import recipe_settings
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.train import class_weights, train

SMALL = TrainingSettings(width=2, epochs=3, batch=16, device="cpu", lr=0.003)
ACCURATE = recipe_settings("accurate", width=2, epochs=6, batch=16, device="cpu")
ROOT = Path(__file__).resolve().parents[1]


def singers(count: int, seed: int, longest: int = 3_000) -> ClipSet:
    """Clips of three tones that differ in their overtones, with noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    clips = []
    for label in labels:
        time = np.arange(rng.integers(800, longest)) / 16_000
        f0 = rng.uniform(150, 300)
        tone = sum(np.sin(2 * np.pi * f0 * k * time) / k ** (label + 0.5) for k in range(1, 20))
        clips.append(0.1 * tone + 0.01 * rng.standard_normal(time.size))
    return ClipSet.from_arrays(clips, labels, ["AM", "EC", "JT"], ["r0", "r1"], labels > 0)


@pytest.fixture(scope="module")
def sides() -> tuple[ClipSet, ClipSet]:
    return singers(96, 1), singers(30, 2)


class KilledError(Exception):
    pass


def weights_of(trained) -> dict[str, torch.Tensor]:
    return trained.module.state_dict()


def same(one, other) -> bool:
    pairs = zip(weights_of(one).values(), weights_of(other).values(), strict=True)
    return all(torch.equal(mine, theirs) for mine, theirs in pairs)


def test_it_learns_and_tells_every_epoch(sides):
    told = []
    settings = replace(SMALL, epochs=6, width=4, patience=6)
    trained = train(*sides, settings, progress=lambda *epoch: told.append(epoch))
    assert [epoch[:2] for epoch in told] == [(number, 6) for number in range(1, 7)]
    assert tuple(epoch[2] for epoch in told) == trained.history
    answers, _ = predict(trained, sides[1])
    assert np.mean(answers.argmax(1) == sides[1].labels) > 0.8


def test_same_seed_same_result_and_torchs_state_is_left_alone(sides):
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    first = train(*sides, SMALL)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(6)
    assert same(first, train(*sides, SMALL))
    assert not same(first, train(*sides, replace(SMALL, seed=1)))


def test_the_best_epoch_is_kept_and_patience_ends_training(sides):
    settings = replace(SMALL, lr=0.3, epochs=12, patience=2)
    trained = train(*sides, settings)
    losses = [epoch["validation_loss"] for epoch in trained.history]
    best = int(np.argmin(losses))
    assert len(losses) == min(12, best + 3)
    answers, _ = predict(trained, sides[1])
    right = answers[np.arange(30), sides[1].labels]
    assert -np.log(right.astype(np.float64)).mean() == pytest.approx(losses[best], rel=1e-3)


def test_killed_training_resumes_to_the_same_result(sides, tmp_path):
    whole = train(*sides, SMALL)

    def kill(epoch, epochs, metrics):
        if epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        train(*sides, SMALL, checkpoint_dir=tmp_path, progress=kill)
    told = []
    resumed = train(
        *sides, SMALL, checkpoint_dir=tmp_path, progress=lambda epoch, *_: told.append(epoch)
    )
    assert told == [2, 3]
    assert same(whole, resumed)
    timeless = [
        [{**epoch, "seconds": 0} for epoch in trained.history] for trained in (whole, resumed)
    ]
    assert timeless[0] == timeless[1]
    told.clear()
    again = train(
        *sides, SMALL, checkpoint_dir=tmp_path, progress=lambda epoch, *_: told.append(epoch)
    )
    assert told == []
    assert same(whole, again)


KILLED = """
import sys
import torch
from cantaor.learn.training.recipes import recipe_settings
from cantaor.learn.training.train import train
from tests.test_learn_training import ACCURATE, singers
print("ready", flush=True)
trained = train(singers(96, 1), singers(30, 2), ACCURATE, checkpoint_dir=sys.argv[1])
torch.save(trained.module.state_dict(), sys.argv[2])
"""


@pytest.mark.slow
def test_sigkill_at_random_moments_changes_nothing(sides, tmp_path):
    state, result = tmp_path / "state", tmp_path / "weights"
    command = [sys.executable, "-c", KILLED, str(state), str(result)]
    start = time.perf_counter()
    whole = train(*sides, ACCURATE)
    duration = time.perf_counter() - start
    rng = random.Random(20)
    for _ in range(4):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0, duration))
        process.kill()
        process.communicate()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    weights = torch.load(result, weights_only=True)
    for name, value in weights_of(whole).items():
        assert torch.equal(value, weights[name]), name


def test_what_is_not_watched_is_learned_from_and_resumes(sides, tmp_path):
    settings = replace(ACCURATE, epochs=3)
    whole = train(*sides, settings)
    assert set(whole.history[0]) == {"epoch", "loss", "accuracy", "seconds"}
    assert len(whole.history) == 3
    assert not same(whole, train(sides[0], sides[1].select([0, 1]), settings))

    def kill(epoch, epochs, metrics):
        if epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        train(*sides, settings, checkpoint_dir=tmp_path, progress=kill)
    assert same(whole, train(*sides, settings, checkpoint_dir=tmp_path))


def test_recipes_are_settings_by_name():
    assert recipe_settings() == TrainingSettings()
    chosen = recipe_settings("accurate", epochs=7, width=None)
    assert (chosen.recipe, chosen.epochs, chosen.schedule) == ("accurate", 7, "cosine")
    with pytest.raises(ArgumentError, match=r"recipe must be one of paper, accurate.*'best'"):
        recipe_settings("best")


def test_clips_at_another_rate_are_refused(sides):
    learned, watched = (replace(side, sample_rate=16_000) for side in sides)
    with pytest.raises(ArgumentError, match="train_clips are at 16000 Hz, but 22050 Hz is wanted"):
        train(learned, watched, recipe_settings("accurate", width=2))
    with pytest.raises(ArgumentError, match="first are at 16000 Hz, but 22050 Hz is wanted"):
        join_clips(learned, replace(watched, sample_rate=22_050))
    trained = train(learned, watched, replace(SMALL, epochs=1))
    with pytest.raises(ArgumentError, match="clips are at 44100 Hz, but 16000 Hz is wanted"):
        predict(trained, replace(watched, sample_rate=44_100))
    assert join_clips(learned, watched).select([0]).sample_rate == 16_000


def test_settings_say_at_which_rate_clips_are_taken():
    assert TrainingSettings().sample_rate == 16_000
    assert recipe_settings("accurate").sample_rate == 22_050
    assert recipe_settings("accurate", features="log-mel").sample_rate == 16_000
    assert recipe_settings("robust").sample_rate == 22_050


def test_ctrl_c_leaves_as_itself(sides):
    handler = signal.getsignal(signal.SIGINT)

    def interrupt(epoch, epochs, metrics):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(*sides, SMALL, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_damaged_or_foreign_checkpoint_is_named(sides, tmp_path):
    train(*sides, replace(SMALL, epochs=1), checkpoint_dir=tmp_path)
    (file,) = tmp_path.iterdir()
    with pytest.raises(ModelError, match=r"training\.ckpt belongs to other clips or settings"):
        train(*sides, replace(SMALL, lr=0.1), checkpoint_dir=tmp_path)
    content = file.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"text", content[:-100]):
        file.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"training\.ckpt is damaged"):
            train(*sides, replace(SMALL, epochs=1), checkpoint_dir=tmp_path)


def test_nothing_is_printed_or_left_behind(sides, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    before = logging.getLogger("lightning.pytorch").level
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(*sides, replace(SMALL, epochs=1))
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert logging.getLogger("lightning.pytorch").level == before


@pytest.mark.parametrize("model", ["crnn", "residual50"])
def test_the_other_networks_train(model, sides):
    trained = train(*sides, replace(SMALL, model=model, epochs=1, features="log-mel+mfcc"))
    assert np.isfinite(trained.history[0]["loss"])


def test_augmented_training_repeats_itself(sides):
    settings = replace(SMALL, epochs=2, augmentation=(*CHANGES, MASKS, MIXUP))
    first = train(*sides, settings)
    assert same(first, train(*sides, settings))
    assert not same(first, train(*sides, replace(SMALL, epochs=2)))


def test_mixed_precision_learns_and_answers_in_float32(sides):
    trained = train(*sides, replace(SMALL, epochs=2, precision="bfloat16"))
    assert trained.history[1]["loss"] < trained.history[0]["loss"]
    assert {weights.dtype for weights in trained.module.parameters()} == {torch.float32}
    with pytest.raises(ArgumentError, match="'float16' needs a CUDA device"):
        train(*sides, replace(SMALL, precision="float16"))


def test_padded_training_is_another_network(sides):
    few = tuple(side.select(np.arange(9)) for side in sides)
    padded = train(*few, replace(SMALL, epochs=1, padded=True))
    assert not same(padded, train(*few, replace(SMALL, epochs=1)))


def test_clips_past_426_frames_are_cut():
    clips = singers(6, 3, longest=100_000)
    assert clips.lengths.max() > 68_159
    trained = train(clips, clips, replace(SMALL, epochs=1, width=1))
    cut = ClipSet.from_arrays(
        [clip[:68_159] for clip in map(clips.__getitem__, range(6))], clips.labels, clips.classes
    )
    assert np.array_equal(predict(trained, clips)[0], predict(trained, cut)[0])


def test_balanced_weights_count_every_singer_the_same():
    labels = [0, 0, 0, 1]
    clips = ClipSet.from_arrays([[0.1]] * 4, labels, ["a", "b"])
    weights = class_weights(clips, TrainingSettings(class_weights="balanced"))
    np.testing.assert_allclose(weights.numpy(), [2 / 3, 2])
    assert class_weights(clips, TrainingSettings()) is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"model": "svm"}, "model must be one of crnn"),
        ({"features": "cqt"}, "features must be of"),
        ({"device": "tpu"}, "device must be one of"),
        ({"precision": "int8"}, "precision must be one of"),
        ({"class_weights": "sqrt"}, "class_weights must be one of"),
        ({"augmentation": ("flanger",)}, "augmentation must be of speed, .*'flanger'"),
        ({"batch": 0}, "batch must be above 0; got 0"),
        ({"lr": float("nan")}, "lr must be above 0; got nan"),
        ({"width": 0}, "width must be at least 1; got 0"),
        ({"schedule": "linear"}, "schedule must be one of constant, cosine"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0"),
    ],
)
def test_wrong_settings_are_named(setting, message):
    with pytest.raises(ArgumentError, match=message):
        TrainingSettings(**setting)


def test_wrong_sides_are_named(sides):
    clips, other = sides
    one = clips.select(clips.labels == 0)
    empty = clips.select([])
    unlabelled = ClipSet.from_arrays([[0.1], [0.2]], [-1, 0], clips.classes)
    renamed = ClipSet.from_arrays([[0.1]], [0], ["x", "y", "z"])
    for train_side, validation, message in (
        (empty, other, "train_clips holds no clips"),
        (clips, empty, "validation_clips holds no clips"),
        (one, other, "at least 2 singers; got 1"),
        (unlabelled, other, "clip 0 of train_clips has no label"),
        (clips, renamed, r"'AM', 'EC', 'JT'.*'x', 'y', 'z'"),
    ):
        with pytest.raises(ArgumentError, match=message):
            train(train_side, validation, SMALL)


def test_wrong_clips_are_named():
    for build, message in (
        (lambda: ClipSet.from_arrays([[0.1], []], [0, 0], ["a"]), "clip 1 is empty"),
        (lambda: ClipSet.from_arrays([[0.1, np.nan]], [0], ["a"]), "clip 0 holds a sample"),
        (lambda: ClipSet.from_arrays([[0.1]], [1], ["a"]), r"labels must lie in -1\.\.0"),
        (lambda: ClipSet.from_arrays([[0.1]], [0, 0], ["a"]), r"labels \(2\) must match clips"),
    ):
        with pytest.raises(ArgumentError, match=message):
            build()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_refused_where_there_is_none(sides):
    with pytest.raises(ArgumentError, match="no CUDA device"):
        train(*sides, replace(SMALL, device="cuda"))


MISMATCH = """
import sys
from pathlib import Path
folder = Path(sys.argv[1])
(folder / "torchaudio.py").write_text("raise RuntimeError('built for CUDA 12.9')")
sys.path.insert(0, str(folder))
try:
    import cantaor.learn
except ImportError as error:
    print(type(error).__name__, error)
"""


def test_a_torchaudio_for_another_torch_is_named_with_both_versions(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", MISMATCH, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("MissingExtraError torchaudio 2.")
    assert f"torch {torch.__version__.split('+')[0]}" in run.stdout
    assert "built for CUDA 12.9" in run.stdout
    assert "pip install 'torch>=2.11,<2.13' 'torchaudio==2.11.*'" in run.stdout


def test_a_missing_torch_is_named_with_the_line_that_installs_it():
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "try:\n    import cantaor.learn\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("MissingExtraError torch cannot be imported")
    assert "pip install 'cantaor[learn]'" in run.stdout
