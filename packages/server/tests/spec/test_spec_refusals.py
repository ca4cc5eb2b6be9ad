"""Job-spec XML: what is refused, and in which words."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, LimitExceeded
from cuebot.spec import SpecError, parse_spec

GOOD = (
    "<spec><show>testing</show><shot>default</shot><user>testuser</user><uid>1000</uid>"
    '<job name="comp"><maxcores>8</maxcores><priority>1</priority><env><key name="A">1</key></env><layers>'
    '<layer name="bty" type="Render"><cmd>true</cmd><range>1-10</range><chunk>1</chunk><cores>1.0</cores>'
    "<memory>1g</memory><gpu_memory>1g</gpu_memory><timeout>0</timeout><tags>general</tags></layer></layers></job>"
    '<depends><depend type="FRAME_ON_FRAME"><depjob>comp</depjob><depframe>0001-bty</depframe>'
    "<onjob>sim</onjob><onframe>0002-cache</onframe></depend></depends></spec>"
)
LAYER_PATH = 'job "comp" / layer "bty"'


def changed(old: str, new: str) -> str:
    """Return the good document with one thing changed."""
    assert old in GOOD
    return GOOD.replace(old, new)


def test_the_document_of_these_tests_is_good() -> None:
    """What the refusals below change is accepted as it stands."""
    assert parse_spec(GOOD).warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("<show>testing</show>", "", "spec / show"),
        ("<show>testing</show>", "<show> </show>", "spec / show"),
        ("<shot>default</shot>", "", "spec / shot"),
        (">default<", ">invalid/shot<", "shot"),
        ("<user>testuser</user>", "", "spec / user"),
        (">testuser<", ">root<", "user"),
        (">testuser<", ">../..<", "user"),
        (">1000<", ">0<", "uid"),
        (">1000<", ">me<", "uid"),
        ('name="comp"', "", "job"),
        ('name="comp"', 'name="ab"', 'job "ab"'),
        ("<maxcores>8<", "<maxcores>0<", 'job "comp" / maxcores'),
        ("<maxcores>8<", "<maxcores>lots<", 'job "comp" / maxcores'),
        ("<priority>1<", "<priority>high<", 'job "comp" / priority'),
        ("<priority>1<", "<priority>99999999999<", 'job "comp" / priority'),
        ('key name="A"', "key", 'job "comp" / env / key'),
        ('key name="A"', 'key name="A=B"', 'job "comp" / env / key "A=B"'),
        ('key name="A"', 'key name=" A"', 'job "comp" / env / key " A"'),
        ('name="comp"', f'name="{"x" * 200}"', f'job "{"x" * 80}…"'),
        ('name="bty"', f'name="{"x" * 230}"', f'job "comp" / layer "{"x" * 80}…"'),
        ('name="bty"', 'name="b y"', 'job "comp" / layer "b y"'),
        ('type="Render"', 'type="Pre"', LAYER_PATH),
        ('type="Render"', "", LAYER_PATH),
        ('type="Render"', 'type="Post"', 'job "comp" / layers'),
        ("<cmd>true</cmd>", "", f"{LAYER_PATH} / cmd"),
        ("<range>1-10</range>", "", f"{LAYER_PATH} / range"),
        (">1-10<", ">1-ten<", f"{LAYER_PATH} / range"),
        (">1-10<", ">1-999999999<", f"{LAYER_PATH} / range"),
        ("<chunk>1<", "<chunk>0<", f"{LAYER_PATH} / chunk"),
        ("<cores>1.0<", "<cores>four<", f"{LAYER_PATH} / cores"),
        ("<cores>1.0<", "<cores>nan<", f"{LAYER_PATH} / cores"),
        ("<memory>1g<", "<memory>much<", f"{LAYER_PATH} / memory"),
        ("<memory>1g<", "<memory>-1g<", f"{LAYER_PATH} / memory"),
        ("<gpu_memory>1g<", "<gpu_memory>?<", f"{LAYER_PATH} / gpu_memory"),
        ("<timeout>0<", "<timeout>-1<", f"{LAYER_PATH} / timeout"),
        (">general<", ">gen\xaderal<", f"{LAYER_PATH} / tags"),
        (">general<", f">{'x' * 129}<", f"{LAYER_PATH} / tags"),
        ("FRAME_ON_FRAME", "FRAME_ON_MARS", "depend 1"),
        ("FRAME_ON_FRAME", "LAYER_ON_JOB", "depend 1 / deplayer"),
        ("FRAME_ON_FRAME", "FRAME_ON_LAYER", "depend 1 / onlayer"),
        ("<depjob>comp</depjob>", "", "depend 1 / depjob"),
        ("<onjob>sim</onjob>", "", "depend 1 / onjob"),
        ("<depframe>0001-bty</depframe>", "", "depend 1 / depframe"),
        ("<onframe>0002-cache</onframe>", "", "depend 1 / onframe"),
        (">0002-cache<", ">cache<", "depend 1 / onframe"),
        ("<spec>", '<spec cuefarm="2">', "spec"),
        ("spec>", "job>", "job"),
    ],
)
def test_a_refusal_names_the_element_and_what_is_accepted(old: str, new: str, path: str) -> None:
    """Each mistake is answered with the element's path and with what would be right."""
    with pytest.raises(SpecError) as caught:
        parse_spec(changed(old, new))
    assert caught.value.path == path
    assert str(caught.value).startswith(f"job spec, {path}: ")
    assert re.search(r"Accepted: |Submit as ", str(caught.value))


