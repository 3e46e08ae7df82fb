// Symbols of any int32 value as dense codes that keep their order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cantaor/mining.hpp"

namespace cantaor {

inline constexpr std::uint32_t kNoCode = 0xffffffffu;

/// Code of every symbol of a sorted alphabet; a table where the symbols are close together, a
/// binary search where they are not.
class SymbolCodes {
 public:
  /// A table may take a byte for each of `values`, the number of symbols to be looked up.
  explicit SymbolCodes(std::vector<std::int32_t> sorted_symbols, std::size_t values = 0);

  std::uint32_t operator()(std::int32_t symbol) const {
    if (table_.empty()) return search(symbol);
    const auto slot = static_cast<std::int64_t>(symbol) - first_;
    return slot < 0 || slot >= static_cast<std::int64_t>(table_.size())
               ? kNoCode
               : table_[static_cast<std::size_t>(slot)];
  }
  const std::vector<std::int32_t>& symbols() const { return symbols_; }
  bool has_table() const { return !table_.empty(); }

 private:
  std::uint32_t search(std::int32_t symbol) const;

  std::vector<std::int32_t> symbols_;
  std::vector<std::uint32_t> table_;
  std::int64_t first_ = 0;
};

/// The distinct values, ascending.
std::vector<std::int32_t> distinct_symbols(std::span<const std::int32_t> values);

/// Sequences read in the codes of the symbols that enough sequences contain. No other symbol can
/// stand in a frequent pattern or extend one without losing support; those are kNoCode. Codes are
/// looked up in the caller's values, and copied only where there is no table of them.
class EncodedSequences {
 public:
  std::vector<std::int32_t> symbols;   // symbol of each code, ascending
  std::vector<std::uint32_t> support;  // sequences that contain each code

  /// Code of values[i].
  std::uint32_t code(std::size_t i) const {
    return copied_.empty() ? table_(values_[i]) : copied_[i];
  }
  /// Gives back what code() needs.
  void forget_codes();

 private:
  friend EncodedSequences encode(const SequencesView& sequences, std::int64_t min_support,
                                 InterruptPoller& poller);
  std::span<const std::int32_t> values_;
  SymbolCodes table_{{}};
  std::vector<std::uint32_t> copied_;  // parallel to the values
};

EncodedSequences encode(const SequencesView& sequences, std::int64_t min_support,
                        InterruptPoller& poller);

}  // namespace cantaor
