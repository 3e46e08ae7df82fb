#include <algorithm>
#include <random>
#include <span>
#include <vector>

#include "cantaor/anchors.hpp"
#include "check.hpp"

using cantaor::Anchors;
using cantaor::Control;
using cantaor::find_anchors;

namespace {

std::vector<float> noise(std::size_t size, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> draw(-1.0f, 1.0f);
  std::vector<float> samples(size);
  for (auto& sample : samples) sample = draw(engine);
  return samples;
}

Anchors anchors_of(std::span<const float> samples) {
  Control control;
  return find_anchors(samples, 32, 33, 8, control);
}

}  // namespace

int main() {
  const auto signal = noise(5000, 1);
  const auto whole = anchors_of(signal);
  CHECK(std::is_sorted(whole.positions.begin(), whole.positions.end()));

  // Any 64 shared samples share an anchor, at its place in the whole signal.
  for (std::size_t at = 0; at + 64 <= signal.size(); ++at) {
    const auto part = anchors_of(std::span(signal).subspan(at, 64));
    CHECK(part.hashes.size() == 1);
    const auto place = std::find(whole.hashes.begin(), whole.hashes.end(), part.hashes[0]);
    CHECK(place != whole.hashes.end());
    CHECK(whole.positions[static_cast<std::size_t>(place - whole.hashes.begin())] ==
          part.positions[0] + static_cast<std::int64_t>(at));
  }

  CHECK(anchors_of(std::vector<float>(1000, 0.25f)).hashes.empty());
  CHECK(anchors_of(std::span(signal).first(31)).hashes.empty());
  CHECK(anchors_of({}).hashes.empty());
  CHECK(anchors_of(std::span(signal).first(32)).hashes.size() == 1);

  bool stopped = false;
  Control failing([](std::int64_t) { throw 1; });
  try {
    find_anchors(signal, 32, 33, 8, failing);
  } catch (int) {
    stopped = true;
  }
  CHECK(stopped);
}