def test_a_frame_may_not_wait_for_itself() -> None:
    """The same frame on both sides is refused."""
    text = changed("<onjob>sim</onjob><onframe>0002-cache", "<onjob>comp</onjob><onframe>0001-bty")
    with pytest.raises(SpecError, match="frame 0001-bty waits for itself"):
        parse_spec(text)


@pytest.mark.parametrize("attribute", ['maxretries="17"', 'maxretries="-1"', 'maxcores="0"', 'maxcores="many"'])
def test_our_additions_are_strict(attribute: str) -> None:
    """A wrong value of an attribute that only this farm has is refused by its name."""
    text = changed('type="Render"', f'type="Render" {attribute}').replace("<spec>", '<spec cuefarm="1">')
    with pytest.raises(SpecError, match=re.escape(f"{LAYER_PATH} / {attribute.split('=')[0]}")):
        parse_spec(text)


def test_two_layers_of_one_name_are_refused() -> None:
    """Names are compared as the farm spells them."""
    layer = '<layer name="BTY" type="Util"><cmd>true</cmd><range>1</range></layer></layers>'
    with pytest.raises(SpecError, match='a second layer with the name "bty"'):
        parse_spec(changed("</layers>", layer))


def test_two_jobs_of_one_name_are_refused() -> None:
    """The full name counts, so the short and the full spelling are the same job."""
    job = '<job name="testing-default-testuser_comp"><layers><layer name="bty" type="Util"><cmd>true</cmd>'
    with pytest.raises(SpecError, match="a second job"):
        parse_spec(changed("<depends>", f"{job}<range>1</range></layer></layers></job><depends>"))


def test_a_job_without_layers_is_refused() -> None:
    """A job needs something to do."""
    with pytest.raises(SpecError, match='job "comp" / layers: it has no layer to run'):
        parse_spec(re.sub("<layers>.*</layers>", "", GOOD))


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Bounds(spec_bytes=100), "spec_bytes"),
        (Bounds(spec_elements=10), "spec_elements"),
        (Bounds(spec_depth=3), "spec_depth"),
        (Bounds(jobs_per_spec=0), "jobs_per_spec"),
        (Bounds(layers_per_job=0), "layers_per_job"),
        (Bounds(frames_per_spec=9), "frames_per_spec"),
        (Bounds(depends_per_spec=0), "depends_per_spec"),
        (Bounds(command_characters=3), "command_characters"),
        (Bounds(show_name_characters=3), "show_name_characters"),
        (Bounds(environment_value_characters=0), "environment_value_characters"),
        (Bounds(argument_bytes=2), "argument_bytes"),
        (Bounds(environment_characters=1), "environment_characters"),
        (Bounds(names_per_list=0), "names_per_list"),
        (Bounds(layer_cores_centicores=99), "layer_cores_centicores"),
        (Bounds(layer_memory_kib=1024), "layer_memory_kib"),
    ],
)
def test_a_limit_is_refused_by_its_name(limits: Bounds, name: str) -> None:
    """Each size has a number, and who exceeds it is told which."""
    with pytest.raises(LimitExceeded, match=name) as caught:
        parse_spec(GOOD, limits)
    assert caught.value.limit == name
    assert caught.value.given > caught.value.allowed


