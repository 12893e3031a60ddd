// What in a log is an error, and what only looks like one: each rule by examples.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "watch/log_scanner.h"

namespace reeve::test {
namespace {

std::vector<Finding> scan(std::string_view log, const LogPolicy& policy = {}) {
  LogScanner scanner(*RuleSet::compile(policy));
  std::vector<Finding> found;
  scanner.feed(log, found);
  scanner.finish(found);
  return found;
}

struct Example {
  const char* rule;
  const char* log;
  const char* message;
  const char* place = "";
};

const Example examples[] = {
    {"out_of_memory", "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB",
     "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB"},
    {"out_of_memory", "torch.cuda.OutOfMemoryError: CUDA out of memory.",
     "torch.cuda.OutOfMemoryError: CUDA out of memory."},
    {"out_of_memory", "bash: fork: Cannot allocate memory", "bash: fork: Cannot allocate memory"},
    {"out_of_memory", "Error: cannot allocate vector of size 7450.6 Gb",
     "Error: cannot allocate vector of size 7450.6 Gb"},
    {"out_of_memory", "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space",
     "java.lang.OutOfMemoryError: Java heap space"},
    {"out_of_memory", "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=1.batch.",
     "error: Detected 1 oom-kill event(s) in StepId=1.batch."},
    {"out_of_memory", "FATAL ERROR: Reached heap limit - JavaScript heap out of memory",
     "ERROR: Reached heap limit - JavaScript heap out of memory"},
    {"out_of_memory", "Out of memory!", "Out of memory!"},
    {"out_of_memory", "cc1plus: out of memory allocating 65536 bytes",
     "cc1plus: out of memory allocating 65536 bytes"},
    {"cuda", "RuntimeError: CUDA error: device-side assert triggered",
     "RuntimeError: CUDA error: device-side assert triggered"},
    {"cuda", "RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
     "RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"},
    {"cuda", "main.cu:12: cudaErrorIllegalAddress", "main.cu:12: cudaErrorIllegalAddress"},
    {"nccl", "torch.distributed.DistBackendError: NCCL error in: x.cpp:10, unhandled system error",
     "torch.distributed.DistBackendError: NCCL error in: x.cpp:10, unhandled system error"},
    {"nccl",
     "[rank0]:[E1122 12:00:00.1 P.cpp:6] [Rank 0] Watchdog caught collective operation "
     "timeout: WorkNCCL(SeqNum=1)",
     "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1)"},
    {"mpi", "MPI_ABORT was invoked on rank 0 in communicator MPI_COMM_WORLD",
     "MPI_ABORT was invoked on rank 0 in communicator MPI_COMM_WORLD"},
    {"mpi", "[host:12] *** An error occurred in MPI_Recv",
     "[host:12] *** An error occurred in MPI_Recv"},
    {"mpi", "=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES",
     "=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES"},
    {"mpi", "application called MPI_Abort(MPI_COMM_WORLD, 1) - process 0",
     "application called MPI_Abort(MPI_COMM_WORLD, 1) - process 0"},
    {"disk_full", "OSError: [Errno 28] No space left on device",
     "OSError: [Errno 28] No space left on device"},
    {"disk_full", "cp: error writing 'x': No space left on device",
     "cp: error writing 'x': No space left on device"},
    {"python_fatal",
     "Fatal Python error: Segmentation fault\n\nCurrent thread 0x7f (most recent call first):\n"
     "  File \"a.py\", line 3 in read\n  File \"a.py\", line 9 in <module>\n",
     "Segmentation fault", "a.py:3 in read"},
    {"crash", "Segmentation fault (core dumped)", "Segmentation fault (core dumped)"},
    {"crash", "run.sh: line 3:  4242 Segmentation fault      (core dumped) ./model",
     "run.sh: line 3:  4242 Segmentation fault      (core dumped) ./model"},
    {"crash", "run.sh: line 3:  4242 Aborted                 ./model",
     "run.sh: line 3:  4242 Aborted                 ./model"},
    {"crash", "[host:1] Caught signal 11 (Segmentation fault: address not mapped)",
     "[host:1] Caught signal 11 (Segmentation fault: address not mapped)"},
    {"killed", "Killed", "Killed"},
    {"killed", "/var/tmp/x.sh: line 2:  4242 Killed                  python3 train.py",
     "/var/tmp/x.sh: line 2:  4242 Killed                  python3 train.py"},
    {"cpp_terminate",
     "terminate called after throwing an instance of 'std::runtime_error'\n  what():  no rows\n",
     "std::runtime_error: no rows"},
    {"cpp_terminate", "terminate called without an active exception",
     "terminate called without an active exception"},
    {"cpp_terminate", "libc++abi: terminating due to uncaught exception of type E: no rows",
     "libc++abi: terminating due to uncaught exception of type E: no rows"},
    {"glibc_abort", "*** stack smashing detected ***: terminated",
     "*** stack smashing detected ***: terminated"},
    {"glibc_abort", "double free or corruption (out)", "double free or corruption (out)"},
    {"assertion", "main: a.c:10: read: Assertion `n > 0' failed.",
     "main: a.c:10: read: Assertion `n > 0' failed."},
    {"sanitizer", "==12==ERROR: LeakSanitizer: detected memory leaks",
     "LeakSanitizer: detected memory leaks"},
    {"sanitizer", "a.c:3:5: runtime error: signed integer overflow: 1 + 2 cannot be represented",
     "signed integer overflow: 1 + 2 cannot be represented", "a.c:3:5"},
    {"sanitizer", "WARNING: ThreadSanitizer: data race (pid=12)",
     "WARNING: ThreadSanitizer: data race (pid=12)"},
    {"valgrind", "==12== ERROR SUMMARY: 2 errors from 1 contexts (suppressed: 0 from 0)",
     "ERROR SUMMARY: 2 errors from 1 contexts (suppressed: 0 from 0)"},
    {"java_exception",
     "Exception in thread \"main\" java.lang.RuntimeException: job failed\n"
     "\tat Main.run(Main.java:4)\n\tat Main.main(Main.java:9)\n"
     "Caused by: java.io.IOException: no rows\n\tat Main.load(Main.java:2)\n\t... 1 more\n",
     "java.lang.RuntimeException: job failed (caused by java.io.IOException: no rows)",
     "Main.run(Main.java:4)"},
    {"rust_panic", "thread 'main' panicked at src/main.rs:2:5:\nno rows\nnote: run with", "no rows",
     "src/main.rs:2:5"},
    {"rust_panic", "thread 'main' panicked at 'no rows', src/main.rs:2:5", "no rows"},
    {"go_panic",
     "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\n"
     "main.main()\n\t/src/x.go:5 +0x1d\n",
     "runtime error: index out of range [5] with length 3", "/src/x.go:5"},
    {"go_panic", "fatal error: all goroutines are asleep - deadlock!",
     "all goroutines are asleep - deadlock!"},
    {"node_uncaught", "(node:1) UnhandledPromiseRejectionWarning: Error: no rows",
     "Error: no rows"},
    {"r_error", "Error in f(-1) : negative rows", "negative rows", "f(-1)"},
    {"r_error", "Error in file(file, \"rt\") : \n  cannot open the connection\nCalls: f",
     "cannot open the connection", "file(file, \"rt\")"},
    {"r_error", "Execution halted", "Execution halted"},
    {"perl_error", "Can't locate No/Such.pm in @INC (you may need to install it) at x.pl line 1.",
     "Can't locate No/Such.pm in @INC (you may need to install it)", "x.pl line 1"},
    {"ruby_exception", "main.rb:2:in `load': no rows (ArgumentError)", "no rows (ArgumentError)",
     "main.rb:2"},
    {"php_error", "PHP Fatal error:  Uncaught Exception: no rows in x.php:2",
     "Uncaught Exception: no rows in x.php:2"},
    {"lua_error", "lua: main.lua:1: no rows", "main.lua:1: no rows"},
    {"awk_error", "awk: cmd. line:1: fatal: division by zero",
     "cmd. line:1: fatal: division by zero"},
    {"tcl_error", "no rows\n    while executing\n", "no rows"},
    {"fortran_error", "At line 3 of file x.f90\nFortran runtime error: File 'x' does not exist",
     "File 'x' does not exist"},
    {"error_line", "Fatal Error: no rows", "no rows"},
    {"error_line", "Internal Error: no rows", "no rows"},
    {"unhandled_exception", "Unhandled exception. System.IO.FileNotFoundException: x",
     "System.IO.FileNotFoundException: x"},
    {"compiler", "src/a.c:10:5: error: 'x' undeclared", "'x' undeclared", "src/a.c:10:5"},
    {"compiler", "a.c:1:10: fatal error: missing.h: No such file or directory",
     "missing.h: No such file or directory", "a.c:1:10"},
    {"compiler", "a.ts(3,5): error TS2322: Type 'x' is not assignable",
     "Type 'x' is not assignable", "a.ts(3,5)"},
    {"compiler", "error[E0425]: cannot find value `x` in this scope\n --> src/main.rs:2:5\n",
     "cannot find value `x` in this scope", "src/main.rs:2:5"},
    {"compiler", "./main.go:4:10: undefined: x", "undefined: x", "./main.go:4:10"},
    {"linker", "/usr/bin/ld: main.c:(.text+0x9): undefined reference to `rows'",
     "undefined reference to `rows'"},
    {"make", "make[1]: *** [Makefile:2: all] Error 1", "[Makefile:2: all] Error 1"},
    {"ninja", "ninja: build stopped: subcommand failed.", "build stopped: subcommand failed."},
    {"cmake", "CMake Error at CMakeLists.txt:3 (find_package):\n  By not providing \"x.cmake\"\n",
     "By not providing \"x.cmake\"", "CMakeLists.txt:3"},
    {"npm", "npm ERR! code ELIFECYCLE", "code ELIFECYCLE"},
    {"npm", "npm error code E404", "code E404"},
    {"latex", "! Undefined control sequence.", "Undefined control sequence."},
    {"test_failed", "FAILED tests/test_a.py::test_b - assert 1 == 2",
     "tests/test_a.py::test_b - assert 1 == 2"},
    {"test_failed", "1 failed, 2 passed in 0.12s", "1 failed, 2 passed in 0.12s"},
    {"test_failed", "--- FAIL: TestSum (0.00s)", "TestSum (0.00s)"},
    {"test_failed", "FAILED (failures=1)", "FAILED (failures=1)"},
    {"test_failed", "67% tests passed, 1 tests failed out of 3",
     "67% tests passed, 1 tests failed out of 3"},
    {"test_failed", "FAILURE: Build failed with an exception.",
     "FAILURE: Build failed with an exception."},
    {"test_failed", "\xe2\x9c\x96 3 problems (2 errors, 1 warning)",
     "\xe2\x9c\x96 3 problems (2 errors, 1 warning)"},
    {"test_failed", "not ok 3 - sums", "not ok 3 - sums"},
    {"slurm", "srun: error: node1: task 0: Exited with exit code 1",
     "error: node1: task 0: Exited with exit code 1"},
    {"command_not_found", "run.sh: line 3: convert: command not found",
     "convert: command not found"},
    {"command_not_found", "sh: 1: convert: not found", "convert: not found"},
    {"shell_error", "run.sh: line 2: rows: unbound variable", "rows: unbound variable"},
    {"shell_error", "run.sh: line 4: syntax error: unexpected end of file",
     "syntax error: unexpected end of file"},
    {"python_start", "python3: can't open file '/x.py': [Errno 2] No such file or directory",
     "can't open file '/x.py': [Errno 2] No such file or directory"},
    {"python_start", "/usr/bin/python3: No module named foo", "No module named foo"},
    {"loader", "./a: error while loading shared libraries: libx.so: cannot open shared object",
     "libx.so: cannot open shared object"},
    {"curl", "curl: (6) Could not resolve host: nowhere", "(6) Could not resolve host: nowhere"},
    {"wget", "Connecting to 127.0.0.1:1... failed: Connection refused.", "Connection refused."},
    {"git", "CONFLICT (content): Merge conflict in x", "CONFLICT (content): Merge conflict in x"},
    {"ffmpeg", "x.mp4: Invalid data found when processing input",
     "x.mp4: Invalid data found when processing input"},
    {"ffmpeg", "[in#0 @ 0x55] Error opening input: No such file or directory",
     "Error opening input: No such file or directory"},
    {"archive", "gzip: stdin: not in gzip format", "stdin: not in gzip format"},
    {"remote_shell", "rsync error: some files were not transferred (code 23)",
     "some files were not transferred (code 23)"},
    {"docker", "docker: Error response from daemon: No such image: x", "No such image: x"},
    {"sqlite", "Error: near line 1: no such table: x", "no such table: x"},
    {"jq", "jq: error (at <stdin>:1): Cannot iterate over null",
     "error (at <stdin>:1): Cannot iterate over null"},
    {"apt", "E: Unable to locate package x", "Unable to locate package x"},
    {"science_code", "--> FOAM FATAL ERROR: ", "--> FOAM FATAL ERROR:"},
    {"workflow", "Error in rule sort:", "Error in rule sort:"},
    {"no_samples", "loaded: n_samples=0, n_features=3", "loaded: n_samples=0, n_features=3"},
    {"no_samples", "n_samples = 0", "n_samples = 0"},
    {"exception", "ValueError: could not convert string to float: 'x'",
     "ValueError: could not convert string to float: 'x'"},
    {"exception", "Exception: no rows", "Exception: no rows"},
    {"exception", "Error: no rows", "Error: no rows"},
    {"exception", "java.lang.NullPointerException", "java.lang.NullPointerException"},
    {"log_level", "\x1b[31mERROR\x1b[0m disk is slow", "disk is slow"},
    {"log_level", "10%\r20%\rERROR disk is slow\n", "disk is slow"},
    {"log_level", R"({"level":"error","msg":"disk is slow"})", "disk is slow"},
};

TEST(LogRules, EachIsKnownByItsExamples) {
  for (const Example& example : examples) {
    const auto found = scan(example.log);
    ASSERT_FALSE(found.empty()) << example.log;
    EXPECT_EQ(found[0].rule, example.rule) << example.log;
    EXPECT_EQ(found[0].severity, Severity::error) << example.log;
    EXPECT_EQ(found[0].message, example.message) << example.log;
    EXPECT_EQ(found[0].place, example.place) << example.log;
  }
}

TEST(LogRules, EachHasAnExample) {
  std::set<std::string> shown{"python_traceback", "test_session"};  // have tests of their own
  for (const Example& example : examples) shown.emplace(example.rule);
  for (const Rule& rule : default_rules())
    EXPECT_TRUE(shown.contains(rule.id) || rule.severity == Severity::warning) << rule.id;
}

TEST(LogRules, WeakSignsAreWarnings) {
  for (const char* line :
       {"ls: cannot access 'x': No such file or directory", "cat: x: Permission denied",
        "no rows at main.pl line 3.", "Failed to open the cache", "An error occurred while reading",
        "run.sh: line 2:   12 Terminated              sleep 9", "Exception: \"ValueError('x')\"",
        "(non-fatal) ERROR: disk is slow", "ERROR: no such tag (ignored)",
        "ERROR attempt 1/3 failed, retrying in 5 s",
        "ERROR: pip's dependency resolver does not currently take into account all packages",
        "2026-01-01 12:00:00.000000: E x/cuda_fft.cc:485] Unable to register cuFFT factory"}) {
    const auto found = scan(line);
    ASSERT_EQ(found.size(), 1U) << line;
    EXPECT_EQ(found[0].severity, Severity::warning) << line;
  }
}

TEST(LogRules, WhatOnlyTalksOfErrorsIsNone) {
  for (const char* line :
       {"0 errors",
        "error_rate=0.01",
        "loading exception_handler.py",
        "errors=0",
        "no error",
        "if an error occurs, the run stops",
        "mean_squared_error: 0.12",
        "Error rate: 0.02",
        "Error: 0.0123",
        "Error: 0.0123 (best 0.01)",
        "error: null",
        "on_error: ignore",
        "MeanSquaredError: 0.12",
        "test_error ... ok",
        "test_error (tests.ErrorTest) ... ok",
        "=== 3 passed, 1 xfailed in 0.12s ===",
        "100% tests passed, 0 tests failed out of 3",
        "test result: ok. 3 passed; 0 failed; 0 ignored",
        "XFAIL tests/a.py::b - Error: x",
        "WARNING Retrying (Retry(total=2)) after connection broken by 'NewConnectionError(x)'",
        "a.py:3: DeprecationWarning: this raises an Error: in 4.0",
        "gcc -Wall -Werror -Wno-error=x -c error.c",
        "make: [Makefile:2: x] Error 1 (ignored)",
        "make: *** Waiting for unfinished jobs....",
        "warning: unused variable: `error`",
        "  --on-error MODE  error: what to do",
        "ls: error.log",
        "drwxr-xr-x 2 a b 40 error.log",
        "==12== ERROR SUMMARY: 0 errors from 0 contexts",
        "n_samples=0.5",
        "n_samples=05",
        "n_samples=100",
        "CUDA error checking is on",
        "cudaErrorNotReady",
        "Residual standard error: 0.4",
        "| ERROR | 0 | 0 |",
        "ERROR      0",
        "not ok 3 - sums # TODO",
        "Tests run: 3, Failures: 0",
        "INFO: CUDA out of memory is handled",
        R"({"level":"info","msg":"error: x"})",
        R"({"status":"error"})",
        "he said \"ERROR: x\"",
        "Standard Error: 0.12",
        "Error bars: off",
        "error: mse",
        "CRITICAL: 0, ERROR: 0, WARNING: 3",
        "E: Total energy -3.2",
        "[0]\ttrain-error:0.046522\ttest-error:0.042831",
        "Validation Error: 0.2",
        "10/10 - 0s - loss: 0.1 - mean_absolute_error: 0.2",
        "Internal error: 0.001",
        "errors.py:12: raise ValueError",
        "KeyErrorHandler: on"}) {
    const auto found = scan(line);
    EXPECT_TRUE(found.empty()) << line << " -> " << found[0].rule << ": " << found[0].message;
  }
}

TEST(LogRules, PatternsOfTheJobWin) {
  LogPolicy policy;
  policy.fail_on = {"loss=nan", "(?i)gap of [0-9]+ rows"};
  policy.warn_on = {"^ERROR harmless", "slow"};
  policy.ignore = {"known: 42$"};
  const auto found = scan(
      "step 1 loss=nan\nERROR harmless thing\na Gap of 12 rows\nvery slow\nERROR x known: 42\n"
      "loss=nan known: 42\nERROR y\n",
      policy);
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[0], (Finding{"fail_on", Severity::error, 0, 1, "step 1 loss=nan", ""}));
  EXPECT_EQ(found[1].rule, "warn_on");
  EXPECT_EQ(found[1].message, "harmless thing");
  EXPECT_EQ(found[2], (Finding{"fail_on", Severity::error, 37, 3, "a Gap of 12 rows", ""}));
  EXPECT_EQ(found[3], (Finding{"warn_on", Severity::warning, 54, 4, "very slow", ""}));
  EXPECT_EQ(found[4].rule, "log_level");
}

TEST(LogRules, PatternsOfTheJobReachIntoTracebacks) {
  const char* log =
      "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'lat'\nend\n";
  LogPolicy policy;
  policy.ignore = {"KeyError: 'lat'"};
  EXPECT_TRUE(scan(log, policy).empty());
  policy = {};
  policy.warn_on = {"KeyError"};
  const auto found = scan(log, policy);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_EQ(found[0].rule, "warn_on");
}

TEST(LogRules, PatternsMeanOneLine) {
  LogPolicy policy;
  policy.fail_on = {"a\\s+b", "\\Astart", "x[^y]z", "end\\z"};
  EXPECT_TRUE(scan("a\nb\nno start\nx\nz\nend x\n", policy).empty());
  EXPECT_EQ(scan("n\na b\nstart\nx.z\nthe end\n", policy).size(), 4U);
}

using Patterns = std::vector<std::string>;

std::string fault(Patterns LogPolicy::* list, const Patterns& patterns) {
  LogPolicy policy;
  policy.*list = patterns;
  const auto made = RuleSet::compile(policy);
  return made ? "" : made.error().message;
}

std::string fail_fault(const Patterns& patterns) {
  return fault(&LogPolicy::fail_on, patterns);
}

TEST(LogRules, BadPatternsAreRefusedInWords) {
  EXPECT_EQ(fail_fault({"ok", "a(b"}), "fail_on: `a(b`: missing ): a(b (character 1)");
  EXPECT_EQ(fault(&LogPolicy::warn_on, {"x[b-a]"}),
            "warn_on: `x[b-a]`: invalid character class range: b-a (character 3)");
  EXPECT_EQ(fault(&LogPolicy::ignore, {"(?=x)"}),
            "ignore: `(?=x)`: invalid perl operator: (?= (character 1)");
  EXPECT_NE(fail_fault({"x*"}), "");
  EXPECT_NE(fail_fault({""}), "");
  EXPECT_NE(fail_fault({"^"}), "");
}

TEST(LogRules, HostilePatternsAreRefused) {
  EXPECT_NE(fail_fault({std::string(1001, 'x')}), "");
  EXPECT_EQ(fail_fault({std::string(1000, 'x')}), "");
  EXPECT_EQ(fail_fault(Patterns(64, "x+")), "");
  EXPECT_NE(fail_fault(Patterns(65, "x+")), "");
  EXPECT_NE(fail_fault({"((a{100}){100}){100}"}), "");
  EXPECT_NE(fail_fault({"(\\pL{1000}\\pN{1000}){9}"}), "");
  EXPECT_EQ(fail_fault({"x{999}"}), "");
  EXPECT_NE(fail_fault({"\\pL{99}"}), "") << "each letter of any alphabet takes many steps";
  EXPECT_EQ(fail_fault({std::string(499, '(') + "x" + std::string(499, ')')}), "");
}

TEST(LogRules, SlowPatternsTakeLinearTime) {
  LogPolicy policy;
  policy.fail_on = {"(a*)*b$", "(a|aa)+$x", "(.*)(.*)(.*)(.*)(.*)z"};
  std::string log;
  for (int i = 0; i < 200; ++i) log += std::string(5000, 'a') + "\n";
  EXPECT_TRUE(scan(log, policy).empty());
}

TEST(LogRules, DefaultRulesAreCompiledOnce) {
  LogPolicy lenient;
  lenient.on_error = OnLogError::ignore;
  EXPECT_EQ(*RuleSet::compile({}), *RuleSet::compile(lenient));
}

}  // namespace
}  // namespace reeve::test
