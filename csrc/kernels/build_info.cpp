#include "cantaor/build_info.hpp"

namespace cantaor {

BuildInfo build_info() {
#if defined(__clang__)
  const std::string compiler = "clang " __clang_version__;
#elif defined(__GNUC__)
  const std::string compiler = "gcc " __VERSION__;
#else
  const std::string compiler = "unknown compiler";
#endif
  return {compiler, CANTAOR_BUILD_TYPE, CANTAOR_SANITIZE};
}

}  // namespace cantaor
