#include "cantaor/anchors.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace cantaor {
namespace {

constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15u;
// Stands for no window; no real hash is as large, but for one in 2^64.
constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kChunk = 4096;

// The finaliser of a 64-bit mixing function: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93u;
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93u;
  return x ^ (x >> 32);
}

// Adding 0 turns -0 into 0, so that both hash alike.
std::uint64_t code(float sample) {
  return mix(std::bit_cast<std::uint32_t>(sample + 0.0f) + 1u);
}

struct Window {
  std::uint64_t hash = kNone;
  std::uint64_t classes = 0;  // a bit for each of 64 classes that its values fall into
  std::size_t position = 0;
};

// Hashes and classes of all windows of a signal, in order, a chunk at a time.
class Windows {
 public:
  Windows(std::span<const float> samples, std::size_t window)
      : samples_(samples),
        window_(window),
        chunk_(std::max(kChunk, window)),
        codes_(window + chunk_),
        classes_(window + chunk_),
        hashes_(chunk_) {
    for (std::size_t i = 0; i < window; ++i) leading_ *= kBase;
    // Before the first sample all codes are 0 and add nothing to the sum.
    for (std::size_t i = 0; i + 1 < window; ++i) take(codes_[i + 1] = code(samples[i]), 0);
    next_ = window - 1;
  }

  // Prepares the next windows and returns their number, 0 at the end.
  std::size_t next() {
    const std::size_t count = std::min(chunk_, samples_.size() - next_);
    for (std::size_t i = 0; i < count; ++i) codes_[window_ + i] = code(samples_[next_ + i]);
    for (std::size_t i = 0; i < count; ++i) {
      take(codes_[window_ + i], codes_[i]);
      hashes_[i] = mix(sum_);
    }
    classify(count + window_ - 1);
    std::copy_n(codes_.begin() + static_cast<std::ptrdiff_t>(count), window_, codes_.begin());
    next_ += count;
    return count;
  }

  std::uint64_t hash(std::size_t i) const { return hashes_[i]; }
  std::uint64_t classes(std::size_t i) const { return classes_[i]; }

 private:
  // `oldest` is the code that was taken a window ago.
  void take(std::uint64_t newest, std::uint64_t oldest) {
    sum_ = sum_ * kBase + newest - oldest * leading_;
  }

  // Window i holds the codes i + 1 .. i + window. The classes of two parts that overlap are those
  // of the whole, so a few doublings are enough.
  void classify(std::size_t codes) {
    for (std::size_t i = 0; i < codes; ++i) classes_[i] = std::uint64_t{1} << (codes_[i + 1] >> 58);
    std::size_t held = 1;
    const auto widen = [&](std::size_t step) {
      for (std::size_t i = 0; i + step + held <= codes; ++i) classes_[i] |= classes_[i + step];
      held += step;
    };
    while (2 * held <= window_) widen(held);
    if (held < window_) widen(window_ - held);
  }

  std::span<const float> samples_;
  std::size_t window_, chunk_;
  std::vector<std::uint64_t> codes_, classes_, hashes_;
  std::size_t next_ = 0;
  std::uint64_t sum_ = 0, leading_ = 1;  // leading_ = kBase^window
};

// The window of smallest hash among the last `spread`, of equal ones the last; those of fewer than
// `min_values` classes do not count. M. van Herk, "A fast algorithm for local minimum and maximum
// filters on rectangular and octagonal kernels", Pattern Recognition Letters 13 (1992): any
// `spread` windows are the end of one block of as many and the beginning of the next.
class SlidingMinimum {
 public:
  SlidingMinimum(std::size_t spread, std::size_t min_values)
      : min_values_(min_values), ends_(spread), block_(spread) {}

  const Window& push(const Window& window) {
    if (at_ == block_.size()) turn();
    block_[at_++] = window;
    if (window.hash <= beginning_.hash && counts(window)) beginning_ = window;
    if (at_ == ends_.size()) return beginning_;
    return beginning_.hash <= ends_[at_].hash ? beginning_ : ends_[at_];
  }

 private:
  void turn() {
    Window smallest;
    for (std::size_t i = block_.size(); i-- > 0;) {
      if (block_[i].hash < smallest.hash && counts(block_[i])) smallest = block_[i];
      ends_[i] = smallest;
    }
    beginning_ = {};
    at_ = 0;
  }

  bool counts(const Window& window) const {
    return static_cast<std::size_t>(std::popcount(window.classes)) >= min_values_;
  }

  std::size_t min_values_;
  std::vector<Window> ends_, block_;  // ends_: the smallest from each place of the last block on
  Window beginning_;
  std::size_t at_ = 0;
};

}  // namespace

Anchors find_anchors(std::span<const float> samples, std::size_t window, std::size_t spread,
                     std::size_t min_values, Control& control) {
  Anchors found;
  if (window == 0 || spread == 0 || samples.size() < window) return found;
  const std::size_t positions = samples.size() - window + 1;
  Windows windows(samples, window);
  // A signal of fewer windows than `spread` still gives its smallest one.
  const std::size_t first = std::min(spread, positions) - 1;
  SlidingMinimum smallest(first + 1, min_values);
  std::size_t position = 0, last = positions;
  while (position < positions) {
    control.poll_now();
    const std::size_t count = windows.next();
    for (std::size_t i = 0; i < count; ++i, ++position) {
      const auto& kept = smallest.push({windows.hash(i), windows.classes(i), position});
      if (position < first || kept.hash == kNone || kept.position == last) continue;
      last = kept.position;
      found.hashes.push_back(kept.hash);
      found.positions.push_back(static_cast<std::int64_t>(last));
    }
  }
  return found;
}

}  // namespace cantaor
