// The best path through pitch candidates, with an explicit unvoiced state.
//
// Viterbi search as in Boersma (1993), section 2.8 of "Accurate short-term analysis of the
// fundamental frequency": candidates earn their strength, pitch jumps cost by octave, changes
// between voiced and unvoiced cost a constant. Whether a frame may be voiced also depends on its
// level above the recording's noise floor, taken over a fixed window around the frame. Where the
// path glides, its pitch is sharpened (glides.hpp).
//
// A candidate that is no more than a subharmonic of another (octaves.hpp) loses strength to it: the
// search sums that over a note, and its cost of jumps keeps the octave within a phrase. Frames
// whose octave is beyond doubt tell the recording's range; what lies far outside it needs more
// evidence.
//
// Frames may be pushed in portions of any size: a part of the path is final as soon as all
// surviving paths share it, so memory stays small and the result is that of one whole search.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "cantaor/glides.hpp"
#include "cantaor/octave_choice.hpp"
#include "cantaor/salience.hpp"

namespace cantaor {

/// A frame may be voiced if its harmonic strength exceeds `voicing`, raised by its distance below
/// the loudest frames around it.
struct TrackerSettings : OctaveSettings {
  double voicing = 0.1;         // strength at which the loudest frames may be voiced
  double level_slope = 0.011;   // more of it per dB below the loudest frame within look_s
  double before_slope = 0.008;  // per dB below the loudest frame of the before_s before it
  double after_slope = 0.0105;  // per dB below the loudest frame of the after_s after it
  double noisy_voicing = 0.12;  // more of it, in place of level_slope, where the noise floor is
                                // 20 dB below or closer
  double high_noise = 0.07;     // there less of it per octave of a candidate above 330 Hz
  double voiceless = 0.32;  // more of it where nothing within look_s is more harmonic than noise
  double floor_voicing = 0.05;      // more of it at the floor of a noisy recording
  double reverberant_slope = 0.02;  // in a reverberant one, where a note fades, per dB further
                                    // than 6 below the loudest frame of the before_s before it
  double look_s = 4;                // half of the window around a frame, seconds
  double before_s = 0.15, after_s = 0.055;
  double octave_jump_cost = 0.95;  // per octave and 10 ms
  double voicing_cost = 0.26;      // per change between voiced and unvoiced and 10 ms
  double glide_cents = 30;         // least change of pitch within 23 ms that is a glide
  double sharpening = 0.5;         // share of the drift that a glide is moved
  // What is outside is unvoiced; a glide's frame may then be moved up to 40 cents beyond.
  double lowest_hz = 55, highest_hz = 1400;
};

struct Track {
  std::vector<float> hz;        // 0 where unvoiced
  std::vector<float> strength;  // of the chosen candidate, 0 where unvoiced
  // How clearly a frame itself speaks for the octave of the chosen candidate: 1 clear, 0.5
  // balanced, 0 against it, so that only what is around it decided; 0 where unvoiced.
  std::vector<float> octave_confidence;
};

/// Candidates of many frames as Salience gives them, and the drift of the strongest of each.
struct TrackerRows {
  const float *cents, *strength, *level_db, *drift, *between_db;
  const std::int8_t* above;
};

class Tracker {
 public:
  Tracker(const TrackerSettings& settings, int candidates, double min_hz, double hop_s);

  void push(const TrackerRows& rows, std::int64_t count);
  /// Ends the search; `track` is then complete.
  void finish();

  Track& track() { return track_; }

 private:
  static constexpr int kStates = kMaxCandidates + 1;  // the last one is "unvoiced"
  static constexpr int kUnvoiced = kMaxCandidates;

  using Row = CandidateRow;

  struct Frame {
    Row cents{}, strength{};
    OctaveNotes octaves;
    float level = 0, drift = 0;
    float below = 0;  // dB below the loudest frame of before_ before it
    bool fading = false;
  };
  struct Step {
    Row cents, strength;
    Row alone;  // strength by the frame's own evidence on octaves
    float drift;
    std::array<std::uint8_t, kStates> from;
  };
  struct Block {
    float low = std::numeric_limits<float>::max();  // levels, dB
    float high = std::numeric_limits<float>::lowest();
    float harmonic = 0;  // highest smoothed strength
    bool silent = false;
    std::int64_t frames = 0, tails = 0;
    std::int64_t sure = 0;  // frames whose octave is beyond doubt, and
    double sure_cents = 0;  // the sum of their pitches
  };

  /// What the window around a block says of its frames.
  struct Around {
    float loudest, quietest;
    float noisy;        // 0..1
    float voicing;      // strength that makes the loudest frames voiced
    float at_floor;     // more of it at the quietest level
    float reverberant;  // 0..1
    UsualPitch usual;
  };

  void take();  // the last one of frames_
  static bool holds(const Frame& frame, float cents);
  void mark_fading(std::size_t frame);
  Block window_around(std::size_t block) const;
  Around around(std::size_t block) const;
  void close_block();
  void search_block(std::size_t index);
  float voicing_at(std::size_t frame, const Around& around) const;
  PathFrame path_frame(const Step& step, std::size_t chosen) const;
  void viterbi_step(const Frame& frame, float voicing, const Around& around);
  void settle();
  void emit(std::size_t steps, int state);
  void write(PathFrame frame);

  TrackerSettings settings_;
  int candidates_;
  double min_hz_;
  float high_cents_, lowest_cents_, highest_cents_;
  float jump_, change_;  // costs per frame
  std::int64_t block_frames_, look_blocks_;
  std::size_t before_, after_, beside_;  // frames
  float enough_;                         // frames beyond doubt that tell the range
  float slowest_, fastest_;              // fall of a tail, dB from one beside a frame to the other
  std::vector<Frame> frames_;            // frames still needed, and
  std::size_t next_ = 0;                 // the first of them whose look-ahead was not complete
  std::deque<Block> blocks_;             // the window of blocks around the next one to be searched
  std::size_t next_block_ = 0;           // index in blocks_ of the next one to be searched
  Block open_;
  float smooth_ = 0, smoothing_;  // strength of the best candidates, smoothed; its share per frame
  std::array<float, kStates> cost_{};
  Row previous_cents_{};
  std::vector<Step> steps_;  // trace-back of what is not final
  OctaveChoice octaves_;
  GlideSharpener sharpener_;
  Track track_;
};

}  // namespace cantaor
