#pragma once
// One sequence of bytes for all spellings of one policy, so that equal policies have equal versions everywhere.
#include <cstddef>
#include <string>
#include <vector>

#include "sluice/config/v1/policy.pb.h"

namespace sluice::policy {

// Hex digits of the digest in a policy's version.
constexpr size_t version_digits = 12;

// Deterministic protobuf of the policy with its unordered parts sorted: lists, categories and apps by name, values
// inside lists by value. The order of rules counts. Files count by their name as written, except for the directory,
// whose users count (`users`) and whose place does not.
std::string canonical_bytes(const config::v1::TenantPolicy& policy,
                            const std::vector<config::v1::DirectoryUser>& users);

}  // namespace sluice::policy
