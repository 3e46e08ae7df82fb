// What the mining kernels share: sequences in, options, patterns out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

#include "cantaor/control.hpp"

namespace cantaor {

/// Ragged sequences: sequence i is values[offsets[i] .. offsets[i + 1]). The caller has checked
/// that the offsets ascend from 0 to the number of values and that there are fewer than 2^31.
struct SequencesView {
  std::span<const std::int32_t> values;
  std::span<const std::int64_t> offsets;

  std::size_t size() const { return offsets.size() - 1; }
  std::span<const std::int32_t> operator[](std::size_t i) const {
    const auto first = static_cast<std::size_t>(offsets[i]);
    return values.subspan(first, static_cast<std::size_t>(offsets[i + 1]) - first);
  }
};

/// How an engine that grows patterns keeps the sequences: a choice of speed and memory alone.
enum class Layout { automatic, bitmaps, lists };

struct MiningOptions {
  static constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

  std::int64_t min_support = 1;
  std::int64_t min_length = 1;
  std::int64_t max_length = kUnlimited;
  std::int64_t top_k = kUnlimited;
  std::int64_t max_patterns = kUnlimited;
  int threads = 1;
};

/// Patterns by length, then lexicographically; pattern i is values[offsets[i] .. offsets[i + 1]).
struct Patterns {
  std::vector<std::int32_t> values;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> support;
  bool partial = false;  // the Control's limit of work ended the search

  std::size_t size() const { return support.size(); }
};

/// More patterns than MiningOptions::max_patterns would be returned.
struct TooManyPatterns : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Counts work down and looks at the Control every few ten thousand steps, so that neither cheap
/// steps pay for it nor expensive ones delay an interrupt.
class InterruptPoller {
 public:
  InterruptPoller(Control& control, bool calling_thread)
      : control_(control), calling_thread_(calling_thread) {}

  void spend(std::size_t steps) {
    budget_ -= static_cast<std::int64_t>(steps);
    if (budget_ < 0) poll();
  }
  void poll() {
    budget_ = kBudget;
    if (calling_thread_)
      control_.poll_now();
    else
      control_.check();
  }
  bool calling_thread() const { return calling_thread_; }
  Control& control() { return control_; }

 private:
  static constexpr std::int64_t kBudget = 1 << 15;
  Control& control_;
  bool calling_thread_;
  std::int64_t budget_ = kBudget;
};

}  // namespace cantaor
