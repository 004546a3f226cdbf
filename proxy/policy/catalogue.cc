#include "proxy/policy/catalogue.h"

#include <google/protobuf/text_format.h>

#include <string>

#include "proxy/base/assert.h"
#include "proxy/policy/data.h"

namespace sluice::policy {

const config::v1::TenantPolicy& catalogue() {
  static const config::v1::TenantPolicy parsed = [] {
    config::v1::TenantPolicy policy;
    SLUICE_ASSERT(google::protobuf::TextFormat::ParseFromString(std::string(catalogue_textproto), &policy));
    return policy;
  }();
  return parsed;
}

}  // namespace sluice::policy
