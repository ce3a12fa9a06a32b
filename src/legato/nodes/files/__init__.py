# SPDX-License-Identifier: Apache-2.0
"""Nodes that work on files below granted folders.

What they share is in `disk` (drafts, failures), `walk` (looking through folders), `patterns` and
`legato.nodes.safe_paths`; each node has a module of its own.

Rules: ND21-ND23, ND40-ND49.
"""

from typing import Final

from legato.nodes.files.deleting import delete
from legato.nodes.files.hashing import hash_files
from legato.nodes.files.listing import list_files
from legato.nodes.files.moving import copy_file, move
from legato.nodes.files.organising import organise
from legato.nodes.files.reading import read
from legato.nodes.files.unzipping import unzip
from legato.nodes.files.writing import write
from legato.nodes.files.zipping import zip_files
from legato.ports.node import NodeType

NODE_TYPES: Final[tuple[NodeType, ...]] = (
    list_files,
    read,
    write,
    move,
    copy_file,
    delete,
    hash_files,
    organise,
    zip_files,
    unzip,
)
