"""A C program that walks the rendered tables of one vector file and prints them as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from owamp_vectors.render.vector_sources import name_in_all
from owamp_vectors.render.vectors_c import c_name
from owamp_vectors.vectors.declaration import Field, GroupType, VectorFile

from .support import snake

_HELPERS = r"""
#include <stdio.h>
#include <string.h>

static const char *between = "";
static const char *const requirements[] = {"MUST", "SHOULD", "MAY", "POLICY"};

void key(const char *name) { printf("%s\"%s\": ", between, name); between = ", "; }

void text(const char *data, size_t size)
{
    putchar('"');
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c < 32 || c == '"' || c == '\\')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
    if (data[size] != 0)
        printf("a text without a NUL at its end");
}

void string(const char *data) { text(data, strlen(data)); }

void octets(owamp_tv_octets octets)
{
    putchar('"');
    for (size_t i = 0; i < octets.size; i++)
        printf("%02x", octets.data[i]);
    putchar('"');
    if (!octets.data)
        printf("no pointer");
}

void object(owamp_tv_object object)
{
    const char *separator = "";
    putchar('[');
    for (size_t i = 0; i < object.count; i++, separator = ", ") {
        const owamp_tv_member *member = &object.items[i];
        printf("%s[", separator);
        string(member->path);
        printf(", %d, %lld, ", (int)member->kind, (long long)member->integer);
        if (member->octets.data)
            octets(member->octets);
        else
            printf("null");
        putchar(']');
    }
    putchar(']');
}

void about(const owamp_tv_about *about)
{
    static const char *const results[] = {"valid", "invalid", "acceptable"};
    printf("\"tcId\": %lu", (unsigned long)about->tc_id);
    between = ", ";
    key("comment"), string(about->comment);
    key("source"), string(about->source);
    key("flags"), putchar('[');
    for (size_t i = 0; i < about->flags.count; i++) {
        printf(i ? ", " : "");
        string(about->flags.items[i]->flag);
    }
    putchar(']');
    if (about->trace)
        key("trace"), string(about->trace);
    key("requirement"), string(requirements[about->requirement]);
    key("result"), string(results[about->result]);
    if (about->reason)
        key("reason"), string(about->reason);
    if (about->stage)
        key("stage"), string(about->stage);
}

void alternative(const owamp_tv_alternative *about)
{
    between = "";
    key("reason"), string(about->reason);
    key("source"), string(about->source);
    key("requirement"), string(requirements[about->requirement]);
    if (about->refused)
        key("refused"), printf("true");
    if (about->stage)
        key("stage"), string(about->stage);
}
"""
_ABSENT = {
    "octets": "{0}.data == NULL && {0}.size == 0",
    "integer": "{0} == 0",
    "boolean": "!{0}",
    "string": "{0}.data == NULL && {0}.size == 0",
    "records": "{0}.items == NULL && {0}.count == 0",
    "object": "{0}.items == NULL && {0}.count == 0",
}


def walker(file: VectorFile) -> str:
    """The program; it prints the groups type after type, each line of a group."""
    name = snake(file.name)
    lines = [f'#include "owamp_tv_{name}.h"', _HELPERS, "int main(void)", "{"]
    for group_type in file.types:
        lines += _type_lines(file, group_type)
    lines += [
        f"for (size_t n = 0; n < OWAMP_TV_{name.upper()}_NOTES; n++) {{",
        f"const owamp_tv_note *note = &owamp_tv_{name}_notes[n];",
        'printf("{"); between = "";',
        'key("flag"), string(note->flag);',
        'key("bugType"), string(note->bug_type);',
        'key("description"), string(note->description);',
        'if (note->effect) key("effect"), string(note->effect);',
        'printf("}\\n"); }',
        f'printf("%d %s\\n", OWAMP_TV_{name.upper()}_TESTS, OWAMP_TV_{name.upper()}_SHA256);',
        "return 0;",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _type_lines(file: VectorFile, group_type: GroupType) -> Iterator[str]:
    name = f"owamp_tv_{snake(name_in_all(file, group_type))}"
    yield f"for (size_t n = 0; n < {name.upper()}_GROUPS; n++) {{"
    yield f"const {name}_group *g = &{name}[n];"
    yield f'printf("{{\\"type\\": \\"{group_type.name}\\""); between = ", ";'
    yield 'key("source"), string(g->source);'
    yield 'if (g->comment) key("comment"), string(g->comment);'
    for item in group_type.parameters:
        yield from _member_lines(item, f"g->{c_name(item.name)}")
    yield 'key("tests"), printf("[");'
    yield "for (size_t m = 0; m < g->count; m++) {"
    yield f"const {name}_test *t = &g->tests[m];"
    yield 'printf(m ? ", {" : "{"); about(&t->about);'
    for item in group_type.inputs:
        yield from _member_lines(item, f"t->{c_name(item.name)}")
    yield from _output_lines(group_type, "t", "t->about.result != OWAMP_TV_INVALID")
    yield "if (t->alternatives.count) {"
    yield 'key("alternatives"), printf("[");'
    yield "for (size_t a = 0; a < t->alternatives.count; a++) {"
    yield f"const {name}_alternative *o = &t->alternatives.items[a];"
    yield 'printf(a ? ", {" : "{"); alternative(&o->about);'
    yield from _output_lines(group_type, "o", "!o->about.refused")
    yield 'printf("}"); }'
    yield 'printf("]"); }'
    yield 'printf("}"); }'
    yield 'printf("]}\\n"); }'


def _output_lines(group_type: GroupType, pointer: str, there: str) -> Iterator[str]:
    """Print the outputs, if they are there; if not, check that they are absent."""
    for item in group_type.outputs:
        expression = f"{pointer}->{c_name(item.name)}"
        absent = _ABSENT["records" if item.is_list else item.kind].format(expression)
        if item.values:
            absent = f"{expression} == NULL"
        yield f"if ({there}) {{"
        yield from _member_lines(item, expression)
        yield f'}} else if (!({absent})) key("{item.name}"), string("not absent");'


def _member_lines(item: Field, expression: str) -> Iterator[str]:
    yield f'key("{item.name}");'
    if item.is_list:
        yield from _array_lines(f"{expression}", [f"octets({expression}.items[i]);"], "i")
    elif item.kind == "records":
        body = ['printf("{"); between = "";']
        for inner in item.fields:
            value = f"{expression}.items[r].{c_name(inner.name)}"
            body += _member_lines(inner, value)
        body += ['printf("}"); between = ", ";']
        yield from _array_lines(expression, body, "r")
    elif item.kind == "string" and not item.values:
        yield f"text({expression}.data, {expression}.size);"
    else:
        yield {
            "octets": f"octets({expression});",
            "integer": f'printf("%lld", (long long){expression});',
            "boolean": f'printf({expression} ? "true" : "false");',
            "string": f"string({expression});",
            "object": f"object({expression});",
        }[item.kind]


def _array_lines(expression: str, body: list[str], index: str) -> Iterator[str]:
    yield 'printf("[");'
    yield f"for (size_t {index} = 0; {index} < {expression}.count; {index}++) {{"
    yield f'printf({index} ? ", " : "");'
    yield from body
    yield "}"
    yield 'printf("]");'
