#include "watch/default_rules.h"

namespace reeve {
namespace {

// A long table, made once; its parts are by subject.
void add_causes(std::vector<Rule>& rules) {
  rules.push_back(
      {.id = "out_of_memory",
       .triggers = {R"((?i)out of memory)", R"((?i)cannot allocate)", "bad_alloc", "MemoryError",
                    R"((?i)\boom[-_ ]?kill)", R"((?i)unable to allocate)", "OutOfMemory",
                    "memory exhausted"},
       .pattern =
           R"re((?i:cuda|hip|device|gpu|heap|accelerator)(?: error)?:? (?:is )?out of memory|)re"
           R"re(^(?:\S+: )*(?i:out of memory)(?:$|[!.:,]| allocating| trying| while| \()|)re"
           R"re(: [Cc]annot allocate memory|[Cc]annot allocate vector of size|)re"
           R"re((?:^|: )Unable to allocate [\d.]+ [KMGTPE]iB|std::bad_alloc|bad_alloc$|)re"
           R"re(^(?:\w+\.)*_?\w*MemoryError(?::|$)|OutOfMemoryError\b|)re"
           R"re([Dd]etected \d+ oom.kill event|Out of memory: Kill|invoked oom-killer|)re"
           R"re(\bOOM[ -]?[Kk]illed\b|oom-kill:|(?:virtual )?memory exhausted)re",
       .exceptions = R"((?i)\b(?:prevent|avoid|in case of|if you|could|would|handler|to reduce)\b)",
       .is_cause = true});
  rules.push_back({.id = "nccl",
                   .triggers = {"NCCL", R"(nccl[A-Z]\w+Error)", "collective operation timeout"},
                   .pattern = R"re(NCCL (?:[Ee]rror|failure)|nccl[A-Z]\w*Error|)re"
                              R"re(Watchdog caught collective operation timeout)re",
                   .is_cause = true});
  rules.push_back(
      {.id = "cuda",
       .triggers = {R"(CUDA[ _](?:error|ERROR|driver))", R"(\bcudaError)",
                    R"(CU(?:BLAS|DNN|SPARSE|SOLVER|RAND)_STATUS_)", "CUFFT_", R"(HIP error)"},
       .pattern = R"re(CUDA (?:driver |kernel )?error: \D|CUDA_ERROR_[A-Z]|\bcudaError[A-Z]\w+|)re"
                  R"re(CU(?:BLAS|DNN|SPARSE|SOLVER|RAND|FFT)_STATUS_[A-Z]|HIP error: )re",
       .exceptions = R"(cudaErrorNotReady|_STATUS_SUCCESS|CUDA_ERROR_NO_DEVICE|no error)",
       .is_cause = true});
  rules.push_back(
      {.id = "disk_full",
       .triggers = {R"(No space left on device)", "Disk quota exceeded", R"(disk is full)"},
       .pattern = R"re(No space left on device|Disk quota exceeded|disk is full)re",
       .is_cause = true});
  rules.push_back(
      {.id = "mpi",
       .triggers = {R"(MPI_A(?:BORT|bort))", "BAD TERMINATION", R"(\bmpi(?:run|exec) )",
                    R"(Primary job +terminated)", "occurred in MPI_", R"(\bMPI_ERR)",
                    R"(Abort\(\d)", "ORTE has lost", "not enough slots"},
       .pattern = R"re(MPI_ABORT was invoked on rank|\bMPI_Abort\([^)]*\) - |)re"
                  R"re(application called MPI_Abort|BAD TERMINATION OF ONE OF YOUR APPLICATION|)re"
                  R"re(\bmpi(?:run|exec) (?:noticed that|detected that)|)re"
                  R"re(^Primary job +terminated normally, but|)re"
                  R"re(\*\*\* (?:An error occurred in MPI_|MPI_ERR)|^Abort\(\d+\) on node|)re"
                  R"re(ORTE has lost communication|not enough slots available)re",
       .is_cause = true});
}

void add_crashes(std::vector<Rule>& rules) {
  rules.push_back(
      {.id = "python_fatal",
       .triggers = {"Fatal Python error"},
       .pattern = R"(^Fatal Python error: (?P<message>.*))",
       .follow = R"re(^  File "(?P<file>[^"]+)", line (?P<number>\d+) in (?P<function>\S+))re",
       .follow_lines = 12});
  rules.push_back(
      {.id = "crash",
       .triggers = {R"((?i)segmentation fault)", R"(\(core dumped\))", R"(\bAborted\b)",
                    R"(\bBus error\b)", R"(\bIllegal instruction\b)",
                    R"(\bFloating point exception\b)", R"(\bSIGSEGV\b)", "Caught signal",
                    "Trace/breakpoint trap", "Fatal signal"},
       .pattern =
           R"re(^(?:\S+: )?(?:line \d+: +)?(?:\d+ +)?(?:Segmentation fault|Aborted|Bus error|)re"
           R"re(Illegal instruction|Floating point exception|Trace/breakpoint trap|)re"
           R"re(Bad system call)(?:$| +\(core dumped\)|  +\S)|)re"
           R"re(^Segmentation fault\b|: Segmentation fault\b|\(core dumped\)|)re"
           R"re([Cc]aught (?:fatal )?signal \d+|(?:received|[Cc]aught|signal) SIG(?:SEGV|ABRT|)re"
           R"re(BUS)|)re"
           R"re(^Fatal signal|SIGSEGV: segmentation violation)re"});
  rules.push_back({.id = "killed",
                   .triggers = {R"(\bKilled\b)"},
                   .pattern = R"re(^Killed$|(?:: line \d+: +|^)\d+ Killed(?:$|  +))re"});
  rules.push_back({.id = "terminated",
                   .severity = Severity::warning,
                   .triggers = {R"(\bTerminated\b)"},
                   .pattern = R"re(^Terminated$|: line \d+: +\d+ Terminated(?:$|  +))re"});
  rules.push_back(
      {.id = "cpp_terminate",
       .triggers = {"terminate called", "terminating with uncaught", "terminating due to uncaught",
                    "pure virtual method called"},
       .pattern = R"re(^terminate called after throwing an instance of '(?P<message>[^']*)'|)re"
                  R"re(^terminate called (?:without|recursively)|^pure virtual method|)re"
                  R"re(terminating (?:with|due to) uncaught)re",
       .follow = R"re(^\s+what\(\): +(?P<message>.*))re"});
  rules.push_back(
      {.id = "glibc_abort",
       .triggers = {"stack smashing", "buffer overflow detected", "double free", R"(free\(\): )",
                    R"(alloc\(\): )", "munmap_chunk", "corrupted size vs", "malloc_consolidate",
                    "corrupted double-linked"},
       .pattern = R"re(^\*\*\* .* detected \*\*\*|^(?:double free or corruption|free\(\): |)re"
                  R"re((?:m|re|c)alloc\(\): |munmap_chunk\(\)|corrupted |malloc_consolidate))re"});
  rules.push_back(
      {.id = "assertion",
       .triggers = {R"((?i)assertion\b)", "Check failed", R"(\bassert failed)"},
       .pattern = R"re(: Assertion [`'"].*['"] failed|^Assertion failed: |^Assertion failed |)re"
                  R"re(^(?:\S+: )?(?:debug )?assertion .* failed|Check failed: )re"});
  rules.push_back({.id = "sanitizer",
                   .triggers = {"Sanitizer", ": runtime error: "},
                   .pattern = R"re(==\d+==\s?(?:ERROR|WARNING): (?P<message>\w+Sanitizer:? .*)|)re"
                              R"re(^(?P<place>\S+:\d+:\d+): runtime error: (?P<message2>.*)|)re"
                              R"re(^WARNING: (?:Thread|Memory)Sanitizer: )re",
                   .follow = R"re(^\s+#\d+ 0x\w+ in (?P<place>.*))re",
                   .follow_lines = 3,
                   .at_any_level = true});
  rules.push_back(
      {.id = "valgrind",
       .triggers = {"ERROR SUMMARY", "Process terminating with default action"},
       .pattern = R"re(==\d+== (?P<message>(?:ERROR SUMMARY: [1-9]|Process terminating).*))re"});
}

void add_languages(std::vector<Rule>& rules) {
  rules.push_back({.id = "java_exception",
                   .triggers = {"Exception in thread \"", "fatal error has been detected by"},
                   .pattern = R"re(^Exception in thread "[^"]*" (?P<message>.*)|)re"
                              R"re(fatal error has been detected by the Java)re",
                   .follow = R"re(^\s+at (?P<place>\S+\(.*\))|^Caused by: (?P<cause>.*))re",
                   .follow_lines = 120});
  rules.push_back({.id = "rust_panic",
                   .triggers = {"panicked at ", "has overflowed its stack"},
                   .pattern =
                       R"re(^thread '[^']*'(?: \(\d+\))? panicked at '(?P<message>.*)', \S+$|)re"
                       R"re(^thread '[^']*'(?: \(\d+\))? panicked at (?P<place>\S+:\d+:\d+):$|)re"
                       R"re(^thread '[^']*'(?: \(\d+\))? (?:panicked at|has overflowed))re",
                   .follow = R"re(^(?P<message>.+)$)re"});
  rules.push_back({.id = "go_panic",
                   .triggers = {"^panic: ", "^fatal error: ", "unexpected fault address"},
                   .pattern = R"re(^panic: (?P<message>.*)|^fatal error: (?P<message2>.*)|)re"
                              R"re(^unexpected fault address)re",
                   .follow = R"re(^\t(?P<place>\S+\.go:\d+))re",
                   .follow_lines = 24});
  rules.push_back({.id = "node_uncaught",
                   .triggers = {"UnhandledPromiseRejection", R"(\bUncaught )"},
                   .pattern =
                       R"re(UnhandledPromiseRejection(?:Warning)?: (?P<message>.*)|)re"
                       R"re(\[UnhandledPromiseRejection|^Uncaught \w*(?:Error|Exception)\b)re",
                   .exceptions = "DeprecationWarning"});
  rules.push_back(
      {.id = "r_error",
       .triggers = {"^Error in ", R"(\bExecution halted)"},
       .pattern = R"re(^Error in (?P<place>.{1,200}?) : *(?P<message>.*)|^Execution halted$|)re"
                  R"re(^Error in \S+\()re",
       .follow = R"re(^  (?P<message>\S.*))re"});
  rules.push_back({.id = "perl_error",
                   .triggers = {R"(Can't )", R"(^syntax error at )", "BEGIN failed",
                                "compilation errors", "Undefined subroutine"},
                   .pattern =
                       R"re(^(?P<message>Can't .*) at (?P<place>\S+ line \d+)|)re"
                       R"re(^(?P<message2>syntax error) at (?P<place2>\S+ line \d+)|)re"
                       R"re(^BEGIN failed|^Execution of .* aborted due to|^Undefined subroutine|)re"
                       R"re(^\S+ had compilation errors)re"});
  rules.push_back({.id = "perl_message",
                   .severity = Severity::warning,
                   .triggers = {R"( line \d{1,7}\.$)"},
                   .pattern = R"re(^(?P<message>.*) at (?P<place>\S+ line \d+)\.$)re"});
  rules.push_back(
      {.id = "ruby_exception",
       .triggers = {R"(\.rb:\d)", R"(\((?:\w+::)*\w*Error\)$)"},
       .pattern =
           R"re(^(?P<place>\S+\.rb:\d+)(?::in [`'].*?')?: (?P<message>.* \((?:\w+::)*[A-Z]\w*\)))re"
           R"re($|)re"
           R"re(^\S+\.rb:\d+: syntax error|^\S+:in [`'].*?': .* \((?:\w+::)*[A-Z]\w*\)$)re"});
  rules.push_back(
      {.id = "php_error",
       .triggers = {"Fatal error: ", "Parse error: ", "Recoverable fatal"},
       .pattern = R"re(^(?:PHP )?(?:Fatal|Parse|Recoverable fatal) error: +(?P<message>.*))re"});
  rules.push_back({.id = "lua_error",
                   .triggers = {R"(\blua[\d.]{0,4}: )"},
                   .pattern = R"re(^(?:\S*/)?lua[\d.]*: (?P<message>.*))re"});
  rules.push_back({.id = "awk_error",
                   .triggers = {R"(\b[gm]?awk: )"},
                   .pattern = R"re(^(?:\S*/)?[gm]?awk: (?P<message>.*))re",
                   .exceptions = R"(: warning:|: +\^)",
                   .follow = R"re(^\S*awk: .*\^ (?P<message>.*))re"});
  rules.push_back({.id = "fortran_error",
                   .triggers = {"Fortran runtime error", "^forrtl: ", "ERROR STOP", "^At line "},
                   .pattern =
                       R"re(^Fortran runtime error: (?P<message>.*)|^forrtl: (?:severe|error)|)re"
                       R"re(^ *ERROR STOP)re"});
  rules.push_back({.id = "tcl_error",
                   .triggers = {"^    while executing$"},
                   .pattern = "^    while executing$",
                   .tells_line_before = true});
  rules.push_back(
      {.id = "error_line",
       .triggers = {R"(^(?:\w{2,14}|I/O) [Ee]rror: )", R"(^(?:\w{2,14}|I/O) [Ee]rror:$)"},
       .pattern =
           R"re(^(?:Fatal|Internal|Unexpected|Unhandled|Runtime|System|Critical|Unknown|Parse|)re"
           R"re(Syntax|Import|Configuration|Config|Database|Connection|Network|Compilation|)re"
           R"re(License|IO|I/O|Input|Output|Application|Server|Client|HTTP|API|Permission) )re"
           R"re([Ee]rror:(?P<message>.*))re"});
  rules.push_back(
      {.id = "unhandled_exception",
       .triggers = {R"(\b[Uu]n(?:handled|caught) [Ee]xception)"},
       .pattern = R"re(^(?:\S+: )?[Uu]n(?:handled|caught) [Ee]xception[.:]? ?(?P<message>.*))re"});
}

void add_builds(std::vector<Rule>& rules) {
  rules.push_back({.id = "compiler",
                   .triggers = {R"(: (?:fatal |internal compiler )?error(?: \w+\d+)?: )",
                                R"(\berror\[E\d+\]: )", R"(\.go:\d{1,6}:\d{1,5}: )"},
                   .pattern =
                       R"re(^(?P<place>[^\s:()'"]+(?::\d+){1,2}|[^\s:()'"]+\(\d+(?:,\d+)?\)) ?: )re"
                       R"re((?:fatal |internal compiler )?error(?: \w+\d+)?: (?P<message>.*)|)re"
                       R"re(^error\[E\d+\]: (?P<message2>.*)|)re"
                       R"re(^(?P<place2>[\w./-]+\.go:\d+:\d+): (?P<message3>.*))re",
                   .follow = R"re(^\s+--> (?P<place>\S+))re"});
  rules.push_back(
      {.id = "linker",
       .triggers = {"undefined reference to", R"(cannot find -l)", "returned 1 exit status",
                    "linker command failed", "multiple definition of"},
       .pattern = R"re((?P<message>undefined reference to .*|cannot find -l.*|)re"
                  R"re(multiple definition of .*)|ld returned \d+ exit|linker command failed)re"});
  rules.push_back({.id = "make",
                   .triggers = {R"(make(?:\[\d+\])?: \*\*\* )"},
                   .pattern = R"re(^(?:\S*/)?\w*make(?:\[\d+\])?: \*\*\* (?P<message>.*))re",
                   .exceptions = R"(\(ignored\)|[Ww]aiting for unfinished)"});
  rules.push_back({.id = "ninja",
                   .triggers = {"^ninja: ", "^FAILED: "},
                   .pattern = R"re(^ninja: (?P<message>(?:build stopped|error|fatal): .*)|)re"
                              R"re(^FAILED: )re"});
  rules.push_back(
      {.id = "cmake",
       .triggers = {"CMake Error", "errors occurred!"},
       .pattern = R"re(^CMake Error(?: at (?P<place>\S+:\d+)(?: \(\S+\))?)?:? ?(?P<message>.*)|)re"
                  R"re(^-- Configuring incomplete, errors occurred)re",
       .follow = R"re(^  (?P<message>\S.*))re"});
  rules.push_back({.id = "npm",
                   .triggers = {R"(\bnpm (?:ERR!|error) )", "^error Command failed"},
                   .pattern = R"re(^npm (?:ERR!|error) (?P<message>.+)|^error Command failed)re"});
  rules.push_back(
      {.id = "latex",
       .triggers = {"^! "},
       .pattern = R"re(^! (?P<message>(?:LaTeX|Package|Class|Undefined|Missing|Emergency|)re"
                  R"re(Extra|Misplaced|Too many|I can't|Argument|Paragraph|Runaway| ==>).*))re"});
}

void add_tests(std::vector<Rule>& rules) {
  rules.push_back(
      {.id = "test_failed",
       .triggers = {"^FAILED ", R"(^ERROR \S{1,200}\.py)",
                    R"([1-9]\d{0,6} (?:failed|errors?)(?:, | in ))", "^FAILED ?\\(",
                    "--- FAIL: ", R"(^FAIL(?:\t|$))", R"(\.\.\. FAILED)", "test result: FAILED",
                    "tests FAILED", R"(^\[  FAILED  \])", "Tests run: ", R"(BUILD FAIL(?:URE|ED))",
                    "^FAILURE: ", R"(\([1-9]\d{0,5} errors?, )", R"(\d failing$)", "^not ok ",
                    R"(\*\*\*Test Failed\*\*\*)", R"(tests? failed)"},
       .pattern =
           R"re(^FAILED (?P<message>\S+::.*)|^ERROR (?P<message4>\S+\.py(?:::\S+)?(?: - .*)?)$|)re"
           R"re(^FAILED \(\w|)re"
           R"re(^=+ .*\b[1-9]\d* (?:failed|errors?)\b.* in [\d.]+s.*=$|)re"
           R"re(^[1-9]\d* (?:failed|errors?)\b.* in [\d.]+s|)re"
           R"re(^--- FAIL: (?P<message2>.*)|^FAIL\t(?P<message3>\S+)|^FAIL$|)re"
           R"re(^test \S+.* \.\.\. FAILED|)re"
           R"re(^test result: FAILED|^The following tests FAILED|^\[  FAILED  \] .*\.|)re"
           R"re(Tests run: .*(?:Failures|Errors): [1-9]|BUILD FAIL(?:URE|ED)|)re"
           R"re(^FAILURE: |\([1-9]\d* errors?, \d+ warnings?\)|^Tests: +[1-9]\d* failed|)re"
           R"re(^ *[1-9]\d* failing$|^not ok \d|\*\*\*Test Failed\*\*\* |)re"
           R"re(\b[1-9]\d* tests? failed\b)re",
       .exceptions = R"(# (?:TODO|SKIP|todo|skip)\b)"});
}

void add_programs(std::vector<Rule>& rules) {
  rules.push_back(
      {.id = "slurm",
       .triggers = {R"(\b(?:slurmstepd|srun|sbatch|salloc|slurmd): )"},
       .pattern =
           R"re(^(?:slurmstepd|srun|sbatch|salloc|slurmd): (?P<message>(?:error|fatal): .*)|)re"
           R"re(^slurmstepd: .*(?:DUE TO TIME LIMIT|CANCELLED AT))re"});
  rules.push_back({.id = "command_not_found",
                   .triggers = {"command not found", R"(: not found$)",
                                R"(: \d{1,7}: \S{1,100}: not found)", "env: "},
                   .pattern =
                       R"re(^(?:\S+: )*(?:line \d+: )?(?P<message>\S+: command not found)$|)re"
                       R"re(^(?:\S+: )+\d+: (?P<message2>\S+: not found)$|)re"
                       R"re(^(?:\S*/)?env: .*: No such file|^zsh: command not found: )re"});
  rules.push_back(
      {.id = "shell_error",
       .triggers = {"syntax error", "unbound variable", "parameter not set", "bad substitution",
                    "ambiguous redirect"},
       .pattern =
           R"re(^\S+: (?:.*: )?(?:line )?\d+: (?P<message>.*(?:[Ss]yntax error|unbound variable|)re"
           R"re(parameter not set|[Bb]ad substitution|ambiguous redirect).*))re"});
  rules.push_back(
      {.id = "python_start",
       .triggers = {": No module named ", "can't open file"},
       .pattern = R"re(^\S*python[\d.]*: (?P<message>(?:No module named|can't open file) .*))re"});
  rules.push_back({.id = "loader",
                   .triggers = {"error while loading shared libraries"},
                   .pattern = R"re(error while loading shared libraries: (?P<message>.*))re"});
  rules.push_back({.id = "curl",
                   .triggers = {R"(\bcurl: \()"},
                   .pattern = R"re(^curl: (?P<message>\(\d+\) .*))re"});
  rules.push_back({.id = "wget",
                   .triggers = {R"(\bfailed: )", "unable to resolve host"},
                   .pattern = R"re(^(?:Connecting to|Resolving) .* failed: (?P<message>.*)|)re"
                              R"re(^wget: unable to resolve host)re"});
  rules.push_back(
      {.id = "git",
       .triggers = {"^CONFLICT ", "Automatic merge failed", R"(^ ! \[)"},
       .pattern = R"re(^CONFLICT \(|^Automatic merge failed|^ ! \[(?:remote )?rejected\])re"});
  rules.push_back({.id = "ffmpeg",
                   .triggers = {"Error opening", "Conversion failed!", "Invalid data found when",
                                "Unknown encoder", "Unable to find a suitable output",
                                "Error initializing", "Invalid argument$"},
                   .pattern =
                       R"re(^(?:\[[^\]]+\] )?(?P<message>Error (?:opening|initializing) .*|)re"
                       R"re(Conversion failed!|)re"
                       R"re(Unknown encoder .*|Unable to find a suitable output .*)|)re"
                       R"re((?P<message2>[^\s:]+: (?:Invalid data found when processing input|)re"
                       R"re(Invalid argument))$)re"});
  rules.push_back(
      {.id = "archive",
       .triggers = {R"(\btar: )", R"(\bgzip: )", R"(\bxz: )", R"(\bunzip: )", R"(\bbzip2: )",
                    "End-of-central-directory", R"(\bzstd: )"},
       .pattern =
           R"re(^(?:\S*/)?tar: (?P<message>.*(?:Cannot |not recoverable|failure status|)re"
           R"re(not look like a tar|Unexpected EOF|corrupted).*)|)re"
           R"re(^(?:\S*/)?(?:gzip|xz|unzip|bzip2|zstd): (?P<message2>.*(?:not in gzip|)re"
           R"re(unexpected end|)re"
           R"re([Nn]o such file|not recognized|[Cc]annot find|invalid compressed|crc error|)re"
           R"re(Unexpected end|data error|unsupported format|CRC|corrupt).*)|)re"
           R"re(End-of-central-directory signature not found)re"});
  rules.push_back({.id = "remote_shell",
                   .triggers = {R"(\bssh: )", R"(Permission denied \(publickey)",
                                "Host key verification failed", R"(\brsync(?: error)?: )"},
                   .pattern = R"re(^ssh: (?:connect to|Could not)|Permission denied \(publickey|)re"
                              R"re(^Host key verification failed|^rsync error: (?P<message>.*)|)re"
                              R"re(^rsync: .*(?:failed|error))re"});
  rules.push_back({.id = "docker",
                   .triggers = {"Error response from daemon"},
                   .pattern = R"re(Error response from daemon: (?P<message>.*))re"});
  rules.push_back(
      {.id = "sqlite",
       .triggers = {R"(error near line \d)", "Error: near line"},
       .pattern =
           R"re(^(?:Error: near line|(?:Parse|Runtime) error near line) \d+: (?P<message>.*))re"});
  rules.push_back({.id = "jq",
                   .triggers = {R"(\bjq: )", "^parse error: "},
                   .pattern = R"re(^jq: (?P<message>(?:parse )?error\b.*)|^parse error: )re"});
  rules.push_back({.id = "apt",
                   .triggers = {"^E: "},
                   .pattern =
                       R"re(^E: (?P<message>(?:Unable to|Could not|Failed to|Package|Version|)re"
                       R"re(Sub-process|Some|The|No|Can't|Broken|Unmet|Invalid|Malformed) .*))re"});
  rules.push_back({.id = "science_code",
                   .triggers = {"FOAM FATAL", "HDF5-DIAG: Error", "Error termination",
                                R"(Error using \w)", R"(^r\(\d{1,5}\);$)"},
                   .pattern = R"re(FOAM FATAL (?:IO )?ERROR|^HDF5-DIAG: Error detected|)re"
                              R"re(^ ?Error termination|^\{?Error using \w|^r\(\d+\);$)re"});
  rules.push_back(
      {.id = "workflow",
       .triggers = {R"(^(?:Error in rule|RuleException|WorkflowError|MissingInputException))",
                    "ERROR ~ "},
       .pattern = R"re(^(?:Error in rule|RuleException|WorkflowError|MissingInputException)|)re"
                  R"re(^ERROR ~ (?P<message>.*))re"});
  // A worker of Dask tells what a task raised; its client raises it again, unless it is handled.
  rules.push_back({.id = "dask_task",
                   .severity = Severity::warning,
                   .triggers = {"^Exception: \""},
                   .pattern = R"re(^Exception: "(?P<message>.*)"$)re"});
  rules.push_back({.id = "no_samples",
                   .triggers = {R"(\bn_samples ?[=:] ?0\b)", R"(with 0 sample)"},
                   .pattern = R"re(\bn_samples ?[=:] ?0(?:$|[^.\d\w])|Found array with 0 sample)re",
                   .is_cause = true});
}

void add_readers(std::vector<Rule>& rules) {
  rules.push_back({.id = "python_traceback",
                   .reader = Reader::traceback,
                   .triggers = {R"(Traceback \(most recent call last\))", R"(", line \d+$)"}});
  rules.push_back(
      {.id = "exception",
       .reader = Reader::exception,
       .triggers = {R"((?:Error|Exception|Interrupt|Failure|Exit|Fault|StopIteration):(?: |$))",
                    R"(\.\w{1,60}(?:Error|Exception)$)"}});
  rules.push_back(
      {.id = "log_level",
       .reader = Reader::level,
       .triggers = {
           R"(\b(?:ERROR|EROR|CRITICAL|FATAL|SEVERE|ERR|CRIT|EMERG|EMERGENCY|ALERT|PANIC|FTL|PNC|)"
           R"(FAIL)\b)",
           R"(\[ ?(?:error|Error|critical|Critical|fatal|Fatal|severe|err|crit|emerg|alert|panic))",
           R"(\((?:error|fatal|critical)\))", R"(\[\w{1,20}:(?:error|crit|alert|emerg)\])",
           R"((?:=|="|":"|": ")(?:error|critical|fatal|panic|emerg|alert|severe))",
           R"((?:=|="|":"|": ")(?:Error|Critical|Fatal|Panic|Severe|Alert))",
           R"((?:="?|": ?")(?:err|crit|dpanic)["\s])", R"("level": ?[56]0)",
           R"(\b(?:[Ee]rror|[Ff]atal|[Cc]ritical|[Ss]evere|[Pp]anic):(?: |$))",
           R"(\b(?:error|fatal|critical|crit)(?:\t|  ))", R"(\bE[01]\d{3} \d)",
           R"(\bF[01]\d{3} \d)", R"(\bC[01]\d{3} \d)", R"(\[[EC] \d)", R"(\d: [EF] \w)",
           R"(^(?:fail|crit): \w)"}});
  rules.push_back({.id = "test_session",
                   .reader = Reader::test_session,
                   .triggers = {"test session starts", R"(^running \d+ tests?$)", "^=== RUN ",
                                R"(^\[==========\] Running)", R"(\) \.\.\. )"}});
}

// Words that often, but not always, tell of a failure: they never decide anything, but may be the
// only reason that a failed program gives.
void add_complaints(std::vector<Rule>& rules) {
  rules.push_back(
      {.id = "system_error",
       .severity = Severity::warning,
       .triggers = {": No such file or directory", ": Permission denied", "Connection refused",
                    ": Is a directory", ": Not a directory", ": File exists", "Too many open files",
                    ": Read-only file system", "Input/output error", ": Operation not permitted",
                    ": Broken pipe", "Exec format error", "Address already in use",
                    "Connection timed out", "Connection reset by peer", "Name or service not known",
                    ": Argument list too long", "cannot execute binary"},
       .pattern =
           R"re(^[\w./+@-]+(?:\[\d+\])?: \S.*(?:No such file or directory|Permission denied|)re"
           R"re(Connection refused|Is a directory|Not a directory|File exists|)re"
           R"re(Too many open files|Read-only file system|Input/output error|)re"
           R"re(Operation not permitted|Broken pipe|Exec format error|Address already in use|)re"
           R"re(Connection timed out|Connection reset by peer|Name or service not known|)re"
           R"re(Argument list too long|cannot execute binary.*)(?: \(os error \d+\))?\.?$|)re"
           R"re(^[\w./+-]+: (?:No such file or directory|Permission denied|Is a directory)$)re"});
  rules.push_back(
      {.id = "complaint",
       .severity = Severity::warning,
       .triggers = {"rror occurred", "xception occurred", "^Error (?:while|during|in|at) ",
                    R"(^Error \w{3,12}ing )", "^Exception (?:while|during|in) ",
                    "^(?:Failed|failed|Cannot|Could not|Can't|Unable) ",
                    R"(^(?:Aborting|aborting|Giving up|Build failed|Job failed)\b)",
                    R"(\b(?:failed|cannot|could not|unable) to )",
                    R"(^(?:"[^"]{1,200}",? )?line \d{1,7}: )"},
       .pattern =
           R"re((?i)^(?:an? )?(?:\w+ )?(?:error|exception|failure) (?:occurred|was|while|during|)re"
           R"re(in|at|opening|reading|writing|loading|parsing|connecting|executing|running|)re"
           R"re(creating|processing)\b|^(?:failed (?:to|at)|cannot|could not|can't|unable to) |)re"
           R"re(^(?:aborting|giving up|build failed|job failed)\b|)re"
           R"re(^[\w./-]+: (?:failed|cannot|could not|unable) to |)re"
           R"re(^(?:"[^"]+",? )?line \d+: \S)re",
       // The traceback follows.
       .exceptions = R"(^Exception in thread |exception was never retrieved)"});
}

std::vector<Rule> make_rules() {
  std::vector<Rule> rules;
  add_crashes(rules);
  add_languages(rules);
  add_builds(rules);
  add_tests(rules);
  add_programs(rules);
  add_readers(rules);
  add_causes(rules);
  add_complaints(rules);
  return rules;
}

}  // namespace

std::span<const Rule> default_rules() {
  static const std::vector<Rule> rules = make_rules();
  return rules;
}

}  // namespace reeve
