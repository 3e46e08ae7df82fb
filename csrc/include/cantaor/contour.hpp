// Reduction of a pitch track to segments of steady pitch, phrase by phrase.
//
// Arronte Alvarez & Gomez-Martin (2020), section 3: a segment is a run of points inside one
// cluster. Added here: hysteresis at cluster edges, a minimum duration, and the authors' program's
// greedy segments within a margin in place of clusters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cantaor/control.hpp"

namespace cantaor {

struct ContourSettings {
  double hysteresis = 0;        // cents beyond an edge before a run changes cluster
  std::int64_t min_frames = 1;  // voiced frames that make a segment
  std::int64_t max_gap = 0;     // longest run of unvoiced frames inside a phrase
};

struct Segments {
  std::vector<std::int32_t> cluster;      // -1 from segments_within_margin
  std::vector<double> cents;              // mean over the voiced frames of the segment
  std::vector<std::int64_t> first, last;  // first and last frame
  std::vector<std::int64_t> phrases{0};   // offsets into the segments
};

/// Runs of frames in one cluster. `cents` is NaN where unvoiced, `edges` ascends. A run goes on
/// over unvoiced gaps of up to max_gap frames and is kept if it has min_frames voiced frames;
/// neighbouring kept runs of one cluster in one phrase become one segment.
Segments segments_in_clusters(std::span<const double> cents, std::span<const double> edges,
                              const ContourSettings& settings, Control& control);

/// Greedy runs whose frames stay within `margin` cents of the mean of the run so far.
Segments segments_within_margin(std::span<const double> cents, double margin,
                                const ContourSettings& settings, Control& control);

}  // namespace cantaor
