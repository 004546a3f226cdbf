#pragma once
// The certificate-pinned apps that ship with the product.
#include "sluice/config/v1/policy.pb.h"

namespace sluice::policy {

// Only certificate_pinned_apps is filled. Parsed at the first call.
const config::v1::TenantPolicy& catalogue();

}  // namespace sluice::policy
