"""Job-spec XML: what is understood."""

from __future__ import annotations

from typing import Any

import pytest

from cuebot.domain.bounds import Bounds
from cuebot.spec import DependSpec, JobSpec, LayerSpec, Spec, SpecError, parse_spec

DOCTYPE = '<!DOCTYPE spec PUBLIC "SPI Cue  Specification Language" "http://localhost:8080/spcue/dtd/cjsl-{}.dtd">'
HEAD = "<show>testing</show><shot>default</shot><user>testuser</user>"
LAYER = '<layer name="bty" type="Render"><cmd>true</cmd><range>1-10</range><chunk>1</chunk>{}</layer>'


def parse_layers(layers: str, root: str = "<spec>", **limits: Any) -> Spec:
    """Read a document with one job of these layers."""
    text = f'{root}{HEAD}<job name="comp"><layers>{layers}</layers></job></spec>'
    return parse_spec(text, Bounds(**limits))


def layer_of(inner: str = "", **limits: Any) -> LayerSpec:
    """Read a document with one layer that has these elements besides what it must have."""
    return parse_layers(LAYER.format(inner), **limits).jobs[0].layers[0]


def job_of(inner: str = "") -> JobSpec:
    """Read a document with one job that has these elements besides its layer."""
    layers = LAYER.format("")
    return parse_spec(f'<spec>{HEAD}<job name="comp">{inner}<layers>{layers}</layers></job></spec>').jobs[0]


def depend_of(attributes: str, inner: str, root: str = "<spec>") -> DependSpec:
    """Read a document with nothing but one depend."""
    depend = f"<depend {attributes}><depjob>comp</depjob>{inner}</depend>"
    return parse_spec(f"{root}{HEAD}<depends>{depend}</depends></spec>").depends[0]


FULL = (
    '<?xml version="1.0"?>'
    + DOCTYPE.format("1.15")
    + """
<spec>
  <facility>Local</facility><dept>Lighting</dept><show>Testing</show><shot>Sh-010</shot><user>testuser</user>
  <email>testuser@studio</email><uid>1000</uid>
  <job name="Comp">
    <paused>True</paused><priority>50</priority><maxretries>3</maxretries><maxcores>20</maxcores><maxgpus>4</maxgpus>
    <autoeat>False</autoeat><os>linux</os><env><key name="A">1</key></env>
    <layers>
      <layer name="Bty-Pass" type="Render">
        <cmd> render -f #IFRAME# </cmd><range>1-10</range><chunk>3</chunk><cores>4.0</cores>
        <threadable>True</threadable><memory>2g</memory><gpus>1</gpus><gpu>1g</gpu><gpu_memory>2g</gpu_memory>
        <timeout>60</timeout><timeout_llu>30</timeout_llu><tags>general | gpu_01</tags>
        <limits><limit>nuke</limit><limit> </limit><limit>nuke</limit></limits>
        <env><key name="B">two words</key></env>
        <services><service>arnold</service><service>shell</service></services>
        <outputs><output name="main">/out/a.#.exr</output></outputs>
      </layer>
      <layer name="clean" type="Post"><cmd>rm x</cmd><range>1</range><chunk>1</chunk></layer>
    </layers>
  </job>
  <depends>
    <depend type="LAYER_ON_LAYER" anyframe="True">
      <depjob>Comp</depjob><deplayer>Bty-Pass</deplayer><onjob>testing-sh_010-testuser_sim</onjob><onlayer>cache</onlayer>
    </depend>
  </depends>
</spec>"""
)


