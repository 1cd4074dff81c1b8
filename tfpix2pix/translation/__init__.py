"""Translation of image files, folders and frames by a model or an export; their look-alikes."""

from typing import TYPE_CHECKING

from tfpix2pix import lazily

if TYPE_CHECKING:
    from tfpix2pix.translation.contact_sheets import contact_sheet
    from tfpix2pix.translation.files import FileReport, translate_files
    from tfpix2pix.translation.look_alikes import (
        LookAlikes,
        find_look_alikes,
        index_files,
        look_alikes_picture,
    )
    from tfpix2pix.translation.translators import (
        Translator,
        direction_translator,
        export_translator,
    )
    from tfpix2pix.translation.value_files import named_values
    from tfpix2pix.translation.vectors import embed_images

__all__ = [
    "FileReport",
    "LookAlikes",
    "Translator",
    "contact_sheet",
    "direction_translator",
    "embed_images",
    "export_translator",
    "find_look_alikes",
    "index_files",
    "look_alikes_picture",
    "named_values",
    "translate_files",
]

# What type checkers read above, for Python.
_HOMES = {
    "contact_sheets": ("contact_sheet",),
    "files": ("FileReport", "translate_files"),
    "look_alikes": ("LookAlikes", "find_look_alikes", "index_files", "look_alikes_picture"),
    "translators": ("Translator", "direction_translator", "export_translator"),
    "value_files": ("named_values",),
    "vectors": ("embed_images",),
}
__getattr__, __dir__ = lazily.package(__name__, _HOMES)
