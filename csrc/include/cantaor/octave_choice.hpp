// Which of a frame's candidates lose to another a whole multiple away, by what octaves.hpp
// measured.
#pragma once

#include <array>
#include <cstdint>

#include "cantaor/salience.hpp"

namespace cantaor {

/// A value for every candidate of a frame.
using CandidateRow = std::array<float, kMaxCandidates>;

inline constexpr float kOctave = 1200, kTwelfth = 1901.955f;  // cents

struct OctaveSettings {
  double octave_cost = 0.25;    // strength that a candidate loses which is but a subharmonic
  double subharmonic_db = -13;  // level of what stands between the harmonics of the one above that
  double harmonic_db = -8;      // surely makes it one, and that does not
  double overtone_cost = 0.05;  // strength that the one above loses if it is but an overtone
  double overtone_db = -3;      // level between its harmonics from which that may be
  double range_weight = 1.25;   // share of the evidence that is lost per octave away from the pitch
                                // of the frames around
};

/// What one frame says of its octaves.
struct OctaveNotes {
  CandidateRow
      subharmonic{};        // 0..1: how clearly a candidate is but a subharmonic of the one above
  CandidateRow overtone{};  // 0..1: how clearly the one above is but an overtone of the candidate
  std::array<std::int8_t, kMaxCandidates> above{};
  bool paired = false;  // whether any candidate says something of another
  bool sure = false;    // whether the strongest one is the pitch, as far as one frame can tell
};

/// Pitch of the frames around whose octave is beyond doubt.
struct UsualPitch {
  float cents = 0;
  float known = 0;  // 0..1: whether there are enough of them
};

/// Strengths after candidates that are but subharmonics have lost theirs to the ones above, and
/// overtones theirs to the ones below.
struct WeighedStrengths {
  CandidateRow in_context;  // evidence counts less the further it leads away from the usual pitch
  CandidateRow alone;       // as the frame itself says
};

class OctaveChoice {
 public:
  explicit OctaveChoice(const OctaveSettings& settings);

  /// `above` and `between_db` as of OctaveEvidence, -1 and kUnknownDb where there is no candidate.
  OctaveNotes read(const CandidateRow& strength, const OctaveRow& evidence) const;
  WeighedStrengths weigh(const CandidateRow& cents, const CandidateRow& strength,
                         const OctaveNotes& notes, const UsualPitch& usual) const;
  /// 1 if a candidate is octave_cost stronger than those an octave or a twelfth from it, 0 if
  /// weaker.
  float confidence(const CandidateRow& cents, const CandidateRow& alone, std::size_t chosen) const;

 private:
  float octave_cost_, overtone_cost_, range_weight_;
  float harmonic_db_, overtone_db_, per_subharmonic_db_, per_overtone_db_;
};

}  // namespace cantaor
