// Fewer page faults and address translations for arrays of many megabytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace cantaor {

/// Asks the system to back memory that was not touched yet with large pages: a hint, nothing else.
template <class T>
void prefer_large_pages([[maybe_unused]] T* memory, [[maybe_unused]] std::size_t items) {
#ifdef __linux__
  constexpr std::uintptr_t kPage = std::uintptr_t{1} << 21;
  const auto first = (reinterpret_cast<std::uintptr_t>(memory) + kPage - 1) & ~(kPage - 1);
  const auto last = reinterpret_cast<std::uintptr_t>(memory + items) & ~(kPage - 1);
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

template <class T>
void reserve_large(std::vector<T>& items, std::size_t size) {
  items.reserve(size);
  prefer_large_pages(items.data() + items.size(), items.capacity() - items.size());
}

}  // namespace cantaor
