// Where frames lie in a signal, and how they are cut out of it.
#pragma once

#include <cstdint>
#include <vector>

#include "cantaor/decimate.hpp"

namespace cantaor {

/// Where frames lie and how they are cut, for one sample rate and hop.
class Framing {
 public:
  /// `hop` in samples at `reference_rate`, whatever the sample rate.
  Framing(int sample_rate, int hop, int reference_rate, double window_s, double focus_s,
          double band_hz);

  int window() const { return static_cast<int>(window_.size()); }
  int fft_size() const { return fft_size_; }
  double rate() const { return rate_; }
  /// Frames of a signal of this many samples: floor(duration / hop) + 1.
  std::int64_t frames_of(std::int64_t samples) const;
  /// Number of leading frames that need nothing beyond the first `samples` samples.
  std::int64_t frames_within(std::int64_t samples) const;
  /// First sample that a frame needs, and one past the last (may lie outside the signal).
  std::int64_t first_sample(std::int64_t frame) const;
  std::int64_t last_sample(std::int64_t frame) const;
  /// Decimated samples under frames first .. first + count - 1; the window of frame i begins at
  /// offset(first, i).
  std::vector<float> stretch(const Excerpt& input, std::int64_t first, std::int64_t count) const;
  std::size_t offset(std::int64_t first, std::int64_t i) const {
    return static_cast<std::size_t>(centre(first + i) - centre(first));
  }
  /// The frames of a stretch, windowed and without their mean, each a row of fft_size() values,
  /// zeros after the window. `focus_db`: power around the centre of each frame over that
  /// of the whole frame, which tells an edge of a note from its inside although the window covers
  /// both.
  void cut(const std::vector<float>& stretch, std::int64_t first, std::int64_t count, float* rows,
           float* focus_db) const;

 private:
  std::int64_t centre(std::int64_t frame) const;

  int sample_rate_, hop_, reference_rate_;
  Decimator decimator_;
  double rate_;
  int fft_size_;
  std::vector<float> window_;
  std::vector<float> focus_;  // a shorter Hann window
};

}  // namespace cantaor
