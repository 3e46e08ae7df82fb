// Where closed patterns go: length filters, the best k, the guard against too many, the order.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "cantaor/mining.hpp"

namespace cantaor {

/// Patterns found one after the other in lexicographic order, all below one prefix.
struct PatternChunk {
  std::vector<std::uint32_t> prefix;  // codes of the prefix; chunks are ordered by it
  std::vector<std::int32_t> values;
  std::vector<std::uint32_t> lengths;
  std::vector<std::int32_t> support;
};

/// Shared by all threads of a search; each thread adds to a chunk of its own.
class Collector {
 public:
  explicit Collector(const MiningOptions& options);

  /// Support below which nothing can be returned any more: rises while the best k are sought.
  std::int64_t threshold() const { return threshold_.load(std::memory_order_relaxed); }
  bool may_be_kept(std::size_t length) const {
    return static_cast<std::int64_t>(length) >= options_.min_length &&
           static_cast<std::int64_t>(length) <= options_.max_length;
  }
  bool may_grow(std::size_t length) const {
    return static_cast<std::int64_t>(length) < options_.max_length;
  }

  /// Throws TooManyPatterns.
  void add(PatternChunk& chunk, std::span<const std::int32_t> pattern, std::int64_t support);

  /// All patterns by length, then lexicographically. Chunks may come in any order.
  Patterns finish(std::vector<PatternChunk> chunks);

 private:
  struct Ranked {
    std::int64_t support;
    std::vector<std::int32_t> pattern;
  };
  static bool better(const Ranked& a, const Ranked& b);
  void add_ranked(std::span<const std::int32_t> pattern, std::int64_t support);
  Patterns finish_ranked();

  MiningOptions options_;
  bool ranked_;
  std::int64_t limit_;  // patterns kept at most while ranking
  std::atomic<std::int64_t> threshold_;
  std::atomic<std::int64_t> count_{0};
  std::mutex mutex_;
  std::vector<Ranked> heap_;  // the worst on top
};

}  // namespace cantaor
