# SPDX-License-Identifier: BSD-2-Clause
"""csource.py - What the lints need to know of C sources in kernel style"""
import re
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                   re.S)
# A definition starts in the first column and its braces stand there too, or it
# is a single line.
DEFINITION = re.compile(
    r"^(?P<head>[A-Za-z_][^;{}#]*?\b(?P<name>\w+)\s*\((?P<params>[^;{}]*)\))"
    r"\s*(?:\{[^\n]*\}$|^\{$)", re.M)
NO_FUNCTION = {"if", "for", "while", "switch", "struct", "enum", "union"}

Function = namedtuple("Function", "name params is_static first last")


def blank(text):
    """@text with comments and literals blanked out, line for line."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match[0])
    return TOKEN.sub(spaces, text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def parameters(text):
    """Names of the parameters in @text, which is what stands in parentheses."""
    text = text.strip()
    if text in ("", "void"):
        return []
    names, depth, part = [], 0, ""
    for c in text + ",":
        depth += c == "("
        depth -= c == ")"
        if c == "," and depth == 0:
            names.append(parameter_name(part))
            part = ""
        else:
            part += c
    return names


def parameter_name(part):
    part = part.strip()
    if part == "...":
        return part
    pointer = re.search(r"\(\s*\*\s*(?:const\s+)?(\w+)", part)
    if pointer:
        return pointer[1]
    words = re.findall(r"\w+", re.sub(r"\[[^\]]*\]", "", part))
    return words[-1] if words else ""


def functions(text):
    """The functions that @text (of blank()) defines."""
    found, at = [], 0
    while True:
        match = DEFINITION.search(text, at)
        if not match:
            return found
        at = match.end()
        if match["name"] in NO_FUNCTION:
            continue
        first, last = line_of(text, match.start()), line_of(text, match.end())
        if text[match.end() - 1] == "{":
            end = text.find("\n}", match.end() - 1)
            if end < 0:
                return found
            last = line_of(text, end + 1)
            at = end + 2
        found.append(Function(match["name"], parameters(match["params"]),
                              "static" in match["head"], first, last))


def sources(*folders, suffixes=(".c", ".h")):
    """All sources below @folders, sorted."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def name_of(path):
    return str(path.relative_to(ROOT))


class Complaints:
    """Prints "file:line: what", and remembers that there was one."""

    def __init__(self):
        self.number = 0

    def add(self, path, line, text):
        self.number += 1
        print(f"{name_of(path)}:{line}: {text}" if line else
              f"{name_of(path)}: {text}")

    def status(self):
        return 1 if self.number else 0
