#include "cantaor/encoding.hpp"

#include <algorithm>

#include "cantaor/large_pages.hpp"

namespace cantaor {
namespace {

// A table costs four bytes per value between the smallest and the largest symbol: it may take a
// megabyte, or a byte for each of very many values.
std::int64_t largest_table(std::size_t values) {
  return std::max(std::int64_t{1} << 18, static_cast<std::int64_t>(values / 4));
}

struct Range {
  std::int64_t first = 0;
  std::int64_t width = 0;
};

Range range_of(std::span<const std::int32_t> values) {
  if (values.empty()) return {};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, static_cast<std::int64_t>(*high) - *low + 1};
}

}  // namespace

SymbolCodes::SymbolCodes(std::vector<std::int32_t> sorted_symbols, std::size_t values)
    : symbols_(std::move(sorted_symbols)) {
  if (symbols_.empty()) return;
  first_ = symbols_.front();
  const auto width = static_cast<std::int64_t>(symbols_.back()) - first_ + 1;
  if (width > largest_table(values)) return;
  table_.assign(static_cast<std::size_t>(width), kNoCode);
  for (std::size_t code = 0; code < symbols_.size(); ++code)
    table_[static_cast<std::size_t>(symbols_[code] - first_)] = static_cast<std::uint32_t>(code);
}

std::uint32_t SymbolCodes::search(std::int32_t symbol) const {
  const auto found = std::lower_bound(symbols_.begin(), symbols_.end(), symbol);
  if (found == symbols_.end() || *found != symbol) return kNoCode;
  return static_cast<std::uint32_t>(found - symbols_.begin());
}

std::vector<std::int32_t> distinct_symbols(std::span<const std::int32_t> values) {
  const Range range = range_of(values);
  std::vector<std::int32_t> distinct;
  if (range.width <= largest_table(values.size())) {
    std::vector<char> seen(static_cast<std::size_t>(range.width), 0);
    for (const auto value : values) seen[static_cast<std::size_t>(value - range.first)] = 1;
    for (std::size_t slot = 0; slot < seen.size(); ++slot)
      if (seen[slot])
        distinct.push_back(
            static_cast<std::int32_t>(range.first + static_cast<std::int64_t>(slot)));
    return distinct;
  }
  // Duplicates are dropped in batches so that memory follows the alphabet, not the input.
  std::size_t sorted = 0;
  const auto compact = [&] {
    std::sort(distinct.begin() + static_cast<std::ptrdiff_t>(sorted), distinct.end());
    std::inplace_merge(distinct.begin(), distinct.begin() + static_cast<std::ptrdiff_t>(sorted),
                       distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    sorted = distinct.size();
  };
  for (const auto value : values) {
    distinct.push_back(value);
    if (distinct.size() >= 2 * sorted + 65536) compact();
  }
  compact();
  return distinct;
}

void EncodedSequences::forget_codes() {
  table_ = SymbolCodes({});
  copied_ = {};
  copied_.shrink_to_fit();
}

EncodedSequences encode(const SequencesView& sequences, std::int64_t min_support,
                        InterruptPoller& poller) {
  const SymbolCodes all(distinct_symbols(sequences.values), sequences.values.size());
  poller.poll();
  EncodedSequences out;
  out.values_ = sequences.values;
  const bool copied = !all.has_table();
  if (copied) {
    reserve_large(out.copied_, sequences.values.size());
    out.copied_.resize(sequences.values.size());
  }
  std::vector<std::uint32_t> support(all.symbols().size(), 0), last(support.size(), kNoCode);
  std::size_t position = 0;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const auto sequence = sequences[s];
    for (const auto symbol : sequence) {
      const auto code = all(symbol);
      if (copied) out.copied_[position++] = code;
      support[code] += last[code] != s;
      last[code] = static_cast<std::uint32_t>(s);
    }
    poller.spend(sequence.size() + 1);
  }
  std::vector<std::uint32_t> dense(support.size(), kNoCode);
  for (std::size_t code = 0; code < support.size(); ++code) {
    if (support[code] < min_support) continue;
    dense[code] = static_cast<std::uint32_t>(out.symbols.size());
    out.symbols.push_back(all.symbols()[code]);
    out.support.push_back(support[code]);
  }
  for (auto& code : out.copied_) code = dense[code];
  if (!copied) out.table_ = SymbolCodes(out.symbols, sequences.values.size());
  return out;
}

}  // namespace cantaor
