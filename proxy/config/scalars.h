#pragma once
// Scalar values of a document as protobuf scalars. Each function returns what would be right as the Error's text, for
// example "a whole number from 0 to 65535".
#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/document.h"

namespace sluice::config {

base::Result<int64_t> signed_of(const Node& node, int64_t min, int64_t max);
// `sizes` allows the spellings 512KiB, 512MiB, 4GiB, 1TiB.
base::Result<uint64_t> unsigned_of(const Node& node, uint64_t max, bool sizes);
base::Result<double> double_of(const Node& node);
base::Result<bool> bool_of(const Node& node);
base::Result<std::string> text_of(const Node& node);
base::Result<int> enum_of(const Node& node, const google::protobuf::EnumDescriptor& type);

// The name of an enum value as it is written in a file.
std::string enum_word(const google::protobuf::EnumValueDescriptor& value);
// All that may be written for a field of this type.
std::vector<std::string> enum_words(const google::protobuf::EnumDescriptor& type);

// What stands there, for "found ...".
std::string description_of(const Node& node);

}  // namespace sluice::config
