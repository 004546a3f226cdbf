#include "proxy/flow/block_page.h"

#include <utility>

#include "proxy/base/text.h"
#include "proxy/wire/proxy_status.h"

namespace sluice::flow {

namespace {

// Its SHA-256 stands in the policy below; a test compares them.
constexpr std::string_view stylesheet =
    "body{margin:0;font:16px/1.5 system-ui,sans-serif;background:#f4f5f7;color:#1c2430}"
    "main{max-width:36rem;margin:12vh auto;padding:2rem;background:#fff;border-radius:12px;"
    "border-top:6px solid #c62828;box-shadow:0 2px 16px #0002}"
    "h1{font-size:1.4rem;margin:0 0 .5rem}dl{display:grid;grid-template-columns:8rem 1fr;gap:.25rem 1rem;"
    "margin:1.5rem 0 0;font-size:.9rem;color:#4a5568}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{background:#12161c;color:#e6e9ee}main{background:#1c222b}"
    "dl{color:#a9b3c1}}";
constexpr std::string_view content_security_policy =
    "default-src 'none'; style-src 'sha256-Z1kUQiGV0axZOc+WDhIHIQ+fWF2R3AzuFU2J0sB0FA8='; base-uri 'none'; form-action "
    "'none'; frame-ancestors 'none'";

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string escape_json(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

bool wants_json(std::string_view accept) {
  return accept.find("json") != std::string_view::npos && accept.find("html") == std::string_view::npos;
}

struct Texts {
  std::string title = "This site is blocked";
  std::string body = "Your organization's policy does not allow it.";
  std::string support;
  std::string event_id;
};

std::string html(const FlowRecord& record, const Texts& texts) {
  const auto row = [](const char* name, std::string_view value) {
    if (value.empty()) return std::string{};
    return std::string("<dt>") + name + "</dt><dd>" + escape_html(value) + "</dd>";
  };
  return "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
         "content=\"width=device-width\"><title>" +
         escape_html(texts.title) + "</title><style>" + std::string(stylesheet) + "</style></head><body><main><h1>" +
         escape_html(texts.title) + "</h1><p>" + escape_html(texts.body) + "</p><dl>" + row("Site", record.host) +
         row("URL", record.exchange ? record.exchange->url : std::string_view{}) + row("Category", record.category) +
         row("Policy", record.policy) + row("Support", texts.support) + row("Event", texts.event_id) +
         "</dl></main></body></html>\n";
}

std::string json(const FlowRecord& record, const Texts& texts) {
  const auto pair = [](const char* name, std::string_view value) {
    return std::string("\"") + name + "\":\"" + escape_json(value) + "\"";
  };
  return "{" + pair("error", "blocked") + "," + pair("title", texts.title) + "," + pair("message", texts.body) + "," +
         pair("host", record.host) + "," + pair("url", record.exchange ? record.exchange->url : std::string_view{}) +
         "," + pair("category", record.category) + "," + pair("policy", record.policy) + "," +
         pair("support", texts.support) + "," + pair("event_id", texts.event_id) + "}\n";
}

}  // namespace

OwnAnswer block_page(const FlowRecord& record, const policy::Notice* notice, std::string_view pop_name,
                     std::string_view accept) {
  Texts texts;
  if (notice != nullptr) {
    if (!notice->title.empty()) texts.title = notice->title;
    if (!notice->body.empty()) texts.body = notice->body;
    texts.support = notice->support;
  }
  texts.event_id = base::hex16(record.producer_id) + "-" + std::to_string(record.event_counter);
  const bool as_json = wants_json(accept);
  const wire::ProxyStatus status{.proxy = std::string(pop_name),
                                 .error = wire::ProxyError::kHttpRequestDenied,
                                 .next_hop = "",
                                 .details = "blocked by policy " + record.policy};
  wire::Fields fields{{"Proxy-Status", status.to_field_value()},
                      {"Cache-Control", "no-store"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Content-Security-Policy", std::string(content_security_policy)},
                      {"Content-Type", as_json ? "application/json; charset=utf-8" : "text/html; charset=utf-8"}};
  return {403, "Forbidden", std::move(fields), as_json ? json(record, texts) : html(record, texts)};
}

}  // namespace sluice::flow
