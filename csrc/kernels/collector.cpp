#include "cantaor/collector.hpp"

#include <algorithm>
#include <string>

namespace cantaor {
namespace {

[[noreturn]] void refuse(std::int64_t limit) {
  throw TooManyPatterns("more than max_patterns (" + std::to_string(limit) + ") closed patterns");
}

// Moves chunk after chunk into rows ordered by length; rows of one length keep their order.
Patterns by_length(const std::vector<PatternChunk>& chunks) {
  std::vector<std::size_t> rows;  // rows[l + 1]: patterns of length l
  for (const auto& chunk : chunks)
    for (const auto length : chunk.lengths) {
      if (rows.size() < length + 2u) rows.resize(length + 2u, 0);
      ++rows[length + 1u];
    }
  Patterns out;
  for (std::size_t length = 0; length + 1 < rows.size(); ++length) {
    for (std::size_t i = 0; i < rows[length + 1]; ++i)
      out.offsets.push_back(out.offsets.back() + static_cast<std::int64_t>(length));
    rows[length + 1] += rows[length];
  }
  out.values.resize(static_cast<std::size_t>(out.offsets.back()));
  out.support.resize(out.offsets.size() - 1);
  for (const auto& chunk : chunks) {
    auto source = chunk.values.begin();
    for (std::size_t i = 0; i < chunk.lengths.size(); ++i) {
      const auto row = rows[chunk.lengths[i]]++;
      out.support[row] = chunk.support[i];
      std::copy_n(source, chunk.lengths[i], out.values.begin() + out.offsets[row]);
      source += chunk.lengths[i];
    }
  }
  return out;
}

}  // namespace

Collector::Collector(const MiningOptions& options)
    : options_(options),
      ranked_(options.top_k != MiningOptions::kUnlimited),
      limit_(options.max_patterns < options.top_k ? options.max_patterns + 1 : options.top_k),
      threshold_(options.min_support) {}

bool Collector::better(const Ranked& a, const Ranked& b) {
  if (a.support != b.support) return a.support > b.support;
  if (a.pattern.size() != b.pattern.size()) return a.pattern.size() > b.pattern.size();
  return a.pattern < b.pattern;
}

void Collector::add(PatternChunk& chunk, std::span<const std::int32_t> pattern,
                    std::int64_t support) {
  if (!may_be_kept(pattern.size())) return;
  if (ranked_) return add_ranked(pattern, support);
  if (options_.max_patterns != MiningOptions::kUnlimited &&
      count_.fetch_add(1, std::memory_order_relaxed) >= options_.max_patterns)
    refuse(options_.max_patterns);
  chunk.values.insert(chunk.values.end(), pattern.begin(), pattern.end());
  chunk.lengths.push_back(static_cast<std::uint32_t>(pattern.size()));
  chunk.support.push_back(static_cast<std::int32_t>(support));
}

void Collector::add_ranked(std::span<const std::int32_t> pattern, std::int64_t support) {
  if (support < threshold()) return;
  Ranked entry{support, {pattern.begin(), pattern.end()}};
  const std::lock_guard lock(mutex_);
  if (static_cast<std::int64_t>(heap_.size()) >= limit_) {
    if (!better(entry, heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.back() = std::move(entry);
  } else {
    heap_.push_back(std::move(entry));
  }
  std::push_heap(heap_.begin(), heap_.end(), better);
  // Patterns of the same support may still replace the worst: longer ones come first.
  if (static_cast<std::int64_t>(heap_.size()) == limit_)
    threshold_.store(std::max(options_.min_support, heap_.front().support),
                     std::memory_order_relaxed);
}

Patterns Collector::finish(std::vector<PatternChunk> chunks) {
  if (ranked_) return finish_ranked();
  std::sort(chunks.begin(), chunks.end(),
            [](const PatternChunk& a, const PatternChunk& b) { return a.prefix < b.prefix; });
  return by_length(chunks);
}

Patterns Collector::finish_ranked() {
  if (static_cast<std::int64_t>(heap_.size()) > options_.max_patterns)
    refuse(options_.max_patterns);
  std::sort(heap_.begin(), heap_.end(),
            [](const Ranked& a, const Ranked& b) { return a.pattern < b.pattern; });
  PatternChunk chunk;
  for (const auto& entry : heap_) {
    chunk.values.insert(chunk.values.end(), entry.pattern.begin(), entry.pattern.end());
    chunk.lengths.push_back(static_cast<std::uint32_t>(entry.pattern.size()));
    chunk.support.push_back(static_cast<std::int32_t>(entry.support));
  }
  return by_length({std::move(chunk)});
}

}  // namespace cantaor
