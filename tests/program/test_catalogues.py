"""The texts that people read: static/lang/*.json against each other, and against the templates, pages and scripts that
use them. Needs no server, and is part of `make check` too: it fails as soon as a key, a limit or a sentence is added without
its translations."""
import html.parser
import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LANG = ROOT / "static/lang"
LANGUAGES = ("en", "zh", "ko")
PLURALS = {"en": {"one", "other"}, "zh": {"other"}, "ko": {"other"}}
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static/js").glob("*.js"))
# What programs read, under /api, is English.
PAGES = [p for p in sorted((ROOT / "src/web").glob("*.c")) if not p.name.startswith("api")]
KEY = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z0-9_]+)+")


def flat(tree, prefix=""):
    """Dotted key -> text, or -> {form: text} for a text with plurals."""
    out = {}
    for name, value in tree.items():
        key = prefix + name
        if isinstance(value, dict) and not (value and value.keys() <= {"one", "other"}):
            out.update(flat(value, key + "."))
        else:
            out[key] = value
    return out


def once(pairs):
    """An object, each key of which is there once: the relay refuses a catalogue with two, and a merge makes them easily."""
    twice = {key for key, _ in pairs if [k for k, _ in pairs].count(key) > 1}
    assert not twice
    return dict(pairs)


TREES = {lang: json.loads((LANG / f"{lang}.json").read_text(), object_pairs_hook=once) for lang in LANGUAGES}
TEXTS = {lang: flat(tree) for lang, tree in TREES.items()}


def forms(text):
    return text if isinstance(text, dict) else {"": text}


def group(name, lang="en"):
    """The names of a group; plain texts only."""
    return set(TREES[lang][name])


# ---- sources without what is not for people ----

