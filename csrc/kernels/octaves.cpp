#include "cantaor/octaves.hpp"

#include <algorithm>
#include <cmath>

namespace cantaor {
namespace {

constexpr float kNear = 45;         // cents by which a ratio may differ from a whole number
constexpr float kPlausible = 0.6f;  // strength, over that of the strongest candidate
constexpr int kMostPartials = 6;    // between harmonics, that are looked at
constexpr int kFewestPartials = 2;
constexpr float kLowest = 0.0562f, kHighest = 3.162f;  // ratios that count at most, -25 and 10 dB

struct Multiple {
  int number;
  float cents;
};
// The next ones, 4 and 6, are even: what is no harmonic of 2 is none of these.
constexpr Multiple kMultiples[] = {{2, 1200.0f}, {3, 1901.955f}, {5, 2786.314f}, {7, 3368.826f}};

}  // namespace

OctaveEvidence::OctaveEvidence(double spacing, std::size_t last_bin, double min_hz)
    : per_hz_(1 / spacing), min_hz_(min_hz), last_bin_(static_cast<double>(last_bin)) {}

void OctaveEvidence::run(const float* power, const float* cents, const float* strength,
                         int candidates, const OctaveRow& out) const {
  std::fill_n(out.above, candidates, std::int8_t{-1});
  std::fill_n(out.between_db, candidates, kUnknownDb);
  int count = 0;  // weaker candidates cannot become the pitch
  while (count < candidates && strength[count] > 0 && strength[count] >= kPlausible * strength[0])
    ++count;
  for (int i = 0; i < count; ++i) {
    const auto [candidate, multiple] = strongest_above(i, cents, strength, count);
    if (candidate < 0) continue;
    const auto upper = static_cast<double>(cents[candidate]);
    const double position = min_hz_ * std::exp2(upper / 1200) / multiple * per_hz_;
    out.above[i] = static_cast<std::int8_t>(candidate);
    out.between_db[i] = between(power, position, multiple);
  }
}

OctaveEvidence::Above OctaveEvidence::strongest_above(int of, const float* cents,
                                                      const float* strength, int count) {
  Above best{-1, 0};
  float most = 0;
  for (int i = 0; i < count; ++i) {
    const float apart = cents[i] - cents[of];
    if (!(apart > kMultiples[0].cents - kNear && strength[i] > most)) continue;
    for (const auto& [number, ratio] : kMultiples)
      if (std::abs(apart - ratio) < kNear) {
        most = strength[i];
        best = {i, number};
      }
  }
  return best;
}

/// Mean level in dB of the first partials of a fundamental, at `position` bins, that are not also
/// of its multiple, each over the mean amplitude of the two neighbours that are. Those below the
/// multiple itself count only where they are: the band of a recording may begin above them.
float OctaveEvidence::between(const float* power, double position, int multiple) const {
  float product = 1, below = 0;  // amplitude of the neighbour below; order 0 has none
  int found = 0;
  for (int first = 0, seen = 0; seen < kMostPartials; first += multiple) {
    if ((first + multiple) * position > last_bin_) break;
    const float above = amplitude(power, (first + multiple) * position);
    const float beside = std::max(0.5f * (below + above), 1e-12f);
    for (int order = first + 1; order < first + multiple && seen < kMostPartials; ++order, ++seen) {
      const float ratio = amplitude(power, order * position) / beside;
      if (first == 0 && ratio <= kLowest) continue;
      product *= std::clamp(ratio, kLowest, kHighest);
      ++found;
    }
    below = above;
  }
  return found < kFewestPartials ? kUnknownDb
                                 : 20 * std::log10(product) / static_cast<float>(found);
}

float OctaveEvidence::amplitude(const float* power, double position) const {
  const auto bin = static_cast<std::size_t>(position);
  const auto part = static_cast<float>(position - static_cast<double>(bin));
  return std::sqrt(power[bin]) * (1 - part) + std::sqrt(power[bin + 1]) * part;
}

}  // namespace cantaor
