#include "proxy/policy/client_policy.h"

#include <algorithm>
#include <string>

#include "proxy/policy/catalogue.h"

namespace sluice::policy {

namespace v1 = config::v1;

namespace {

using Texts = google::protobuf::RepeatedPtrField<std::string>;
using Names = WordMap<bool>;

void add(Names& names, const Texts& texts) {
  for (const std::string& text : texts) names.emplace(text, true);
}

// Copies the lists that were asked for by name.
class Derivation {
 public:
  explicit Derivation(const v1::TenantPolicy& from) : from_(from), reach_(from) {}

  v1::TenantPolicy run(std::string_view configuration) {
    to_.set_tenant(from_.tenant());
    to_.set_bypassed_traffic(from_.bypassed_traffic());
    for (const v1::SteeringConfiguration& candidate : from_.steering_configurations()) {
      if (candidate.name() == configuration) steering(candidate);
    }
    categories();
    url_lists();
    apps();
    return std::move(to_);
  }

 private:
  void steering(const v1::SteeringConfiguration& from) {
    v1::SteeringConfiguration& to = *to_.add_steering_configurations();
    to = from;
    to.clear_applies_to();
    to.clear_exceptions();
    all_apps_ = from.traffic() == v1::TRAFFIC_MODE_CLOUD_APPS;
    for (const v1::Exception& exception : from.exceptions()) {
      if (!reach_.decides(exception)) continue;
      v1::Exception& kept = *to.add_exceptions();
      kept = exception;
      kept.clear_note();
      kept.clear_owner();
      add(categories_, exception.categories());
      add(categories_, exception.not_categories());
      add(apps_, exception.applications());
      add(apps_, exception.not_applications());
      if (exception.has_certificate_pinned_app()) apps_.emplace(exception.certificate_pinned_app().app(), true);
    }
  }

  void categories() {
    for (const v1::CustomCategory& category : from_.custom_categories()) {
      if (!categories_.contains(category.name())) continue;
      *to_.add_custom_categories() = category;
      add(lists_, category.include_url_lists());
      add(lists_, category.exclude_url_lists());
    }
  }

  void url_lists() {
    for (const v1::UrlList& list : from_.url_lists()) {
      if (lists_.contains(list.name())) *to_.add_url_lists() = list;
    }
  }

  // Those of the catalogue too: the client's own may be older. The tenant's win by name.
  void apps() {
    Names seen;
    const auto take = [&](const v1::CertificatePinnedApp& app) {
      if ((all_apps_ || apps_.contains(app.name())) && seen.emplace(app.name(), true).second) {
        *to_.add_certificate_pinned_apps() = app;
      }
    };
    for (const v1::CertificatePinnedApp& app : from_.certificate_pinned_apps()) take(app);
    for (const v1::CertificatePinnedApp& app : catalogue().certificate_pinned_apps()) take(app);
  }

  const v1::TenantPolicy& from_;
  const ClientReach reach_;
  v1::TenantPolicy to_;
  bool all_apps_ = false;
  Names categories_, lists_, apps_;
};

}  // namespace

ClientReach::ClientReach(const v1::TenantPolicy& policy) {
  for (const v1::CustomCategory& category : policy.custom_categories()) {
    by_lists_.emplace(category.name(), category.categories().empty());
  }
}

bool ClientReach::decides(const v1::Exception& exception) const {
  const auto known = [this](const std::string& category) {
    const auto found = by_lists_.find(category);
    return found != by_lists_.end() && found->second;
  };
  const int countries = exception.destinations().countries_size() + exception.sources().countries_size() +
                        exception.not_destinations().countries_size() + exception.not_sources().countries_size();
  return countries == 0 && std::all_of(exception.categories().begin(), exception.categories().end(), known) &&
         std::all_of(exception.not_categories().begin(), exception.not_categories().end(), known);
}

v1::TenantPolicy client_policy(const v1::TenantPolicy& policy, std::string_view configuration) {
  return Derivation(policy).run(configuration);
}

}  // namespace sluice::policy
