"""TLS of the gRPC port, from the configuration file of TensorFlow Serving."""

import ssl
import tempfile
from pathlib import Path

import grpc

from serving.engine.edge_files import ssl_config
from tfpix2pix.errors import InputError


def credentials(path: Path):
    """Reads the server's key and certificates.

    Args:
        path: Text file of an `SSLConfig`, or `None` for no TLS. With `client_verify` only clients
            with a certificate that `custom_ca` vouches for are let in.

    Returns:
        `(credentials, verified)`: `grpc.ServerCredentials` or `None`, and whether clients are
        verified.

    Raises:
        InputError: If a text in the file is not what it must be.
    """
    if path is None:
        return None, False
    config = ssl_config(path)
    # gRPC itself would report wrong texts as a port that is taken.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        with tempfile.TemporaryDirectory() as folder:  # The module reads files alone.
            files = [Path(folder, name) for name in ("cert", "key")]
            for file, text in zip(files, (config.server_cert, config.server_key)):
                file.write_text(text, "utf-8")
            # The empty password keeps an encrypted key from being asked for at the terminal.
            context.load_cert_chain(*files, password="")
        if config.custom_ca or config.client_verify:
            context.load_verify_locations(cadata=config.custom_ca)
    except (OSError, ValueError) as error:
        raise InputError(
            "TLS needs the PEM texts of server_cert, of server_key, its unencrypted key, and of "
            f"custom_ca where client_verify is true. Received: {str(path)!r}: {error}. Make the "
            "file with serving/deploy/ssl_config.sh."
        ) from error
    pair = (config.server_key.encode(), config.server_cert.encode())
    credentials = grpc.ssl_server_credentials(
        [pair], config.custom_ca.encode() or None, config.client_verify
    )
    return credentials, config.client_verify
