#include "cantaor/octave_choice.hpp"

#include <algorithm>
#include <cmath>

#include "cantaor/wide.hpp"

namespace cantaor {
namespace {

constexpr std::size_t kRow = kMaxCandidates;
// A frame's octave is beyond doubt if it is harmonic, its harmonics are no subharmonics, and what
// is an octave lower is weaker by so much.
constexpr float kSure = 0.5f, kSureDb = -2, kSureGap = 0.1f;
constexpr float kMostReach = 1.5f;  // of evidence for a pitch within the range
constexpr float kNear = 45;         // cents

static_assert(kRow == kLanes);

CANTAOR_INLINE void clamp_share(FloatLanes& x) {
  x = x > 0 ? x : FloatLanes{};
  x = x < 1 ? x : FloatLanes{} + 1.0f;
}

/// Shares 0..1 of every candidate; returns whether any is above 0.
CANTAOR_WIDE bool shares(const std::int8_t* above, const float* between_db, float harmonic,
                         float per_subharmonic, float overtone, float per_overtone,
                         float* subharmonics, float* overtones) {
  ByteLanes bytes;
  FloatLanes level;
  load_lanes(bytes, above);
  load_lanes(level, between_db);
  const IntLanes known =
      (__builtin_convertvector(bytes, IntLanes) >= 0) & (level < FloatLanes{} + kUnknownDb);
  FloatLanes low = (harmonic - level) * per_subharmonic;
  FloatLanes high = (level - overtone) * per_overtone;
  clamp_share(low);
  clamp_share(high);
  low = known ? low : FloatLanes{};
  high = known ? high : FloatLanes{};
  store_lanes(low, subharmonics);
  store_lanes(high, overtones);
  return largest_lane(low + high) > 0;
}

/// The strongest candidate whose strongest multiple is the first one.
CANTAOR_WIDE float strongest_below_first(const std::int8_t* above, const float* strength) {
  ByteLanes bytes;
  FloatLanes strong;
  load_lanes(bytes, above);
  load_lanes(strong, strength);
  return largest_lane(__builtin_convertvector(bytes, IntLanes) == 0 ? strong : FloatLanes{});
}

/// The strongest of the candidates an octave or a twelfth away.
CANTAOR_WIDE float strongest_relative(const float* cents, const float* strength, float chosen) {
  FloatLanes apart, strong;
  load_lanes(apart, cents);
  load_lanes(strong, strength);
  apart -= chosen;
  apart = apart < 0 ? -apart : apart;
  const FloatLanes octave = apart - kOctave, twelfth = apart - kTwelfth;
  const IntLanes related =
      ((octave < kNear) & (octave > -kNear)) | ((twelfth < kNear) & (twelfth > -kNear));
  strong = (related & (strong > 0)) ? strong : FloatLanes{};
  return largest_lane(strong);
}

/// Strengths while candidates lose theirs to others.
struct Exchange {
  CandidateRow raised;
  CandidateRow lost{};

  void lose(const CandidateRow& strength, std::size_t from, std::size_t to, float share,
            float cost) {
    const float more = std::max(strength[from] - strength[to], 0.0f);
    raised[to] = std::max(raised[to], strength[to] + std::min(share, 1.0f) * more);
    lost[from] += share * cost;
  }
  CandidateRow result() {
    for (std::size_t k = 0; k < kRow; ++k) raised[k] -= lost[k];
    return raised;
  }
};

}  // namespace

OctaveChoice::OctaveChoice(const OctaveSettings& settings)
    : octave_cost_(static_cast<float>(settings.octave_cost)),
      overtone_cost_(static_cast<float>(settings.overtone_cost)),
      range_weight_(static_cast<float>(settings.range_weight)),
      harmonic_db_(static_cast<float>(settings.harmonic_db)),
      overtone_db_(static_cast<float>(settings.overtone_db)),
      per_subharmonic_db_(
          static_cast<float>(1 / std::max(settings.harmonic_db - settings.subharmonic_db, 0.1))),
      per_overtone_db_(static_cast<float>(1 / std::max(-settings.overtone_db, 0.1))) {}

OctaveNotes OctaveChoice::read(const CandidateRow& strength, const OctaveRow& evidence) const {
  OctaveNotes notes;
  std::copy_n(evidence.above, kRow, notes.above.begin());
  notes.paired =
      shares(evidence.above, evidence.between_db, harmonic_db_, per_subharmonic_db_, overtone_db_,
             per_overtone_db_, notes.subharmonic.data(), notes.overtone.data());
  if (!(strength[0] > kSure)) return notes;
  const bool harmonic = notes.above[0] < 0 || evidence.between_db[0] > kSureDb;
  notes.sure = harmonic &&
               strength[0] - strongest_below_first(notes.above.data(), strength.data()) > kSureGap;
  return notes;
}

WeighedStrengths OctaveChoice::weigh(const CandidateRow& cents, const CandidateRow& strength,
                                     const OctaveNotes& notes, const UsualPitch& usual) const {
  if (!notes.paired) return {strength, strength};
  Exchange in_context{strength}, alone{strength};
  for (std::size_t k = 0; k < kRow; ++k) {
    const float low = notes.subharmonic[k], high = notes.overtone[k];
    if (!(low + high > 0)) continue;
    const auto above = static_cast<std::uint8_t>(notes.above[k]);  // some: else the shares are 0
    if (high > 0) {
      in_context.lose(strength, above, k, high, overtone_cost_);
      alone.lose(strength, above, k, high, overtone_cost_);
      continue;
    }
    const float away = std::abs(cents[above] - usual.cents) - std::abs(cents[k] - usual.cents);
    const float reach =
        std::clamp(1 - range_weight_ * usual.known * away / kOctave, 0.0f, kMostReach);
    in_context.lose(strength, k, above, low * reach, octave_cost_);
    alone.lose(strength, k, above, low, octave_cost_);
  }
  return {in_context.result(), alone.result()};
}

float OctaveChoice::confidence(const CandidateRow& cents, const CandidateRow& alone,
                               std::size_t chosen) const {
  const float other = strongest_relative(cents.data(), alone.data(), cents[chosen]);
  return std::clamp(0.5f + 0.5f * (alone[chosen] - other) / octave_cost_, 0.0f, 1.0f);
}

}  // namespace cantaor
