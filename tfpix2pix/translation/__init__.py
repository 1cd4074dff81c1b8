"""Translation of image files, folders and frames, by a generator or by an export."""

from tfpix2pix.translation.files import Done, contact_sheet, translate_files
from tfpix2pix.translation.translators import Translator, of_export, of_generator

__all__ = ["Done", "Translator", "contact_sheet", "of_export", "of_generator", "translate_files"]
