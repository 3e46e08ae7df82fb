#include "cantaor/pattern_collector.hpp"

#include <algorithm>
#include <string>
#include <thread>

#include "cantaor/large_pages.hpp"

namespace cantaor {
namespace {

[[noreturn]] void refuse(std::int64_t limit) {
  throw TooManyPatterns("more than max_patterns (" + std::to_string(limit) + ") closed patterns");
}

// Rows of the chunks [first, last) by length.
std::vector<std::size_t> count_rows(std::span<const PatternChunk> chunks) {
  std::vector<std::size_t> rows;
  for (const auto& chunk : chunks)
    for (const auto length : chunk.lengths) {
      if (rows.size() <= length) rows.resize(length + std::size_t{1}, 0);
      ++rows[length];
    }
  return rows;
}

void place_rows(std::span<const PatternChunk> chunks, RowsByLength& rows,
                RowsByLength::Cursor& cursor) {
  for (const auto& chunk : chunks) {
    auto source = chunk.values.begin();
    for (std::size_t i = 0; i < chunk.lengths.size(); ++i) {
      const std::uint32_t length = chunk.lengths[i];
      std::copy_n(source, length, rows.place(cursor, length, chunk.support[i]));
      source += length;
    }
  }
}

// As many runs of chunks as there are threads, with about as many symbols each.
std::vector<std::span<const PatternChunk>> split(std::span<const PatternChunk> chunks,
                                                 std::size_t parts) {
  std::size_t symbols = 0, seen = 0, first = 0;
  for (const auto& chunk : chunks) symbols += chunk.values.size();
  std::vector<std::span<const PatternChunk>> out;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    seen += chunks[i].values.size();
    if (seen * parts < symbols * (out.size() + 1) && i + 1 < chunks.size()) continue;
    out.push_back(chunks.subspan(first, i + 1 - first));
    first = i + 1;
  }
  return out;
}

// Moves chunk after chunk into rows ordered by length; rows of one length keep their order.
Patterns by_length(std::span<const PatternChunk> chunks, int threads) {
  const auto parts = split(chunks, static_cast<std::size_t>(threads));
  RowsByLength rows;
  std::vector<std::vector<std::size_t>> counts;
  for (const auto& part : parts) {
    counts.push_back(count_rows(part));
    for (std::size_t length = 0; length < counts.back().size(); ++length)
      rows.count(length, counts.back()[length]);
  }
  std::vector<RowsByLength::Cursor> cursors(parts.size(), rows.allocate());
  for (std::size_t part = 1; part < parts.size(); ++part) {
    cursors[part] = cursors[part - 1];
    for (std::size_t length = 0; length < counts[part - 1].size(); ++length)
      cursors[part][length] += counts[part - 1][length];
  }
  std::vector<std::jthread> helpers;
  for (std::size_t part = 1; part < parts.size(); ++part)
    helpers.emplace_back([&, part] { place_rows(parts[part], rows, cursors[part]); });
  if (!parts.empty()) place_rows(parts[0], rows, cursors[0]);
  helpers.clear();
  return rows.take();
}

}  // namespace

RowsByLength::Cursor RowsByLength::allocate() {
  Cursor cursor(counts_.size(), 0);
  std::size_t rows = 0, symbols = 0;
  for (std::size_t length = 0; length < counts_.size(); ++length) {
    cursor[length] = rows;
    rows += counts_[length];
    symbols += counts_[length] * length;
  }
  reserve_large(out_.values, symbols);
  reserve_large(out_.offsets, rows + 1);
  reserve_large(out_.support, rows);
  out_.values.resize(symbols);
  out_.support.resize(rows);
  for (std::size_t length = 0; length < counts_.size(); ++length)
    for (std::size_t i = 0; i < counts_[length]; ++i)
      out_.offsets.push_back(out_.offsets.back() + static_cast<std::int64_t>(length));
  return cursor;
}

PatternCollector::PatternCollector(const MiningOptions& options)
    : options_(options),
      ranked_(options.top_k != MiningOptions::kUnlimited),
      limit_(options.max_patterns < options.top_k ? options.max_patterns + 1 : options.top_k),
      threshold_(options.min_support) {}

bool PatternCollector::better(const Ranked& a, const Ranked& b) {
  if (a.support != b.support) return a.support > b.support;
  if (a.pattern.size() != b.pattern.size()) return a.pattern.size() > b.pattern.size();
  return a.pattern < b.pattern;
}

void PatternCollector::admit() {
  if (options_.max_patterns != MiningOptions::kUnlimited &&
      count_.fetch_add(1, std::memory_order_relaxed) >= options_.max_patterns)
    refuse(options_.max_patterns);
}

void PatternCollector::add(PatternChunk& chunk, std::span<const std::int32_t> pattern,
                           std::int64_t support) {
  if (!may_be_kept(pattern.size())) return;
  if (ranked_) return add_ranked(pattern, support);
  admit();
  chunk.values.insert(chunk.values.end(), pattern.begin(), pattern.end());
  chunk.lengths.push_back(static_cast<std::uint32_t>(pattern.size()));
  chunk.support.push_back(static_cast<std::int32_t>(support));
}

void PatternCollector::add_ranked(std::span<const std::int32_t> pattern, std::int64_t support) {
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

Patterns PatternCollector::finish(std::vector<PatternChunk> chunks) {
  if (ranked_) return finish_ranked();
  std::sort(chunks.begin(), chunks.end(),
            [](const PatternChunk& a, const PatternChunk& b) { return a.prefix < b.prefix; });
  return by_length(chunks, options_.threads);
}

Patterns PatternCollector::finish_ranked() {
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
  return by_length({&chunk, 1}, 1);
}

}  // namespace cantaor