def code(path):
    """A C or JS file without its comments."""
    text = path.read_text()
    keep = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`'
    return re.sub(rf"({keep})|/\*.*?\*/|//[^\n]*", lambda m: m.group(1) or " ", text, flags=re.S)


def joined(text):
    """C source whose adjacent strings are one, with %u for the macros between them."""
    text = re.sub(r'"\s*PRI[a-z0-9]+\s*"', "%u", text)
    return re.sub(r'"\s*\n\s*"', "", text)


def strings(text, quotes='"'):
    found = []
    for quote in quotes:
        found += re.findall(rf"{quote}((?:\\.|[^{quote}\\\n])*){quote}", text)
    return found


def sources(*folders):
    return "\n".join(joined(code(path)) for folder in folders for path in sorted((ROOT / folder).glob("*.c")))


def template(path):
    """A template without its comments."""
    return re.sub(r"\{\{!.*?\}\}", "", path.read_text(), flags=re.S)


WEB = sources("src/web")
EVERY_SOURCE = sources("src/web", "src/core", "src/codec", "src/model", "src/base", "src/main", "src/store")
JS = "\n".join(code(path) for path in SCRIPTS)
HTML = "\n".join(template(path) for path in TEMPLATES)
IN_TEMPLATES = set(re.findall(r"\{\{[#^/&{]?\s*t\.([a-z0-9_.]+)", HTML))
IN_CODE = set(strings(WEB)) | set(strings(JS, "'"))


def sentences(*names):
    """What the core says to people: its sentences with {n} for each number."""
    text = "\n".join(joined(code(ROOT / f"src/core/{name}.c")) for name in names)
    said = {s for s in strings(text) if re.match(r"[A-Z].* ", s) and "%s" not in s}
    return {re.sub(r"%[a-z]*u|\d+", "{n}", s) for s in said}


def literals(names):
    """Those of the names that stand in the sources, the templates or the documentation as they are."""
    docs = "".join(path.read_text() for path in (ROOT / "static/docs").glob("*.html"))
    return {n for n in names
            if f'"{n}"' in EVERY_SOURCE or f"'{n}'" in JS or re.search(rf"\b{n}\b", docs) or f'name="{n}"' in HTML}


def titles():
    docs = re.search(r"docs\[\] = \{(.*?)\}", WEB, re.S).group(1)
    named = re.findall(r'(?:view_new|admin_view)\(\w+, "(\w+)"|view_title\(\w+, \w+, "(\w+)"', WEB)
    return {a or b for a, b in named} | {f"docs_{name}" for name in strings(docs)}


def actions():
    """What the audit log can say, with _ for the dot."""
    known = set(strings(sources("src/core", "src/main", "src/store")))
    dotted = {s for s in known if re.fullmatch(r"(user|space|token|key|app|request|setting|login|logout)\.[a-z_]+", s)
              and not re.search(rf'\[CHANGE_\w+\] = \{{"{re.escape(s)}"', EVERY_SOURCE)}
    alone = known & {"login", "logout", "setup", "backup", "restore"}
    return {s.replace(".", "_") for s in dotted | alone}


# Groups whose keys are put together when the program runs: group -> the names that there can be.
FAMILIES = {
    "titles": titles(),
    "errors": {f"{name}.{part}" for name in re.findall(r'page_error\(\w+, \d+, "(\w+)"', WEB)
               for part in ("title", "message", "hint")} | {"to_spaces"},
    "actions": actions(),
    "codes": set(re.findall(r'\[ERR_\w+\] = \{\s*"(\w+)"', EVERY_SOURCE)) | {"internal"},
    "limits": set(re.findall(r"^    X\((\w+),", (ROOT / "include/model/limits.h").read_text(), re.M)),
    "trouble": set(strings(code(ROOT / "src/store/trouble.c"))) & group("trouble")
               | set(re.findall(r'\[DB_\w+\] = "([^"]+)"', code(ROOT / "src/store/trouble.c"))),
    "said": sentences("submit", "cancel", "ending", "lease", "frames")
            | {s for s in sentences("commands_space") if not re.match("There is no such token|This app is not", s)},
    "flash": literals(group("flash")),
    "status": literals(group("status")),
    "outcomes": literals(group("outcomes")),
    "reasons": literals(group("reasons")),
    "fields": literals(group("fields")),
    "token_status": literals(group("token_status")),
}


# ---- the catalogues against each other ----

def test_the_catalogues_are_those_of_the_languages():
    assert {path.stem for path in LANG.glob("*.json")} == set(LANGUAGES)
    assert set(re.findall(r'\[LANGUAGE_\w+\] = \{"(\w+)"', code(ROOT / "src/codec/lang.c"))) == set(LANGUAGES)


@pytest.mark.parametrize("lang", LANGUAGES[1:])
def test_every_language_has_the_same_keys(lang):
    other_than_limits = {key for key in TEXTS[lang] if not key.startswith("limits.")}
    assert not set(TEXTS["en"]) - other_than_limits, "missing"
    assert not other_than_limits - set(TEXTS["en"]), "nobody's"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_plural_has_the_forms_of_its_language(lang):
    assert {key: set(text) for key, text in TEXTS[lang].items() if isinstance(text, dict)} \
        == {key: PLURALS[lang] for key, text in TEXTS["en"].items() if isinstance(text, dict)}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_placeholders_are_the_same_in_every_language(lang):
    def placeholders(text):
        return sorted(re.findall(r"\{\w*\}", text))

    for key, english in TEXTS["en"].items():
        wanted = placeholders(forms(english).get("other", forms(english).get("")))
        for form, text in forms(TEXTS[lang][key]).items():
            assert form == "one" or placeholders(text) == wanted, (lang, key)
            assert not re.search(r"\{(?!\w+\})|(?<!\w)\}", text), (lang, key, "a brace that is no placeholder")


# What reads the same everywhere: names, codes, an example, what the server prints in English.
AS_IT_IS = {"titles.space", "admin.p99", "admin_requests.day", "setup_first.line"}


@pytest.mark.parametrize("lang, letters", [("zh", "[\u4e00-\u9fff]"), ("ko", "[\uac00-\ud7a3]")])
def test_nothing_was_left_in_english(lang, letters):
    english = [key for key, text in TEXTS[lang].items() if key not in AS_IT_IS
               for words in forms(text).values() if words and not re.search(letters, words)]
    assert not english


def test_texts_are_trimmed_and_of_one_line():
    for lang in LANGUAGES:
        for key, text in TEXTS[lang].items():
            for words in forms(text).values():
                assert words == words.strip() and "\n" not in words and "  " not in words, (lang, key)


def test_english_that_stands_for_itself_is_the_same_on_both_sides():
    for name in ("said", "trouble"):
        assert all(key == text for key, text in TREES["en"][name].items())


# ---- the catalogues against those who use them ----

def test_every_key_that_is_used_exists():
    known = set(TEXTS["en"]) | set(TREES["en"])
    known |= {f"{key}.{form}" for key, text in TEXTS["en"].items() if isinstance(text, dict) for form in text}
    assert not IN_TEMPLATES - known
    looks_like_one = {s for s in IN_CODE if KEY.fullmatch(s) and s.split(".")[0] in TREES["en"]}
    assert not {s for s in looks_like_one if not s.endswith(".jsonl")} - known


def test_every_key_is_used_by_somebody():
    unused = {key for key in TEXTS["en"]
              if key not in IN_TEMPLATES and key not in IN_CODE
              and key.partition(".")[2] not in FAMILIES.get(key.partition(".")[0], ())}
    assert not unused


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_what_is_named_elsewhere_has_a_text(name):
    for lang in LANGUAGES:
        if name == "limits" and lang == "en":  # the table's own words
            continue
        have = set(flat(TREES[lang][name]))
        assert not FAMILIES[name] - have, lang
        assert name != "limits" or have == FAMILIES[name], lang


# ---- nothing for people outside of the catalogues ----

class Bare(html.parser.HTMLParser):
    """Collects the words that a person would see or hear."""
    CODE = {"code", "kbd", "svg", "script", "style"}  # what is the same in every language
    SPOKEN = {"title", "placeholder", "alt", "aria-label", "aria-description", "label"}

    def __init__(self):
        super().__init__()
        self.inside = []
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in self.SPOKEN and self.has_words(value)]
        if tag in self.CODE:
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        if not self.inside and self.has_words(data):
            self.found.append(data.strip())

    @staticmethod
    def has_words(text):
        return re.search(r"[^\W\d_]", re.sub(r"\bspacerelay\b|https?://|\bjti\b", "", text or ""))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_no_bare_text(path):
    bare = Bare()
    bare.feed(re.sub(r"\{\{\{?.*?\}\}\}?", "", template(path)))
    bare.close()
    assert not bare.found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_holds_no_bare_text(path):
    text = code(path)
    text = re.sub(r"(querySelector(All)?|closest|matches|refresh|new Error|getElementById|getAttribute)\??\.?\("
                  r"(['`]).*?\3", "(", text)
    text = re.sub(r"(class(Name)?|viewBox|preserveAspectRatio)(:| =) (['`]).*?\4", "", text)
    text = re.sub(r"\$\{[^{}]*\}", "", text)
    found = [s for s in strings(text, "'`\"") if re.search(r"[A-Za-z]{2,} [A-Za-z]|^[A-Z][a-z]+[.…!?]?$|[^\x00-\x7f]{2}", s)]
    products = {"Edge", "Opera", "Firefox", "Chrome", "Safari", "Android", "Windows", "Linux", "Enter", "Escape"}
    assert not set(found) - products


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_in_c_holds_no_bare_text(path):
    text = re.sub(r"(log_\w+|buf_\w+\(why,)\s*\(?[^;]*;", "", joined(code(path)), flags=re.S)
    found = [s for s in strings(text) if re.search(r"^[A-Z][a-z]+( [a-z]+)+|[a-z]+ [a-z]+ [a-z]+|[^\x00-\x7f]{2}", s)]
    assert not found


def test_the_style_sheet_holds_no_words():
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "static/app.css").read_text(), flags=re.S)
    assert not [s for s in re.findall(r'content:\s*"([^"]*)"', text) if re.search(r"[^\W\d_]", s)]


