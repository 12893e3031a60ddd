#!/usr/bin/env python3
"""Runs the unittest tests of a folder; the last line counts them: `N passed, M failed, K skipped`."""

import sys
import unittest


def main():
    result = unittest.TextTestRunner(verbosity=1).run(unittest.defaultTestLoader.discover(sys.argv[1]))
    broken = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - broken - len(result.skipped)} passed, {broken} failed, "
          f"{len(result.skipped)} skipped")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
