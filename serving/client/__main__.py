"""Translates image files through a server: `python -m serving.client IMAGE_OR_FOLDER...`.

python -m serving.client IMAGE_OR_FOLDER... --model NAME --address HOST:PORT --to FOLDER
"""

import sys
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
from tqdm import tqdm

from serving.client import Client, image_files, tiles
from serving.client.failures import BadArgument, ClientError, ServerUnavailable


def main(
    images: list[Path],
    model: str,
    to: Path,
    address: str = "127.0.0.1:8500",
    version: Optional[int] = None,
    half: Optional[Literal["left", "right"]] = None,
    tile: Optional[int] = None,
    overlap: int = 64,
    resume: bool = False,
    timeout: float = 60.0,
    patience: float = 5.0,
    in_flight: int = 4,
    ca: Optional[Path] = None,
    cert: Optional[Path] = None,
    key: Optional[Path] = None,
):
    """Translates image files and writes the results as PNG files of the same names.

    Args:
        images: PNG or JPEG files, or folders of them.
        model: Name of the served model.
        to: Folder for the results; made if it is missing.
        address: HOST:PORT for gRPC or http://HOST:PORT for REST; several with commas between.
        version: Version of the model; by default the newest.
        half: Send only this half of side-by-side files.
        tile: Send images with a longer side in tiles of this many pixels; by default all go whole.
        overlap: Pixels that neighbouring tiles share, where one fades into the other.
        resume: Leave out images whose results are there.
        timeout: Seconds that one answer may take.
        patience: Seconds to try again while no server answers or all have too much to do.
        in_flight: Images sent at once.
        ca: PEM file of the authorities that vouch for the server; gRPC uses TLS with it.
        cert: PEM file of this client's certificate, where the server asks for one.
        key: PEM file of the key of that certificate.
    """
    tiling = None if tile is None else tiles.Tiling(tile, overlap)
    if tiling:
        tiling.check()
    found = image_files.results(images, to)
    if resume:
        found = {result: path for result, path in found.items() if not result.exists()}
    done, failed = 0, []
    with Client(
        address,
        model,
        version=version,
        timeout=timeout,
        patience=patience,
        in_flight=in_flight,
        ca=ca,
        cert=cert,
        key=key,
    ) as client:
        outcomes = client.translate_all(
            (image_files.read_image(path, half) for path in found.values()), tiling
        )
        bar = tqdm(zip(found.items(), outcomes), total=len(found), unit=" images")
        try:
            for (result, path), outcome in bar:
                if isinstance(outcome, ClientError):
                    failed.append(f"{path}: {outcome}")
                else:
                    image_files.write(outcome, result)
                    done += 1
        except ServerUnavailable as error:
            failed.append(str(error))
    print(f"{done} of {len(found)} images translated to {to}.")
    if failed:
        sys.exit("\n".join(f"error: {failure}" for failure in failed))


if __name__ == "__main__":
    parser = jsonargparse.ArgumentParser(prog="python -m serving.client", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path, help="PNG or JPEG files, or folders.")
    parser.add_function_arguments(main, skip={"images"}, as_positional=False)
    try:
        main(**parser.parse_args())
    except BadArgument as error:
        sys.exit(f"error: {error}")
