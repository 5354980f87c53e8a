#!/usr/bin/env python3
"""House rules that a compiler does not know: layers, banned functions, sizes.

    tools/check.py            checks the tree it stands in; prints each breach; exit 1 when there is one

The table of layers is tools/layers.txt. No rule has exceptions in here: change the code, or the table."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|strtok|atoi|gets|alloca|localtime|gmtime)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
FREE_HEADERS = re.compile(r"^(sys|netinet|arpa|net|linux)/|^[a-z0-9_]+\.h$")
THIRD_PARTY = ("civetweb.h", "sodium.h", "jansson.h", "sqlite3.h", "uthash.h", "cmocka.h")
MAX_FUNCTION, MAX_FILE = 60, 500
breaches = []


def breach(path, line, text):
    breaches.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def layers():
    """name -> (layers it may include, [(header prefix, files that may use it or None)])"""
    table = {}
    for row in (ROOT / "tools/layers.txt").read_text().splitlines():
        if not row.strip() or row.startswith("#"):
            continue
        name, allowed, owned = re.split(r"\s{2,}", row.strip(), maxsplit=2)
        headers = []
        for word in owned.split():
            if word != "-":
                header, _, files = word.partition("@")
                headers.append((header, files.split(",") if files else None))
        table[name] = (set(allowed.replace("-", "").split()) | {name}, headers)
    return table


def layer_of(path):
    parts = path.relative_to(ROOT).parts
    if parts[0] == "tools":
        if len(parts) > 2:
            return parts[1]
        return "client" if path.name != "embed.c" else None
    return parts[1]


def check_includes(path, text, table):
    layer = layer_of(path)
    if layer is None:
        return
    allowed, owned = table[layer]
    for m in INCLUDE.finditer(text):
        header, at = m.group(2), line_of(text, m.start())
        if m.group(1) == '"':
            target = header.split("/")[0]
            if target not in allowed:
                breach(path, at, f"{layer} must not include {header}: see tools/layers.txt")
            continue
        third = header in THIRD_PARTY or header.startswith(("event2/", "openssl/"))
        if not third and FREE_HEADERS.match(header):
            continue
        users = [files for prefix, files in owned if header.startswith(prefix)]
        if not users:
            breach(path, at, f"{layer} does not own <{header}>: see tools/layers.txt")
        elif not any(files is None or path.name in files for files in users):
            breach(path, at, f"<{header}> belongs to another file: see tools/layers.txt")


def without_comments(text):
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_functions(path, text):
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start + 1 > MAX_FUNCTION:
                breach(path, start, f"a function of {number - start + 1} lines; at most {MAX_FUNCTION}")
            start = None


def check_c(path, table):
    text = path.read_text()
    bare = without_comments(text)
    for m in BANNED.finditer(bare):
        breach(path, line_of(bare, m.start()), f"{m.group(1)} is banned")
    if path.parts[len(ROOT.parts)] != "tests":
        check_includes(path, text, table)
        check_functions(path, text)
        lines = text.count("\n")
        if lines > MAX_FILE:
            breach(path, 1, f"{lines} lines; at most {MAX_FILE}")


def main():
    table = layers()
    for top in ("src", "include", "tools", "tests"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            check_c(path, table)
    for text in breaches:
        print(text)
    print(f"{len(breaches)} breaches of the house rules")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