def test_a_whole_document_is_understood() -> None:
    """Everything that the grammar can say arrives with its unit."""
    spec = parse_spec(FULL)
    layer = LayerSpec(
        name="bty_pass",
        type="RENDER",
        command="render -f #IFRAME#",
        range_text="1-10",
        chunk=3,
        frame_count=4,
        cores=400,
        max_cores=None,
        threadable=True,
        memory_kib=2 * 1024 * 1024,
        gpus=1,
        gpu_memory_kib=2 * 1024 * 1024,
        timeout_minutes=60,
        timeout_llu_minutes=30,
        max_retries=None,
        tags=("general", "gpu_01"),
        limits=("nuke",),
        env={"B": "two words"},
        services=("arnold", "shell"),
        outputs=("/out/a.#.exr",),
    )
    job = spec.jobs[0]
    assert job.layers[0] == layer
    assert (job.layers[1].type, job.layers[1].command) == ("POST", "rm x")
    assert (job.name, job.short_name) == ("testing-sh_010-testuser_comp", "comp")
    assert (job.paused, job.priority, job.max_retries, job.autoeat, job.os) == (True, 50, 3, False, "linux")
    assert (job.max_cores, job.max_gpus, job.env) == (2000, 4, {"A": "1"})
    assert spec.depends == (
        DependSpec(
            type="LAYER_ON_LAYER",
            any_frame=True,
            on_failure=False,
            er_job="testing-sh_010-testuser_comp",
            er_layer="bty_pass",
            er_frame=None,
            on_job="testing-sh_010-testuser_sim",
            on_layer="cache",
            on_frame=None,
        ),
    )
    assert (spec.version, spec.facility, spec.show, spec.shot) == ("1.15", "local", "Testing", "sh_010")
    assert (spec.user, spec.email, spec.uid) == ("testuser", "testuser@studio", 1000)
    assert len(spec.warnings) == 1
    assert "dept: it was ignored" in spec.warnings[0]


def test_what_is_not_said_is_left_open() -> None:
    """A minimal document has OpenCue's defaults for the job, and leaves the layer to its service."""
    spec = parse_layers(LAYER.format(""))
    job, layer = spec.jobs[0], spec.jobs[0].layers[0]
    assert (spec.version, spec.facility, spec.email, spec.uid, spec.depends) == (None, None, None, None, ())
    assert (job.paused, job.priority, job.max_retries, job.max_cores, job.max_gpus) == (False, None, 1, None, None)
    assert (job.autoeat, job.os, job.env) == (False, None, {})
    assert (layer.cores, layer.max_cores, layer.threadable, layer.memory_kib) == (None, None, None, None)
    assert (layer.gpus, layer.gpu_memory_kib, layer.timeout_minutes, layer.timeout_llu_minutes) == (None,) * 4
    assert (layer.tags, layer.max_retries, layer.limits, layer.services, layer.outputs) == (None, None, (), (), ())
    assert spec.warnings == ()


@pytest.mark.parametrize("minor", range(5, 16))
def test_every_version_of_the_grammar_is_read_by_one_reader(minor: int) -> None:
    """The DOCTYPE is accepted without fetching it, and its version is kept."""
    spec = parse_spec(DOCTYPE.format(f"1.{minor}") + f"<spec>{HEAD}</spec>")
    assert (spec.version, spec.jobs, spec.warnings) == (f"1.{minor}", (), ())


def test_an_unknown_version_is_read_with_a_warning() -> None:
    """A later grammar is not a reason to refuse a document."""
    spec = parse_spec(DOCTYPE.format("1.99") + f"<spec>{HEAD}</spec>")
    assert spec.version == "1.99"
    assert "1.99" in spec.warnings[0]


def test_bytes_and_text_say_the_same() -> None:
    """A document may come as text or as bytes in its declared encoding."""
    text = f"<spec>{HEAD.replace('testuser', 'müller')}</spec>"
    latin = ('<?xml version="1.0" encoding="iso-8859-1"?>' + text).encode("latin-1")
    assert parse_spec(text) == parse_spec(text.encode()) == parse_spec(latin)


@pytest.mark.parametrize("value", ["  two  ", "x\n", " ", "\n", "a\tb", "ü日", ""])
def test_a_variable_keeps_the_blanks_at_its_ends(value: str) -> None:
    """The value of a variable is what stands between its tags, to the letter."""
    env = f'<env><key name="KEY">{value}</key></env>'
    assert layer_of(env).env == job_of(env).env == {"KEY": value}


def test_a_carriage_return_can_be_written_as_a_reference() -> None:
    """A reader of XML makes a line feed of a plain one; `&#13;` is kept."""
    assert layer_of('<env><key name="KEY">a&#13;\r\nb</key></env>').env == {"KEY": "a\r\nb"}


