#include "cantaor/anchors.hpp"

#include <array>
#include <bit>
#include <deque>

namespace cantaor {
namespace {

constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15u;

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

// Hash and variety of a window that moves on by one sample at a time.
class RollingWindow {
 public:
  explicit RollingWindow(std::size_t size) : codes_(size) {
    for (std::size_t i = 1; i < size; ++i) leading_ *= kBase;
  }

  void push(float sample) {
    const auto next = code(sample);
    auto& slot = codes_[at_];
    at_ = at_ + 1 == codes_.size() ? 0 : at_ + 1;
    if (filled_ == codes_.size())
      leave(slot);
    else
      ++filled_;
    slot = next;
    sum_ = sum_ * kBase + next;
    if (counts_[next >> 58]++ == 0) ++values_;
  }

  bool full() const { return filled_ == codes_.size(); }
  std::size_t values() const { return values_; }
  std::uint64_t hash() const { return mix(sum_); }

 private:
  void leave(std::uint64_t oldest) {
    sum_ -= oldest * leading_;
    if (--counts_[oldest >> 58] == 0) --values_;
  }

  std::vector<std::uint64_t> codes_;
  std::array<std::uint32_t, 64> counts_{};
  std::size_t at_ = 0, filled_ = 0, values_ = 0;
  std::uint64_t sum_ = 0, leading_ = 1;  // leading_ = kBase^(size - 1)
};

struct Candidate {
  std::uint64_t hash;
  std::size_t position;
};

}  // namespace

Anchors find_anchors(std::span<const float> samples, std::size_t window, std::size_t spread,
                     std::size_t min_values, Control& control) {
  Anchors found;
  if (window == 0 || spread == 0 || samples.size() < window) return found;
  const std::size_t positions = samples.size() - window + 1;
  RollingWindow rolling(window);
  // Ascending hashes from front to back: the front is the smallest of the last `spread` windows.
  std::deque<Candidate> smallest;
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t last = kNone;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if ((i & 4095u) == 0) control.poll_now();
    rolling.push(samples[i]);
    if (!rolling.full()) continue;
    const std::size_t position = i + 1 - window;
    if (rolling.values() >= min_values) {
      const auto hash = rolling.hash();
      while (!smallest.empty() && smallest.back().hash >= hash) smallest.pop_back();
      smallest.push_back({hash, position});
    }
    while (!smallest.empty() && smallest.front().position + spread <= position)
      smallest.pop_front();
    // A signal of fewer windows than `spread` still gives its smallest one.
    const bool complete = position + 1 >= spread || position + 1 == positions;
    if (!complete || smallest.empty() || smallest.front().position == last) continue;
    last = smallest.front().position;
    found.hashes.push_back(smallest.front().hash);
    found.positions.push_back(static_cast<std::int64_t>(last));
  }
  return found;
}

}  // namespace cantaor
