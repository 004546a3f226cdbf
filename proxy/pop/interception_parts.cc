#include "proxy/pop/interception_parts.h"

namespace sluice::pop {

namespace {

// Who stole the key of one would have the other: devices' certificates and those that clients see come from CAs that
// have nothing to do with each other.
base::Status check_key_is_its_own(const config::v1::Proxy& checked) {
  const std::string& ca = checked.interception().ca_certificate();
  const auto own = tls::public_key_hash(ca);
  if (!own) return own.error();
  const auto differs = [&](const config::v1::DeviceTls& other) -> base::Status {
    for (const std::string& file : {other.certificate(), other.client_ca()}) {
      const auto key = tls::public_key_hash(file);
      if (!key) return key.error();
      if (*key == *own) {
        return base::Error{ca + ": has the same key as " + file + "; interception needs a CA of its own"};
      }
    }
    return base::Unit{};
  };
  for (const auto& listener : checked.listeners()) {
    if (!listener.has_tls()) continue;
    if (auto status = differs(listener.tls()); !status) return status;
  }
  return checked.has_control() ? differs(checked.control().tls()) : base::Unit{};
}

base::Result<std::shared_ptr<drive::InterceptionParts>> read_files(const config::v1::Proxy& checked) {
  const auto& files = checked.interception();
  auto ca = tls::IssuingCa::load({files.ca_certificate(), files.ca_key(), files.chain()}, base::wall_now());
  if (!ca) return ca.error();
  if (auto status = check_key_is_its_own(checked); !status) return status.error();
  const auto& crls = checked.origin().crls();
  const std::string& trust = checked.origin().trust();
  auto store = tls::TrustStore::load({trust == "system" ? "" : trust, {crls.begin(), crls.end()}});
  if (!store) return store.error();
  auto parts = std::make_shared<drive::InterceptionParts>();
  parts->ca = std::move(*ca);
  parts->trust = std::move(*store);
  return parts;
}

}  // namespace

base::Result<InterceptionPartsPtr> load_interception(const config::v1::Proxy& checked,
                                                     const InterceptionPartsPtr& now) {
  if (!checked.has_interception()) return InterceptionPartsPtr{};
  auto parts = read_files(checked);
  if (!parts) return parts.error();
  if (now != nullptr) {
    (*parts)->untrusted = now->untrusted;
    (*parts)->keys = now->keys;
    (*parts)->tickets = now->tickets;
    return InterceptionPartsPtr(std::move(*parts));
  }
  auto untrusted = tls::IssuingCa::make_untrusted(base::wall_now());
  if (!untrusted) return untrusted.error();
  auto keys = tls::LeafKeys::generate();
  if (!keys) return keys.error();
  (*parts)->untrusted = std::move(*untrusted);
  (*parts)->keys = std::move(*keys);
  (*parts)->tickets = std::make_shared<tls::TicketKeys>();
  return InterceptionPartsPtr(std::move(*parts));
}

base::Result<InterceptionPartsPtr> with_new_keys(const drive::InterceptionParts& now) {
  auto keys = tls::LeafKeys::generate();
  if (!keys) return keys.error();
  auto parts = std::make_shared<drive::InterceptionParts>(now);
  parts->keys = std::move(*keys);
  return InterceptionPartsPtr(std::move(parts));
}

base::Status check_interception(const config::v1::Proxy& checked) {
  if (!checked.has_interception()) return base::Unit{};
  const auto parts = read_files(checked);
  if (!parts) return parts.error();
  return base::Unit{};
}

}  // namespace sluice::pop
