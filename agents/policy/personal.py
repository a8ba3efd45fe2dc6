"""Personal data in text: what its form alone gives away, with check digits where it has them.

Invariant: a number whose check digits are wrong stays, so that byte counts, time stamps and ids
of telemetry do; addresses of machines are evidence and stay, too.
"""

import re
from collections.abc import Callable

from agents.policy.needles import holds_any

Form = tuple[str, tuple[str, ...], re.Pattern[str], Callable[[str], int]]
"""What | literal text without which it can't match | pattern | how many characters to take."""
# a pattern starts with the characters that can begin it, so that the engine looks for these; what
# may not stand before them is asked one character later

_SIZES: dict[str, tuple[int, ...]] = {
    "4": (13, 16, 19),
    "5": (16,),
    "2": (16,),
    "34": (15,),
    "37": (15,),
    "35": (16,),
    "36": (14,),
    "38": (14,),
    "30": (14,),
    "6": (16,),
}
"""How long the numbers of a card network are, by their first digits."""
_PHONE_DIGITS = range(9, 16)
_IBAN_CHARS = range(15, 35)
_NINE = 9


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - _NINE if number > _NINE else number
    return total % 10 == 0


def card(text: str) -> int:
    """Return the length of a card's number, or 0: network, length, even groups and Luhn count."""
    digits = re.sub(r"\D", "", text)
    sizes = _SIZES.get(digits[:2]) or _SIZES.get(digits[:1]) or ()
    if len(digits) not in sizes or not _luhn(digits):
        return 0
    groups = re.split(r"\D", text)
    even = len(groups) == 1 or all(4 <= len(one) <= 6 for one in groups[:-1])  # noqa: PLR2004
    return len(text) if even and len(set(re.findall(r"\D", text))) <= 1 else 0


def iban(text: str) -> int:
    """Return how much of the text is a bank account by its check digits, or 0."""
    ends = [at for at in range(len(text), 0, -1) if at == len(text) or text[at] == " "]
    for end in ends:
        plain = text[:end].replace(" ", "")
        if len(plain) in _IBAN_CHARS:
            turned = "".join(str(int(one, 36)) for one in plain[4:] + plain[:4])
            if int(turned) % 97 == 1:
                return end
    return 0


def phone(text: str) -> int:
    """Return the length of an international number, or 0."""
    return len(text) if sum(map(str.isdigit, text)) in _PHONE_DIGITS else 0


FORMS: tuple[Form, ...] = (
    (
        "bank account",
        (),
        re.compile(
            r"[A-Z](?<![^\W_].)[A-Z]\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![^\W_])"
        ),
        iban,
    ),
    (
        "card number",
        (),
        re.compile(
            r"[2-6](?<![^\W_].)(?<![.+/-].)(?:[ -]?\d){12,18}"
            r"(?![^\W_]|-|\.\d)"
        ),
        card,
    ),
    (
        "phone number",
        ("+",),
        re.compile(
            r"\+(?<![^\W_].)(?<!\+.)[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,12}\)?){1,6}(?!(?:[^\W_]"
            r"|\.)*[^\W_])"
        ),
        phone,
    ),
    (
        "phone number",
        ("-",),
        re.compile(
            r"[(2-9](?<![^\W_].)(?<![.-].)(?:(?<=\()[2-9]\d\d\) ?|\d\d-)\d{3}-\d{4}(?!(?:[^\W_]"
            r"|[.-])*[^\W_])"
        ),
        len,
    ),
    (
        "national id",
        ("-",),
        re.compile(
            r"[0-8](?<![^\W_].)(?<!-.)\d\d(?<!000)(?<!666)-(?!00)\d\d-(?!0000)\d{4}"
            r"(?![^\W_]|-)"
        ),
        len,
    ),
)


def hide(text: str) -> tuple[str, int]:
    """Return the text without personal data, and how much of it there was."""
    count = 0
    for form in FORMS:
        _, needles, pattern, _ = form
        if (not needles or holds_any(text, needles)) and pattern.search(text):
            text, found = _replace(text, form)
            count += found
    return text, count


def _replace(text: str, form: Form) -> tuple[str, int]:
    what, _, pattern, take = form
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        size = take(found.group())
        count += bool(size)
        return f"[redacted:{what}]{found.group()[size:]}" if size else found.group()

    return pattern.sub(mark, text), count
