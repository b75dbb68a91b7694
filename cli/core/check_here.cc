#include "cli/core/check_here.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/blacklist/control.h"
#include "common/blacklist/file.h"
#include "common/blacklist/keys.h"
#include "common/blacklist/sweep.h"
#include "common/listing/messages.h"
#include "common/status/error.h"
#include "common/text/suggest.h"

namespace mailquench::cli {
namespace {

using blacklist::HealthBook;
using blacklist::List;
using blacklist::Subject;

absl::Status CheckZones(const blacklist::Catalogue& catalogue,
                        const std::vector<std::string>& zones) {
  for (const std::string& zone : zones) {
    const List* list = catalogue.Find(zone);
    if (list == nullptr) {
      std::vector<std::string> names;
      for (const List& one : catalogue.lists()) names.push_back(one.zone);
      return Error(absl::StatusCode::kNotFound, "NO_SUCH_LIST",
                   absl::StrCat("The catalogue has no list '", zone, "'.", DidYouMean(zone, names),
                                " `mailquench blacklist lists --all` shows them; nothing was "
                                "asked."));
    }
  }
  return absl::OkStatus();
}

// What a dead list says means nothing.
absl::Status CheckAlive(const List& list) {
  if (list.state == blacklist::State::kLive) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "LIST_DEAD",
               absl::StrCat(list.zone, " is dead", list.since.empty() ? "" : " since " + list.since,
                            list.why.empty() ? "" : " (" + list.why + ")",
                            ": its answers mean nothing, so nothing was asked. Leave it out."));
}

absl::StatusOr<std::vector<Subject>> Parse(const std::vector<std::string>& texts) {
  std::vector<Subject> subjects;
  for (const std::string& text : texts) {
    MQ_ASSIGN_OR_RETURN(Subject subject, Subject::Parse(text));
    if (std::find(subjects.begin(), subjects.end(), subject) == subjects.end())
      subjects.push_back(std::move(subject));
  }
  return subjects;
}

bool IsOfUse(const List& list, const std::vector<Subject>& subjects) {
  return std::any_of(subjects.begin(), subjects.end(),
                     [&](const Subject& one) { return Covers(list, one); });
}

// What is returned is why the resolver itself is not to be believed; empty: it is.
std::string Probe(blacklist::Resolver* resolver,
                  blacklist::Pacer* pacer,
                  const std::vector<const List*>& lists,
                  const blacklist::Keys& keys,
                  bool allow_public,
                  absl::Time until,
                  HealthBook* book) {
  return ProbeLists(
      resolver, pacer, lists, {}, keys, allow_public,
      [&](const List& list, const blacklist::Probe& probe) {
        (*book)[list.zone] = After((*book)[list.zone], probe);
      },
      until);
}

absl::Status InTime(const HereOptions& options) {
  if (absl::Now() < options.until) return absl::OkStatus();
  return Error(absl::StatusCode::kDeadlineExceeded, "TIMED_OUT",
               "The time that --timeout gives was over before the lists had answered; what they "
               "say is not known.");
}

void AddReverse(blacklist::Resolver* resolver,
                const std::vector<Subject>& subjects,
                v1::BlacklistCheckDone* done) {
  std::vector<blacklist::ReverseWish> wishes;
  for (const Subject& subject : subjects) {
    if (subject.kind() != Subject::Kind::kDomain) wishes.push_back({subject, ""});
  }
  for (const auto& one : LookUpReverse(resolver, wishes, absl::Now() + absl::Seconds(20)))
    *done->add_identities() = ToMessage(one);
}

}  // namespace

absl::StatusOr<Here> Here::Open(const HereOptions& options) {
  MQ_ASSIGN_OR_RETURN(blacklist::Catalogue catalogue, blacklist::LoadCatalogue(options.catalogue));
  blacklist::Keys keys;
  if (!options.keys.empty()) {
    MQ_ASSIGN_OR_RETURN(keys, blacklist::ReadKeys(options.keys));
  }
  MQ_RETURN_IF_ERROR(CheckZones(catalogue, options.zones));
  MQ_RETURN_IF_ERROR(blacklist::CheckKeyZones(catalogue, keys, options.keys));
  return Here(options, std::move(catalogue), std::move(keys));
}

std::vector<const List*> Here::Chosen() const {
  std::vector<const List*> lists;
  if (!options_.zones.empty()) {
    for (const std::string& zone : options_.zones) {
      const List* list = catalogue_.Find(zone);
      if (std::find(lists.begin(), lists.end(), list) == lists.end()) lists.push_back(list);
    }
    return lists;
  }
  for (const List& list : catalogue_.lists()) {
    if (list.enabled && list.purpose == blacklist::Purpose::kBlock &&
        (!list.key_first || keys_.count(list.zone) > 0))
      lists.push_back(&list);
  }
  return lists;
}

