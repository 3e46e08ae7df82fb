"""Images of clips: log-mel, MFCC, spectrogram, 128 x 426."""

from __future__ import annotations

from cantaor.learn.features.spectrograms import FEATURES as FEATURES
from cantaor.learn.features.spectrograms import FRAMES as FRAMES
from cantaor.learn.features.spectrograms import LogMel as LogMel
from cantaor.learn.features.spectrograms import Mfcc as Mfcc
from cantaor.learn.features.spectrograms import Spectrogram as Spectrogram
from cantaor.learn.features.spectrograms import build_features as build_features
