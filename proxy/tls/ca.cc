#include "proxy/tls/ca.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "proxy/base/file.h"
#include "proxy/base/ip.h"
#include "proxy/tls/certificate.h"
#include "proxy/tls/limits.h"

namespace sluice::tls {

namespace {

using Form = Identity::Form;

constexpr unsigned key_mode = 0600;
constexpr unsigned certificate_mode = 0644;
constexpr std::chrono::hours day{24};
constexpr auto root_lifetime = day * 3653;
constexpr auto year_lifetime = day * 365;
// Machines whose clocks run late accept a new certificate too.
constexpr std::chrono::hours backdating{1};

// A file that shall be written.
struct Draft {
  MadeFile file;
  std::string content;
};

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

Draft certificate_draft(const std::string& path, const std::string& purpose, const Identity& identity) {
  return {{path, purpose, identity.not_after(), false}, identity.certificate_pem()};
}

void add_pair(std::vector<Draft>& drafts, const std::string& prefix, const std::string& purpose,
              const Identity& identity) {
  drafts.push_back(certificate_draft(prefix + ".crt", purpose, identity));
  drafts.push_back({{prefix + ".key", "its key", {}, true}, identity.key_pem()});
}

// Writes all drafts or, on error, none.
base::Result<std::vector<MadeFile>> write_all(const std::vector<Draft>& drafts) {
  for (const Draft& draft : drafts) {
    struct stat about {};
    if (lstat(draft.file.path.c_str(), &about) == 0) {
      return base::Error{draft.file.path +
                         ": exists already and is not replaced; choose another place or move it away"};
    }
  }
  std::vector<MadeFile> made;
  for (const Draft& draft : drafts) {
    const auto status =
        base::create_file(draft.file.path, draft.content, draft.file.is_key ? key_mode : certificate_mode);
    if (!status) {
      for (const MadeFile& file : made) unlink(file.path.c_str());
      return status.error();
    }
    made.push_back(draft.file);
  }
  return made;
}

base::Result<Identity> make(Form::Kind kind, const std::string& common_name, base::WallTime now,
                            std::chrono::hours lifetime, const Identity* issuer) {
  Form form;
  form.kind = kind;
  form.common_name = common_name;
  form.not_before = now - backdating;
  form.not_after = now + lifetime;
  return Identity::make(form, issuer);
}

// One "DNS:name" or "IP:address"; "" when it is right. Strict, because OpenSSL's spelling has a syntax of its own.
std::string why_bad_alternative_name(std::string_view text) {
  const std::string quoted = "`" + std::string(text.substr(0, 80)) + "`";
  if (text.starts_with("IP:")) {
    return base::IpAddress::parse(text.substr(3)) ? "" : quoted + " is not `IP:` and an address";
  }
  if (!text.starts_with("DNS:")) return quoted + " must begin with `DNS:` or `IP:`";
  std::string_view name = text.substr(4);
  if (name.starts_with("*.")) name.remove_prefix(2);
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
  const bool fits = !name.empty() && name.size() <= 253 && name.front() != '.' && name.back() != '.';
  return letters && fits ? "" : quoted + " is not `DNS:` and a host name";
}

base::Result<std::string> joined_names(const ServiceCertificate& wanted) {
  std::vector<std::string> names = wanted.alternative_names;
  if (names.empty()) names.push_back("DNS:" + wanted.name);
  if (names.size() > alternative_names_max) {
    return base::Error{"more than " + std::to_string(alternative_names_max) + " alternative names"};
  }
  std::string joined;
  for (const std::string& name : names) {
    if (const std::string why = why_bad_alternative_name(name); !why.empty()) return base::Error{why};
    joined.append(joined.empty() ? "" : ",").append(name);
  }
  return joined;
}

base::Result<Identity> load_identity(const std::string& prefix) {
  const auto certificate = base::read_file(prefix + ".crt", pem_file_bytes_max);
  if (!certificate) return certificate.error();
  const auto key = base::read_file(prefix + ".key", pem_file_bytes_max);
  if (!key) return key.error();
  return Identity::from_pem(*certificate, *key, prefix);
}

// A leaf by the root in `prefix`.crt and .key, never longer than the root lives.
base::Result<std::vector<MadeFile>> issue(const std::string& prefix, Form form, const std::string& out,
                                          const std::string& purpose, base::WallTime now,
                                          base::WallTime::duration lifetime = year_lifetime) {
  const auto root = load_identity(prefix);
  if (!root) return root.error();
  if (root->not_after() <= now) return base::Error{prefix + ".crt: has expired"};
  form.not_before = now - backdating;
  form.not_after = std::min(now + lifetime, root->not_after());
  const auto identity = Identity::make(form, &*root);
  if (!identity) return identity.error();
  std::vector<Draft> drafts;
  add_pair(drafts, out, purpose, *identity);
  return write_all(drafts);
}

// At most 64 characters are allowed there; bytes are fewer or as many, and no character is cut in two.
std::string cut_to_common_name(std::string text) {
  if (text.size() <= common_name_bytes_max) return text;
  size_t end = common_name_bytes_max;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace

base::Result<std::vector<MadeFile>> create_ca(const std::string& directory, const std::string& name,
                                              base::WallTime now) {
  if (name.empty() || name.size() > ca_name_bytes_max || !is_printable_ascii(name)) {
    return base::Error{"the name must be 1 to " + std::to_string(ca_name_bytes_max) + " printable ASCII characters"};
  }
  auto root = make(Form::Kind::kRootOfRoots, name + " interception root", now, root_lifetime, nullptr);
  if (!root) return root.error();
  auto devices = make(Form::Kind::kRoot, name + " devices root", now, root_lifetime, nullptr);
  if (!devices) return devices.error();
  auto service = make(Form::Kind::kRoot, name + " service root", now, root_lifetime, nullptr);
  if (!service) return service.error();
  auto issuing = make(Form::Kind::kIssuing, name + " issuing CA", now, year_lifetime, &*root);
  if (!issuing) return issuing.error();

  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return base::Error{directory + ": cannot create the folder: " + error.message()};
  std::vector<Draft> drafts;
  add_pair(drafts, directory + "/interception-root", "root that clients trust", *root);
  add_pair(drafts, directory + "/devices-root", "root of steered devices", *devices);
  add_pair(drafts, directory + "/service-root", "root of PoP and event store", *service);
  add_pair(drafts, directory + "/ca", "issuing CA of one PoP", *issuing);
  drafts.push_back(certificate_draft(directory + "/root.crt", "copy of interception-root.crt", *root));
  drafts.push_back(certificate_draft(directory + "/devices.crt", "copy of devices-root.crt", *devices));
  return write_all(drafts);
}

base::Result<std::vector<MadeFile>> issue_service_certificate(const std::string& directory,
                                                              const ServiceCertificate& wanted, base::WallTime now) {
  if (wanted.name.empty() || wanted.name.size() > common_name_bytes_max || !is_printable_ascii(wanted.name)) {
    return base::Error{"the name must be 1 to " + std::to_string(common_name_bytes_max) +
                       " printable ASCII characters"};
  }
  const auto names = joined_names(wanted);
  if (!names) return names.error();
  const bool server = wanted.role == ServiceRole::kServer;
  Form form;
  form.kind = server ? Form::Kind::kServer : Form::Kind::kClient;
  form.common_name = wanted.name;
  form.alternative_names = *names;
  return issue(directory + "/service-root", std::move(form), wanted.out,
               server ? "server certificate" : "producer certificate", now);
}

base::Result<std::vector<MadeFile>> issue_device_certificate(const std::string& directory,
                                                             const DeviceCertificate& wanted, base::WallTime now) {
  const auto uri = format_identity(wanted.identity);
  if (!uri) return uri.error();
  Form form;
  form.kind = Form::Kind::kClient;
  form.common_name = cut_to_common_name(wanted.identity.device);
  form.alternative_names = "URI:" + *uri;  // percent-encoded: nothing in it means something to OpenSSL's spelling
  return issue(directory + "/devices-root", std::move(form), wanted.out, "device certificate", now, day * wanted.days);
}

}  // namespace sluice::tls
