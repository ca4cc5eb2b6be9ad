"""The golden list: every public name of `outline` and `FileSequence`, with the parameters that scripts may name."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any, Dict, List

import pytest

CONSTANTS = {
    "outline": "config io cuerun depend constants event util exception session layer loader plugins versions",
    "outline.constants": "OUTLINE_MODE_INIT OUTLINE_MODE_SETUP OUTLINE_MODE_READY FRAME_RANGE_FIRST FRAME_RANGE_LAST"
    " LAYER_TYPES",
    "outline.event": "AFTER_INIT AFTER_PARENTED SETUP BEFORE_EXECUTE AFTER_EXECUTE AFTER_LAUNCH BEFORE_LAUNCH"
    " EVENT_TYPES",
    "outline.layer": "DEFAULT_FRAME_RANGE",
}
"""Names that are no functions or classes, by module."""

PLACES = {
    "outline": "Outline load_outline load_json parse_outline_script current_outline is_session_path Session"
    " TaskExecutor Layer Frame LayerPreProcess LayerPostProcess OutlinePostCommand PluginManager OutlineException"
    " LayerException ShellCommandFailureException SessionException FailImmediately FileSpecException PreProcess"
    " PostProcess PostFrame PostCommand Composite",
    "outline.exception": "OutlineException LayerException ShellCommandFailureException SessionException"
    " FailImmediately FileSpecException",
    "outline.constants": "LayerType",
    "outline.depend": "Depend DependType",
    "outline.io": "Path FileSpec Image",
    "outline.cuerun": "OutlineLauncher CuerunOptionParser",
    "outline.event": "EventHandler LayerEvent LaunchEvent",
    "outline.executor": "TaskExecutor",
    "outline.session": "Session",
    "outline.plugins.manager": "PluginManager",
    "outline.backend.local": "LocalFrameError",
    "outline.versions": "VersionsException",
    "FileSequence": "FrameRange FrameSet FileSequence",
    "FileSequence.FrameRange": "FrameRange",
    "FileSequence.FrameSet": "FrameSet",
    "FileSequence.FileSequence": "FileSequence",
}
"""Classes, by the modules that they can be imported from."""

FUNCTIONS = """
outline.util: disaggregate_frame_set(frameset) intersect_frame_set(range1,range2,normalize)
    make_frame_set(frames,normalize) get_slice(frame_range,frames,items) get_show() get_shot() get_user() get_uid()
    compact_frame_range(frames)
outline.config: read_config_from_disk() config_base_directory()
outline.loader: load_outline(path) load_json(json_str) parse_outline_script(path) current_outline() quick_outline(layer)
outline.session: is_session_path(folder)
outline.depend: parse_require_str(require)
outline.cuerun: launch(ol,use_pycuerun) execute_frame(script,layer,frame) import_backend_module(name)
    get_launch_facility()
outline.io: prep_shell_command(cmd,frame) system(cmd,ignore_error,frame) resolve(path)
outline.modules.shell: shell(name,command)
outline.versions: require(module,version) unrequire(module) get_version(module,default) get_session() set_repos(path)
    get_repos() set_module_repos(module,path)
outline.plugins.local: init_cuerun_plugin(cuerun)
outline.backend.cue: launch(launcher,use_pycuerun) serialize(launcher) serialize_simple(launcher)
    build_command(launcher,layer) wait(job) test(job) scrub_tags(tags) bool_to_str(value) sub_element(root,tag,text)
outline.backend.local: launch(launcher,use_pycuerun) serialize(launcher) serialize_simple(launcher)
    build_frame_range(frame_range,chunk_size) build_command(ol,layer,frame)
"""

METHODS = """
outline.loader.Outline: __init__(name,frame_range,path,serialize,name_unique,current,shot,show,user,facility,
        maxcores,maxgpus)
    parse_outline_script(path) load_session() setup() setup_depends() add_layer(layer) remove_layer(layer)
    get_layer(name) get_layers() is_layer(name) get_path() set_path(path) get_name() set_name(name) get_full_name()
    get_shot() set_shot(shot) get_show() set_show(show) get_user() set_user(user) get_facility() set_facility(facility)
    get_maxcores() set_maxcores(maxcores) get_maxgpus() set_maxgpus(maxgpus) get_mode() set_mode(mode) get_session()
    set_frame_range(frame_range) get_frame_range() set_env(key,value,pre) get_env(key) get_args() set_arg(key,value)
    get_arg(key,default) put_file(src,rename) get_file(name,check,new) put_data(key,value,force) get_data(key)
    set_priority(priority) depend_on_job(job)
outline.layer.Layer: __init__(name) get_name() set_name(name) get_type() set_type(t) get_outline()
    set_outline(new_outline) get_parent() set_parent(layer) add_child(layer) get_children() get_arg(key,default)
    set_arg(key,value) is_arg_set(key) get_args() set_default_arg(key,value) copy_args_from(layer)
    require_arg(key,rtype) check_required_args() get_default_args(merge) set_env(key,value) get_env(key,default)
    get_envs() get_service() set_service(service) get_limits() set_limits(limits) set_frame_range(frame_range)
    get_frame_range() set_chunk_size(size) get_chunk_size() get_local_frame_set(start_frame)
    depend_on(on_layer,depend_type,propigate,any_frame) depend_all(on_layer,propigate,any_frame)
    depend_previous(on_layer) undepend(depend) get_depends() get_dependents() add_input(name,inpt)
    add_output(name,output) get_inputs() get_outputs() get_input(name) get_output(name)
    set_input_attribute(name,value) set_output_attribute(name,value) check_input(frame_set) check_output(frame_set)
    add_preprocess_layer(preprocess) get_preprocess_layers() load_outputs() put_data(key,value,force) get_data(key)
    put_file(src,rename) get_file(name,check,new) sym_file(src,rename) get_path() get_session() setup_args_override()
    add_event_listener(event_type,callback) get_event_handler() get_temp_dir() setup() execute(frame) after_init(ol)
    after_parented(parent) before_execute() after_execute() _after_init(ol) _after_parented(parent) _setup()
    _before_execute() _execute(frames) _after_execute() set_min_cores(cores) set_max_cores(cores)
    set_min_memory(memory) set_chunk(size) set_retry_count(count) depend_on_job(job,layer)
