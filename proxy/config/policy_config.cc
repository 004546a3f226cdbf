#include "proxy/config/policy_config.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "proxy/base/file.h"
#include "proxy/config/limits.h"
#include "proxy/config/yaml.h"

namespace sluice::config {

namespace {

namespace fs = std::filesystem;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string folder_of(const std::string& file) {
  std::error_code error;
  const fs::path whole = fs::absolute(file, error);
  return (error ? fs::path(file) : whole).parent_path().string();
}

base::Result<std::vector<std::string>> policy_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const fs::path& file = at->path();
    // Editors leave hidden files behind.
    const bool hidden = file.filename().string().starts_with('.');
    if (!hidden && (file.extension() == ".yaml" || file.extension() == ".yml")) files.push_back(file.string());
  }
  if (error) return base::Error{"cannot read folder " + folder + ": " + error.message()};
  if (files.empty()) return base::Error{folder + " holds no *.yaml file"};
  std::sort(files.begin(), files.end());
  return files;
}

// `url_lists[3].urls[0]` is field `url_lists`, element 3, rest `.urls[0]`.
struct Step {
  std::string_view field;
  std::optional<int> element;
  std::string_view rest;
};

Step first_step(std::string_view path) {
  const size_t end = std::min(path.find_first_of(".["), path.size());
  Step step{path.substr(0, end), std::nullopt, path.substr(end)};
  if (end == path.size() || path[end] != '[') return step;
  int element = 0;
  const char* begin = path.data() + end + 1;
  const auto [stop, error] = std::from_chars(begin, path.data() + path.size(), element);
  if (error != std::errc() || stop == path.data() + path.size() || *stop != ']') return step;
  step.element = element;
  step.rest = path.substr(static_cast<size_t>(stop + 1 - path.data()));
  return step;
}

}  // namespace

base::Status LoadedPolicy::add(std::string_view text, const std::string& file) {
  Part part;
  part.file = file;
  if (const auto status = load_yaml(text, file, part.message, &part.marks); !status) return status;
  Problems problems(file);
  std::vector<const FieldDescriptor*> fields;
  part.message.GetReflection()->ListFields(part.message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_map()) {
      for (const auto& [name, notification] : part.message.notifications()) {
        const std::string path = entry_path(field->name(), name);
        if (message.notifications().contains(name))
          problems.add(part.marks.nearest(path), path, "stands in another file too");
      }
    } else if (!field->is_repeated() && !parts_.empty() && message.GetReflection()->HasField(message, field)) {
      problems.add(part.marks.nearest(field->name()), field->name(), "stands in another file too");
    }
  }
  if (const auto status = problems.status(); !status) return status;
  message.MergeFrom(part.message);
  parts_.push_back(std::move(part));
  return base::Unit{};
}

std::string LoadedPolicy::located(std::string_view path, std::string_view sentence) const {
  const Step step = first_step(path);
  const FieldDescriptor* field = v1::TenantPolicy::descriptor()->FindFieldByName(std::string(step.field));
  const Part* chosen = &parts_.front();
  std::string local(path);
  int before = 0;
  for (const Part& part : parts_) {
    if (field == nullptr) break;
    if (field->is_repeated() && !field->is_map() && step.element) {
      const int size = part.message.GetReflection()->FieldSize(part.message, field);
      if (*step.element < before + size) {
        chosen = &part;
        local = std::string(step.field) + "[" + std::to_string(*step.element - before) + "]" + std::string(step.rest);
        break;
      }
      before += size;
    } else if (part.marks.contains(path) || (part.marks.contains(step.field) && !chosen->marks.contains(step.field))) {
      chosen = &part;
      if (part.marks.contains(path)) break;
    }
  }
  Problems one(chosen->file);
  one.add(chosen->marks.nearest(local), local, sentence);
  return one.status().error().message;
}

std::string policy_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? fs::absolute(path, error).string() : folder_of(path);
}

base::Result<std::vector<PolicyText>> read_policy_texts(const std::string& path) {
  std::error_code error;
  std::vector<std::string> files{path};
  if (fs::is_directory(path, error)) {
    auto found = policy_files(path);
    if (!found) return found.error();
    files = *std::move(found);
  }
  std::vector<PolicyText> texts;
  for (const std::string& file : files) {
    auto text = base::read_file(file, file_bytes_max);
    if (!text) return text.error();
    texts.push_back({file, *std::move(text)});
  }
  return texts;
}

base::Result<LoadedPolicy> parse_policy_texts(const std::vector<PolicyText>& texts, std::string folder) {
  LoadedPolicy loaded;
  loaded.folder = std::move(folder);
  for (const PolicyText& text : texts) {
    if (const auto status = loaded.add(text.text, text.file); !status) return status.error();
  }
  return loaded;
}

base::Result<LoadedPolicy> load_policy_config(const std::string& path) {
  const auto texts = read_policy_texts(path);
  if (!texts) return texts.error();
  return parse_policy_texts(*texts, policy_folder(path));
}

base::Result<LoadedPolicy> parse_policy_config(std::string_view text, const std::string& file) {
  return parse_policy_texts({{file, std::string(text)}}, folder_of(file));
}

}  // namespace sluice::config
