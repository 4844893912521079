"""Texts with places for a person's own words: Jinja's syntax, and of it only what cannot run away. Pure.

No loop, call, arithmetic, assignment or attribute is let in: whatever is written runs once and at most once, so that a
text takes time and room in proportion to what it is made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote

from jinja2 import Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from typing_extensions import override

from server.bot.facts import VALUE_CHARACTERS
from server.broadcast.markup import check_tags

SOURCE_CHARACTERS = 16_384  # four times what Telegram shows: tags, conditions and comments are not shown
OUTPUT_CHARACTERS = 65_536  # the same for what comes out; nothing of the kind could be sent
NESTED = 20  # conditions and filters in each other
PLACES = 400  # expressions and conditions in one text
COMPILED = 512  # texts kept compiled in a process: some kilobytes each

ABILITIES = (
    "a text may hold `{{ name }}`, `{{ name|default('friend') }}` and `{% if name == 'x' %}…{% else %}…{% endif %}`"
)
LET_IN = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Filter,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
)
COMPARED = {"eq", "ne", "lt", "lteq", "gt", "gteq"}
STANDS_FOR_A_BODY = "\ufffc"

Variables: TypeAlias = Mapping[str, object]


class Absent:
    """A variable that the person does not have: false, equal to nothing; whoever wants to read it is noted."""

    __slots__ = ("_name", "_noted")

    def __init__(self, name: str, noted: set[str]) -> None:
        self._name = name
        self._noted = noted

    def __bool__(self) -> bool:
        return False

    @override
    def __str__(self) -> str:
        self._noted.add(self._name)
        return ""

    __html__ = __str__

    @override
    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]  # equal to nothing

    def __lt__(self, other: object) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__


def _default(value: object, instead: object) -> object:
    return instead if isinstance(value, Absent) else value


def _truncate(value: object, length: int) -> str:
    text = str(value)
    return text if len(text) <= length else f"{text[: max(0, length - 1)]}…"


# Ours instead of Jinja's: each takes what it is given and no more room than a few times that.
FILTERS: dict[str, tuple[Callable[..., object], tuple[type, ...]]] = {
    "default": (_default, (str | int | float,)),  # type: ignore[dict-item]  # isinstance takes a union, too
    "truncate": (_truncate, (int,)),
    "upper": (lambda value: str(value).upper(), ()),
    "lower": (lambda value: str(value).lower(), ()),
    "capitalize": (lambda value: str(value).capitalize(), ()),
    "title": (lambda value: str(value).title(), ()),
    "trim": (lambda value: str(value).strip(), ()),
    "urlencode": (lambda value: quote(str(value), safe=""), ()),
}
# What these give is no longer than what they were given, or a constant of the text.
SHORTENING = {"default", "truncate", "trim"}


def _environment(*, is_html: bool) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        autoescape=is_html, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, cache_size=0
    )
    made.globals.clear()
    made.tests.clear()
    made.filters.clear()
    made.filters |= {name: function for name, (function, _) in FILTERS.items()}
    return made


ENVIRONMENTS = {is_html: _environment(is_html=is_html) for is_html in (False, True)}


class Unfit(Exception):
    """A text cannot be filled for this person: for want of these variables, or for this reason."""

    def __init__(self, missing: Sequence[str], reason: str = "") -> None:
        super().__init__(reason)
        self.missing = tuple(missing)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Filling:
    """A text ready to be filled. `uses`: how often each variable stands in it, in whichever branch.

    `is_plain`: it is filled for whoever has all its variables, its own characters are `length` at most, and the
    variables add no more than their own. `is_visible`: it is never blank for such a person.
    """

    template: Template
    uses: tuple[tuple[str, int], ...]
    length: int
    is_plain: bool
    is_visible: bool

    def fill(self, variables: Variables) -> str:
        """The text for whoever these variables belong to; raises Unfit."""
        noted: set[str] = set()
        given = {name: _given(name, variables.get(name), noted) for name, _ in self.uses}
        pieces, length = [], 0
        try:
            for piece in self.template.root_render_func(self.template.new_context(given)):
                pieces.append(piece)
                length += len(piece)
                if length > OUTPUT_CHARACTERS:
                    raise Unfit((), f"the text grows beyond {OUTPUT_CHARACTERS} characters")
        except TypeError as error:
            raise Unfit((), f"a text and a number cannot be compared by size: {error}") from error
        if noted:
            raise Unfit(sorted(noted))
        return "".join(pieces)


def is_missing(value: object) -> bool:
    """Whether a person lacks the variable: one that is empty is of no use either."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def _given(name: str, value: object, noted: set[str]) -> object:
    if is_missing(value):
        return Absent(name, noted)
    if isinstance(value, str) and len(value) > VALUE_CHARACTERS:
        raise Unfit((), f"`{name}` has more than {VALUE_CHARACTERS} characters")
    return value if isinstance(value, str | int | float) else str(value)[:VALUE_CHARACTERS]


