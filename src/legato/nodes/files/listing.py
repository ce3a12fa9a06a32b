# SPDX-License-Identifier: Apache-2.0
"""files.list: what lies in a granted folder.

Rules: ND40, ND41.
"""

from typing import Literal

from pydantic import Field

from legato.nodes.fields import Output
from legato.nodes.files.disk import time_text
from legato.nodes.files.patterns import Pattern
from legato.nodes.files.walk import ENTRIES_MAX, Selection, Walk, too_many
from legato.nodes.safe_paths import folder_names, granted_root, opened_folder
from legato.ports.node import NodeContext, node


class ListConfig(Selection):
    """`with` of files.list."""

    kind: Literal["file", "folder", "any"] = Field(default="file", description="What to list.")
    sort: Literal["path", "name", "size", "modified"] = Field(
        default="path", description="By what to sort."
    )
    descending: bool = Field(default=False, description="Largest, latest or last first.")
    max_entries: int = Field(
        default=ENTRIES_MAX,
        ge=1,
        le=ENTRIES_MAX,
        description="With more than this many the node fails.",
    )


class Entry(Output):
    """One file or folder."""

    path: str = Field(description="Relative to the granted folder, as other nodes take it.")
    name: str = Field(description="The last part of the path.")
    size: int = Field(description="Bytes; 0 for a folder.")
    modified: str = Field(
        description="When it was last changed, in UTC: 2027-03-01T09:00:00+00:00."
    )
    kind: Literal["file", "folder"] = Field(description="file or folder.")


class ListOutput(Output):
    """Output of files.list."""

    entries: list[Entry] = Field(description="What was found.")
    count: int = Field(description="How many that are.")
    bytes: int = Field(description="The sizes of the files among them, together.")
    skipped: int = Field(description="How many were left out because nodes may not touch them.")


@node(
    "files.list",
    title="List a folder",
    group="files",
    icon="folder-search",
    effect="pure",
    timeout_ms=60_000,
    example="""\
uses: files.list
with: {folder: inbox, pattern: "*.pdf", recursive: true, sort: modified, descending: true}
""",
)
def list_files(ctx: NodeContext, config: ListConfig) -> ListOutput:
    """List files and folders below a folder that the operator granted.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. A pattern without `/` is matched with the name, one
    with `/` with the path below `folder`, where `**` is any number of folders. Links, hidden names,
    hard links, devices and git's own folders are left out and counted in `skipped`.

    Fails with `not_granted`, `path_refused`, `not_found`, `too_large` or `file_error`.
    """
    root = granted_root(ctx.grants, config.root)
    names = folder_names(config.folder)
    pattern = None if config.pattern is None else Pattern(config.pattern)
    walk = Walk(ctx, config.depth if config.recursive else 1)
    entries: list[Entry] = []
    with opened_folder(root, names) as folder:
        for found, _ in walk.entries(folder, "/".join(names)):
            kind: Literal["file", "folder"] = "folder" if found.is_folder else "file"
            if config.kind not in {"any", kind}:
                continue
            if pattern is not None and not pattern.matches(found.path):
                continue
            if len(entries) >= config.max_entries:
                raise too_many(f"more than {config.max_entries} entries")
            entries.append(
                Entry(
                    path=found.spot.path,
                    name=found.spot.name,
                    size=0 if found.is_folder else found.stat.st_size,
                    modified=time_text(found.stat.st_mtime_ns),
                    kind=kind,
                )
            )
    entries.sort(key=lambda each: (getattr(each, config.sort), each.path))
    if config.descending:
        entries.reverse()
    size = sum(each.size for each in entries)
    return ListOutput(entries=entries, count=len(entries), bytes=size, skipped=walk.skipped)
