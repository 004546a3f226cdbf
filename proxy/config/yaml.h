#pragma once
// YAML into any protobuf message, by reflection: keys are field names, and whatever the message does not know is an
// error.
//
// Spellings: enums by lower-case value name without the prefix of their type; integers of fields ending in `_bytes`
// also as 512KiB, 512MiB, 4GiB, 1TiB; the message sluice.config.v1.Workers as `auto` or a number.
#include <google/protobuf/message.h>

#include <string_view>

#include "proxy/base/result.h"
#include "proxy/config/problems.h"

namespace sluice::config {

// Adds the document in `text` to `out`. On error `out` is half filled and the error holds one line for each problem,
// `FILE:LINE:COLUMN: field.path: what is wrong and what would be right`. `marks` may be null.
base::Status load_yaml(std::string_view text, std::string_view file_name, google::protobuf::Message& out, Marks* marks);

}  // namespace sluice::config