# ---- the documentation ----

class Outline(html.parser.HTMLParser):
    """What a translation leaves as it is: blocks, tables, links and everything in code."""
    INLINE = {"b", "code", "br"}

    def __init__(self, path):
        super().__init__()
        self.blocks, self.links, self.code, self.inside = [], [], [], None
        self.feed(path.read_text())
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in self.INLINE and tag != "a":
            self.blocks.append((tag, attrs))
        self.links += [value for name, value in attrs if name == "href"]
        self.inside = [] if tag == "code" else self.inside

    def handle_endtag(self, tag):
        if tag == "code":
            self.code.append("".join(self.inside))
            self.inside = None

    def handle_data(self, data):
        if self.inside is not None:
            self.inside.append(data)


@pytest.mark.parametrize("path", sorted((ROOT / "static/docs").glob("*/*.html")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_translated_page_has_the_parts_of_the_english_one(path):
    here, there = Outline(path), Outline(path.parent.parent / path.name)
    assert path.parent.name in LANGUAGES
    assert here.blocks == there.blocks
    assert sorted(here.links) == sorted(there.links)
    assert sorted(here.code) == sorted(there.code)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_newcomer_is_told_to_press_is_written_as_on_the_page(lang):
    """The words in bold on the page about running an app, as far as they are those of a button or a field."""
    page = ROOT / "static/docs" / ("" if lang == "en" else lang) / "run.html"
    bold = re.findall(r"<b>(.*?)</b>", " ".join(page.read_text().split()))
    named = {"tokens.issue", "state.connected", "space_edit.max_apps", "apps.drain", "apps.kick", "space.not_connected",
             "space_edit.queue_offline"}
    assert {TEXTS[lang][key] for key in named} == set(bold)
