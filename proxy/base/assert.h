#pragma once
// SLUICE_ASSERT stays on in release builds: for what only our own code can get wrong.

namespace sluice::base {
[[noreturn]] void assert_failed(const char* condition, const char* file, int line);
}

#define SLUICE_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::sluice::base::assert_failed(#condition, __FILE__, __LINE__))
