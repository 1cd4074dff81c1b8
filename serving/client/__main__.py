"""Translates or embeds image files through a server: `python -m serving.client IMAGE_OR_FOLDER...`.

python -m serving.client IMAGE_OR_FOLDER... --model NAME --address HOST:PORT --to FOLDER
python -m serving.client IMAGE_OR_FOLDER... --export exports/NAME --to FOLDER
python -m serving.client IMAGE_OR_FOLDER... --export exports/NAME --embed true --to index.npz
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
from tqdm import tqdm

from serving.client import Client, decoding, image_files, tiles
from serving.client.control_files import control_values, files_by_name, read_value
from serving.client.failures import ENDING, BadArgument, BadImage, ClientError, Code
from serving.client.indexing import indexing
from serving.client.selections import control_value, known_controls
from serving.process import ended_by, local_server


def main(
    images: list[Path],
    to: Path,
    model: Optional[str] = None,
    address: str = "127.0.0.1:8500",
    export: Optional[Path] = None,
    version: Optional[int] = None,
    direction: Optional[str] = None,
    seed: Optional[int] = None,
    half: Optional[Literal["left", "right"]] = None,
    tile: Optional[int] = None,
    overlap: int = 64,
    embed: bool = False,
    domain: Optional[str] = None,
    resume: bool = False,
    timeout: float = 60.0,
    patience: float = 5.0,
    in_flight: int = 4,
    ca: Optional[Path] = None,
    cert: Optional[Path] = None,
    key: Optional[Path] = None,
    *,
    controls: Optional[dict] = None,
):
    """Translates image files and writes the results as PNG files of the same names.

    Or makes vectors of them, for an index in which look-alikes are found.

    Args:
        images: Image files, or folders of them; of an animation the first frame is sent.
        to: Folder for the results, made if it is missing; of vectors the NPZ file of the index to
            make or to add to.
        model: Name of the served model at the address.
        address: HOST:PORT for gRPC or http://HOST:PORT for REST; several with commas between.
        export: Folder of a served model instead, which a local server then serves.
        version: Version of the model; by default the newest.
        direction: Which way to translate, of a model with several; by default its first.
        seed: Number that decides all chance, such as the noise of dropout, the same for all
            images; by default there is none.
        half: Send only this half of side-by-side files.
        tile: Send images with a longer side in tiles of this many pixels; by default each image
            goes whole.
        overlap: Pixels that neighbouring tiles share, where one fades into the other.
        embed: Make vectors instead of translations.
        domain: What the images are, of a model with several embeddings; by default its first.
        resume: Leave out images whose results are there.
        timeout: Seconds that one answer may take.
        patience: Seconds to try again while no server answers or all have too much to do.
        in_flight: Images sent at once.
        ca: PEM file of the authorities that vouch for the server; gRPC uses TLS with it.
        cert: PEM file of this client's certificate, where the server asks for one.
        key: PEM file of the key of that certificate.
        controls: Dict of the names of inputs beside the image to values, or to paths of a file
            with it or of a folder with a file for each image, of its name.
    """
    if (model is None) == (export is None):
        raise BadArgument(
            "One of --model and --export must be given. Received: "
            f"{'none' if model is None else 'both'}. Name a model of the server at --address, or "
            "the folder of an export."
        )
    if embed:
        options = {"direction": direction, "seed": seed, "tile": tile, "control": controls}
        given = [f"--{name}" for name, value in options.items() if value not in (None, {})]
        if given:
            raise BadArgument(
                "--embed makes vectors, which no option of translations changes. Received: "
                f"{', '.join(given)}. Leave it out."
            )
        work = indexing(images, to, domain=domain, half=half, resume=resume)
    else:
        if domain is not None:
            raise BadArgument(
                "--domain is of vectors, which --embed true makes. Received: --domain without it. "
                "Add --embed true, or leave --domain out."
            )
        tiling = None if tile is None else tiles.Tiling(tile, overlap)
        options = {"direction": direction, "seed": seed, "controls": dict(controls or {})}
        work = _translation(images, to, half, tiling, resume, **options)
    with ExitStack() as stack:
        if export is not None:
            model = export.resolve().name
            address = stack.enter_context(local_server(export)).address
        client = Client(
            address,
            model,
            version=version,
            timeout=timeout,
            patience=patience,
            in_flight=in_flight,
            ca=ca,
            cert=cert,
            key=key,
        )
        done, failures = work(stack.enter_context(client))
    print(done)
    if failures:
        sys.exit("\n".join(f"error: {failure}" for failure in failures))


def _translation(images, to, half, tiling, resume, *, direction, seed, controls):
    """Returns the function of a client to what it has translated, and what failed."""
    if tiling:
        tiling.check()
    sources = image_files.results(images, to)
    folders = {name: value for name, value in controls.items() if isinstance(value, Path)}
    names = [_name(result, to) for result in sources]
    files = {name: files_by_name(name, controls.pop(name), names) for name in folders}
    if resume:
        sources = {result: path for result, path in sources.items() if not result.exists()}

    def translate(client):
        known = known_controls(client.model_card(), direction, files)[1] if files else {}
        outcomes = client.translate_all(
            _sent(sources, to, half, known, files),
            tiling,
            direction=direction,
            seed=seed,
            **controls,
        )
        written, failures = _write(sources, outcomes)
        return f"{written} of {len(sources)} images translated to {to}.", failures

    return translate


def _write(sources, outcomes):
    """Writes results as they come; returns their number and what failed."""
    written = 0
    failures = []
    try:
        for (result, path), outcome in tqdm(
            zip(sources.items(), outcomes), total=len(sources), unit=" images"
        ):
            if isinstance(outcome, ClientError):
                failures.append(f"{path}: {outcome}")
            else:
                image_files.write(outcome, result)
                written += 1
    except ENDING as error:
        failures.append(str(error))
    return written, failures


def _sent(sources, to, half, controls, files):
    """Yields what is sent for each file: its bytes, with values of its own, or why it cannot be."""
    for result, path in sources.items():
        image = image_files.read_image(path, half)
        if not files or isinstance(image, ClientError):
            yield image
            continue
        name = _name(result, to)
        try:
            size = decoding.upright_size(image)
            own = {known: read_value(files[known][name], controls[known], size) for known in files}
            for known, value in own.items():
                control_value(controls[known], value)
            yield image, own
        except BadImage as error:
            yield error
        except BadArgument as error:
            rule = "A file of values must fit its control."
            yield BadImage(rule, Code.INVALID_ARGUMENT, str(error), "Replace the file.")


def _name(result, to):
    """Returns the name of an image among the others, without its suffix."""
    return result.relative_to(to).with_suffix("").as_posix()


def _at_home(value):
    """Replaces `~` in paths, which a shell leaves in quotes and after an equals sign."""
    if isinstance(value, list):
        return [_at_home(one) for one in value]
    return value.expanduser() if isinstance(value, Path) else value


def run(arguments: Optional[list] = None):
    """Runs the command.

    Args:
        arguments: List of str, without the program's name; by default those of the process.
    """
    parser = jsonargparse.ArgumentParser(prog="python -m serving.client", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path, help="Image files, or folders of them.")
    parser.add_argument(
        "--control",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="Value of an input beside the image, such as seed=7 or style=[0.5,1]; NAME=@FILE "
        "reads it from a PNG, NPY or JSON file, NAME=@FOLDER from one for each image, of its "
        "name or stem. Repeat it for other inputs.",
    )
    parser.add_function_arguments(main, skip={"images", "controls"}, as_positional=False)
    options = {name: _at_home(value) for name, value in parser.parse_args(arguments).items()}
    main(controls=control_values(options.pop("control")), **options)


if __name__ == "__main__":
    with ended_by(BadArgument, RuntimeError):
        run()
