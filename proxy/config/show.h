#pragma once
// A configuration as YAML text, for `config show` and the admin endpoint.
#include <google/protobuf/message.h>

#include <string>

namespace sluice::config {

// Every field that is set, in the spelling that load_yaml reads. Text of fields called password, secret or token, and
// PEM blocks anywhere, are replaced by "(redacted)"; names of key files are shown.
std::string redacted_yaml(const google::protobuf::Message& message);

}  // namespace sluice::config
