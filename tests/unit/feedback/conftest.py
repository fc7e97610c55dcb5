import pytest

from tests.feedback import folder_in_memory


@pytest.fixture
def folder():
    """An empty folder for a queue."""
    with folder_in_memory() as found:
        yield found
