"""How fast logs are searched for errors: MB/s of one core with all default rules, for several kinds
of logs, beside `grep -E` of the same patterns in the same run.

grep gets what the rules look for first, in the whole log: their triggers, one -E pattern each. It
only finds lines; the scanner also judges them, counts lines and remembers what belongs together.
Both are measured by the time of the processor. `grown` is by how much the scanner's memory grew in
the second half of the log, which shows that it is constant.

    python3 bench/scan.py [--megabytes N] [--rounds N]

Needs ./dev build release.
"""
import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SCANNER = os.path.join(HERE, "..", "build", "release", "bin", "scan_logs")
KINDS = ("training", "prose", "json", "progress", "long", "chatty", "failing")


def for_grep(trigger):
    """The trigger as an extended regular expression of grep: without classes of Perl's."""
    text = re.sub(r"\(\?:", "(", trigger)
    if text.startswith("(?i)"):
        text = re.sub(r"[a-z]", lambda m: f"[{m[0].upper()}{m[0]}]", text[4:])
    inside = lambda words: lambda m: m[0].replace("\\d", "0-9").replace("\\t", "\t").replace(
        "\\w", "A-Za-z0-9_").replace("\\s", " \t")
    text = re.sub(r"\[[^\]]*\]", inside(text), text)
    for perl, posix in (("\\d", "[0-9]"), ("\\S", "[^ \t]"), ("\\t", "\t"), ("\\s", "[ \t]"),
                        ('\\"', '"')):
        text = text.replace(perl, posix)
    return text


def grep_seconds(patterns, log):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["grep", "-c", "-a", "-E", "-f", patterns, log], stdout=subprocess.DEVNULL,
                   env={**os.environ, "LC_ALL": "C"}, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        patterns = os.path.join(place, "patterns")
        triggers = subprocess.run([SCANNER, "--triggers"], check=True, capture_output=True,
                                  text=True).stdout.splitlines()
        with open(patterns, "w", encoding="utf8") as file:
            file.writelines(for_grep(trigger) + "\n" for trigger in triggers)
        print(f"{len(triggers)} patterns; MB/s of one core, median of {options.rounds}")
        print(f"{'kind':10} {'scanner':>8} {'grep -E':>8} {'ratio':>6} {'told':>6} {'counted':>9} "
              f"{'grown':>8}")
        for kind in KINDS:
            # grep is slow: it gets less, and its rate counts.
            size = 8 << 20
            log = os.path.join(place, kind)
            with open(log, "wb") as file:
                subprocess.run([SCANNER, "--make", kind, str(size)], stdout=file, check=True)
            runs = [json.loads(subprocess.run(
                [SCANNER, "--speed", kind, str(options.megabytes * 1_000_000)], check=True,
                capture_output=True, text=True).stdout) for _ in range(options.rounds)]
            scanner = statistics.median(run["mb_per_second"] for run in runs)
            grep = statistics.median(os.path.getsize(log) / 1e6 / grep_seconds(patterns, log)
                                     for _ in range(options.rounds))
            last = runs[-1]
            print(f"{kind:10} {scanner:8.0f} {grep:8.1f} {scanner / grep:6.1f} {last['told']:6} "
                  f"{last['counted']:9} {last['grown_kib']:5} KiB", flush=True)


if __name__ == "__main__":
    main()
