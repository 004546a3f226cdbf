#include "proxy/config/yaml.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>

#include <limits>
#include <string>
#include <unordered_set>
#include <vector>

#include "proxy/config/document.h"
#include "proxy/config/limits.h"
#include "proxy/config/scalars.h"

namespace sluice::config {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool is_workers(const Descriptor& type) {
  return type.full_name() == "sluice.config.v1.Workers";
}

// Where a value goes: sets a singular field or adds to a repeated one.
struct Slot {
  Message& message;
  const FieldDescriptor& field;

  void put_int32(int32_t v) const { each(&Reflection::SetInt32, &Reflection::AddInt32, v); }
  void put_int64(int64_t v) const { each(&Reflection::SetInt64, &Reflection::AddInt64, v); }
  void put_uint32(uint32_t v) const { each(&Reflection::SetUInt32, &Reflection::AddUInt32, v); }
  void put_uint64(uint64_t v) const { each(&Reflection::SetUInt64, &Reflection::AddUInt64, v); }
  void put_double(double v) const { each(&Reflection::SetDouble, &Reflection::AddDouble, v); }
  void put_float(float v) const { each(&Reflection::SetFloat, &Reflection::AddFloat, v); }
  void put_bool(bool v) const { each(&Reflection::SetBool, &Reflection::AddBool, v); }
  void put_enum(int v) const { each(&Reflection::SetEnumValue, &Reflection::AddEnumValue, v); }
  void put_text(std::string v) const { each(&Reflection::SetString, &Reflection::AddString, std::move(v)); }
  Message& new_message() const {
    const Reflection& reflection = *message.GetReflection();
    return field.is_repeated() ? *reflection.AddMessage(&message, &field)
                               : *reflection.MutableMessage(&message, &field);
  }

 private:
  template <class T, class Value>
  void each(void (Reflection::*set)(Message*, const FieldDescriptor*, T) const,
            void (Reflection::*add)(Message*, const FieldDescriptor*, T) const, Value value) const {
    const Reflection& reflection = *message.GetReflection();
    (reflection.*(field.is_repeated() ? add : set))(&message, &field, std::move(value));
  }
};

// Stores one scalar; the error is what would have been right.
base::Status put_scalar(const Node& node, const Slot& slot) {
  const auto store = [](const auto& value, const auto& put) -> base::Status {
    if (!value) return value.error();
    put(*value);
    return base::Unit{};
  };
  const bool sizes = slot.field.name().ends_with("_bytes");
  switch (slot.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return store(signed_of(node, INT32_MIN, INT32_MAX), [&](int64_t v) { slot.put_int32(static_cast<int32_t>(v)); });
    case FieldDescriptor::CPPTYPE_INT64:
      return store(signed_of(node, INT64_MIN, INT64_MAX), [&](int64_t v) { slot.put_int64(v); });
    case FieldDescriptor::CPPTYPE_UINT32:
      return store(unsigned_of(node, UINT32_MAX, sizes),
                   [&](uint64_t v) { slot.put_uint32(static_cast<uint32_t>(v)); });
    case FieldDescriptor::CPPTYPE_UINT64:
      return store(unsigned_of(node, UINT64_MAX, sizes), [&](uint64_t v) { slot.put_uint64(v); });
    case FieldDescriptor::CPPTYPE_DOUBLE: return store(double_of(node), [&](double v) { slot.put_double(v); });
    case FieldDescriptor::CPPTYPE_FLOAT:
      return store(double_of(node), [&](double v) { slot.put_float(static_cast<float>(v)); });
    case FieldDescriptor::CPPTYPE_BOOL: return store(bool_of(node), [&](bool v) { slot.put_bool(v); });
    case FieldDescriptor::CPPTYPE_ENUM:
      return store(enum_of(node, *slot.field.enum_type()), [&](int v) { slot.put_enum(v); });
    case FieldDescriptor::CPPTYPE_STRING: return store(text_of(node), [&](const std::string& v) { slot.put_text(v); });
    case FieldDescriptor::CPPTYPE_MESSAGE: break;
  }
  return base::Error{"a group of fields"};
}

// Fills messages from one document; lives for one call of load_yaml. Owns nothing.
class Loader {
 public:
  Loader(const Document& document, Problems& problems, Marks* marks)
      : document_(document), problems_(problems), marks_(marks) {}

