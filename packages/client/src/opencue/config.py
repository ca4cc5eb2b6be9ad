"""What a client is told: defaults, laid over by the studio's YAML file. Which server it calls: `Cuebot.init`."""

from __future__ import annotations

import difflib
import logging
import os
from pathlib import Path
from typing import Any, Optional

logger = logging.getLogger("opencue")

DEFAULTS: dict[str, Any] = {
    "logger.format": "%(levelname)-9s %(module)-10s %(message)s",
    "logger.level": "WARNING",
    "cuebot.protocol": "tcp",
    "cuebot.grpc_port": 8443,
    "cuebot.timeout": 10_000,  # milliseconds
    "cuebot.max_message_bytes": 104_857_600,
    "cuebot.exception_retries": 12,  # 15 s in all: a server that restarts is back by then
    "cuebot.facility_default": "local",
    "cuebot.facility": {"local": ["localhost:8443"]},
    "cuebot.external_facility": [],
}

_in_use: Optional[dict[str, Any]] = None


def in_use() -> dict[str, Any]:
    """Return the configuration of this process: that of the file, until `use` names another. It may be changed."""
    if _in_use is None:
        use(load_config_from_file())
    assert _in_use is not None
    return _in_use


def use(config: dict[str, Any]) -> None:
    """Make this the configuration of this process."""
    global _in_use
    _in_use = config


def config_base_directory() -> str:
    """Return the folder that holds `opencue.yaml`."""
    if os.name == "nt":
        return str(Path(os.path.expandvars("%APPDATA%")) / "opencue")
    return os.path.expanduser("~/.config/opencue")  # a Path would refuse a user without home


def load_config_from_file() -> dict[str, Any]:
    """Return the defaults with the first configuration file found laid over them.

    Looked for in this order: `$OPENCUE_CONFIG_FILE`, `$OPENCUE_CONF`, `<base folder>/opencue.yaml`. A key in the file
    replaces the whole default, maps included. Raises ValueError for a file that cannot be used, naming it.
    """
    config = dict(DEFAULTS)
    path = file_in_use()
    if path is not None:
        config.update(_read(path))
    _keep_external_facility_apart(config)
    return config


def file_in_use() -> Optional[Path]:
    """Return the configuration file that is read, or None where there is none."""
    for variable in ("OPENCUE_CONFIG_FILE", "OPENCUE_CONF"):
        value = os.environ.get(variable)
        if value:
            if Path(value).is_file():
                return Path(value)
            logger.warning("%s names %s, which is not a file; it is ignored", variable, value)
    path = Path(config_base_directory()) / "opencue.yaml"
    return path if path.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    import yaml  # here, because it takes longer to load than everything else and most machines have no file

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"The configuration file {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"The configuration file {path} must hold `key: value` lines, such as `cuebot.timeout: 10000`")
    return content


def _keep_external_facility_apart(config: dict[str, Any]) -> None:
    """Forget every other facility when the selected one is external, so that no call strays back inside."""
    external = config.get("cuebot.external_facility") or []
    selected = facility_from_environment() or config["cuebot.facility_default"]
    if selected not in external:
        return
    if selected not in config["cuebot.facility"]:
        raise ValueError(f"The external facility {selected!r} is not defined under cuebot.facility")
    config["cuebot.facility"] = {selected: config["cuebot.facility"][selected]}


def hosts_of_facility(config: dict[str, Any], facility: str) -> list[str]:
    """Return the servers of a facility. Raises ValueError, with those that are configured and where it was named."""
    known = config["cuebot.facility"]
    if facility in known:
        hosts = known[facility]
        return [hosts] if isinstance(hosts, str) else [str(host) for host in hosts]
    said = next((f" ({name})" for name in FACILITY_VARIABLES if os.environ.get(name) == facility), "")
    alike = difflib.get_close_matches(facility, map(str, known), 1)
    meant = f"did you mean {alike[0]!r}? Known: " if alike else "known: "
    names = ", ".join(sorted(map(str, known))) or "none"
    where = file_in_use() or "no configuration file, so the default alone"
    raise ValueError(f"there is no facility {facility!r}{said}; {meant}{names} ({where})")


def names_a_server(config: dict[str, Any]) -> bool:
    """Whether the environment or a configuration says where the farm is, rather than the defaults."""
    if hosts_from_environment() or facility_from_environment():
        return True
    keys = ("cuebot.facility", "cuebot.facility_default", "cuebot.grpc_port")
    return any(config.get(key) is not DEFAULTS[key] for key in keys)


FACILITY_VARIABLES = ("CUEBOT_FACILITY", "OPENCUE_FACILITY")


def facility_from_environment() -> Optional[str]:
    """Return the facility that the environment names, or None."""
    return next((os.environ[name] for name in FACILITY_VARIABLES if os.environ.get(name)), None)


def hosts_from_environment() -> list[str]:
    """Return the server addresses that the environment names, possibly none."""
    text = os.environ.get("CUEBOT_HOSTS") or os.environ.get("OPENCUE_HOSTS") or ""
    return [host.strip() for host in text.split(",") if host.strip()]
