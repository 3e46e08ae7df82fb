// How the bytes of a fuzzer become arguments of a kernel, and what a target demands of its answer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

/// Ends the program, so that the fuzzer keeps the input.
#define DEMAND(condition)                                                          \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

namespace cantaor::fuzz {

/// Takes numbers off the front of an input; past its end all of them are 0.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : bytes_(data, size) {}

  template <typename T>
  T number() {
    static_assert(std::is_arithmetic_v<T>);
    T value{};
    const std::size_t size = std::min(sizeof(T), bytes_.size());
    if (size > 0) std::memcpy(&value, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
    return value;
  }

  /// A whole number from `low` to `high`, both at most 2^16 - 1 apart.
  std::int64_t from(std::int64_t low, std::int64_t high) {
    return low + number<std::uint16_t>() % (high - low + 1);
  }

  /// A number from `low` to `high` in 65,535 steps.
  double between(double low, double high) {
    return low + (high - low) * number<std::uint16_t>() / 65'535.0;
  }

  bool flag() { return (number<std::uint8_t>() & 1) != 0; }

  /// As many numbers as the rest of the input holds, at most so many.
  template <typename T>
  std::vector<T> numbers(std::size_t most) {
    std::vector<T> out(std::min(bytes_.size() / sizeof(T), most));
    for (T& value : out) value = number<T>();
    return out;
  }

  bool empty() const { return bytes_.empty(); }

 private:
  std::span<const std::uint8_t> bytes_;
};

/// Rows of symbols: a byte of 128 ends a row, any other is a symbol of -127 to 127.
struct Rows {
  std::vector<std::int32_t> values;
  std::vector<std::int64_t> offsets{0};

  explicit Rows(std::span<const std::int8_t> bytes) {
    for (const std::int8_t byte : bytes)
      if (byte == -128)
        offsets.push_back(static_cast<std::int64_t>(values.size()));
      else
        values.push_back(byte);
    if (offsets.back() != static_cast<std::int64_t>(values.size()))
      offsets.push_back(static_cast<std::int64_t>(values.size()));
  }
};

/// Whether offsets begin at 0, never descend, and end at `size`.
inline bool are_offsets(std::span<const std::int64_t> offsets, std::size_t size) {
  return !offsets.empty() && offsets.front() == 0 &&
         offsets.back() == static_cast<std::int64_t>(size) &&
         std::is_sorted(offsets.begin(), offsets.end());
}

}  // namespace cantaor::fuzz
