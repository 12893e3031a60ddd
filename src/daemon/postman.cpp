#include "daemon/postman.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "core/delivery_order.h"
#include "core/launch_context.h"
#include "core/secret.h"

namespace reeve {
namespace {

constexpr Duration save_wait{1000};

Result<std::string> random_name() {
  std::array<unsigned char, 8> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return failed(OsError{errno, "get random numbers"});
  std::string name;
  for (const unsigned char byte : bytes) name += fmt::format("{:02x}", byte);
  return name;
}

Result<Fd> file_with(const std::string& text) {
  Fd file(::memfd_create("order", MFD_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != std::ssize(text))
    return failed(OsError{errno, "make a file in memory"});
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

// The pid of one that has ended may be somebody else's by now.
void kill_try(const Fd& pidfd) {
  ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

// With no signal blocked or ignored, in a group of its own.
int spawn(const std::string& program, int in, int out, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  static char name[] = "reeve-notify";
  char* const arguments[] = {name, nullptr};
  const int code = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return code;
}

}  // namespace

Postman::Postman(Store& store, PostmanSettings settings)
    : store_(store), settings_(std::move(settings)), outbox_(settings_.targets) {}

Postman::~Postman() {
  for (const auto& [id, running] : tries_) kill_try(running.pidfd);
}

Result<void> Postman::load(const Now& now) {
  const auto known = store_.meta("instance");
  if (!known) return std::unexpected(known.error());
  instance_ = *known;
  const auto pending = store_.pending_deliveries();
  if (!pending) return std::unexpected(pending.error());
  std::vector<Delivery> without_target;
  for (const Delivery& delivery : *pending) {
    const bool is_test = delivery.occasion == Occasion::test;  // whoever asked is gone
    if (!settings_.targets.contains(delivery.target) || is_test)
      without_target.push_back(delivery);
    else
      outbox_.add(delivery.target, {delivery.id, delivery.tries, delivery.due,
                                    delivery.occasion == Occasion::digest});
  }
  const bool is_new = instance_.empty();
  if (is_new) {
    auto name = random_name();
    if (!name) return std::unexpected(name.error());
    instance_ = std::move(*name);
  }
  return store_.transact([&] {
    if (is_new) store_.set_meta("instance", instance_);
    for (Delivery& delivery : without_target) {
      delivery.state = DeliveryState::failed;
      delivery.error = "the target is not configured any more";
      delivery.ended_at = now.utc;
      store_.save_delivery(delivery);
    }
    store_.forget_deliveries({now.utc.ms - limits::delivery_history.count()});
  });
}

std::vector<Delivery> Postman::find_deliveries(const Event& event, const Job& job, const Now& now) {
  std::vector<Delivery> out;
  if (settings_.targets.empty()) return out;
  const auto occasion = find_occasion(event, job);
  if (!occasion) return out;
  std::optional<Notice> notice;
  for (const auto& [name, target] : settings_.targets) {
    if (!is_told(target, *occasion, job.spec)) continue;
    if (!notice) {
      std::vector<std::string> environment;
      if (const auto text = store_.context(job.context); text && !text->empty())
        if (const auto context = context_from_text(*text)) environment = context->environment;
      notice = make_notice(job, *occasion, settings_.host, secret_values(job.spec, environment));
    }
    Delivery& delivery = out.emplace_back();
    delivery.target = name;
    delivery.occasion = *occasion;
    delivery.job = job.id;
    delivery.attempt = job.attempt.number;
    delivery.subject = notice->subject;
    delivery.payload = to_payload(*notice, now.utc);
    delivery.due = now.time;
    delivery.created_at = now.utc;
  }
  return out;
}

void Postman::take(const std::vector<Delivery>& deliveries) {
  for (const Delivery& delivery : deliveries)
    outbox_.add(delivery.target, {delivery.id, 0, delivery.due, false});
}

void Postman::advance(const Now& now) {
  look_at_tries(now);
  save(now);
  const Outbox::Work work = outbox_.choose(now.time);
  for (const std::int64_t id : work.send) send(id, now);
  for (const Outbox::Fold& one : work.folds) fold(one, now);
  if (!work.folds.empty())
    for (const std::int64_t id : outbox_.choose(now.time).send) send(id, now);
}

void Postman::fold(const Outbox::Fold& fold, const Now& now) {
  const auto entries = store_.digest_entries(fold.target, fold.ids);
  if (!entries || entries->size() != fold.ids.size()) return;
  const Notice notice = make_digest(*entries, settings_.host);
  Delivery digest;
  digest.target = fold.target;
  digest.occasion = Occasion::digest;
  digest.subject = notice.subject;
  digest.payload = to_payload(notice, now.utc);
  digest.due = now.time;
  digest.created_at = now.utc;
  const auto stored = store_.transact([&] {
    digest.id = store_.put_delivery(digest);
    store_.fold_deliveries(fold.ids, digest.id, now.utc);
  });
  if (stored) outbox_.fold(fold, digest.id, now.time);
}

void Postman::send(std::int64_t id, const Now& now) {
  const auto delivery = store_.load_delivery(id);
  if (!delivery || !*delivery) return outbox_.put_back(id, now.time);
  auto started = start(**delivery, now);
  if (started) {
    tries_.emplace(id, std::move(*started));
    return;
  }
  spdlog::error("delivery={} target={} error=\"{}\"", id, (*delivery)->target,
                started.error().message);
  Try failed_try;
  failed_try.delivery = **delivery;
  failed_try.text =
      to_text(TryOutcome{TryOutcome::Kind::temporary, started.error().message, std::nullopt});
  conclude(failed_try, now);
}

Result<Postman::Try> Postman::start(const Delivery& delivery, const Now& now) {
  const NoticeTarget& target = settings_.targets.at(delivery.target);
  DeliveryOrder order;
  order.id = fmt::format("{}-{}", instance_, delivery.id);
  order.occasion = to_word(delivery.occasion);
  order.subject = delivery.subject;
  order.payload = with_id(delivery.payload, order.id, delivery.event);
  if (const auto payload = parse_json(delivery.payload); payload && payload->is_object())
    if (const auto* text = payload->get_object().if_contains("text"); text && text->is_string())
      order.text = std::string(text->get_string());
  order.at = now.utc;
  order.time_limit = target.time_limit;
  order.way = target.way;
  const auto in = file_with(to_text(order));
  if (!in) return std::unexpected(in.error());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return failed(OsError{errno, "make a pipe"});
  Try started;
  started.answer.reset(ends[0]);
  const Fd out(ends[1]);
  if (const int code = spawn(settings_.program, in->get(), out.get(), started.pid); code != 0)
    return failed(to_error(OsError{code, "start the program that delivers"}), settings_.program);
  started.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, started.pid, 0)));
  started.delivery = delivery;
  started.kill_at = now.time + target.time_limit + limits::delivery_grace;
  if (on_started) on_started(started.pid);
  if (watch) (void)watch(started.answer.get());
  return started;
}

// The answer is a line; an end without one is an answer, too.
bool Postman::has_answered(Try& running) {
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = ::read(running.answer.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    running.text.append(buffer.data(), static_cast<std::size_t>(got));
    if (running.text.ends_with('\n')) return true;
    if (running.text.size() > limits::delivery_answer_bytes_max) return true;
  }
}

void Postman::look_at_tries(const Now& now) {
  std::vector<std::int64_t> ended;
  for (auto& [id, running] : tries_) {
    if (has_answered(running)) {
      ended.push_back(id);
    } else if (now.time >= running.kill_at && !running.is_killed) {
      kill_try(running.pidfd);
      running.is_killed = true;
    }
  }
  for (const std::int64_t id : ended) {
    Try done = std::move(tries_.extract(id).mapped());
    conclude(done, now);
  }
}

void Postman::conclude(Try& ended, const Now& now) {
  auto answer = outcome_from_text(ended.text);
  TryOutcome outcome =
      answer ? std::move(*answer)
             : TryOutcome{TryOutcome::Kind::temporary,
                          ended.is_killed ? "it took longer than its time limit"
                                          : "the program that delivers ended without an answer",
                          std::nullopt};
  Delivery& delivery = ended.delivery;
  const bool is_test = delivery.occasion == Occasion::test;
  if (is_test && outcome.kind == TryOutcome::Kind::temporary)
    outcome.kind = TryOutcome::Kind::permanent;
  const Outbox::Settled settled = outbox_.settle(delivery.id, outcome, now.time);
  delivery.state = settled.state;
  delivery.due = settled.due;
  delivery.error = valid_utf8(outcome.error);
  delivery.tried_at = now.utc;
  ++delivery.tries;
  if (delivery.state != DeliveryState::pending) delivery.ended_at = now.utc;
  if (delivery.state == DeliveryState::failed)
    spdlog::warn("delivery={} target={} tries={} given_up=\"{}\"", delivery.id, delivery.target,
                 delivery.tries, printable(delivery.error));
  unsaved_.push_back({delivery, {delivery.tries, now.utc, delivery.error}});
  if (const auto waiting = tests_.extract(delivery.id)) waiting.mapped()(outcome);
}

void Postman::save(const Now& now) {
  if (unsaved_.empty() || now.time < save_at_) return;
  const auto saved = store_.transact([&] {
    for (const Unsaved& one : unsaved_) {
      store_.save_delivery(one.delivery);
      store_.put_try(one.delivery.id, one.tried);
    }
  });
  if (saved)
    unsaved_.clear();
  else
    save_at_ = now.time + save_wait;
}

std::optional<Time> Postman::next_wakeup() const {
  std::optional<Time> next = outbox_.next_wakeup();
  const auto consider = [&](Time at) {
    if (!next || at < *next) next = at;
  };
  for (const auto& [id, running] : tries_)
    if (!running.is_killed) consider(running.kill_at);
  if (!unsaved_.empty()) consider(save_at_);
  return next;
}

void Postman::test(const std::string& target, const Now& now,
                   std::function<void(const Result<TryOutcome>&)> then) {
  if (!settings_.targets.contains(target)) {
    std::vector<std::string_view> names;
    for (const auto& [name, known] : settings_.targets) names.emplace_back(name);
    const auto near = nearest(target, names);
    return then(failed(ErrorCode::not_found,
                       fmt::format("there is no target `{}`{}", printable(target),
                                   near ? fmt::format("; did you mean `{}`?", *near) : "")));
  }
  const Notice notice = make_test_notice(target, settings_.host);
  Delivery delivery;
  delivery.target = target;
  delivery.occasion = Occasion::test;
  delivery.subject = notice.subject;
  delivery.payload = to_payload(notice, now.utc);
  delivery.due = now.time;
  delivery.created_at = now.utc;
  const auto stored = store_.transact([&] { delivery.id = store_.put_delivery(delivery); });
  if (!stored) return then(std::unexpected(stored.error()));
  tests_[delivery.id] = std::move(then);
  outbox_.add(target, {delivery.id, 0, now.time, true});
}

}  // namespace reeve
