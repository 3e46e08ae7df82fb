// Set of small codes, 64 to a word.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace cantaor {

template <std::size_t Words>
struct CodeSet {
  std::array<std::uint64_t, Words> words{};

  static CodeSet all_below(std::uint32_t codes) {
    CodeSet out;
    for (std::uint32_t code = 0; code < codes; ++code) out.insert(code);
    return out;
  }
  void insert(std::uint32_t code) { words[code / 64] |= std::uint64_t{1} << (code & 63); }
  bool contains(std::uint32_t code) const { return (words[code / 64] >> (code & 63)) & 1; }
  bool empty() const {
    std::uint64_t any = 0;
    for (const auto word : words) any |= word;
    return any == 0;
  }
  std::uint32_t size() const {
    int total = 0;
    for (const auto word : words) total += std::popcount(word);
    return static_cast<std::uint32_t>(total);
  }
  CodeSet& operator&=(const CodeSet& other) {
    for (std::size_t w = 0; w < Words; ++w) words[w] &= other.words[w];
    return *this;
  }
  void remove(const CodeSet& other) {
    for (std::size_t w = 0; w < Words; ++w) words[w] &= ~other.words[w];
  }
  /// Ascending.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t w = 0; w < Words; ++w)
      for (std::uint64_t open = words[w]; open != 0; open &= open - 1)
        visit(static_cast<std::uint32_t>(64 * w) +
              static_cast<std::uint32_t>(std::countr_zero(open)));
  }
};

}  // namespace cantaor
