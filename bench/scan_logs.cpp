// Reads logs with the rules that every job is judged by.
//
//   scan_logs FILE...             a line of JSON for each finding, with the file's name
//   scan_logs --speed KIND BYTES  makes so much of a kind of log in memory and scans it: MB/s of
//                                 one core, findings, and how much the memory grew in its second
//                                 half
//   scan_logs --make KIND BYTES   writes that log to stdout
//   scan_logs --triggers          the patterns that the whole log is searched for, one a line
#include <sys/resource.h>

#include <boost/json/serialize.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "base/json.h"
#include "watch/log_scanner.h"

namespace {

using namespace std::string_literals;

// Some lines of each kind; `#` becomes a running number.
const char* lines_of(std::string_view kind) {
  if (kind == "training")
    return "2026-01-01 12:00:00,# INFO trainer: epoch # step # loss=0.# acc=0.9# lr=1e-4\n"
           "2026-01-01 12:00:00,# INFO data: loaded shard-# with 4096 rows in 0.# s\n"
           "2026-01-01 12:00:01,# WARNING trainer: gradient norm # is large\n";
  if (kind == "chatty")
    return "step # mean_squared_error=0.# errors=0 error_rate=0.01 retries=0 ok\n"
           "2026-01-01 12:00:00 INFO loading exception_handler.py for run #, on_error=ignore\n"
           "test_error_# ... ok, 0 errors, 0 failed, no error seen in errors.log\n"
           "validation error 0.# (best 0.#), an error would stop the run at step #\n";
  if (kind == "prose")
    return "The quick brown fox # jumps over the lazy dog and away into the forest of #\n"
           "Lorem ipsum dolor sit amet # consectetur adipiscing elit, sed do eiusmod tempor #\n";
  if (kind == "json")
    return R"({"time":"2026-01-01T12:00:00.#Z","level":"info","msg":"batch done",)"
           R"("step":#,"loss":0.#})"
           "\n";
  if (kind == "progress")
    return "\rtraining:  45%|####5     | #/10000 [00:12<00:15, 345.#it/s, loss=0.#]";
  if (kind == "failing")
    return "2026-01-01 12:00:00,# ERROR trainer: step # failed: bad value #\n"
           "ValueError: could not convert string to float: 'x#'\n"
           "2026-01-01 12:00:00,# INFO trainer: step #\n";
  std::fprintf(stderr, "training, chatty, prose, json, progress, long or failing\n");
  std::exit(2);
}

std::string make_log(std::string_view kind, std::size_t bytes) {
  std::string log;
  log.reserve(bytes + 4096);
  unsigned number = 1;
  if (kind == "long") {
    while (log.size() < bytes) {
      for (std::size_t i = 0; i < 1 << 20; ++i) log += static_cast<char>('a' + i * 7 % 23);
      log += '\n';
    }
    return log;
  }
  const std::string lines = lines_of(kind);
  while (log.size() < bytes)
    for (const char c : lines) {
      if (c == '#')
        log += std::to_string((number = number * 1664525 + 1013904223) >> 18);
      else
        log += c;
    }
  return log;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

int measure(const std::string& kind, std::size_t bytes) {
  const std::string log = make_log(kind, std::min(bytes, std::size_t{64} << 20));
  reeve::LogScanner scanner(*reeve::RuleSet::compile({}));
  std::vector<reeve::Finding> found;
  constexpr std::size_t piece = 256 << 10;  // as the daemon reads
  std::size_t done = 0;
  long half_kib = 0;
  const double begin = cpu_seconds();
  while (done < bytes) {
    for (std::size_t at = 0; at < log.size(); at += piece)
      scanner.feed(std::string_view(log).substr(at, piece), found);
    done += log.size();
    if (half_kib == 0 && done * 2 >= bytes) half_kib = peak_kib();
  }
  scanner.finish(found);
  const double seconds = cpu_seconds() - begin;
  std::printf("{\"mb_per_second\": %.1f, \"told\": %zu, \"counted\": %lld, \"grown_kib\": %ld}\n",
              static_cast<double>(done) / 1e6 / seconds, found.size(),
              static_cast<long long>(scanner.errors() + scanner.warnings()), peak_kib() - half_kib);
  return 0;
}

int scan(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path);
    return 1;
  }
  reeve::LogScanner scanner(*reeve::RuleSet::compile({}));
  std::vector<reeve::Finding> found;
  scanner.feed(content.str(), found);
  scanner.finish(found);
  for (const reeve::Finding& finding : found) {
    const bool is_error = finding.severity == reeve::Severity::error;
    const boost::json::object line{{"file", path},
                                   {"rule", finding.rule},
                                   {"severity", is_error ? "error" : "warning"},
                                   {"line", finding.line},
                                   {"offset", finding.offset},
                                   {"message", finding.message},
                                   {"place", finding.place}};
    std::puts(boost::json::serialize(line).c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (argc == 4 && verb == "--speed") return measure(argv[2], std::strtoull(argv[3], nullptr, 10));
  if (argc == 4 && verb == "--make") {
    const std::string log = make_log(argv[2], std::strtoull(argv[3], nullptr, 10));
    return std::fwrite(log.data(), 1, log.size(), stdout) == log.size() ? 0 : 1;
  }
  if (argc == 2 && verb == "--triggers") {
    for (const reeve::Rule& rule : reeve::default_rules())
      for (const char* trigger : rule.triggers) std::puts(trigger);
    return 0;
  }
  int status = argc > 1 ? 0 : 2;
  for (int i = 1; i < argc; ++i) status = std::max(status, scan(argv[i]));
  return status;
}
