#include "proxy/config/checks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "proxy/config/limits.h"

namespace sluice::config {

namespace {

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= name_bytes_max && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
         });
}

// "" when `file` is a readable file, else why not.
std::string why_unreadable(const std::string& file) {
  // Without O_NONBLOCK a FIFO would hang the program.
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::strerror(errno);
  struct stat about {};
  const bool regular = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
  close(fd);
  return regular ? "" : "it is not a file";
}

}  // namespace

bool is_loopback(const base::IpAddress& address) {
  static const base::Cidr v4 = *base::Cidr::parse("127.0.0.0/8");
  static const base::Cidr v6 = *base::Cidr::parse("::1/128");
  const base::IpAddress plain = address.unmapped();
  return v4.contains(plain) || v6.contains(plain);
}

std::string host_name() {
  std::array<char, 256> buffer{};
  if (gethostname(buffer.data(), buffer.size() - 1) != 0) return "sluice";
  std::string name = buffer.data();
  return is_name(name) ? name : "sluice";
}

Checks::Checks(const std::string& file, const Marks& marks, Problems& problems) : marks_(marks), problems_(problems) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(file, error);
  directory_ = (error ? std::filesystem::path(file) : whole).parent_path().string();
}

void Checks::name(const std::string& path, const std::string& text) {
  if (is_name(text)) return;
  problem(path, "must be 1 to " + std::to_string(name_bytes_max) + " letters, digits, `.`, `-` or `_`, found " +
                    backquoted(text));
}

std::optional<base::IpAddress> Checks::ip(const std::string& path, const std::string& text) {
  auto address = base::IpAddress::parse(text);
  if (!address) problem(path, "must be an IP address such as 192.0.2.1, found " + backquoted(text));
  return address;
}

std::optional<base::Cidr> Checks::cidr(const std::string& path, const std::string& text) {
  auto network = base::Cidr::parse(text);
  if (!network) {
    problem(path, "must be a network such as 10.0.0.0/8 with no bits set behind the prefix, found " + backquoted(text));
  }
  return network;
}

std::optional<base::Endpoint> Checks::endpoint(const std::string& path, const std::string& text, Port port) {
  if (text.empty()) {
    problem(path, "is required; write IP:port, for example 127.0.0.1:3128");
    return std::nullopt;
  }
  const auto endpoint = base::Endpoint::parse(text);
  if (!endpoint) {
    problem(path, "must be IP:port, for example 127.0.0.1:3128 or [::1]:3128, found " + backquoted(text));
    return std::nullopt;
  }
  if (port == Port::kGiven && endpoint->port == 0) {
    problem(path, "needs a port from 1 to 65535, found " + backquoted(text));
    return std::nullopt;
  }
  return endpoint;
}

uint64_t Checks::number(const std::string& path, uint64_t value, Range range) {
  if (!stands(path)) return range.otherwise;
  if (value < range.min || value > range.max) {
    problem(path, "must be from " + std::to_string(range.min) + " to " + std::to_string(range.max) + ", found " +
                      std::to_string(value));
  }
  return value;
}

std::string Checks::word(const std::string& path, const std::string& text, const std::vector<std::string>& words) {
  if (text.empty() && !stands(path)) return words.front();
  if (std::find(words.begin(), words.end(), text) == words.end()) {
    problem(path,
            "must be " + backquoted_list(words, " or ") + ", found " + backquoted(text) + did_you_mean(text, words));
  }
  return text;
}

std::string Checks::absolute(const std::string& text) const {
  return (std::filesystem::path(directory_) / text).lexically_normal().string();
}

std::string Checks::readable_file(const std::string& path, const std::string& text) {
  if (text.empty()) {
    problem(path, "is required; write the name of a file");
    return text;
  }
  std::string file = absolute(text);
  if (const std::string why = why_unreadable(file); !why.empty()) {
    problem(path, "cannot read " + file + ": " + why);
  }
  return file;
}

std::string Checks::file_or_folder(const std::string& path, const std::string& text) {
  std::string found = absolute(text);
  std::error_code error;
  if (!std::filesystem::exists(found, error)) problem(path, "there is no file or folder " + found);
  return found;
}