def test_a_variable_that_shells_may_drop_is_a_warning() -> None:
    """A name that is no identifier is kept, and the submitter hears of it."""
    spec = parse_layers(LAYER.format('<env><key name="a.b">1</key></env>'))
    assert spec.jobs[0].layers[0].env == {"a.b": "1"}
    assert 'env / key "a.b": shells may drop' in spec.warnings[0]


@pytest.mark.parametrize(
    ("given", "command"),
    [(" ls ", "ls"), ("printf x\\ ", "printf x\\ "), ("printf x\\\\ ", "printf x\\\\"), ("ls\\", "ls\\")],
)
def test_a_blank_that_ends_a_command_stays_where_it_is_escaped(given: str, command: str) -> None:
    """Blanks around a command are layout, but a backslash makes one part of its last word."""
    text = LAYER.format("").replace("<cmd>true</cmd>", f"<cmd>{given}</cmd>")
    assert parse_layers(text).jobs[0].layers[0].command == command


def test_elements_may_stand_in_any_order() -> None:
    """The order that the grammar demands is not needed."""
    layer = '<layer type="Render" name="bty"><chunk>2</chunk><range>1-10</range><cmd>true</cmd></layer>'
    text = f'<spec><depends/><job name="comp"><layers>{layer}</layers><priority>7</priority></job>{HEAD}</spec>'
    job = parse_spec(text).jobs[0]
    assert (job.priority, job.layers[0].frame_count) == (7, 5)


def test_what_is_unknown_is_a_warning_with_its_path() -> None:
    """Unknown elements and attributes are ignored, and the submitter hears of each."""
    layer = LAYER.format("<colour>red</colour>").replace('type="Render"', 'type="Render" mood="good"')
    warnings = parse_layers(layer).warnings
    assert any(text.startswith('job "comp" / layer "bty" / colour: it is not known here') for text in warnings)
    assert any('job "comp" / layer "bty": its attribute "mood"' in text for text in warnings)


def test_a_repeated_element_counts_once() -> None:
    """The first of two counts, with a warning."""
    spec = parse_layers(LAYER.format("<range>1-99</range>"))
    assert spec.jobs[0].layers[0].frame_count == 10
    assert "more than once" in spec.warnings[0]


def test_warnings_have_a_limit() -> None:
    """A document with many oddities gets as many warnings as the limit says, and their number."""
    warnings = parse_layers(LAYER.format("<odd/>" * 20), spec_warnings=5).warnings
    assert len(warnings) == 6
    assert warnings[-1] == "and 15 more"


def test_the_local_machine_is_not_offered() -> None:
    """A localbook is ignored with a warning."""
    text = (
        f'<spec>{HEAD}<job name="comp"><localbook host="a" cores="1"/><layers>{LAYER.format("")}</layers></job></spec>'
    )
    assert 'job "comp" / localbook' in parse_spec(text).warnings[0]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("true", True), ("Yes", True), ("1", True), ("ON", True), ("False", False), ("no", False), ("", False)],
)
def test_booleans(text: str, meaning: bool) -> None:
    """The words that OpenCue knows mean yes; all else is no."""
    assert job_of(f"<paused>{text}</paused>").paused is meaning


def test_a_word_that_is_neither_yes_nor_no_is_no_with_a_warning() -> None:
    """A misspelled boolean does not pass in silence."""
    spec = parse_layers(LAYER.format("<threadable>ture</threadable>"))
    assert spec.jobs[0].layers[0].threadable is False
    assert '"ture" is taken as no' in spec.warnings[0]


@pytest.mark.parametrize(
    ("text", "centicores"),
    [
        ("4.0", 400),
        ("0.5", 50),
        (".5", 50),
        ("2.345", 235),
        ("16.0", 1600),
        ("64.0", 6400),
        ("100", 100),
        ("250", 250),
        ("10", 10),
        ("9", 100),
        ("4", 100),
        ("0.05", 100),
        ("0", 0),
        ("0.0", 0),
        ("-1.0", -100),
        ("-150", -150),
        ("-0.005", -1),
    ],
)
def test_cores_of_a_layer(text: str, centicores: int) -> None:
    """With a point the number is cores, without it hundredths; too little is one core; zero and less are kept."""
    assert layer_of(f"<cores>{text}</cores>").cores == centicores


