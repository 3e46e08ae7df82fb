// Where closed patterns go: length filters, the best k, the guard against too many, the order.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>
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

/// Patterns ordered by length whose lengths are known before their symbols: every row is counted,
/// then the same rows are placed. Those of one length keep the order in which they are placed.
class RowsByLength {
 public:
  using Cursor = std::vector<std::size_t>;  // [length]: row that the next pattern takes

  void count(std::size_t length, std::size_t rows = 1) {
    if (length >= counts_.size()) counts_.resize(length + 1, 0);
    counts_[length] += rows;
  }
  /// Makes room; what comes first of every length.
  Cursor allocate();
  /// Where the symbols of the next pattern go. Threads may place at cursors of their own.
  std::int32_t* place(Cursor& cursor, std::size_t length, std::int64_t support) {
    const std::size_t row = cursor[length]++;
    out_.support[row] = static_cast<std::int32_t>(support);
    return out_.values.data() + out_.offsets[row];
  }
  Patterns take() { return std::move(out_); }

 private:
  std::vector<std::size_t> counts_;  // [length]
  Patterns out_;
};

/// Shared by all threads of a search; each thread adds to a chunk of its own.
class PatternCollector {
 public:
  explicit PatternCollector(const MiningOptions& options);

  /// Support below which nothing can be returned any more: rises while the best k are sought.
  std::int64_t threshold() const { return threshold_.load(std::memory_order_relaxed); }
  bool may_be_kept(std::size_t length) const {
    return static_cast<std::int64_t>(length) >= options_.min_length &&
           static_cast<std::int64_t>(length) <= options_.max_length;
  }
  bool may_grow(std::size_t length) const {
    return static_cast<std::int64_t>(length) < options_.max_length;
  }

  /// Whether only the best are wanted, so that what is added may be dropped again.
  bool ranked() const { return ranked_; }
  /// Counts a pattern that will be returned. Throws TooManyPatterns.
  void admit();

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
