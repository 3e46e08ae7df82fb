// Which of two candidates whose ratio is a whole number is heard: what one frame says of it.
//
// In a rough voice every second or third cycle differs a little from its neighbours. Weak partials
// then stand between the harmonics of the pitch that is heard, and the candidate that counts them
// as harmonics, an octave or a twelfth lower, is the stronger one of a harmonic summation. How far
// they lie below their neighbours tells the cases apart, over all orders alike (Sun, ICASSP 2002,
// compares the sums instead, which one strong formant decides): the harmonics of a smooth voice
// stand level with their neighbours but for formants, those of roughness do not anywhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cantaor {

/// Level that stands for "nothing is known": no candidate above, or too few partials in the band.
inline constexpr float kUnknownDb = 100;

/// For every candidate of a frame the strongest one at a whole multiple of it.
struct OctaveRow {
  std::int8_t* above;  // index of that candidate, -1 if there is none
  float* between_db;   // mean level of the partials between its harmonics over their neighbours, dB
};

class OctaveEvidence {
 public:
  /// `spacing` in Hz of a spectrum whose highest bin used is `last_bin`; `min_hz` is 0 cents.
  OctaveEvidence(double spacing, std::size_t last_bin, double min_hz);

  /// `power` up to bin last_bin + 1; candidates strongest first, strength 0 where missing.
  void run(const float* power, const float* cents, const float* strength, int candidates,
           const OctaveRow& out) const;

 private:
  struct Above {
    int candidate, multiple;
  };

  static Above strongest_above(int of, const float* cents, const float* strength, int count);
  float between(const float* power, double position, int multiple) const;
  float amplitude(const float* power, double position) const;

  double per_hz_;  // bins
  double min_hz_;
  double last_bin_;
};

}  // namespace cantaor
