#include "proxy/config/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <sstream>
#include <unordered_map>

#include "proxy/config/limits.h"

namespace sluice::config {

namespace {

// Thrown through yaml-cpp to stop it; caught in parse_document.
struct Stop {
  Mark mark;
  std::string sentence;
};

Mark mark_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1};
}

// Builds a Document from the events of yaml-cpp; lives for one parse.
class Builder : public YAML::EventHandler {
 public:
  Document take() { return std::move(document_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (!document_.nodes.empty()) throw Stop{mark_of(mark), "a second document begins here; a file holds one"};
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark&, const std::string&) override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(Node::Kind::kNull, mark, anchor); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    Node& node = document_.nodes[add(Node::Kind::kScalar, mark, anchor)];
    node.in_quotes = tag == "!";
    node.text = value;
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto target = anchors_.find(anchor);
    if (target == anchors_.end()) throw Stop{mark_of(mark), "an alias stands inside of what it repeats"};
    document_.nodes[add(Node::Kind::kAlias, mark, YAML::NullAnchor)].target = target->second;
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::kSequence, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::kMap, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    uint32_t index;
    YAML::anchor_t anchor;
  };

  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    // "?" and "!" are yaml-cpp's own marks of plain and quoted scalars.
    if (!tag.empty() && tag != "?" && tag != "!") {
      throw Stop{mark_of(mark), "a YAML tag stands here (" + backquoted(tag) + "); tags are not used in configuration"};
    }
  }

  uint32_t add(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (document_.nodes.size() >= nodes_max) {
      throw Stop{mark_of(mark), "more than " + std::to_string(nodes_max) + " values in one file"};
    }
    const auto index = static_cast<uint32_t>(document_.nodes.size());
    Node node;
    node.kind = kind;
    node.mark = mark_of(mark);
    document_.nodes.push_back(std::move(node));
    if (!open_.empty()) document_.nodes[open_.back().index].children.push_back(index);
    const bool complete = kind == Node::Kind::kNull || kind == Node::Kind::kScalar;
    if (complete && anchor != YAML::NullAnchor) anchors_[anchor] = index;
    return index;
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    check_tag(mark, tag);
    if (open_.size() >= depth_max) {
      throw Stop{mark_of(mark), "nested deeper than " + std::to_string(depth_max) + " levels"};
    }
    open_.push_back({add(kind, mark, anchor), anchor});
  }

  // An anchor counts only from its node's end, so that no alias can repeat what contains it.
  void close() {
    if (open_.back().anchor != YAML::NullAnchor) anchors_[open_.back().anchor] = open_.back().index;
    open_.pop_back();
  }

  Document document_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, uint32_t> anchors_;
};

// The length of the valid UTF-8 sequence (RFC 3629) at the start of `text`, or 0.
size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool short_form = first == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = first == 0xed && byte(1) > 0x9f;
    return tail(1) && tail(2) && !short_form && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool short_form = first == 0xf0 && byte(1) < 0x90;
    const bool beyond = first == 0xf4 && byte(1) > 0x8f;
    return tail(1) && tail(2) && tail(3) && !short_form && !beyond ? 4 : 0;
  }
  return 0;
}

// The first place that is not text: not UTF-8, or a control byte other than tab and line ends.
std::optional<Mark> first_bad_byte(std::string_view text) {
  Mark mark;
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<uint8_t>(text[at]);
    const size_t length = utf8_sequence(text.substr(at, 4));
    const bool control = byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r';
    if (length == 0 || control || byte == 0x7f) return mark;
    at += length;
    mark.column += 1;
    if (byte == '\n') mark = {mark.line + 1, 1};
  }
  return std::nullopt;
}

}  // namespace

Document parse_document(std::string_view text, Problems& problems) {
  if (text.size() > file_bytes_max) {
    problems.add({}, "", "longer than " + std::to_string(file_bytes_max >> 20) + " MiB");
    return {};
  }
  if (const auto bad = first_bad_byte(text)) {
    problems.add(*bad, "", "not UTF-8 text");
    return {};
  }
  Builder builder;
  try {
    // yaml-cpp takes a quoted text without its end for complete when the file ends there with a line break; behind
    // this empty comment it cannot.
    std::istringstream stream{std::string(text) + "\n#"};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      problems.add({}, "", "the file is empty");
      return {};
    }
    parser.HandleNextDocument(builder);
  } catch (const Stop& stop) {
    problems.add(stop.mark, "", stop.sentence);
  } catch (const YAML::Exception& exception) {
    problems.add(mark_of(exception.mark), "", "not valid YAML: " + exception.msg);
  } catch (const std::exception& exception) {
    problems.add({}, "", std::string("not valid YAML: ") + exception.what());
  }
  return builder.take();
}

}  // namespace sluice::config
