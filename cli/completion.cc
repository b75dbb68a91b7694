#include "cli/completion.h"

#include <memory>
#include <ostream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/core/exit_code.h"
#include "cli/core/operation_text.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "mailquench/v1/blacklist.grpc.pb.h"
#include "mailquench/v1/escalation.grpc.pb.h"
#include "mailquench/v1/fleet.grpc.pb.h"
#include "mailquench/v1/incidents.grpc.pb.h"
#include "mailquench/v1/quarantines.grpc.pb.h"
#include "mailquench/v1/runs.grpc.pb.h"

namespace mailquench::cli {
namespace {

constexpr char kBash[] = R"(_mailquench() {
  local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}" cur
  local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  cur="${COMP_WORDS[COMP_CWORD]}"
  # Bash splits at '='; what is offered has to begin after it.
  if [[ "$COMP_WORDBREAKS" == *"="* && $COMP_CWORD -ge 2 ]]; then
    if [[ "$cur" == "=" ]]; then
      words=("${COMP_WORDS[@]:1:COMP_CWORD-2}" "${COMP_WORDS[COMP_CWORD-1]}=")
      cur=""
    elif [[ "${COMP_WORDS[COMP_CWORD-1]}" == "=" && $COMP_CWORD -ge 3 ]]; then
      words=("${COMP_WORDS[@]:1:COMP_CWORD-3}" "${COMP_WORDS[COMP_CWORD-2]}=$cur")
    fi
  fi
  local last="${words[${#words[@]}-1]}"
  local cut="${last%"$cur"}"
  COMPREPLY=()
  local one
  for one in $(mailquench __complete "${words[@]}" 2>/dev/null); do
    COMPREPLY+=("${one#"$cut"}")
  done
}
complete -o nosort -F _mailquench mailquench
)";
constexpr char kZsh[] = R"(#compdef mailquench
_mailquench() {
  local -a found
  found=("${(@f)$(mailquench __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  [[ -n "$found" ]] && compadd -- "${found[@]}"
}
compdef _mailquench mailquench
)";
constexpr char kFish[] = R"(function __mailquench_complete
  set -l words (commandline -opc) (commandline -ct)
  mailquench __complete $words[2..-1] 2>/dev/null
end
complete -c mailquench -f -a '(__mailquench_complete)'
)";

template <class Stub, class Request, class Response>
Response Ask(Session* session,
             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*)) {
  auto answer = session->Call(method, Request());
  return answer.ok() ? *answer : Response();
}

std::set<std::string> Dynamic(const std::string& kind, Session* session) {
  std::set<std::string> out;
  if (kind == "HOST" || kind == "SELECTOR" || kind == "LABEL") {
    const auto hosts = Ask(session, &v1::Fleet::Stub::ListHosts);
    for (const auto& host : hosts.hosts()) {
      if (kind == "HOST") out.insert(host.name());
      if (kind == "HOST") continue;
      for (const auto& [key, value] : host.labels()) {
        out.insert(value.empty() ? key : absl::StrCat(key, "=", value));
      }
    }
  } else if (kind == "INCIDENT") {
    const auto all = Ask(session, &v1::Incidents::Stub::ListIncidents);
    for (const auto& one : all.incidents()) out.insert(one.incident_id());
  } else if (kind == "RUN") {
    const auto all = Ask(session, &v1::Runs::Stub::ListRuns);
    for (const auto& one : all.runs()) out.insert(one.run_id());
  } else if (kind == "ESCALATION") {
    const auto all = Ask(session, &v1::Escalations::Stub::ListEscalations);
    for (const auto& one : all.escalations()) out.insert(one.escalation_id());
  } else if (kind == "SOURCE") {
    const auto all = Ask(session, &v1::Escalations::Stub::ListSources);
    for (const auto& one : all.sources()) {
      if (!one.revoked()) out.insert(one.name());
    }
  } else if (kind == "PLAYBOOK") {
    const auto all = Ask(session, &v1::Runs::Stub::ListPlaybooks);
    for (const auto& one : all.playbooks()) out.insert(one.name());
  } else if (kind == "QUARANTINE") {
    const auto all = Ask(session, &v1::Quarantines::Stub::ListQuarantines);
    for (const auto& one : all.quarantines()) out.insert(one.quarantine().quarantine_id());
  } else if (kind == "LISTING") {
    const auto all = Ask(session, &v1::Blacklists::Stub::ListListings);
    for (const auto& one : all.listings()) out.insert(one.listing_id());
  } else if (kind == "TOKEN") {
    const auto all = Ask(session, &v1::Fleet::Stub::ListTokens);
    for (const auto& one : all.tokens()) out.insert(one.token_id());
  } else if (kind == "CONTEXT") {
    const auto file = LoadContexts(session->ConfigPath());
    if (file.ok()) {
      for (const auto& one : file->contexts) out.insert(one.name);
    }
  } else if (kind == "OPERATION") {
    for (const auto& name : OperationNames()) out.insert(name);
  } else if (kind == "FORMAT") {
    out = {"table", "wide", "json", "yaml", "jsonl"};
  } else if (kind == "FORM") {
    out = {"md", "html"};
  } else if (kind == "SHELL") {
    out = {"bash", "zsh", "fish"};
  } else if (kind == "MODE") {
    out = {"closed", "authenticated-only", "listed"};
  } else if (kind == "SOURCE-KIND") {
    out = {"alertmanager", "nagios", "generic", "metrics"};
  } else if (kind == "KIND") {
    out = {"account", "client", "local_user", "open_relay", "other"};
  }
  return out;
}

