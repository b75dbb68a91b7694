// "Did you mean": the nearest of the words that would have been right.
#ifndef MAILQUENCH_CLI_CORE_SUGGEST_H_
#define MAILQUENCH_CLI_CORE_SUGGEST_H_

#include <string>
#include <vector>

namespace mailquench::cli {

// The nearest candidate within a third of its length; empty where none is near.
std::string Nearest(const std::string& word, const std::vector<std::string>& candidates);

// " Did you mean 'x'?" or "".
std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_SUGGEST_H_