  void root(Message& out) {
    const Node& node = visit(0);
    mark("", node.mark);
    if (node.kind == Node::Kind::kNull) return problems_.add({}, "", "the file is empty");
    message(node, out, "", node.mark, 0);
  }

 private:
  // Every use of a node passes here, so that aliases are paid for each time they are followed.
  const Node& visit(uint32_t index) {
    const Node& node = document_.at(index);
    visited_ += 1;
    text_bytes_ += node.text.size();
    if (visited_ > nodes_max || text_bytes_ > text_bytes_max) {
      if (!stopped_) problems_.add(document_.nodes[index].mark, "", "aliases repeat too much");
      stopped_ = true;
    }
    return node;
  }
  bool go_on() const { return !stopped_ && !problems_.full(); }

  void mark(const std::string& path, Mark place) {
    if (marks_ != nullptr) marks_->set(path, place);
  }

  void wrong(Mark place, const std::string& path, const std::string& right, const Node& found,
             const std::string& hint = "") {
    if (found.kind == Node::Kind::kNull) {
      problems_.add(place, path, "has no value; give one or remove the key");
    } else {
      problems_.add(place, path, "must be " + right + ", found " + description_of(found) + hint);
    }
  }

  void message(const Node& node, Message& out, const std::string& path, Mark place, size_t depth) {
    if (is_workers(*out.GetDescriptor())) return workers(node, out, path, place);
    if (node.kind != Node::Kind::kMap) return wrong(place, path, "a group of fields", node);
    if (depth >= depth_max) return problems_.add(place, path, "aliases nest too deep");
    std::unordered_set<std::string_view> seen;
    for (size_t i = 0; i + 1 < node.children.size() && go_on(); i += 2) {
      const Node& key = visit(node.children[i]);
      if (const auto* field = known_field(key, out, path, seen)) {
        const std::string field_path = path.empty() ? field->name() : path + "." + field->name();
        const Node& value = visit(node.children[i + 1]);
        // A scalar is pointed at itself, anything longer at its key.
        const Mark value_place = value.kind == Node::Kind::kScalar ? value.mark : key.mark;
        mark(field_path, value_place);
        if (go_on()) this->field(value, {out, *field}, field_path, value_place, depth);
      }
    }
  }

  const FieldDescriptor* known_field(const Node& key, const Message& out, const std::string& path,
                                     std::unordered_set<std::string_view>& seen) {
    if (key.kind != Node::Kind::kScalar) {
      problems_.add(key.mark, path, "a key must be a field's name, found " + description_of(key));
      return nullptr;
    }
    const Descriptor& type = *out.GetDescriptor();
    const FieldDescriptor* field = type.FindFieldByName(key.text);
    const std::string key_path = (path.empty() ? "" : path + ".") + printable(key.text);
    if (field == nullptr) {
      problems_.add(key.mark, key_path, "unknown field" + suggestion(key.text, type));
      return nullptr;
    }
    if (!seen.insert(field->name()).second) {
      problems_.add(key.mark, key_path, "stands here twice");
      return nullptr;
    }
    const auto* choice = field->real_containing_oneof();
    if (choice != nullptr && out.GetReflection()->HasOneof(out, choice)) {
      const auto* other = out.GetReflection()->GetOneofFieldDescriptor(out, choice);
      problems_.add(key.mark, key_path, "only one of `" + other->name() + "` and `" + field->name() + "` may be given");
      return nullptr;
    }
    return field;
  }

