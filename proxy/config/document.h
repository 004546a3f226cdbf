#pragma once
// A YAML document as plain values: what the parser saw, with the place of each node.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/problems.h"

namespace sluice::config {

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap, kAlias };
  Kind kind = Kind::kNull;
  bool in_quotes = false;  // of a scalar
  uint32_t target = 0;     // of an alias: the node it repeats, never one that contains it
  Mark mark;
  std::string text;                // of a scalar
  std::vector<uint32_t> children;  // of a sequence; of a map key, value, key, value ...
};

// Owns all nodes of one document; they refer to each other by index. Node 0 is the root.
struct Document {
  std::vector<Node> nodes;

  const Node& at(uint32_t index) const {
    const Node& node = nodes[index];
    return node.kind == Node::Kind::kAlias ? nodes[node.target] : node;
  }
};

// Parses one document within the limits of limits.h. What is wrong goes to `problems`; then the result is unusable.
Document parse_document(std::string_view text, Problems& problems);

}  // namespace sluice::config