@lru_cache(maxsize=COMPILED)
def filling(source: str, *, is_html: bool) -> Filling:
    """The text compiled, once a process. Raises ValueError that says what is not let in, and in which line."""
    if len(source) > SOURCE_CHARACTERS:
        raise ValueError(f"write at most {SOURCE_CHARACTERS} characters")
    environment = ENVIRONMENTS[is_html]
    try:
        tree = environment.parse(source)
        parts = list(_parts(tree))
        if is_html:
            _check_bodies(tree)
        template = environment.from_string(tree)
    except TemplateError as error:
        raise ValueError(f"line {getattr(error, 'lineno', 1)}: {error.message}; {ABILITIES}") from error
    except (RecursionError, SyntaxError, MemoryError, OverflowError) as error:
        raise ValueError(f"this stands too deep in each other; {ABILITIES}") from error
    uses = Counter(part.name for part in parts if isinstance(part, nodes.Name))
    return Filling(
        template,
        tuple(uses.items()),
        sum(map(_length, parts)),
        is_plain=all(map(_is_plain, parts)),
        is_visible=any(_is_visible(part) for output in tree.body for part in _shown(output)),
    )


def _parts(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Every node; raises ValueError for one that is not let in. Walks without recursion, whatever was written."""
    waiting, places = [(tree, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        places += isinstance(node, nodes.Name | nodes.Const | nodes.If | nodes.Filter)
        if (reason := _objection(node)) or depth > NESTED or places > PLACES:
            reason = reason or ("nested too deeply" if depth > NESTED else f"more than {PLACES} places")
            raise ValueError(f"line {node.lineno or 1}: {reason}; {ABILITIES}")
        yield node
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _objection(node: nodes.Node) -> str:
    match node:
        case nodes.Name() if node.name == "self" or node.name.startswith("_") or not node.name.isascii():
            return f"`{node.name}` cannot be a variable"
        case nodes.Const() if node.value is None:
            return "`none` is nothing to write or compare with"
        case nodes.Operand() if node.op not in COMPARED:
            return f"`{node.op}` cannot be asked"
        case nodes.Filter():
            return _objection_to_filter(node)
        case _ if not isinstance(node, LET_IN):
            return f"{type(node).__name__} is not let in"
    return ""


def _objection_to_filter(node: nodes.Filter) -> str:
    if node.name not in FILTERS or node.node is None:
        return f"there is no filter `{node.name}`; there are {', '.join(sorted(FILTERS))}"
    wanted = FILTERS[node.name][1]
    given = [getattr(each, "value", None) for each in node.args]
    is_right = len(given) == len(wanted) and all(map(isinstance, given, wanted))
    if not is_right or node.kwargs or node.dyn_args or node.dyn_kwargs:
        return f"the filter `{node.name}` takes {len(wanted) or 'no'} constant{'s'[: len(wanted) != 1]} in brackets"
    return ""


def _check_bodies(node: nodes.Template | nodes.If) -> None:
    """Tags that are opened in a branch are closed in it: so they are in whatever comes out."""
    for body in (node.body, *([node.else_] if isinstance(node, nodes.If) else [])):
        check_tags("".join(map(_written, body)))
        for inner in body:
            if isinstance(inner, nodes.If):
                for branch in (inner, *inner.elif_):
                    _check_bodies(branch)


def _written(node: nodes.Node) -> str:
    if not isinstance(node, nodes.Output):
        return ""
    return "".join(each.data if isinstance(each, nodes.TemplateData) else STANDS_FOR_A_BODY for each in node.nodes)


def _length(node: nodes.Node) -> int:
    match node:
        case nodes.TemplateData():
            return len(node.data)
        case nodes.Const():
            return len(str(node.value))
    return 0


def _is_plain(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Operand):
        return node.op in ("eq", "ne")
    return not isinstance(node, nodes.Filter) or node.name in SHORTENING


def _shown(node: nodes.Node) -> Sequence[nodes.Node]:
    return node.nodes if isinstance(node, nodes.Output) else ()


def _is_visible(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) or (isinstance(node, nodes.TemplateData) and bool(node.data.strip()))
