#include "events/api/api.h"
#include "events/api/embedded.h"
#include "proxy/base/assert.h"

namespace sluice::api {

// Made by the build from openapi.json.
const std::vector<EmbeddedFile>& embedded_files();

std::string_view openapi_document() {
  SLUICE_ASSERT(embedded_files().size() == 1);
  return embedded_files().front().bytes;
}

}  // namespace sluice::api