def test_the_frames_of_all_layers_are_counted_together() -> None:
    """The limit holds for the sum over the document, after chunking."""
    layers = "".join(
        f'<layer name="layer{n}" type="Util"><cmd>true</cmd><range>1-100000</range><chunk>{chunk}</chunk></layer>'
        for n, chunk in enumerate([2, 2])
    )
    text = re.sub("<layers>.*</layers>", f"<layers>{layers}</layers>", GOOD)
    assert sum(layer.frame_count for layer in parse_spec(text).jobs[0].layers) == 100_000
    with pytest.raises(LimitExceeded, match="100010 frames"):
        parse_spec(
            text.replace("</layers>", '<layer name="more" type="Util"><cmd>x</cmd><range>1-10</range></layer></layers>')
        )


def test_two_thousand_layers_are_accepted_and_one_more_is_not() -> None:
    """The limit of layers in a job is OpenCue's, and Post layers are not counted."""

    def with_layers(count: int) -> str:
        layers = "".join(
            f'<layer name="layer{n}" type="Util"><cmd>true</cmd><range>1</range></layer>' for n in range(count)
        )
        post = '<layer name="post" type="Post"><cmd>true</cmd><range>1</range></layer>'
        return re.sub("<layers>.*</layers>", f"<layers>{layers}{post}</layers>", GOOD)

    assert len(parse_spec(with_layers(2_000)).jobs[0].layers) == 2_001
    with pytest.raises(LimitExceeded, match="2001 layers, more than the limit layers_per_job = 2000"):
        parse_spec(with_layers(2_001))


def bomb(inner: str, use: str) -> str:
    """Return the good document with declarations, and with the use of one of them."""
    return f"<!DOCTYPE spec [{inner}]>" + changed("<cmd>true</cmd>", f"<cmd>{use}</cmd>")


@pytest.mark.parametrize(
    "text",
    [
        bomb(
            '<!ENTITY a0 "laughs">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)),
            "&a11;",
        ),
        bomb(f'<!ENTITY a "{"x" * 100_000}">', "&a;" * 1_000),
        bomb('<!ENTITY a SYSTEM "file:///etc/passwd">', "&a;"),
        bomb('<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd"> %a;', "true"),
        '<!DOCTYPE spec SYSTEM "cjsl-1.15.dtd">' + changed("<cmd>true</cmd>", "<cmd>&a;</cmd>"),
    ],
    ids=["entities in entities", "one large entity", "external entity", "parameter entity", "undeclared entity"],
)
def test_entities_are_refused_at_once(text: str) -> None:
    """Neither a bomb nor a reference to another file does anything but be refused."""
    started = time.perf_counter()
    with pytest.raises(SpecError, match="job spec, document: "):
        parse_spec(text)
    assert time.perf_counter() - started < 2


def test_an_external_grammar_is_never_fetched(tmp_path: Path) -> None:
    """A DOCTYPE that points to a file with declarations does not make them known."""
    grammar = tmp_path / "cjsl-1.15.dtd"
    grammar.write_text('<!ENTITY a "stolen">')
    head = f'<!DOCTYPE spec SYSTEM "file://{grammar}">'
    assert parse_spec(head + GOOD).version == "1.15"
    with pytest.raises(SpecError, match="undefined entity"):
        parse_spec(head + changed("<cmd>true</cmd>", "<cmd>&a;</cmd>"))


def test_an_oversized_document_is_refused_unread() -> None:
    """Eleven megabytes are refused by the limit, whatever they hold."""
    with pytest.raises(LimitExceeded, match="spec_bytes = 10485760"):
        parse_spec(b"<spec>" + b" " * (11 * 1024 * 1024))


