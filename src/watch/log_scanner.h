#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "base/result.h"
#include "core/finding.h"
namespace reeve {
class RuleSet {
 public:
  static Result<std::shared_ptr<const RuleSet>> compile(const LogPolicy&) {
    return std::make_shared<const RuleSet>();
  }
};
class LogScanner {
 public:
  explicit LogScanner(std::shared_ptr<const RuleSet>) {}
  void feed(std::string_view bytes, std::vector<Finding>& out) {
    for (char c : bytes) {
      if (c != '\n') {
        line_ += c;
        continue;
      }
      flush(out);
    }
  }
  void skip(std::int64_t n) { offset_ += n; }
  void finish(std::vector<Finding>& out) {
    if (!line_.empty()) flush(out);
  }

 private:
  void flush(std::vector<Finding>& out) {
    ++number_;
    if (line_.starts_with("ERROR"))
      out.push_back({"level", Severity::error, offset_, number_, line_, ""});
    offset_ += static_cast<std::int64_t>(line_.size()) + 1;
    line_.clear();
  }
  std::string line_;
  std::int64_t offset_ = 0, number_ = 0;
};
}  // namespace reeve
