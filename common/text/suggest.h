// "Did you mean": the nearest of the words that would have been right.
#ifndef MAILQUENCH_COMMON_TEXT_SUGGEST_H_
#define MAILQUENCH_COMMON_TEXT_SUGGEST_H_

#include <string>
#include <vector>

namespace mailquench {

// The nearest candidate within a third of its length; empty where none is near.
std::string Nearest(const std::string& word, const std::vector<std::string>& candidates);

// " Did you mean 'x'?" or "".
std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace mailquench

#endif  // MAILQUENCH_COMMON_TEXT_SUGGEST_H_
