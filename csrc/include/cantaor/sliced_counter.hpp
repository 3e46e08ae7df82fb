// 64 counters, one per bit of the words added, kept as bit planes: adding a word costs a few
// operations whatever the number of symbols, and all counters are compared at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cantaor {

class SlicedCounter {
 public:
  /// Adds eight words through a tree of carry-save adders.
  void add8(const std::array<std::uint64_t, 8>& words) {
    std::uint64_t two_a, two_b, four_a, four_b, eight;
    carry_save(two_a, planes_[0], words[0], words[1]);
    carry_save(two_b, planes_[0], words[2], words[3]);
    carry_save(four_a, planes_[1], two_a, two_b);
    carry_save(two_a, planes_[0], words[4], words[5]);
    carry_save(two_b, planes_[0], words[6], words[7]);
    carry_save(four_b, planes_[1], two_a, two_b);
    carry_save(eight, planes_[2], four_a, four_b);
    ripple(eight, 3);
  }
  void add(std::uint64_t word) { ripple(word, 0); }

  /// The lanes that count at least `threshold`.
  std::uint64_t at_least(std::uint64_t threshold) const {
    if (threshold >> kPlanes) return 0;
    std::uint64_t greater = 0, equal = ~std::uint64_t{0};
    for (std::size_t plane = kPlanes; plane-- > 0;) {
      const std::uint64_t wanted = (threshold >> plane) & 1 ? ~std::uint64_t{0} : 0;
      greater |= equal & planes_[plane] & ~wanted;
      equal &= ~(planes_[plane] ^ wanted);
    }
    return greater | equal;
  }

  std::uint32_t count(unsigned lane) const {
    std::uint64_t total = 0;
    for (std::size_t plane = 0; plane < kPlanes; ++plane)
      total |= ((planes_[plane] >> lane) & 1) << plane;
    return static_cast<std::uint32_t>(total);
  }

 private:
  static constexpr std::size_t kPlanes = 32;

  static void carry_save(std::uint64_t& carry, std::uint64_t& sum, std::uint64_t a,
                         std::uint64_t b) {
    const std::uint64_t half = sum ^ a;
    carry = (sum & a) | (half & b);
    sum = half ^ b;
  }
  void ripple(std::uint64_t carry, std::size_t plane) {
    for (; carry != 0; ++plane) {
      const std::uint64_t next = planes_[plane] & carry;
      planes_[plane] ^= carry;
      carry = next;
    }
  }
  std::array<std::uint64_t, kPlanes> planes_{};
};

}  // namespace cantaor
