// Pitch candidates of single frames by harmonic summation.
//
// Salamon, Gomez & Bonada (DAFx 2011), sections 2 and 3.1; Salamon & Gomez (IEEE TASLP 2012),
// section II. Kept from them: windowed spectrum, spectral peaks with corrected frequencies, and a
// salience function over bins of 10 cents from 55 Hz up in which every peak votes, with less
// weight for higher harmonics, for the fundamentals it may be a harmonic of. Different here, for
// one voice instead of the loudest of several: peaks are put on the cent axis once and the
// harmonics are summed by shifting that axis; magnitudes are compressed; positions halfway between
// harmonics count against a candidate (Camacho & Harris, JASA 2008), which settles most octave
// errors; and the sum is normalised by the energy of all peaks, so that it says how harmonic a
// frame is, whatever its level.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cantaor/octaves.hpp"

namespace cantaor {

struct SalienceSettings {
  double window_s = 0.042;    // length of the Hann window
  double focus_s = 0.018;     // length of the window around a frame's centre for its level
  double min_hz = 55;         // lowest fundamental
  double max_hz = 3200;       // highest: what is above the range asked for must be known as such
  double band_hz = 3200;      // highest spectral peak used
  double peak_range_db = 45;  // peaks this far below the frame's strongest are left out
  double decay = 0.85;        // weight of a harmonic over that of the one below
  int harmonics = 16;
  double between = 0.4;          // weight of the positions between harmonics, over the harmonics'
  double half_width_cents = 69;  // reach of one peak on the cent axis
  int candidates = 8;            // per frame, at most kMaxCandidates
};

inline constexpr int kMaxCandidates = 8;
inline constexpr double kBinCents = 10;

/// Candidates of many frames; rows of `candidates` values, strongest first, strength 0 if missing.
struct CandidateRows {
  float* cents;     // above min_hz
  float* strength;  // 0..1
  float* level_db;  // one a frame: power in the band around its centre, dB; -200 for silence
  OctaveRow octaves;
};

class Salience {
 public:
  Salience(const SalienceSettings& settings, double rate, int fft_size);

  /// `spectrum`: rows of fft_size / 2 + 1 complex values as pairs of floats; `focus_db` as from
  /// Framing::cut.
  void run(const float* spectrum, const float* focus_db, std::int64_t count,
           const CandidateRows& out) const;

 private:
  struct Workspace;

  void spread_peaks(const float* row, Workspace& work) const;
  std::size_t find_peaks(float threshold, Workspace& work) const;
  void sum_harmonics(Workspace& work) const;
  void pick(Workspace& work, float* cents, float* strength) const;

  SalienceSettings settings_;
  OctaveEvidence octaves_;
  std::size_t row_;                   // floats in one row of the spectrum
  std::size_t first_bin_, last_bin_;  // of the spectrum
  std::size_t below_, size_, axis_;   // cent bins under min_hz, of fundamentals, in all
  std::size_t end_;                   // of the cent bins that peaks can reach
  std::vector<float> bumps_;          // a peak on the cent axis, at every position within a bin
  float threshold_;                   // of peaks, over the power of the strongest
  std::vector<float> position_;       // of each spectral bin on the cent axis
  std::vector<std::size_t> offsets_;  // shifts of the axis that are summed, eight at a time
  std::vector<float> weights_;
  std::vector<std::size_t> sizes_;  // bins that each eight shifts can reach from within the band
  float weight_norm_;
};

}  // namespace cantaor