def test_cores_that_became_one_core_are_told() -> None:
    """Whoever wrote 4 and meant four cores hears of the decimal point."""
    assert "such as 4.0" in parse_layers(LAYER.format("<cores>4</cores>")).warnings[0]


@pytest.mark.parametrize(
    ("text", "kib"),
    [
        ("512m", 512 * 1024),
        ("512MB", 512 * 1024),
        ("300.5m", 307_712),
        ("2g", 2 * 1024**2),
        ("2G", 2 * 1024**2),
        ("2.5g", 5 * 512 * 1024),
        ("3", 3 * 1024**2),
        ("32768m", 32 * 1024**2),
        ("64g", 64 * 1024**2),
        ("1m", 256 * 1024),
    ],
)
def test_memory_of_a_layer(text: str, kib: int) -> None:
    """m is MiB, g and nothing are GiB, less than 256 MiB is raised, and much is not cut."""
    assert layer_of(f"<memory>{text}</memory>").memory_kib == kib


def test_gpu_memory_may_be_little_and_has_an_old_name() -> None:
    """The newer element wins over the older, and there is no least amount."""
    assert layer_of("<gpu>1m</gpu>").gpu_memory_kib == 1024
    assert layer_of("<gpu>1m</gpu><gpu_memory>2m</gpu_memory>").gpu_memory_kib == 2048


@pytest.mark.parametrize(("text", "centicores"), [("8", 800), ("2.9", 290), ("0.5", 50), ("2.995", 300), ("-1", -1)])
def test_a_jobs_maximum_is_kept_to_a_hundredth(text: str, centicores: int) -> None:
    """Parts of a core stay, and so does -1."""
    assert job_of(f"<maxcores>{text}</maxcores>").max_cores == centicores


@pytest.mark.parametrize(("text", "retries"), [("0", 0), ("2", 2), ("16", 16), ("99", 16), ("-1", 0)])
def test_retries_of_a_job(text: str, retries: int) -> None:
    """Up to sixteen retries are taken as said; what lies outside is moved to the nearest."""
    assert job_of(f"<maxretries>{text}</maxretries>").max_retries == retries


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("general", ("general",)),
        ("general | util|general", ("general", "util")),
        ("general,util", ("general", "util")),
        ("My-Host.local", ("My-Host.local",)),
        (" ", None),
    ],
)
def test_tags(text: str, tags: tuple[str, ...] | None) -> None:
    """Tags are split at bars and commas, kept as written, each once; none is the service's choice."""
    assert layer_of(f"<tags>{text}</tags>").tags == tags


@pytest.mark.parametrize("text", ["|||", ",", " | , "])
def test_separators_alone_are_no_tags(text: str) -> None:
    """They are refused, as setters refuse them, and do not become the service's choice."""
    with pytest.raises(SpecError, match="no tag"):
        layer_of(f"<tags>{text}</tags>")


def test_all_environments_of_a_layer_count() -> None:
    """Several <env> are one, and the later value of a key wins."""
    env = '<env><key name="A">1</key><key name="B">2</key></env><env><key name="A">3</key></env>'
    assert layer_of(env).env == {"A": "3", "B": "2"}


def test_text_is_read_through_comments_and_character_data() -> None:
    """A comment or a CDATA section does not cut a command."""
    layer = LAYER.format("").replace("<cmd>true</cmd>", "<cmd>a<!-- b --> <![CDATA[<c> &&]]> &lt;d&gt;</cmd>")
    assert parse_layers(layer).jobs[0].layers[0].command == "a <c> && <d>"


def test_our_additions_need_the_root_to_ask_for_them() -> None:
    """Maximum cores and retries of a layer are read under cuefarm="1", and ignored with a warning without."""
    layer = LAYER.format("").replace('type="Render"', 'type="Render" maxcores="8" maxretries="3"')
    extended = parse_layers(layer, root='<spec cuefarm="1">')
    assert (extended.jobs[0].layers[0].max_cores, extended.jobs[0].layers[0].max_retries) == (800, 3)
    assert extended.warnings == ()
    plain = parse_layers(layer)
    assert (plain.jobs[0].layers[0].max_cores, plain.jobs[0].layers[0].max_retries) == (None, None)
    assert len(plain.warnings) == 2


