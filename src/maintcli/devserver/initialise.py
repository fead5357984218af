"""Making the data of a new embedded PostgreSQL."""

import locale
import shutil

from maintcli.devserver.cluster import Cluster, StartError


def initialise(cluster: Cluster) -> None:
    """Run initdb under another name first, so that a kill leaves nothing half made."""
    if cluster.data.exists():
        return
    fresh = cluster.data.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    cluster.mkdir(fresh)
    how = ["-A", "trust", "-E", "UTF8", f"--locale={_locale()}", "--no-sync", "--no-instructions"]
    if cluster.spawn("initdb", *how, "-U", "postgres", "-D", str(fresh)).wait() != 0:
        raise StartError(cluster.last_words())
    fresh.rename(cluster.data)


def _locale() -> str:
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    return "C.UTF-8"
