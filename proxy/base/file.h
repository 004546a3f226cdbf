#pragma once
// Small whole files: configuration, certificates, keys. Blocking; for start-up, reload and tools, never on the flow
// path.
#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sluice::base {

// The whole file, at most `bytes_max`; a longer file, a folder or an unreadable file is an error that names it.
Result<std::string> read_file(const std::string& path, size_t bytes_max);

// Creates `path` with exactly `mode`, complete and synced or not at all. An existing file stays and is an error.
Status create_file(const std::string& path, std::string_view content, unsigned mode);
// The same, but in the place of what was there: after a crash at any moment `path` is the old file or the new one.
Status replace_file(const std::string& path, std::string_view content, unsigned mode);

}  // namespace sluice::base