  static std::string suggestion(const std::string& key, const Descriptor& type) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
    const std::string near = did_you_mean(key, names);
    return near.empty() && !names.empty() ? "; known here: " + backquoted_list(names, ", ") : near;
  }

  void field(const Node& node, const Slot& slot, const std::string& path, Mark place, size_t depth) {
    if (slot.field.is_map()) return map(node, slot, path, place, depth);
    if (!slot.field.is_repeated()) return value(node, slot, path, place, depth);
    if (node.kind != Node::Kind::kSequence) return wrong(place, path, "a list", node);
    for (size_t i = 0; i < node.children.size() && go_on(); ++i) {
      const std::string element_path = path + "[" + std::to_string(i) + "]";
      const Node& element = visit(node.children[i]);
      mark(element_path, element.mark);
      if (go_on()) value(element, slot, element_path, element.mark, depth);
    }
  }

  void value(const Node& node, const Slot& slot, const std::string& path, Mark place, size_t depth) {
    if (slot.field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return message(node, slot.new_message(), path, place, depth + 1);
    }
    if (const auto stored = put_scalar(node, slot); !stored) {
      const bool word = slot.field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM && node.kind == Node::Kind::kScalar;
      wrong(place, path, stored.error().message, node,
            word ? did_you_mean(node.text, enum_words(*slot.field.enum_type())) : "");
    }
  }

  void map(const Node& node, const Slot& slot, const std::string& path, Mark place, size_t depth) {
    if (node.kind != Node::Kind::kMap) return wrong(place, path, "a group of `key: value` lines", node);
    const FieldDescriptor& key_field = *slot.field.message_type()->map_key();
    const FieldDescriptor& value_field = *slot.field.message_type()->map_value();
    std::unordered_set<std::string_view> seen;
    for (size_t i = 0; i + 1 < node.children.size() && go_on(); i += 2) {
      const Node& key = visit(node.children[i]);
      const Node& content = visit(node.children[i + 1]);
      if (key.kind != Node::Kind::kScalar || key.text.size() > map_key_bytes_max) {
        problems_.add(key.mark, path,
                      "a key must be text of at most " + std::to_string(map_key_bytes_max) + " bytes, found " +
                          description_of(key));
        continue;
      }
      const std::string in_map = entry_path(path, key.text);
      if (!seen.insert(key.text).second) {
        problems_.add(key.mark, in_map, "stands here twice");
        continue;
      }
      const Mark entry_place = content.kind == Node::Kind::kScalar ? content.mark : key.mark;
      mark(in_map, entry_place);
      if (!go_on()) return;
      Message& entry = slot.new_message();
      const auto stored = put_scalar(key, {entry, key_field});
      if (!stored) wrong(key.mark, in_map, stored.error().message, key);
      value(content, {entry, value_field}, in_map, entry_place, depth);
    }
  }

  void workers(const Node& node, Message& out, const std::string& path, Mark place) {
    const Slot slot{out, *out.GetDescriptor()->FindFieldByName("count")};
    if (node.kind == Node::Kind::kScalar && node.text == "auto") return slot.put_uint32(0);
    const auto count = unsigned_of(node, workers_max, false);
    if (!count || *count == 0) {
      return wrong(place, path, "`auto` or a whole number from 1 to " + std::to_string(workers_max), node);
    }
    slot.put_uint32(static_cast<uint32_t>(*count));
  }

  const Document& document_;
  Problems& problems_;
  Marks* marks_;
  size_t visited_ = 0;
  size_t text_bytes_ = 0;
  bool stopped_ = false;
};

}  // namespace

base::Status load_yaml(std::string_view text, std::string_view file_name, Message& out, Marks* marks) {
  Problems problems(file_name);
  const Document document = parse_document(text, problems);
  if (problems.empty()) Loader(document, problems, marks).root(out);
  return problems.status();
}

}  // namespace sluice::config
