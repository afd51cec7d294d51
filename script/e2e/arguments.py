# SPDX-License-Identifier: BSD-2-Clause
"""arguments - Wrong ones: one line that says what, and 1"""
import argparse
import sys


class Parser(argparse.ArgumentParser):
    """@who begins the line; @see_also ends it."""

    def __init__(self, who, see_also, **more):
        super().__init__(formatter_class=argparse.RawTextHelpFormatter, **more)
        self.who, self.see_also = who, see_also

    def error(self, message):
        print(f"{self.who}: {message}; see {self.see_also} --help", file=sys.stderr)
        sys.exit(1)


def between(kind, least, most):
    """Numbers of a kind, for type=."""
    def number(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text}: not a number from {least} to {most}")
        return value
    return number
