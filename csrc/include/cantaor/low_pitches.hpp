// Low pitches without their low harmonics.
//
// A harmonic summation gives most weight to the lowest harmonics. Of a low pitch whose lowest are
// missing (a telephone's band begins at 300 Hz) or no louder than dozens of others, no candidate
// gets more strength than noise has. Its period tells: noise does not repeat itself within a
// window.
#pragma once

#include <span>

#include "cantaor/glides.hpp"
#include "cantaor/salience.hpp"

namespace cantaor {

/// Looks at the candidates of one frame, strongest first, and puts first, with more strength, a low
/// one with whose period the signal repeats itself. Frames that are harmonic anyway stay as they
/// are. `min_hz` is 0 cents.
void confirm_low_pitch(const PeriodSearch& search, std::span<const float> window, double min_hz,
                       int candidates, float* cents, float* strength, const OctaveRow& octaves);

}  // namespace cantaor
