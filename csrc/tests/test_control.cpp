#include <stdexcept>

#include "cantaor/control.hpp"
#include "check.hpp"

using cantaor::Control;
using cantaor::Stopped;

int main() {
  int calls = 0;
  Control quiet([&](std::int64_t) { ++calls; });
  quiet.poll_now();
  quiet.poll_now();  // within 20 ms of the first: the callback is not run again
  CHECK(calls == 1);

  Control failing([](std::int64_t) { throw std::runtime_error("interrupted"); });
  bool thrown = false;
  try {
    failing.poll_now();
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  CHECK(thrown && failing.stopped());

  bool stopped = false;
  try {
    failing.check();
  } catch (const Stopped&) {
    stopped = true;
  }
  CHECK(stopped);
}
