#include <source_location>

#include "proxy/base/text.h"
#include "proxy/client/client_log.h"

namespace sluice::client {

namespace {

using policy::Line;

// Bytes that would end the line, and the comma that ends a name in it.
std::string harmless(std::string_view name) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == 0x7f || c == '\\' || c == ',') {
      text += "\\x";
      text += digits[byte >> 4];
      text += digits[byte & 0xf];
    } else {
      text += base::ascii_lower(c);
    }
  }
  return text;
}

// Remembers the line of our source that words the message.
DecisionText text(const char* component, std::string message,
                  const std::source_location& at = std::source_location::current()) {
  const std::string_view file = at.file_name();
  return {std::string(file.substr(file.rfind('/') + 1)) + ":" + std::to_string(at.line()), component,
          std::move(message)};
}

}  // namespace

std::optional<DecisionText> decision_text(const flow::FlowRecord& record, Line line, uint32_t session) {
  constexpr const char* bypass = "BypassAppMgr";
  const std::string process = harmless(record.process_name);
  const std::string host = harmless(record.host);
  const std::string address = record.destination.address.unmapped().to_string();
  const std::string port = std::to_string(record.destination.port);
  const std::string source = record.source.address.unmapped().to_string();
  const std::string source_port = std::to_string(record.source.port);
  switch (line) {
    case Line::kNone: return std::nullopt;
    case Line::kAppDirect: return text(bypass, "Bypassing connection from process: " + process + ", host: " + host);
    case Line::kAppTunnelled:
      return text(bypass, "Bypassing connection by tunneling from process: " + process + ", host: " + host);
    case Line::kAppDropped: return text(bypass, "Dropping connection from process: " + process + ", host: " + host);
    case Line::kException:
      return text(bypass, "bypassing flow to exception host: " + host + ", process: " + process +
                              ", Dest IP: " + address + ", Dest Port: " + port);
    case Line::kPrivateAddress:
      return text(bypass, "Bypassing flow from process: " + process + " to private ip: " + address + ", Port: " + port +
                              ", host: " + host);
    case Line::kQuicRefused:
      return text(bypass, "Blocking UDP connection from process: " + process + ", dest IP:" + address + ":" + port +
                              ", src IP " + source + ":" + source_port);
    case Line::kSteered:
      return text("nsTunnel", "TLS [sessId " + std::to_string(session) + "] Tunneling flow from addr: " + source + ":" +
                                  source_port + ", process: " + process + " to host: " + host + ", addr: " + address +
                                  ":" + port + " to nsProxy");
  }
  return std::nullopt;
}

}  // namespace sluice::client
