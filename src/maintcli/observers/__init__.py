"""Who is told how a run goes: built in, or of a package that `plugins` lists; one file each.

An observer is on where maint.toml has a section [observers.NAME], and the built-in ones also where
the environment says that there is somebody to tell. Its file is imported by the run that tells it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final, NamedTuple, cast

from maintcli import registry
from maintcli.config.messages import hint
from maintcli.config.model import Config
from maintcli.config.observers import ObserverSettings
from maintcli.config.section import Section
from maintcli.errors import ConfigError
from maintcli.runtime.report import Event, Observer, Observers

__all__ = ["Event", "Observer", "ObserverSettings", "observers"]

GROUP: Final = "maint.observers"
"""The entry points of packages: NAME = module:function of ObserverSettings, giving an Observer."""


class _BuiltIn(NamedTuple):
    """Where an observer is made, and the variable by which the environment turns it on."""

    target: str
    variable: str
    value: str | None = None

    def is_wanted(self, environ: Mapping[str, str]) -> bool:
        found = environ.get(self.variable)
        return bool(found) if self.value is None else found == self.value


_BUILT_IN: Final = {
    "github": _BuiltIn("maintcli.observers.github:observer", "GITHUB_ACTIONS", "true"),
    "kubernetes": _BuiltIn("maintcli.observers.kubernetes:observer", "KUBERNETES_SERVICE_HOST"),
}


def observers(config: Config, environ: Mapping[str, str]) -> Observers:
    """Those that are on. Raises ConfigError for a section of an observer that there is not."""
    load: dict[str, Callable[[], Observer]] = {}
    for name, settings in config.observers.each.items():
        target = _target(config, name, settings.section)
        if settings.section.boolean("enabled") is not False:
            load[name] = partial(_made, target, settings)
    for name, built_in in _BUILT_IN.items():
        if name not in config.observers.each and built_in.is_wanted(environ):
            settings = ObserverSettings(Section(config.file, ("observers", name)), config.cwd)
            load[name] = partial(_made, built_in.target, settings)
    return Observers(load, config.observers.seconds)


def _target(config: Config, name: str, section: Section) -> str:
    if name in _BUILT_IN:
        return _BUILT_IN[name].target
    packages = registry.packages(GROUP)
    for package, observer, target in packages:
        if observer == name and registry.is_listed(package, config.plugins):
            return target
        if observer == name:
            raise ConfigError(
                f"{section.place()}: it comes from the package {package}, which the configuration"
                f' does not list. To trust it, write at the top: plugins = ["{package}"]'
            )
    known = [*_BUILT_IN, *(observer for _, observer, _ in packages)]
    raise ConfigError(f"{section.place()}: there is no such observer; {hint(name, known)}")


def _made(target: str, settings: ObserverSettings) -> Observer:
    module, _, function = target.partition(":")
    make: Any = getattr(import_module(module), function)
    return cast("Observer", make(settings))
