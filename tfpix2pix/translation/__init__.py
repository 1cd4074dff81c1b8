"""Translation of image files, folders and frames, by a direction of a model or by an export."""

from tfpix2pix.translation.files import FileReport, contact_sheet, translate_files
from tfpix2pix.translation.translators import (
    Translator,
    direction_translator,
    export_translator,
)
from tfpix2pix.translation.value_files import named_values

__all__ = [
    "FileReport",
    "Translator",
    "contact_sheet",
    "direction_translator",
    "export_translator",
    "named_values",
    "translate_files",
]
