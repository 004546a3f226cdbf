#pragma once
// What a PoP decrypts with, made of the files that its configuration names.
#include <memory>

#include "proxy/base/result.h"
#include "proxy/drive/interception.h"
#include "sluice/config/v1/proxy.pb.h"

namespace sluice::pop {

using InterceptionPartsPtr = std::shared_ptr<const drive::InterceptionParts>;

// Null without `interception` in the configuration. Blocking: reads files and makes keys, which takes up to a second;
// those of `now`, what is in force, are kept. An error names the file.
base::Result<InterceptionPartsPtr> load_interception(const config::v1::Proxy& checked, const InterceptionPartsPtr& now);

// The same with new keys for what clients are shown.
base::Result<InterceptionPartsPtr> with_new_keys(const drive::InterceptionParts& now);

// The same without making keys: whether the PoP would start with it.
base::Status check_interception(const config::v1::Proxy& checked);

}  // namespace sluice::pop