outline.layer.Frame: __init__(name) get_frame_range() set_frame_range(frame_range)
outline.layer.LayerPreProcess: __init__(creator) get_creator()
outline.layer.LayerPostProcess: __init__(creator,propigate) get_creator()
outline.layer.OutlinePostCommand: __init__(name)
outline.exception.ShellCommandFailureException: __init__(message,exit_status)
outline.executor.TaskExecutor: __init__(threads) execute(callable_) wait() worker()
outline.session.Session: __init__(outline) get_name() save() get_path(layer) put_file(src,layer,rename)
    sym_file(src,layer,rename) get_file(name,layer,check,new) put_data(name,data,layer,force) get_data(name,layer)
outline.depend.Depend: __init__(depend_er,depend_on,depend_type,propigate,any_frame) get_dependant_layer()
    get_depend_on_layer() get_type() is_propagated() is_any_frame() get_depend_er() get_depend_on()
outline.event.EventHandler: __init__(component) add_event_listener(event_type,callback) emit(event)
    get_event_listeners(event_type)
outline.event.LayerEvent: __init__(event_type,layer)
outline.event.LaunchEvent: __init__(event_type,cuerun)
outline.cuerun.OutlineLauncher: __init__(outline) set_flag(key,value) get_flag(key,default) get(key,default)
    get_outline() setup() launch(use_pycuerun) serialize(use_pycuerun)
outline.cuerun.CuerunOptionParser: handle_standard_options(options,args) setup_frame_range(options,frange)
    add_plugin_option() options_to_args(options)
outline.io.Path: __init__(path) get_attribute(name,default) set_attribute(name,value) get_attributes() mkdir()
    exists(frame_set) get_basename() get_dirname() get_ext() get_path() get_size(frame_set)
outline.io.FileSpec: __init__(path) exists(frame_set) get_size(frame_set) get_basename() get_dirname() get_ext()
    get_colorspace() get_res() get_rep() get_element_dir() get_frame_path(num) get_temp_frame_path(num,path)
    get_temp_file_spec(path) get_frame_set() get_file_spec(fs) get_attribute(name,default) set_attribute(name,value)
outline.modules.shell.Shell: __init__(name)
outline.modules.shell.ShellCommand: __init__(name)
outline.modules.shell.ShellSequence: __init__(name)
outline.modules.shell.ShellScript: __init__(name)
outline.modules.shell.PyEval: __init__(name,code)
outline.plugins.manager.PluginManager: load_all_plugins() load_plugin(module_name) init_plugin(module_name,layer)
    init_cuerun_plugins(cuerun) get_plugins()
outline.backend.local.Dispatcher: __init__(ol) dispatch()
FileSequence.FrameRange: size() get(idx) index(idx) getAll() normalize() parseFrameRange(frameRange)
FileSequence.FrameSet: size() get(idx) index(idx) getAll() normalize() parseFrameRange(frameRange)
FileSequence.FileSequence: __init__(filepath) getPrefix() getSuffix() getDirname() getBasename() getPadSize()
    getFileList(frameSet) getOpenRVPath(frameSet)
"""


def _rows(text: str) -> Dict[str, Dict[str, List[str]]]:
    """Return the parameters of each function of each owner that the table names."""
    rows: Dict[str, Dict[str, List[str]]] = {}
    for owner, functions in re.findall(r"^(\S+): ((?:.*\n(?!\S))*.*)", text, re.MULTILINE):
        found = re.findall(r"(\w+)\(([^)]*)\)", functions)
        rows[owner] = {name: re.findall(r"\w+", parameters) for name, parameters in found}
    return rows


def _parameters(function: Any) -> List[str]:
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in named and p.name != "self"]


@pytest.mark.parametrize("module", sorted({*CONSTANTS, *PLACES}))
def test_every_public_name_can_be_imported(module: str) -> None:
    """Constants, classes and modules stand under the names that scripts import."""
    found = importlib.import_module(module)
    names = f"{CONSTANTS.get(module, '')} {PLACES.get(module, '')}".split()
    assert [name for name in names if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", sorted(_rows(FUNCTIONS)))
def test_every_function_takes_its_parameters(module: str) -> None:
    """Functions take the parameters that scripts may name, in that order; more of our own may follow."""
    found = importlib.import_module(module)
    for name, parameters in _rows(FUNCTIONS)[module].items():
        assert _parameters(getattr(found, name))[: len(parameters)] == parameters, name


@pytest.mark.parametrize("dotted", sorted(_rows(METHODS)))
def test_every_method_takes_its_parameters(dotted: str) -> None:
    """Methods take the parameters that scripts may name, in that order; more of our own may follow."""
    module, _, name = dotted.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    for method, parameters in _rows(METHODS)[dotted].items():
        assert _parameters(getattr(found, method))[: len(parameters)] == parameters, method
