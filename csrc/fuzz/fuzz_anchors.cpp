// Anchors of any signal: places in order, no two far apart, and the same ones wherever the signal
// stands in a longer one.
#include <map>

#include "cantaor/anchors.hpp"
#include "input.hpp"

namespace {

using namespace cantaor;
using fuzz::Input;

std::map<std::int64_t, std::uint64_t> anchors_of(std::span<const float> samples, std::size_t window,
                                                 std::size_t spread, std::size_t min_values) {
  Control control;
  const Anchors found = find_anchors(samples, window, spread, min_values, control);
  DEMAND(found.hashes.size() == found.positions.size());
  std::map<std::int64_t, std::uint64_t> out;
  std::int64_t last = -1;
  for (std::size_t i = 0; i < found.positions.size(); ++i) {
    const auto position = found.positions[i];
    DEMAND(position > last);
    DEMAND(position + static_cast<std::int64_t>(window) <=
           static_cast<std::int64_t>(samples.size()));
    if (min_values == 0 && last >= 0) DEMAND(position - last <= static_cast<std::int64_t>(spread));
    out[last = position] = found.hashes[i];
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto window = static_cast<std::size_t>(input.from(1, 300));
  const auto spread = static_cast<std::size_t>(input.from(1, 300));
  const auto min_values = static_cast<std::size_t>(input.from(0, 64));
  const auto shift = static_cast<std::size_t>(input.from(0, 200));
  const bool any_bits = input.flag();
  std::vector<float> samples;
  if (any_bits)
    samples = input.numbers<float>(2000);
  else
    for (const std::int8_t value : input.numbers<std::int8_t>(2000))
      samples.push_back(static_cast<float>(value) / 128.0f);
  const auto whole = anchors_of(samples, window, spread, min_values);
  if (shift >= samples.size()) return 0;
  const auto part = anchors_of(std::span(samples).subspan(shift), window, spread, min_values);
  // Whatever both see with `spread` windows before it is chosen from the same windows; a signal of
  // fewer windows chooses from what it has.
  if (samples.size() - shift < window + spread - 1) return 0;
  for (const auto& [position, hash] : part) {
    const auto there = whole.find(position + static_cast<std::int64_t>(shift));
    DEMAND(there != whole.end() && there->second == hash);
  }
  return 0;
}
