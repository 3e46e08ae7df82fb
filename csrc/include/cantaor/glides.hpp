// Sharper pitch where it moves fast.
//
// A spectrum needs a window of several periods, which smooths what changes within it. The period at
// the very centre of a window shows in a shorter stretch: the lag at which two neighbouring
// stretches about the centre agree best (Medan, Yair & Chazan, "Super resolution pitch
// determination of speech signals", IEEE TSP 1991). That lag alone would follow every irregular
// pulse; so it only moves the pitch of glides, and only part of the way. Low pitches, whose
// harmonics hardly stand apart in the spectrum and so draw each other down, are moved by its mean.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace cantaor {

/// The period at the centre of a window near a given one.
struct Period {
  float drift;      // cents that its pitch lies above the given one
  float agreement;  // correlation of the two stretches, up to 1; 0 where the window holds none
};

/// Looks for the period at the centre of windows of a signal.
class PeriodSearch {
 public:
  explicit PeriodSearch(double rate) : rate_(rate) {}

  /// The best period within 100 cents of that of `hz`.
  Period find(std::span<const float> window, double hz) const;
  /// How far the pitch at the centre of `window` lies above `hz`, in cents; 0 where no lag within
  /// 100 cents of it, or none that the window holds, agrees well.
  float drift(std::span<const float> window, double hz) const;

 private:
  double rate_;
};

/// One frame of the path: cents, not a number where unvoiced, and the drift there.
struct PathFrame {
  float cents, drift;
};

/// Moves the glides of a path, frame by frame; what comes out lags behind what goes in.
class GlideSharpener {
 public:
  /// `min_hz` is 0 cents.
  GlideSharpener(double glide_cents, double share, double min_hz, double hop_s);

  /// Takes a frame; true if another is ready in `cents`.
  bool push(PathFrame frame, float& cents);
  /// Frames that come out only after as many more have gone in.
  std::size_t lag() const { return reach_; }

 private:
  const PathFrame& at(std::size_t frame) const { return ring_[frame % ring_.size()]; }
  float sharpened(std::size_t frame) const;
  float steady_drift(std::size_t frame) const;

  float glide_cents_, share_;
  float low_, high_;            // cents between which the bias of low pitches ends
  std::size_t reach_, beside_;  // frames to either side that tell a glide, and a steady drift
  std::vector<PathFrame> ring_;
  std::size_t taken_;
};

}  // namespace cantaor
