"""What the README says is true: its example runs, its table of limits is the code's."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_limits_table_is_the_codes_own():
    header = (ROOT / "include/model/limits.h").read_text()
    code = re.findall(r'X\((\w+), (\d+), \d+, \d+,\s*"([^"]+)"\)', header.replace("\\\n", ""))
    readme = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+?) \|$", (ROOT / "README.md").read_text(), re.M)
    assert code and readme == code
