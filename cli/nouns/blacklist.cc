// The noun `blacklist`, and what its verbs share.
#include "cli/nouns/blacklist.h"

#include "cli/tree.h"

namespace mailquench::cli {

void AddHereOptions(CLI::App* command, HereOptions* options) {
  command
      ->add_option("--resolver", options->resolvers,
                   "From here: the DNS server to ask, ADDRESS or ADDRESS:PORT; else those of "
                   "/etc/resolv.conf. A recursive one of your own: many lists answer public ones "
                   "with errors")
      ->type_name("SERVER");
  command
      ->add_option("--catalogue", options->catalogue,
                   "From here: your own lists, over the built-in ones; else "
                   "$MAILQUENCH_BLACKLISTS")
      ->type_name("FILE");
  command
      ->add_option("--keys", options->keys,
                   "From here: keys of private zones, a line each: ZONE KEY; else "
                   "$MAILQUENCH_BLACKLIST_KEYS")
      ->type_name("FILE");
  command->add_flag("--allow-public-resolver", options->allow_public,
                    "From here: ask a public resolver even about lists that answer those with "
                    "errors");
}

HereOptions WithEnvironment(HereOptions options, const Session& session) {
  if (options.catalogue.empty()) options.catalogue = session.env.getenv("MAILQUENCH_BLACKLISTS");
  if (options.keys.empty()) options.keys = session.env.getenv("MAILQUENCH_BLACKLIST_KEYS");
  if (session.deadline().has_value()) options.until = absl::FromChrono(*session.deadline());
  return options;
}

bool IsForHere(const HereOptions& options) {
  return !options.resolvers.empty() || !options.catalogue.empty() || !options.keys.empty() ||
         options.allow_public;
}

void AddBlacklist(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(
      root, "blacklist", "Where the fleet is listed, and whether to believe it",
      {"mailquench blacklist check --address 203.0.113.5   # from here, without a controller",
       "mailquench blacklist check -l role=edge            # by the controller",
       "mailquench blacklist status", "mailquench blacklist lists --health"});
  noun->require_subcommand(1);
  AddBlacklistCheck(noun, session);
  AddBlacklistStatus(noun, session);
  AddBlacklistLists(noun, session);
  AddBlacklistHistory(noun, session);
}

}  // namespace mailquench::cli
