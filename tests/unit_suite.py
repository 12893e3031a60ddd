#!/usr/bin/env python3
"""Runs GoogleTest programs; the last line counts: `N passed, M failed, K skipped`."""

import json
import os
import subprocess
import sys
import tempfile


def main():
    passed = failed = skipped = 0
    for program in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report.json")
            code = subprocess.run([program, f"--gtest_output=json:{report}"], check=False).returncode
            if not os.path.exists(report):
                print(f"{program} ended with code {code} and left no report")
                failed += 1
                continue
            with open(report, encoding="utf-8") as file:
                told = json.load(file)
        for suite in told["testsuites"]:
            for test in suite["testsuite"]:
                if test.get("failures"):
                    failed += 1
                elif test.get("result") == "SKIPPED":
                    skipped += 1
                else:
                    passed += 1
        if code != 0 and failed == 0:
            failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
