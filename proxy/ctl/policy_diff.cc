#include "proxy/ctl/policy_diff.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/reflection.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/show.h"

namespace sluice::ctl {

namespace {

namespace pb = google::protobuf;
using Differencer = pb::util::MessageDifferencer;

// The elements of a list of messages that have names; a map's have their key.
struct Named {
  std::string name;
  const pb::Message* message;
};
using NamedList = std::vector<Named>;

std::string name_of(const pb::Message& message) {
  const pb::Descriptor& type = *message.GetDescriptor();
  const pb::FieldDescriptor* field = type.FindFieldByName(type.options().map_entry() ? "key" : "name");
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field);
}

NamedList elements(const pb::Message& message, const pb::FieldDescriptor& field) {
  NamedList list;
  const pb::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const pb::Message& element = reflection.GetRepeatedMessage(message, &field, i);
    list.push_back({name_of(element), &element});
  }
  if (field.is_map()) std::sort(list.begin(), list.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return list;
}

const pb::Message* find(const NamedList& list, const std::string& name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const Named& one) { return one.name == name; });
  return found == list.end() ? nullptr : found->message;
}

// A message with this field of `from` only, as YAML.
std::string yaml_of(const pb::Message& from, const pb::FieldDescriptor& field) {
  const std::unique_ptr<pb::Message> copy(from.New());
  copy->CopyFrom(from);
  std::vector<const pb::FieldDescriptor*> set;
  copy->GetReflection()->ListFields(*copy, &set);
  for (const pb::FieldDescriptor* other : set) {
    if (other != &field) copy->GetReflection()->ClearField(copy.get(), other);
  }
  return config::redacted_yaml(*copy);
}

// The same of a list of plain values, without those that stand in `without`.
std::string yaml_without(const pb::Message& from, const pb::Message& without, const pb::FieldDescriptor& field) {
  const std::unique_ptr<pb::Message> copy(from.New());
  const pb::Reflection& reflection = *from.GetReflection();
  const auto keep = [&](const auto& refs, auto target) {
    const auto& [all, others] = refs;
    for (const auto& value : all) {
      if (std::find(others.begin(), others.end(), value) == others.end()) target.Add(value);
    }
  };
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_STRING:
      keep(std::pair(reflection.GetRepeatedFieldRef<std::string>(from, &field),
                     reflection.GetRepeatedFieldRef<std::string>(without, &field)),
           reflection.GetMutableRepeatedFieldRef<std::string>(copy.get(), &field));
      break;
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      keep(std::pair(reflection.GetRepeatedFieldRef<uint32_t>(from, &field),
                     reflection.GetRepeatedFieldRef<uint32_t>(without, &field)),
           reflection.GetMutableRepeatedFieldRef<uint32_t>(copy.get(), &field));
      break;
    default: return yaml_of(from, field);  // of other kinds there is none in a policy
  }
  return copy->ByteSizeLong() == 0 ? "" : config::redacted_yaml(*copy);
}

class Diff {
 public:
  explicit Diff(bool colour) : colour_(colour) {}

  void messages(const pb::Message& from, const pb::Message& to, const std::string& indent) {
    const pb::Descriptor& type = *from.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) field(from, to, *type.field(i), indent);
  }
  std::string take() { return std::move(out_); }

 private:
  void field(const pb::Message& from, const pb::Message& to, const pb::FieldDescriptor& field,
             const std::string& indent) {
    const bool is_message = field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    if (field.is_repeated() && is_message) return list(from, to, field, indent);
    const std::string before = yaml_of(from, field);
    const std::string after = yaml_of(to, field);
    if (before == after) return;
    if (field.is_repeated()) {
      lines('-', indent, yaml_without(from, to, field));
      return lines('+', indent, yaml_without(to, from, field));
    }
    if (is_message) {
      const pb::Reflection& reflection = *from.GetReflection();
      if (reflection.HasField(from, &field) && reflection.HasField(to, &field)) {
        line(' ', indent + field.name() + ":");
        return messages(reflection.GetMessage(from, &field), reflection.GetMessage(to, &field), indent + "  ");
      }
    }
    lines('-', indent, before);
    lines('+', indent, after);
  }

  void list(const pb::Message& from, const pb::Message& to, const pb::FieldDescriptor& field,
            const std::string& indent) {
    const NamedList before = elements(from, field);
    const NamedList after = elements(to, field);
    Diff inner(colour_);
    const std::string deeper = indent + "  ";
    for (const Named& one : before) {
      if (find(after, one.name) == nullptr) inner.whole('-', deeper, one);
    }
    for (const Named& one : after) {
      const pb::Message* old = find(before, one.name);
      if (old == nullptr) {
        inner.whole('+', deeper, one);
      } else if (!Differencer::Equals(*old, *one.message)) {
        inner.line('~', deeper + one.name);
        inner.messages(*old, *one.message, deeper + "  ");
      }
    }
    if (!field.is_map()) inner.moves(before, after, deeper);
    if (inner.out_.empty()) return;
    line(' ', indent + field.name() + ":");
    out_ += inner.out_;
  }

  // Rules that stand elsewhere among those that both policies have.
  void moves(const NamedList& before, const NamedList& after, const std::string& indent) {
    std::vector<std::string> old_order, new_order;
    for (const Named& one : before) {
      if (find(after, one.name) != nullptr) old_order.push_back(one.name);
    }
    for (const Named& one : after) {
      if (find(before, one.name) != nullptr) new_order.push_back(one.name);
    }
    for (size_t i = 0; i < std::min(old_order.size(), new_order.size()); ++i) {
      if (old_order[i] == new_order[i]) continue;
      const auto was = std::find(old_order.begin(), old_order.end(), new_order[i]) - old_order.begin();
      line('>', indent + new_order[i] + ": place " + std::to_string(was + 1) + " -> " + std::to_string(i + 1));
    }
  }

  void whole(char sign, const std::string& indent, const Named& one) {
    line(sign, indent + (one.name.empty() ? "rule" : one.name));
    lines(sign, indent + "  ", config::redacted_yaml(*one.message));
  }

  void lines(char sign, const std::string& indent, std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      line(sign, indent + std::string(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  void line(char sign, const std::string& text) {
    const char* colour = sign == '+' ? "\x1b[32m" : sign == '-' ? "\x1b[31m" : sign == ' ' ? "" : "\x1b[33m";
    const bool coloured = colour_ && *colour != '\0';
    out_ += (coloured ? colour : "") + std::string(1, sign) + " " + text + (coloured ? "\x1b[0m" : "") + "\n";
  }

  const bool colour_;
  std::string out_;
};

}  // namespace

std::string policy_diff(const config::v1::TenantPolicy& from, const config::v1::TenantPolicy& to, bool colour) {
  Diff diff(colour);
  diff.messages(from, to, "");
  return diff.take();
}

}  // namespace sluice::ctl
