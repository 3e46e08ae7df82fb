// What the kernels were built with, so that results and test runs can name what made them.
#pragma once

#include <string>

namespace cantaor {

struct BuildInfo {
  std::string compiler;
  std::string build_type;
  std::string sanitizers;  // empty in ordinary builds
};

BuildInfo build_info();

}  // namespace cantaor