def test_a_depend_can_name_any_job_in_full() -> None:
    """With onfullname the name is taken as it is; without, or without cuefarm="1", it is this user's job."""
    inner = "<onjob>other-shot-someone_sim</onjob>"
    attributes = 'type="JOB_ON_JOB" onfullname="true"'
    extended = depend_of(attributes, inner, root='<spec cuefarm="1">')
    assert (extended.er_job, extended.on_job) == ("testing-default-testuser_comp", "other-shot-someone_sim")
    assert depend_of(attributes, inner).on_job == "testing-default-testuser_other_shot_someone_sim"


ON_JOB, ON_LAYER, ON_FRAME = "<onjob>sim</onjob>", "<onlayer>Ca-che</onlayer>", "<onframe>0003-Ca-che</onframe>"
ER_LAYER, ER_FRAME = "<deplayer>Bty</deplayer>", "<depframe>0001-Bty</depframe>"


@pytest.mark.parametrize(
    ("depend_type", "inner", "er", "on"),
    [
        ("JOB_ON_JOB", "", (None, None), (None, None)),
        ("JOB_ON_LAYER", ON_LAYER, (None, None), ("ca_che", None)),
        ("JOB_ON_FRAME", ON_FRAME, (None, None), ("ca_che", 3)),
        ("LAYER_ON_JOB", ER_LAYER, ("bty", None), (None, None)),
        ("LAYER_ON_LAYER", ER_LAYER + ON_LAYER, ("bty", None), ("ca_che", None)),
        ("LAYER_ON_FRAME", ER_LAYER + ON_FRAME, ("bty", None), ("ca_che", 3)),
        ("FRAME_ON_JOB", ER_FRAME, ("bty", 1), (None, None)),
        ("FRAME_ON_LAYER", ER_FRAME + ON_LAYER, ("bty", 1), ("ca_che", None)),
        ("FRAME_ON_FRAME", ER_FRAME + ON_FRAME, ("bty", 1), ("ca_che", 3)),
        ("FRAME_BY_FRAME", ER_LAYER + ON_LAYER, ("bty", None), ("ca_che", None)),
        ("PREVIOUS_FRAME", ER_LAYER + ON_LAYER, ("bty", None), ("ca_che", None)),
        ("LAYER_ON_SIM_FRAME", ER_LAYER + ON_FRAME, ("bty", None), ("ca_che", 3)),
    ],
)
def test_all_types_of_depends(
    depend_type: str, inner: str, er: tuple[str | None, int | None], on: tuple[str | None, int | None]
) -> None:
    """Each of the twelve types reads the sides that it needs, a frame as its layer and number."""
    depend = depend_of(f'type="{depend_type}" anyframe="False"', inner + ON_JOB)
    assert depend.type == depend_type
    assert (depend.er_job, depend.er_layer, depend.er_frame) == ("testing-default-testuser_comp", *er)
    assert (depend.on_job, depend.on_layer, depend.on_frame) == ("testing-default-testuser_sim", *on)
    assert depend.any_frame is False


def test_any_frame_has_a_meaning_for_layers_only() -> None:
    """The flag of another type is dropped with a warning."""
    depend = f'<depend type="JOB_ON_JOB" anyframe="true"><depjob>comp</depjob>{ON_JOB}</depend>'
    spec = parse_spec(f"<spec>{HEAD}<depends>{depend}</depends></spec>")
    assert spec.depends[0].any_frame is False
    assert "anyframe" in spec.warnings[0]


def test_equal_frame_names_of_two_jobs_may_depend() -> None:
    """Only the same frame of the same job would wait for itself."""
    inner = ER_FRAME + ON_JOB + "<onframe>0001-bty</onframe>"
    assert depend_of('type="FRAME_ON_FRAME"', inner).on_frame == 1
