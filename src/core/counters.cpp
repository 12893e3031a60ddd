#include "core/counters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "core/count_text.h"

namespace reeve {
namespace {

using Words = std::set<std::string_view>;

constexpr std::size_t label_bytes_max = 60;

// What is counted from the outside in. A plural's "s" is left out.
const Words& part_words() {
  static const Words words{"trial", "fold",  "phase",  "stage",      "part",       "run",  "round",
                           "model", "split", "season", "generation", "experiment", "seed", "cycle"};
  return words;
}

const Words& step_words() {
  static const Words words{"step",      "iter",   "iteration", "batch", "chunk",     "file",
                           "item",      "task",   "job",       "frame", "sample",    "image",
                           "page",      "tile",   "block",     "shard", "partition", "row",
                           "record",    "line",   "document",  "sweep", "timestep",  "test",
                           "iteratio",  "epoche", "sentence",  "query", "dataset",   "scene",
                           "candidate", "target", "object",    "entry", "minibatch"};
  return words;
}

// Before a count or a percentage they say that it is progress.
const Words& doing_words() {
  static const Words words{"progress",   "processing",  "processed",  "complete",   "completed",
                           "completion", "finished",    "done",       "loading",    "loaded",
                           "converting", "converted",   "copying",    "copied",     "reading",
                           "writing",    "downloading", "downloaded", "uploading",  "uploaded",
                           "building",   "running",     "working",    "compiling",  "installing",
                           "extracting", "unpacking",   "rendering",  "resolving",  "fetching",
                           "fetched",    "indexing",    "scanning",   "simulating", "importing"};
  return words;
}

// The same behind one.
const Words& done_words() {
  static const Words words{"complete", "completed", "done",    "finished", "processed",
                           "loaded",   "copied",    "written", "read",     "converted"};
  return words;
}

// Figures of how good or how loaded something is.
const Words& score_words() {
  static const Words words{
      "accuracy",   "acc",     "precision", "recall",     "score",      "coverage",
      "cpu",        "cpus",    "gpu",       "mem",        "memory",     "ram",
      "disk",       "swap",    "usage",     "used",       "load",       "utilization",
      "util",       "loss",    "error",     "correct",    "cover",      "battery",
      "auc",        "iou",     "rate",      "ratio",      "confidence", "probability",
      "similarity", "overlap", "quality",   "efficiency", "reduction",  "free"};
  return words;
}

// Results, not progress: "45/100 passed".
const Words& result_words() {
  static const Words words{"passed",  "failed",  "fail",    "pass",     "errors",    "missing",
                           "invalid", "skipped", "corrupt", "warnings", "failures",  "won",
                           "lost",    "valid",   "matched", "correct",  "available", "free"};
  return words;
}

// Who one of several is, or which try: "rank 3/8", "attempt 2/3".
const Words& identity_words() {
  static const Words words{"rank",    "worker",  "node",    "attempt", "retry",   "retrying",
                           "version", "thread",  "process", "try",     "tries",   "host",
                           "device",  "replica", "port",    "date",    "retries", "slot"};
  return words;
}

bool has(const Words& words, const std::string& word) {
  return words.contains(word);
}

// Also for its plural.
std::optional<CounterKind> kind_of(const std::string& word) {
  std::string singular = word;
  if (singular.size() > 3 && singular.ends_with('s')) singular.pop_back();
  if (singular == "batche") singular = "batch";
  if (singular == "epoch" || singular == "ep") return CounterKind::epoch;
  if (has(part_words(), singular)) return CounterKind::part;
  if (has(step_words(), singular)) return CounterKind::step;
  return std::nullopt;
}

// One of the last words before `at` is in the list.
bool follows_one_of(const Words& words, std::string_view line, std::size_t at) {
  const auto before = words_of(line.substr(0, at));
  const std::size_t from = before.size() > 3 ? before.size() - 3 : 0;
  for (std::size_t i = from; i < before.size(); ++i)
    if (has(words, before[i])) return true;
  return false;
}

std::string label_from(std::string_view text) {
  const auto words = words_of(text);
  std::string label;
  const std::size_t from = words.size() > 3 ? words.size() - 3 : 0;
  for (std::size_t i = from; i < words.size(); ++i) label += (label.empty() ? "" : " ") + words[i];
  return label.substr(0, label_bytes_max);
}

// More digits of the number that ends there may follow.
bool is_at_end(std::string_view text, std::size_t end) {
  return text.substr(end).find_first_not_of(".,") == std::string_view::npos;
}

std::string_view without_colon(std::string_view text) {
  const auto end = text.find_last_not_of(" :");
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

bool agrees(const PercentText& percent, const CountText& count) {
  return std::abs(percent.value - 100 * count.done / count.total) <= 1.0;
}

// Nothing but punctuation beside what lies in [begin, end).
bool is_whole(std::string_view line, std::size_t begin, std::size_t end) {
  constexpr std::string_view nothing = " \t:.()-=*>#|/\\";
  return line.substr(0, begin).find_first_not_of(nothing) == std::string_view::npos &&
         line.substr(end).find_first_not_of(nothing) == std::string_view::npos;
}

char edge_before(std::string_view line, std::size_t at) {
  while (at > 0 && line[at - 1] == ' ') --at;
  return at == 0 ? '\0' : line[at - 1];
}

char edge_after(std::string_view line, std::size_t at) {
  while (at < line.size() && line[at] == ' ') ++at;
  return at == line.size() ? '\0' : line[at];
}

bool is_bracketed(std::string_view line, std::size_t begin, std::size_t end) {
  return edge_before(line, begin) == '[' && edge_after(line, end) == ']';
}

// "[ab/123456] " before a process of Nextflow: a hash, which may have no letters.
std::size_t hash_length(std::string_view line) {
  constexpr std::string_view hex = "0123456789abcdef";
  if (line.size() < 12 || line[0] != '[' || line[3] != '/' || line[10] != ']') return 0;
  for (const std::size_t i : {1U, 2U, 4U, 5U, 6U, 7U, 8U, 9U})
    if (hex.find(line[i]) == std::string_view::npos) return 0;
  return 11;
}

// The number that ends at `end`, with one blank between at the most.
std::optional<NumberText> number_before(std::string_view line, std::size_t end) {
  if (end > 0 && line[end - 1] == ' ') --end;
  std::size_t begin = end;
  while (begin > 0 && std::string_view("0123456789,_").find(line[begin - 1]) != line.npos) --begin;
  const auto number = read_number(line, begin, Suffix::none);
  return number && number->end == end ? number : std::nullopt;
}

// "1,234,567 rows processed", "Wrote 500 records": a number of them beside what was done with them.
std::optional<std::int64_t> find_rows(std::string_view line) {
  for (const std::string_view noun : {"rows", "records"}) {
    const auto at = line.find(noun);
    const auto number = at == line.npos ? std::nullopt : number_before(line, at);
    if (!number) continue;
    for (const std::string& word : words_of(line))
      if (has(done_words(), word) || word == "processing" || word == "inserted" || word == "wrote")
        return static_cast<std::int64_t>(number->value);
  }
  return std::nullopt;
}

// "desc:  45%|████▌     | 45/100 [00:10<00:12, 4.50it/s]", with any bar between the strokes.
bool read_tqdm(std::string_view line, bool is_ended, LineProgress& out) {
  const auto sign = line.find("%|");
  if (sign == std::string_view::npos) return false;
  const auto percents = find_percents(line.substr(0, sign + 1));
  if (percents.empty() || percents.back().end != sign + 1) return false;
  const PercentText& percent = percents.back();
  const auto stroke = line.find('|', sign + 2);
  const std::string_view rest = stroke == line.npos ? "" : line.substr(stroke + 1);
  const auto counts = find_counts(rest, Suffix::allowed);
  // What is still to be written tells more than the percentage.
  if (!is_ended && (counts.empty() || is_at_end(rest, counts.front().end))) return true;
  const std::string_view label = without_colon(line.substr(0, percent.begin));
  for (const CountText& count : find_counts(label, Suffix::none)) {
    const std::string word = word_before(label, count.begin);
    if (const auto kind = kind_of(word))
      out.counters.push_back({*kind, word, count.done, count.total, true, false});
  }
  const bool has_count = !counts.empty() && agrees(percent, counts.front());
  out.counters.push_back({CounterKind::bar, std::string(label.substr(0, label_bytes_max)),
                          has_count ? counts.front().done : percent.value,
                          has_count ? counts.front().total : 100, false, !has_count});
  return true;
}

// "desc: 45it [00:10, 4.50it/s]": no total is known.
bool read_tqdm_without_total(std::string_view line, LineProgress& out) {
  const auto bracket = line.find(" [");
  if (bracket == std::string_view::npos || line.find("/s", bracket) == std::string_view::npos)
    return false;
  const std::string_view time = line.substr(bracket + 2);
  const auto colon = time.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 3 ||
      time.find_first_not_of("0123456789:") != time.find(',') ||
      time.find(',') == std::string_view::npos)
    return false;
  const std::string_view head = line.substr(0, bracket);
  std::size_t begin = head.find_last_of("0123456789");
  if (begin == std::string_view::npos) return false;
  while (begin > 0 &&
         std::string_view("0123456789.,").find(head[begin - 1]) != std::string_view::npos)
    --begin;
  const auto number = read_number(head, begin, Suffix::allowed);
  if (!number) return false;
  const std::string unit = word_after(head, number->end);
  if (unit.empty()) return false;
  const std::string_view label = without_colon(head.substr(0, begin));
  if (unit.starts_with("row") || unit.starts_with("record"))
    out.rows = static_cast<std::int64_t>(number->value);
  out.counters.push_back({CounterKind::bar, std::string(label.substr(0, label_bytes_max)),
                          number->value, 0, false, false});
  return true;
}

struct Line {
  std::string_view text;
  bool is_ended = false;
  bool is_nextflow = false;
  std::optional<BarText> bar;
  std::vector<PercentText> percents;
};

bool is_cut(const Line& line, std::size_t end) {
  return !line.is_ended && is_at_end(line.text, end);
}

std::optional<Counter> judge_count(const Line& line, const CountText& count) {
  if (is_cut(line, count.end) || count.total < 2) return std::nullopt;
  const std::string before = word_before(line.text, count.begin);
  const std::string after = word_after(line.text, count.end);
  if (has(result_words(), after) || has(identity_words(), before)) return std::nullopt;
  if (const auto kind = kind_of(before)) {
    const bool is_heading = words_of(line.text).size() == 1;
    return Counter{*kind, before, count.done, count.total, is_heading, false};
  }
  if (has(score_words(), before) || has(result_words(), before)) return std::nullopt;
  Counter counter{CounterKind::step, "", count.done, count.total, false, false};
  // "loss: 2.30 [6400/60000]" is progress.
  if (is_bracketed(line.text, count.begin, count.end)) return counter;
  if (follows_one_of(score_words(), line.text, count.begin) ||
      follows_one_of(result_words(), line.text, count.begin))
    return std::nullopt;
  if (is_whole(line.text, count.begin, count.end) || has(doing_words(), before) ||
      (edge_before(line.text, count.begin) == '(' && edge_after(line.text, count.end) == ')' &&
       line.text.find_first_not_of(" (") == count.begin))
    return counter;
  const bool has_percent = std::ranges::any_of(
      line.percents, [&](const PercentText& percent) { return agrees(percent, count); });
  if (has_percent || line.bar || line.is_nextflow) {
    counter.kind = CounterKind::bar;
    std::size_t begin = count.begin;
    if (line.bar) begin = std::min(begin, line.bar->begin);
    for (const PercentText& percent : line.percents) begin = std::min(begin, percent.begin);
    counter.label = label_from(line.text.substr(0, begin));
    return counter;
  }
  // The words of a plain sentence: "5 of 12 steps done".
  if (has(done_words(), after)) return counter;
  if (const auto kind = kind_of(after); kind && after.ends_with('s')) {
    for (const std::string& word : words_of(line.text.substr(count.end)))
      if (has(result_words(), word)) return std::nullopt;
    counter.kind = *kind;
    counter.label = after;
    return counter;
  }
  return std::nullopt;
}

std::optional<Counter> judge_percent(const Line& line, const PercentText& percent) {
  if (is_cut(line, percent.end) || follows_one_of(score_words(), line.text, percent.begin))
    return std::nullopt;
  const std::string before = word_before(line.text, percent.begin);
  const std::string after = word_after(line.text, percent.end);
  Counter counter{CounterKind::bar, "", percent.value, 100, false, true};
  if (is_bracketed(line.text, percent.begin, percent.end) ||
      is_whole(line.text, percent.begin, percent.end))
    return counter;
  if (has(doing_words(), before) || (has(done_words(), after) && !has(result_words(), before))) {
    counter.label = has(doing_words(), before) ? before : "";
    return counter;
  }
  // rsync: "  1,234,567  45%    1.23MB/s    0:00:05".
  const bool has_rate = line.text.substr(percent.end).find("B/s") != std::string_view::npos &&
                        words_of(line.text.substr(0, percent.begin)).empty();
  if (!line.bar && !has_rate) return std::nullopt;
  const std::size_t begin = line.bar ? std::min(line.bar->begin, percent.begin) : percent.begin;
  counter.label = label_from(line.text.substr(0, begin));
  return counter;
}

}  // namespace

LineProgress find_counters(std::string_view text, bool is_ended) {
  LineProgress out;
  if (text.find_first_of("0123456789") == std::string_view::npos) return out;
  const std::size_t hash = hash_length(text);
  Line line{text.substr(hash), is_ended, hash > 0, std::nullopt, {}};
  out.rows = find_rows(line.text);
  if (read_tqdm(line.text, is_ended, out) || read_tqdm_without_total(line.text, out)) return out;
  line.bar = find_bar(line.text);
  line.percents = find_percents(line.text);
  const auto counts = find_counts(line.text, line.bar ? Suffix::allowed : Suffix::none);
  bool has_counter = false;
  for (const CountText& count : counts) {
    auto counter = judge_count(line, count);
    if (!counter) continue;
    has_counter |= counter->kind >= CounterKind::step;
    const auto place = std::ranges::upper_bound(out.counters, counter->kind, {}, &Counter::kind);
    out.counters.insert(place, std::move(*counter));
  }
  for (const PercentText& percent : line.percents) {
    if (has_counter) break;
    auto counter = judge_percent(line, percent);
    if (!counter) continue;
    out.counters.push_back(std::move(*counter));
    has_counter = true;
  }
  return out;
}

}  // namespace reeve