def test_a_million_elements_and_deep_nests_are_refused_on_the_way() -> None:
    """The number and depth of elements are checked while the document is read."""
    with pytest.raises(LimitExceeded, match="spec_elements"):
        parse_spec("<spec>" + "<a/>" * 1_000_000 + "</spec>", Bounds(spec_elements=10_000))
    with pytest.raises(LimitExceeded, match="spec_depth"):
        parse_spec("<a>" * 500_000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        "",
        "spec",
        "<spec>",
        "<spec></spec><spec/>",
        b"\xff\xfe",
        b"<spec>\xff</spec>",
        "<spec>\x00</spec>",
        "<spec>\ud800</spec>",
        b'<?xml version="1.0" encoding="no-such"?><spec/>',
        b'<?xml version="1.0" encoding="utf-7"?><spec/>',
        b'<?xml version="1.0" encoding="rot13"?><spec/>',
    ],
)
def test_what_is_no_xml_is_refused(data: bytes | str) -> None:
    """Garbage gets the same kind of answer as a mistake."""
    with pytest.raises(SpecError, match=r"job spec, document: .*Accepted"):
        parse_spec(data)


PIECES = st.sampled_from(
    [
        *re.findall(r"<[^>]+>|[^<>]+", GOOD),
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "&amp;",
        "&x;",
        "<?a b?>",
        "1-",
        "-1",
        "٣",
    ]
)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60), st.lists(PIECES, max_size=30).map("".join)))
@example(b"\x00")
def test_any_data_is_a_spec_or_an_invalid_argument(data: bytes | str) -> None:
    """No document makes the reader fail in another way."""
    try:
        spec = parse_spec(data)
    except Invalid as error:
        str(error).encode()
    else:
        assert spec.show


@given(st.integers(0, 10_000), st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), max_size=12))
def test_a_good_document_with_a_hole_is_a_spec_or_an_invalid_argument(position: int, text: str) -> None:
    """A value replaced by anything is accepted or refused, never a crash."""
    values = re.findall(r">([^<>]+)<", GOOD)
    old = values[position % len(values)]
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    try:
        spec = parse_spec(GOOD.replace(f">{old}<", f">{escaped}<", 1))
    except Invalid as error:
        str(error).encode()
    else:
        assert spec.jobs


def test_root_may_own_jobs_where_that_is_allowed() -> None:
    """On a farm that root runs alone, root's jobs are read and their user id 0 is dropped."""
    text = changed(">testuser<", ">root<")
    text = re.sub("<uid>.*?</uid>", "<uid>0</uid>", text)
    spec = parse_spec(text, allow_root=True)
    assert (spec.user, spec.uid) == ("root", None)


@pytest.mark.parametrize(
    ("command", "frames", "chunk"),
    [
        ("#JOB#" * 6_000, "1-10", 1),
        ("\U0001f3ac" * 31_000 + "#LAYER#" * 100, "1", 1),
        ("#FRAMESPEC#" * 500, "1-1000y3", 1000),
    ],
)
def test_a_command_that_no_process_can_be_given_is_refused(command: str, frames: str, chunk: int) -> None:
    """The tokens count as what they become: Linux starts no program with a word of 128 KiB."""
    text = changed("<cmd>true</cmd>", f"<cmd>{command}</cmd>").replace(">1-10<", f">{frames}<")
    text = text.replace("<chunk>1<", f"<chunk>{chunk}<").replace('name="bty"', f'name="{"b" * 180}"')
    with pytest.raises(LimitExceeded, match=r"cmd: \d+ bytes with its tokens replaced, more than the limit argument_"):
        parse_spec(text)


def test_a_long_chunk_is_short_as_a_range() -> None:
    """`#FRAMESPEC#` counts as the range that it becomes, not as its frames one by one."""
    text = changed("<cmd>true</cmd>", "<cmd>tool #FRAMESPEC# #FRAME_END#</cmd>").replace(">1-10<", ">1-100000,1000000<")
    assert parse_spec(text.replace("<chunk>1<", "<chunk>100001<")).jobs[0].layers[0].frame_count == 1
