// Vibrato in a pitch track: oscillation of 4 to 9 Hz within a note, replaced by its centre.
//
// A turning point is a local extreme from which pitch comes back by at least 10 cents; a half cycle
// lies between two of them. Vibrato is two or more half cycles in a row, nearly three with what is
// incomplete at their ends, that are of its rates, rounded like a sine (the steady notes of a
// melisma are not), alike in extent, and around a centre that stays (a melisma goes somewhere).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cantaor/control.hpp"

namespace cantaor {

struct Vibrato {
  std::vector<std::int64_t> first, last;  // frames of each stretch of vibrato, ascending, apart
  std::vector<double> rate_hz;            // cycles a second
  std::vector<double> extent_cents;       // mean distance of the extremes from the centre
};

/// Replaces vibrato in `cents` by its centre, in place: a copy would cost as much as the search.
/// `cents` is NaN where unvoiced; vibrato does not go on over unvoiced frames.
Vibrato flatten_vibrato(std::span<double> cents, double hop_s, Control& control);

}  // namespace cantaor
