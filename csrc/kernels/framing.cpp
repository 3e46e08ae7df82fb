#include "cantaor/framing.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cantaor/wide.hpp"

namespace cantaor {
namespace {

int decimation(int sample_rate) {
  return std::max(1, sample_rate / 10'500);
}

/// Smallest even 2^a 3^b 5^c that holds n samples: fast for every FFT library.
int good_size(int n) {
  for (int size = n + n % 2;; size += 2) {
    int rest = size;
    for (int prime : {2, 3, 5})
      while (rest % prime == 0) rest /= prime;
    if (rest == 1) return size;
  }
}

/// Hann window with a sum of 1, symmetric about sample length / 2.
std::vector<float> hann(int length) {
  std::vector<float> window(static_cast<std::size_t>(length));
  for (std::size_t i = 0; i < window.size(); ++i) {
    const double phase = 2 * std::numbers::pi * static_cast<double>(i) / length;
    window[i] = static_cast<float>((1 - std::cos(phase)) / length);
  }
  return window;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

struct Power {
  float inside, windowed;  // under the focus; of the windowed frame
};

/// Windows x without its mean into row.
CANTAOR_WIDE Power window_row(const float* __restrict x, const std::vector<float>& window,
                              const std::vector<float>& focus, float* __restrict row) {
  const std::size_t size = window.size(), side = (size - focus.size()) / 2;
  const float *taper = window.data(), *short_taper = focus.data(), *inner = x + side;
  const float mean = sum_of(size, [=](std::size_t j) { return x[j]; }) / static_cast<float>(size);
  const float inside = sum_of(focus.size(), [=](std::size_t j) {
    const float value = inner[j] - mean;
    return value * value * short_taper[j];
  });
  for (std::size_t j = 0; j < size; ++j) row[j] = (x[j] - mean) * taper[j];
  return {inside, sum_of(size, [=](std::size_t j) { return row[j] * row[j]; })};
}

}  // namespace

Framing::Framing(int sample_rate, int hop, int reference_rate, double window_s, double focus_s,
                 double band_hz)
    : sample_rate_(sample_rate),
      hop_(hop),
      reference_rate_(reference_rate),
      decimator_(decimation(sample_rate),
                 std::min(0.9, band_hz * 2 * decimation(sample_rate) / sample_rate)),
      rate_(static_cast<double>(sample_rate) / decimation(sample_rate)) {
  const int length = std::max(16, static_cast<int>(std::lround(window_s * rate_)) / 2 * 2);
  fft_size_ = good_size(length + length / 32);
  window_ = hann(length);
  focus_ = hann(std::min(length, static_cast<int>(std::lround(focus_s * rate_)) / 2 * 2));
}

std::int64_t Framing::frames_of(std::int64_t samples) const {
  // duration * reference / hop in whole numbers, so that no rounding moves the last frame.
  return samples * reference_rate_ / (static_cast<std::int64_t>(sample_rate_) * hop_) + 1;
}

std::int64_t Framing::frames_within(std::int64_t samples) const {
  std::int64_t frames = frames_of(samples);
  while (frames > 0 && last_sample(frames - 1) > samples) --frames;
  return frames;
}

std::int64_t Framing::centre(std::int64_t frame) const {
  const std::int64_t unit = static_cast<std::int64_t>(reference_rate_) * decimator_.factor();
  return floor_div(2 * frame * hop_ * sample_rate_ + unit, 2 * unit);
}

std::int64_t Framing::first_sample(std::int64_t frame) const {
  return (centre(frame) - window() / 2) * decimator_.factor() - decimator_.reach();
}

std::int64_t Framing::last_sample(std::int64_t frame) const {
  return (centre(frame) + window() / 2) * decimator_.factor() + decimator_.reach() + 1;
}

std::vector<float> Framing::stretch(const Excerpt& input, std::int64_t first,
                                    std::int64_t count) const {
  if (count == 0) return {};
  const std::int64_t begin = centre(first) - window() / 2;
  const std::int64_t end = centre(first + count - 1) + window() / 2;
  std::vector<float> decimated(static_cast<std::size_t>(end - begin));
  decimator_.run(input, begin, decimated);
  return decimated;
}

void Framing::cut(const std::vector<float>& stretch, std::int64_t first, std::int64_t count,
                  float* rows, float* focus_db) const {
  const auto size = static_cast<float>(window_.size());
  for (std::int64_t i = 0; i < count; ++i, rows += fft_size_) {
    const float* x = stretch.data() + offset(first, i);
    const auto [inside, windowed] = window_row(x, window_, focus_, rows);
    std::fill(rows + window_.size(), rows + fft_size_, 0.0f);
    // The sum of a squared Hann window of sum 1 is 1.5 over its length.
    const float ratio = inside / (windowed * size / 1.5f);
    focus_db[i] = ratio > 1e-6f && windowed > 0 ? std::min(10 * std::log10(ratio), 10.0f) : -60.0f;
  }
}

}  // namespace cantaor
