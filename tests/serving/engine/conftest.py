import pytest

from tests.serving.engine import models


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Function of a number to the folder of a version that multiplies by it."""
    root, written = tmp_path_factory.mktemp("scaling"), {}

    def make(factor):
        if factor not in written:
            written[factor] = root / str(factor)
            models.write_scaling(written[factor], factor)
        return written[factor]

    return make