const CLI::Option* FindOption(const CLI::App& app, const std::string& name) {
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options()) {
      if (option->nonpositional() && option->check_name(name)) return option;
    }
  }
  return nullptr;
}

}  // namespace

int Complete(const std::vector<std::string>& words, Session* session) {
  session->set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(800));
  const std::unique_ptr<CLI::App> root = BuildTree(session);
  const CLI::App* at = root.get();
  const std::string current = words.empty() ? "" : words.back();
  std::size_t positionals = 0;
  const CLI::Option* waiting = nullptr;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (waiting != nullptr) {
      // Later questions go to the controller that the line names.
      if (waiting->check_name("--context")) session->flags.context = word;
      if (waiting->check_name("--config")) session->flags.config = word;
      waiting = nullptr;
    } else if (word.size() > 1 && word[0] == '-') {
      const CLI::Option* option = FindOption(*at, word);
      if (option != nullptr && option->get_expected_max() > 0) waiting = option;
    } else {
      const CLI::App* next = nullptr;
      for (const CLI::App* sub : Visible(*at)) {
        if (sub->get_name() == word) next = sub;
      }
      if (next != nullptr) {
        at = next;
      } else {
        ++positionals;
      }
    }
  }
  std::set<std::string> candidates;
  std::string prefix;  // What stays in front of the part that is completed: "a," of "a,b".
  std::string kind;
  if (waiting != nullptr) {
    kind = waiting->get_type_name();
  } else if (!current.empty() && current[0] == '-') {
    for (const CLI::App* app = at; app != nullptr; app = app->get_parent()) {
      for (const CLI::Option* option : app->get_options()) {
        for (const auto& name : option->get_lnames()) candidates.insert(absl::StrCat("--", name));
      }
    }
  } else {
    for (const CLI::App* sub : Visible(*at)) candidates.insert(sub->get_name());
    const auto all = at->get_options([](const CLI::Option* o) { return o->get_positional(); });
    if (!all.empty()) {
      const std::size_t last = all.size() - 1;
      if (positionals <= last || all[last]->get_expected_max() > 1) {
        kind = all[std::min(positionals, last)]->get_type_name();
      }
    }
  }
  kind = kind.substr(0, kind.find(':'));  // CLI11 puts what is allowed behind a colon.
  if (kind == "HOST" || kind == "SELECTOR") {
    const auto comma = current.rfind(',');
    if (comma != std::string::npos && waiting != nullptr) prefix = current.substr(0, comma + 1);
  }
  if (!kind.empty()) candidates = Dynamic(kind, session);
  for (const std::string& candidate : candidates) {
    const std::string whole = absl::StrCat(prefix, candidate);
    // A name that holds a control character could break the shell's list; no such name is offered.
    const bool clean = Harmless(whole) == whole;
    if (clean && whole.rfind(current, 0) == 0) *session->env.out << whole << '\n';
  }
  return kExitOk;
}

void AddCompletion(CLI::App* root, Session* session) {
  auto shell = std::make_shared<std::string>();
  CLI::App* app = AddCommand(
      root, "completion", "The completion script of a shell",
      {"source <(mailquench completion bash)", "mailquench completion zsh > ~/.zfunc/_mailquench",
       "mailquench completion fish > "
       "~/.config/fish/completions/mailquench.fish"});
  app->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL");
  app->callback([=] {
    session->action = [=]() -> absl::StatusOr<int> {
      *session->env.out << (*shell == "bash" ? kBash : *shell == "zsh" ? kZsh : kFish);
      return kExitOk;
    };
  });
}

}  // namespace mailquench::cli
