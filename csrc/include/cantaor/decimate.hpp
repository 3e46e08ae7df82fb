// Band-limiting and decimation by a whole factor, position by position: what comes out at a sample
// depends only on the input around it, so a signal may be processed in pieces of any size.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cantaor {

/// A span of a longer signal that is 0 outside [0, length).
struct Excerpt {
  std::span<const float> samples;
  std::int64_t origin = 0;  // index of samples[0] in the signal
  std::int64_t length = 0;  // samples of the signal known so far, at least origin + samples.size()
};

class Decimator {
 public:
  /// Linear-phase low-pass (Kaiser-windowed sinc, about 60 dB) at `passband` times the new
  /// Nyquist frequency; what aliases stays above the passband.
  Decimator(int factor, double passband);

  int factor() const { return factor_; }
  /// Input samples needed on each side of an output sample.
  std::int64_t reach() const { return reach_; }

  /// Output samples first .. first + out.size() - 1; sample m is centred on input m * factor.
  void run(const Excerpt& input, std::int64_t first, std::span<float> out) const;

 private:
  int factor_;
  std::int64_t reach_ = 0;
  std::vector<float> taps_;  // symmetric about reach_, padded with zeros to a multiple of 8
};

}  // namespace cantaor
