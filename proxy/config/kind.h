#pragma once
// Which program a configuration file is for, or whether it is a tenant's policy.
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sluice::config {

enum class Kind : uint8_t { kProxy, kEvents, kPolicy, kClient };

// Told by the file's top-level keys; an error when it is no YAML or has no key that only one program knows.
base::Result<Kind> kind_of(std::string_view text, const std::string& file);

}  // namespace sluice::config
