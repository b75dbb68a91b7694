#include "controller/mx/policy_records.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "controller/mx/spf.h"
#include "controller/mx/values.h"

namespace mailquench::controller::mx {
namespace {

constexpr std::size_t kMostSelectors = 32;
constexpr int kShortKey = 1024;  // RFC 8301 section 3.2: verifiers must not accept shorter ones.

// "v=...; k=..." (RFC 6376 section 3.2).
std::map<std::string, std::string> Tags(const std::string& text) {
  std::map<std::string, std::string> tags;
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    const std::pair<std::string, std::string> one = absl::StrSplit(part, absl::MaxSplits('=', 1));
    tags.emplace(std::string(absl::StripAsciiWhitespace(one.first)),
                 std::string(absl::StripAsciiWhitespace(one.second)));
  }
  return tags;
}

// Of a SubjectPublicKeyInfo in base64; 0 where it is none.
int KeyBits(const std::string& base64) {
  std::string der;
  if (!absl::Base64Unescape(absl::StrReplaceAll(base64, {{" ", ""}, {"\t", ""}}), &der)) return 0;
  const unsigned char* at = reinterpret_cast<const unsigned char*>(der.data());
  EVP_PKEY* const key = d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size()));
  if (key == nullptr) return 0;
  const int bits = EVP_PKEY_bits(key);
  EVP_PKEY_free(key);
  return bits;
}

v1::DkimView ViewDkim(Lookups* lookups, const std::string& selector, const std::string& domain) {
  v1::DkimView view;
  view.set_selector(selector);
  const Told told = lookups->Ask(absl::StrCat(selector, "._domainkey.", domain), "TXT");
  if (!told.known) {
    view.set_problem(absl::StrCat("is not known: ", told.fault));
    return view;
  }
  if (told.values.empty()) {
    view.set_problem("has no key");
    return view;
  }
  if (told.values.size() > 1) {
    view.set_problem("has several records, of which verifiers take any");
    return view;
  }
  const auto tags = Tags(TxtText(told.values[0]));
  const auto key = tags.find("p");
  const auto type = tags.find("k");
  view.set_key_type(type == tags.end() ? "rsa" : type->second);
  if (key == tags.end()) {
    view.set_problem("has a record without a key (no p=)");
  } else if (key->second.empty()) {
    view.set_problem("has a key that was revoked (p= is empty)");
  } else if (view.key_type() == "rsa") {
    view.set_bits(KeyBits(key->second));
    view.set_present(view.bits() > 0);
    if (view.bits() == 0)
      view.set_problem("has a key that cannot be read");
    else if (view.bits() < kShortKey)
      view.set_problem(
          absl::StrCat("has a key of ", view.bits(), " bits, which verifiers refuse (RFC 8301)"));
  } else if (view.key_type() == "ed25519") {  // RFC 8463: the bare 32 bytes.
    std::string raw;
    const bool good = absl::Base64Unescape(key->second, &raw) && raw.size() == 32;
    view.set_present(good);
    view.set_bits(good ? 256 : 0);
    if (!good) view.set_problem("has a key that cannot be read");
  } else {
    view.set_problem("has a key of a kind that is not known");
  }
  return view;
}

// The one TXT that begins so; a problem where there are several.
std::string OnePolicy(Lookups* lookups,
                      const std::string& name,
                      const std::string& beginning,
                      const std::string& what,
                      v1::DomainView* view) {
  const Told told = lookups->Ask(name, "TXT");
  std::string found;
  int many = 0;
  for (const std::string& value : told.values) {
    const std::string text = TxtText(value);
    if (!absl::StartsWith(text, beginning)) continue;
    if (many++ == 0) found = text;
  }
  if (!told.known) view->add_problems(absl::StrCat(what, " is not known: ", told.fault, "."));
  if (many > 1)
    view->add_problems(absl::StrCat(name, " has ", many, " records of ", what,
                                    "; receivers then act as if there were none."));
  return found;
}

void ViewSpf(Lookups* lookups, v1::DomainView* view) {
  const SpfAnswer answer = CountSpf(lookups, view->domain());
  v1::SpfView* spf = view->mutable_spf();
  spf->set_record(answer.record);
  spf->set_lookups(answer.lookups);
  spf->set_void_lookups(answer.void_lookups);
  spf->set_problem(answer.problem);
  if (answer.result == SpfResult::kNone && answer.problem.empty())
    spf->set_problem("there is no record");
}

}  // namespace

void ViewPolicies(Lookups* lookups,
                  const std::vector<std::string>& selectors,
                  v1::DomainView* view) {
  const std::string& domain = view->domain();
  std::vector<std::pair<std::string, std::string>> questions = {
      {domain, "TXT"},
      {absl::StrCat("_dmarc.", domain), "TXT"},
      {absl::StrCat("_mta-sts.", domain), "TXT"},
      {absl::StrCat("_smtp._tls.", domain), "TXT"}};
  for (const std::string& selector : selectors)
    questions.emplace_back(absl::StrCat(selector, "._domainkey.", domain), "TXT");
  if (questions.size() > kMostSelectors) questions.resize(kMostSelectors);
  lookups->Fetch(questions);
  ViewSpf(lookups, view);
  for (const std::string& selector : selectors) {
    if (view->dkim_size() == static_cast<int>(kMostSelectors)) break;
    *view->add_dkim() = ViewDkim(lookups, selector, domain);
  }
  view->set_dmarc(OnePolicy(lookups, absl::StrCat("_dmarc.", domain), "v=DMARC1", "DMARC", view));
  view->set_mta_sts(
      OnePolicy(lookups, absl::StrCat("_mta-sts.", domain), "v=STSv1", "MTA-STS", view));
  view->set_tls_rpt(
      OnePolicy(lookups, absl::StrCat("_smtp._tls.", domain), "v=TLSRPTv1", "TLS-RPT", view));
}

}  // namespace mailquench::controller::mx
