// Suffixes of a segmented text, sorted bucket by bucket so that the work stays in a cache.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cantaor/mining.hpp"

namespace cantaor {

/// Codes 1..alphabet; a 0 ends every segment, so the text ends with 0.
struct SegmentedText {
  struct Segment {
    std::uint32_t end, owner;  // position of the segment's 0, sequence it belongs to
  };
  std::vector<std::uint32_t> codes;
  std::vector<Segment> segments;
  std::uint32_t alphabet = 0;

  /// The code before a position, 0 at the start of a segment.
  std::uint32_t left_of(std::uint32_t position) const {
    return position == 0 ? 0 : codes[position - 1];
  }
};

/// A suffix up to the end of its segment. Its key holds its first symbols, the code to its left in
/// the low bits.
struct Suffix {
  std::uint64_t key;
  std::uint32_t position, owner;
};

/// Suffixes in order: all of them, or of many the part that begins with some symbols.
struct SortedSuffixes {
  std::unique_ptr<Suffix[]> items;
  std::size_t size = 0;       // of all
  std::size_t part = 0;       // the first that items hold
  bool whole = true;          // items hold all
  int bits = 0, symbols = 0;  // bits of a code in a key, codes in it besides the left one

  const Suffix& operator[](std::size_t j) const { return items[j - part]; }
  std::uint32_t left(std::size_t j) const {
    return static_cast<std::uint32_t>((*this)[j].key & ((std::uint64_t{1} << bits) - 1));
  }
  /// Symbol k < symbols of suffix j.
  std::uint32_t code(std::size_t j, int k) const {
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    return static_cast<std::uint32_t>((*this)[j].key >> (bits * (symbols - k)) & mask);
  }
};

struct BucketVisitor {
  /// Told after every bucket: it begins at item `first`, and `common[i]` symbols are shared by item
  /// first + i and the one before it.
  std::function<void(std::size_t first, std::span<const std::uint32_t> common)> bucket;
  /// Told after every part, before its items go; no two parts share a first symbol. False ends the
  /// sort.
  std::function<bool()> part;
};

/// Up to so many suffixes are sorted in one part, and of more an eighth at a time.
inline constexpr std::size_t kOnePart = std::size_t{1} << 20;

/// Multikey radix sort with as many symbols to a key as fit into 64 bits: suffixes are dealt into
/// buckets by their leading bits, then every bucket is sorted, compared and visited while a cache
/// holds it. Groups of equal keys take the keys behind those (Kärkkäinen, J. and Rantala, T.,
/// 2008, "Engineering radix sort for strings", section 4). Linear where repeats are a few keys
/// long. A part of the suffixes is in memory at a time, unless `whole` asks for all. False, with
/// the items in no order, if repeats are so long that a linear sort is due.
bool sort_in_buckets(const SegmentedText& text, SortedSuffixes& out, const BucketVisitor& visit,
                     bool whole, InterruptPoller& poller);

}  // namespace cantaor