std::string Checks::folder(const std::string& path, const std::string& text) {
  std::string folder = absolute(text);
  std::error_code error;
  const auto status = std::filesystem::status(folder, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
    problem(path, folder + " is not a folder");
  }
  return folder;
}

std::string Checks::socket(const std::string& path, const std::string& text) {
  std::string socket = absolute(text);
  if (socket.size() > unix_socket_path_bytes_max) {
    problem(path, socket + " is longer than the " + std::to_string(unix_socket_path_bytes_max) +
                      " bytes that a unix socket's name may have");
  }
  return socket;
}

void Checks::tls(const std::string& path, v1::Tls& tls) {
  tls.set_certificate(readable_file(path + ".certificate", tls.certificate()));
  tls.set_key(readable_file(path + ".key", tls.key()));
  tls.set_ca(readable_file(path + ".ca", tls.ca()));
}

void Checks::device_tls(const std::string& path, v1::DeviceTls& tls) {
  tls.set_certificate(readable_file(path + ".certificate", tls.certificate()));
  tls.set_key(readable_file(path + ".key", tls.key()));
  tls.set_client_ca(readable_file(path + ".client_ca", tls.client_ca()));
  if (!tls.revoked().empty()) tls.set_revoked(readable_file(path + ".revoked", tls.revoked()));
}

void Checks::address_with_tls(const std::string& owner, const std::string& address, bool has_tls, Port port) {
  const std::string path = owner + ".address";
  const auto endpoint = this->endpoint(path, address, port);
  if (!endpoint || has_tls || is_loopback(endpoint->address)) return;
  problem(path, backquoted(address) + " is not loopback, so events would cross the network in clear; add `tls: " +
                    "{certificate: FILE, key: FILE, ca: FILE}` to `" + owner + "`");
}

void Checks::event_store(v1::EventStore& events) {
  address_with_tls("events", events.address(), events.has_tls(), Port::kGiven);
  if (events.has_tls()) tls("events.tls", *events.mutable_tls());
}

void Checks::resolve(const std::string& owner, const google::protobuf::Map<std::string, std::string>& entries) {
  for (const auto& [name, address] : entries) {
    const std::string path = entry_path(owner, name);
    if (!is_host_name(name)) {
      problem(path,
              "must be a host name in lower case, without port or final dot; names in other scripts in "
              "their xn-- form");
    }
    ip(path, address);
  }
}

void Checks::spool(v1::Spool& spool, uint64_t bytes_default, const std::vector<std::string>& when_full_words) {
  if (spool.directory().empty()) spool.set_directory("spool");
  spool.set_directory(folder("spool.directory", spool.directory()));
  spool.set_max_bytes(number("spool.max_bytes", spool.max_bytes(), {bytes_default, spool_bytes_min, UINT64_MAX}));
  spool.set_when_full(word("spool.when_full", spool.when_full(), when_full_words));
}

void Checks::timeouts(v1::Timeouts& timeouts) {
  const auto ms = [&](const char* name, uint32_t value, uint32_t otherwise, uint32_t min) {
    return number32(std::string("timeouts.") + name, value, {otherwise, min, timeout_ms_max});
  };
  timeouts.set_head_ms(ms("head_ms", timeouts.head_ms(), 10'000, 1));
  timeouts.set_client_hello_ms(ms("client_hello_ms", timeouts.client_hello_ms(), 5'000, 1));
  timeouts.set_idle_ms(ms("idle_ms", timeouts.idle_ms(), 300'000, 1));
  timeouts.set_half_open_ms(ms("half_open_ms", timeouts.half_open_ms(), 300'000, 1));
  timeouts.set_total_ms(ms("total_ms", timeouts.total_ms(), 0, 0));
  timeouts.set_drain_ms(ms("drain_ms", timeouts.drain_ms(), 30'000, 0));
}

void Checks::log(v1::Log& log) {
  log.set_format(word("log.format", log.format(), {"text", "json"}));
  log.set_level(word("log.level", log.level(), {"info", "debug", "warn", "error"}));
}

}  // namespace sluice::config