absl::StatusOr<v1::BlacklistCheckDone> Here::Check(const std::vector<std::string>& texts,
                                                   const OnAnswer& on_answer,
                                                   const OnProgress& on_progress) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Subject> given, Parse(texts));
  std::vector<Subject> subjects;
  v1::BlacklistCheckDone done;
  for (const Subject& one : given) {
    if (IsPrivate(one))
      done.add_skipped(
          absl::StrCat(one.text(), ": no list knows an address that nobody outside sees"));
    else
      subjects.push_back(one);
  }
  if (subjects.empty()) return done;
  for (const List* list : Chosen()) MQ_RETURN_IF_ERROR(CheckAlive(*list));
  const absl::Time begun = absl::Now();
  for (const Subject& one : subjects) done.add_subjects(one.text());
  blacklist::ResolverOptions resolver_options;
  resolver_options.servers = options_.resolvers;
  MQ_ASSIGN_OR_RETURN(const blacklist::ResolverCheck control,
                      blacklist::CheckResolvers(resolver_options));
  done.set_resolver_fault(control.Sentence());
  if (control.good.empty()) return done;
  resolver_options.servers = control.good;
  resolver_options.random_case = control.random_case;
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<blacklist::Resolver> resolver,
                      blacklist::Resolver::Make(resolver_options));
  std::vector<const List*> lists;
  for (const List* list : Chosen()) {
    if (IsOfUse(*list, subjects)) lists.push_back(list);
  }
  done.set_lists(static_cast<int>(lists.size()));
  blacklist::Pacer pacer;
  on_progress(0, static_cast<std::int64_t>(lists.size()));
  HealthBook book;
  const std::string fault =
      Probe(resolver.get(), &pacer, lists, keys_, options_.allow_public, options_.until, &book);
  MQ_RETURN_IF_ERROR(InTime(options_));
  if (!fault.empty()) {
    done.set_resolver_fault(fault);
    return done;
  }
  for (const List* list : lists) {
    const auto health = book.find(list->zone);
    if (health == book.end() || health->second.state == blacklist::HealthState::kWell) continue;
    v1::BlacklistInfo* sick = done.add_sick();
    *sick = ToMessage(*list, keys_.count(list->zone) > 0);
    *sick->mutable_health() = ToMessage(health->second);
  }
  std::int64_t all = 0, told = 0;
  for (const List* list : lists) {
    all += std::count_if(subjects.begin(), subjects.end(),
                         [&](const Subject& one) { return Covers(*list, one); });
  }
  blacklist::SweepOptions sweep;
  sweep.keys = keys_;
  sweep.allow_public = options_.allow_public;
  sweep.until = options_.until;
  const blacklist::SweepTotals totals = RunSweep(
      resolver.get(), &pacer, subjects, lists, book, sweep,
      [](const List&, const Subject&) { return true; },
      [&](const blacklist::Check& check) {
        on_answer(ToMessage(check, keys_));
        on_progress(++told, all);
      });
  done.set_questions(totals.asked);
  MQ_RETURN_IF_ERROR(InTime(options_));
  AddReverse(resolver.get(), subjects, &done);
  const absl::Duration took = absl::Now() - begun;
  done.mutable_took()->set_seconds(absl::ToInt64Seconds(took));
  done.mutable_took()->set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(took) % 1000000000));
  return done;
}

absl::StatusOr<v1::ListBlacklistsResponse> Here::Lists(bool with_disabled, bool health) {
  HealthBook book;
  if (health) {
    blacklist::ResolverOptions resolver_options;
    resolver_options.servers = options_.resolvers;
    MQ_ASSIGN_OR_RETURN(const blacklist::ResolverCheck control,
                        blacklist::CheckResolvers(resolver_options));
    if (control.good.empty())
      return Error(absl::StatusCode::kUnavailable, "RESOLVER_FAILED",
                   absl::StrCat(control.Sentence(),
                                "; nothing is known of any list; name another with --resolver"));
    resolver_options.servers = control.good;
    resolver_options.random_case = control.random_case;
    MQ_ASSIGN_OR_RETURN(const std::unique_ptr<blacklist::Resolver> resolver,
                        blacklist::Resolver::Make(resolver_options));
    blacklist::Pacer pacer;
    std::vector<const List*> live = Chosen();
    live.erase(std::remove_if(live.begin(), live.end(),
                              [](const List* one) { return !CheckAlive(*one).ok(); }),
               live.end());
    const std::string fault =
        Probe(resolver.get(), &pacer, live, keys_, options_.allow_public, options_.until, &book);
    MQ_RETURN_IF_ERROR(InTime(options_));
    if (!fault.empty())
      return Error(absl::StatusCode::kUnavailable, "RESOLVER_FAILED",
                   absl::StrCat(fault,
                                "; nothing is known of any list; name another with "
                                "--resolver"));
  }
  v1::ListBlacklistsResponse response;
  const std::vector<const List*> chosen = Chosen();
  for (const List& list : catalogue_.lists()) {
    const bool is_chosen = std::find(chosen.begin(), chosen.end(), &list) != chosen.end();
    if (!is_chosen && (!options_.zones.empty() || !(with_disabled || list.enabled))) continue;
    v1::BlacklistInfo* info = response.add_lists();
    *info = ToMessage(list, keys_.count(list.zone) > 0);
    if (const auto at = book.find(list.zone); at != book.end())
      *info->mutable_health() = ToMessage(at->second);
  }
  return response;
}

}  // namespace mailquench::cli
