#include "proxy/pop/state_folder.h"

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "proxy/base/file.h"
#include "proxy/base/text.h"
#include "proxy/pop/limits.h"
#include "proxy/tls/digest.h"

namespace sluice::pop {

namespace v1 = control::v1;
namespace fs = std::filesystem;

namespace {

constexpr unsigned file_mode = 0600;

std::string json_of(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json + "\n";
}

base::Status read_json(const std::string& path, google::protobuf::Message& message) {
  const auto text = base::read_file(path, state_file_bytes_max);
  if (!text) return text.error();
  const auto status = google::protobuf::util::JsonStringToMessage(*text, &message);
  if (!status.ok()) return base::Error{path + ": is damaged: " + std::string(status.message())};
  return base::Unit{};
}

}  // namespace

std::string sha256_of(const std::vector<config::PolicyText>& texts) {
  std::string bytes;
  for (const config::PolicyText& text : texts) {
    for (int shift = 0; shift < 64; shift += 8)
      bytes += static_cast<char>((uint64_t{text.text.size()} >> shift) & 0xff);
    bytes += text.text;
  }
  return tls::sha256_hex(base::as_bytes(bytes));
}

base::Result<std::unique_ptr<StateFolder>> StateFolder::open(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory + "/policy", error);
  if (error) return base::Error{"state: cannot make the folder " + directory + ": " + error.message()};
  const int lock = ::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, file_mode);
  if (lock < 0) {
    return base::Error{"state: cannot write in " + directory + ": " + std::generic_category().message(errno)};
  }
  std::unique_ptr<StateFolder> folder(new StateFolder(directory, lock));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) return base::Error{"state: another process uses " + directory};
  if (const auto status = folder->load(); !status) return status.error();
  return folder;
}

StateFolder::~StateFolder() {
  close(lock_);
}

base::Status StateFolder::load() {
  std::error_code error;
  if (const std::string path = directory_ + "/generation"; fs::exists(path, error)) {
    const auto text = base::read_file(path, state_file_bytes_max);
    if (!text) return text.error();
    const auto number = base::parse_decimal(std::string_view(*text).substr(0, text->find('\n')));
    if (!number) return base::Error{path + ": is damaged: it must hold a decimal number"};
    generation_ = *number;
  }
  if (const std::string path = directory_ + "/bypasses.json"; fs::exists(path, error)) {
    if (const auto status = read_json(path, bypasses_); !status) return status;
  }
  for (fs::directory_iterator at(directory_ + "/policy", error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() != ".json") continue;
    v1::PolicyVersion version;
    if (const auto status = read_json(at->path().string(), version); !status) return status;
    versions_.push_back(std::move(version));
  }
  if (error) return base::Error{"cannot read " + directory_ + "/policy: " + error.message()};
  std::sort(versions_.begin(), versions_.end(), [](const auto& a, const auto& b) { return a.number() < b.number(); });
  return base::Unit{};
}

base::Status StateFolder::set_generation(uint64_t generation) {
  if (const auto status = base::replace_file(directory_ + "/generation", std::to_string(generation) + "\n", file_mode);
      !status) {
    return status;
  }
  generation_ = generation;
  return base::Unit{};
}

base::Status StateFolder::set_bypasses(v1::ListBypassesResponse bypasses) {
  if (const auto status = base::replace_file(directory_ + "/bypasses.json", json_of(bypasses), file_mode); !status) {
    return status;
  }
  bypasses_ = std::move(bypasses);
  return base::Unit{};
}

std::string StateFolder::path_of(uint64_t number) const {
  return directory_ + "/policy/" + std::to_string(number);
}

const v1::PolicyVersion* StateFolder::version(uint64_t number) const {
  const auto found =
      std::find_if(versions_.begin(), versions_.end(), [&](const auto& version) { return version.number() == number; });
  return found == versions_.end() ? nullptr : &*found;
}

base::Result<std::vector<config::PolicyText>> StateFolder::texts(uint64_t number) const {
  std::vector<config::PolicyText> texts;
  std::error_code error;
  for (fs::directory_iterator at(path_of(number), error), end; !error && at != end; at.increment(error)) {
    auto text = base::read_file(at->path().string(), state_file_bytes_max);
    if (!text) return text.error();
    texts.push_back({at->path().filename().string(), *std::move(text)});
  }
  if (error) return base::Error{"cannot read " + path_of(number) + ": " + error.message()};
  // "10-b.yaml" comes after "9-a.yaml".
  const auto position = [](const config::PolicyText& text) {
    return base::parse_decimal(std::string_view(text.file).substr(0, text.file.find('-'))).value_or(0);
  };
  std::sort(texts.begin(), texts.end(), [&](const auto& a, const auto& b) { return position(a) < position(b); });
  for (config::PolicyText& text : texts) text.file.erase(0, text.file.find('-') + 1);
  return texts;
}

base::Result<v1::PolicyVersion> StateFolder::add(v1::PolicyVersion version,
                                                 const std::vector<config::PolicyText>& texts) {
  version.set_number(versions_.empty() ? 1 : versions_.back().number() + 1);
  const std::string path = path_of(version.number());
  std::error_code error;
  fs::remove_all(path, error);  // of a crash before its .json
  fs::create_directory(path, error);
  if (error) return base::Error{"cannot make the folder " + path + ": " + error.message()};
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string name = fs::path(texts[i].file).filename().string();
    const auto status = base::create_file(path + "/" + std::to_string(i) + "-" + name, texts[i].text, file_mode);
    if (!status) return status.error();
  }
  if (const auto status = base::create_file(path + ".json", json_of(version), file_mode); !status) {
    return status.error();
  }
  versions_.push_back(version);
  if (versions_.size() > policy_versions_max) forget_oldest();
  return version;
}

void StateFolder::forget_oldest() {
  const std::string path = path_of(versions_.front().number());
  std::error_code ignored;
  fs::remove(path + ".json", ignored);
  fs::remove_all(path, ignored);
  versions_.erase(versions_.begin());
}

}  // namespace sluice::pop
