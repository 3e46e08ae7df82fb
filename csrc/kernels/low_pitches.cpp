#include "cantaor/low_pitches.hpp"

#include <algorithm>
#include <cmath>

namespace cantaor {
namespace {

constexpr float kHarmonic = 0.55f;  // strength that noise does not reach
constexpr float kPlausible = 0.6f;  // strength over that of the strongest candidate
constexpr double kLowHz = 125;      // harmonics of higher pitches are few enough
constexpr float kRepeats = 0.85f;   // least agreement
constexpr float kBetter = 0.03f;    // by which a lower pitch must agree better: it always agrees
constexpr float kConfirmed = 0.7f;  // strength per agreement

/// Moves a candidate to the front of its row.
void put_first(int candidate, int count, float* cents, float* strength, const OctaveRow& octaves) {
  const auto move = [=](auto* row) { std::rotate(row, row + candidate, row + candidate + 1); };
  move(cents);
  move(strength);
  move(octaves.above);
  move(octaves.between_db);
  for (int k = 0; k < count; ++k) {
    std::int8_t& above = octaves.above[k];
    if (above == candidate)
      above = 0;
    else if (above >= 0 && above < candidate)
      ++above;
  }
}

}  // namespace

void confirm_low_pitch(const PeriodSearch& search, std::span<const float> window, double min_hz,
                       int candidates, float* cents, float* strength, const OctaveRow& octaves) {
  if (!(strength[0] > 0 && strength[0] < kHarmonic)) return;
  int count = 1;
  while (count < candidates && strength[count] > kPlausible * strength[0]) ++count;
  const auto hz = [&](int k) { return min_hz * std::exp2(static_cast<double>(cents[k]) / 1200); };
  int best = -1;
  float agreement = kRepeats;
  for (int k = 0; k < count; ++k) {
    if (hz(k) > kLowHz) continue;
    const float found = search.find(window, hz(k)).agreement;
    const float margin = best < 0 ? 0 : hz(k) > hz(best) ? -kBetter : kBetter;
    if (found > agreement + margin) {
      best = k;
      agreement = found;
    }
  }
  if (best < 0) return;
  for (int k = 0; k < count; ++k)
    if (hz(k) > kLowHz && search.find(window, hz(k)).agreement > agreement - kBetter) return;
  put_first(best, candidates, cents, strength, octaves);
  strength[0] = std::max(strength[0], kConfirmed * agreement);
}

}  // namespace cantaor
