#include "cli/code_state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace reeve::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds patience{2};
// Together 1 MiB.
constexpr std::size_t name_bytes_max = 64UL << 10;
constexpr std::size_t diff_bytes_max = (1UL << 20) - name_bytes_max;

// The first line; empty when there is no such file.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
  return line;
}

bool is_commit(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "../x" as seen from `base`.
std::string path_from(const std::string& base, const std::string& path) {
  return path.starts_with('/') ? path : base + "/" + path;
}

bool is_directory(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Where the repository's files are: in `.git`, or where the file `.git` says (further work trees,
// submodules). Empty when this is no work tree.
std::string git_directory(const std::string& root) {
  const std::string path = root + "/.git";
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return "";
  std::string directory = path;
  if (!S_ISDIR(info.st_mode)) {
    const std::string line = first_line(path);
    constexpr std::string_view key = "gitdir: ";
    if (!line.starts_with(key)) return "";
    directory = path_from(root, line.substr(key.size()));
  }
  return ::access((directory + "/HEAD").c_str(), F_OK) == 0 ? directory : "";
}

std::string find_packed(const std::string& directory, const std::string& reference) {
  std::ifstream file(directory + "/packed-refs");
  for (std::string line; std::getline(file, line);)
    if (line.size() > reference.size() + 1 && line.ends_with(reference) &&
        line[line.size() - reference.size() - 1] == ' ')
      return line.substr(0, line.size() - reference.size() - 1);
  return "";
}

std::vector<std::string> git_environment() {
  std::vector<std::string> variables{"GIT_OPTIONAL_LOCKS=0", "LC_ALL=C"};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    // Where the repository is was found out; what configures git stays.
    const bool is_kept = !text.starts_with("GIT_") || text.starts_with("GIT_CONFIG");
    if (is_kept && !text.starts_with("LC_ALL=")) variables.emplace_back(text);
  }
  return variables;
}

// One run of git whose output is read, up to a bound.
class GitRun {
 public:
  GitRun(const std::string& root, const std::vector<std::string>& words, std::size_t bytes_max)
      : bytes_max_(bytes_max) {
    std::vector<std::string> all{"git", "-C", root, "--no-pager", "-c", "core.fsmonitor=false"};
    all.insert(all.end(), words.begin(), words.end());
    start(all);
  }
  GitRun(const GitRun&) = delete;
  GitRun& operator=(const GitRun&) = delete;
  ~GitRun() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  // Reads to the end. Whether it succeeded, or has told as much as was wanted.
  bool finish(Clock::time_point give_up) {
    std::array<char, 64UL << 10> block{};
    while (pid_ > 0 && is_ready(out_.get(), give_up)) {
      const ssize_t got = ::read(out_.get(), block.data(), block.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return got == 0 && has_succeeded(give_up);
      text_.append(block.data(), static_cast<std::size_t>(got));
      if (text_.size() <= bytes_max_) continue;
      text_.resize(bytes_max_);
      is_cut_ = true;
      return true;
    }
    return false;
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool is_cut() const { return is_cut_; }

 private:
  static bool is_ready(int fd, Clock::time_point give_up) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(give_up - Clock::now()).count();
    pollfd waited{fd, POLLIN, 0};
    return left > 0 && ::poll(&waited, 1, static_cast<int>(left)) == 1;
  }

  void start(std::vector<std::string>& words) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    out_.reset(ends[0]);
    const Fd in(ends[1]);
    std::vector<std::string> environment = git_environment();
    std::vector<char*> arguments;
    std::vector<char*> variables;
    for (std::string& word : words) arguments.push_back(word.data());
    for (std::string& variable : environment) variables.push_back(variable.data());
    arguments.push_back(nullptr);
    variables.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, in.get(), 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // A group of its own, so that what git runs can be ended with it.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (::posix_spawnp(&pid_, "git", &actions, &attributes, arguments.data(), variables.data()) !=
        0)
      pid_ = 0;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }

  bool has_succeeded(Clock::time_point give_up) {
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!is_ready(pidfd.get(), give_up)) return false;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  std::size_t bytes_max_;
  pid_t pid_ = 0;
  Fd out_;
  std::string text_;
  bool is_cut_ = false;
};

// The reftable format keeps references in binary files.
void ask_head(const std::string& root, CodeState& code) {
  GitRun run(root, {"rev-parse", "HEAD", "--abbrev-ref", "HEAD"}, name_bytes_max);
  if (!run.finish(Clock::now() + patience)) return;
  const std::string& text = run.text();
  const auto end = text.find('\n');
  code.commit = text.substr(0, end);
  if (end != std::string::npos) code.branch = text.substr(end + 1, text.size() - end - 2);
  if (code.branch == "HEAD") code.branch.clear();
}

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\0', at);
    if (end == std::string::npos) break;  // cut in the middle
    names.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

}  // namespace

std::optional<std::string> find_work_tree(const std::string& directory) {
  std::string at = directory;
  while (at.size() > 1 && at.ends_with('/')) at.pop_back();
  while (at.starts_with('/')) {
    if (!git_directory(at == "/" ? "" : at).empty()) return at;
    if (at == "/") break;
    at.resize(std::max<std::size_t>(at.rfind('/'), 1));
  }
  return std::nullopt;
}

CaptureBounds usual_bounds() {
  return {Clock::now() + patience, diff_bytes_max, name_bytes_max};
}

CodeState read_head(const std::string& root) {
  CodeState code;
  code.root = root;
  const std::string directory = git_directory(root);
  const std::string head = first_line(directory + "/HEAD");
  constexpr std::string_view key = "ref: ";
  if (!head.starts_with(key)) {
    if (is_commit(head)) code.commit = head;
    return code;
  }
  const std::string reference = head.substr(key.size());
  const std::string shared_path = first_line(directory + "/commondir");
  const std::string shared = shared_path.empty() ? directory : path_from(directory, shared_path);
  if (is_directory(shared + "/reftable")) {
    ask_head(root, code);
    return code;
  }
  constexpr std::string_view branches = "refs/heads/";
  code.branch = reference.starts_with(branches) ? reference.substr(branches.size()) : reference;
  for (const std::string& commit :
       {first_line(directory + "/" + reference), first_line(shared + "/" + reference),
        find_packed(shared, reference)}) {
    if (!is_commit(commit)) continue;
    code.commit = commit;
    break;
  }
  return code;
}

CodeState read_code_state(const std::string& root, CaptureBounds& bounds) {
  CodeState code = read_head(root);
  if (code.commit.empty()) return code;
  // Both run at the same time.
  GitRun diff(root,
              {"-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "diff", "--binary",
               "--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", "HEAD", "--"},
              bounds.diff_bytes);
  GitRun names(root, {"ls-files", "--others", "--exclude-standard", "-z"}, bounds.name_bytes);
  code.changes_known = diff.finish(bounds.give_up) && names.finish(bounds.give_up);
  if (!code.changes_known) return code;
  code.diff = diff.text();
  code.diff_cut = diff.is_cut();
  code.untracked = split_names(names.text());
  code.untracked_cut = names.is_cut();
  bounds.diff_bytes -= code.diff.size();
  bounds.name_bytes -= names.text().size();
  return code;
}

}  // namespace reeve::cli
