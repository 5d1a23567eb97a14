"""fsspec's own tests of filesystems, all of them, on drives of both kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from filesystems import CONSUMER
from fsspec.tests.abstract import (
    AbstractCopyTests,
    AbstractFixtures,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
)

from airflow_provider_onedrive.emulator import Emulator


class OnBusinessDrive(AbstractFixtures):
    """A folder of a drive of work or school."""

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *names: "/".join(names)

    @pytest.fixture
    def fs_path(self, fs: Any) -> str:
        fs.mkdir("myfiles/tests")
        return "myfiles/tests"

    @pytest.fixture
    def fs(self, make_fs: Callable[..., Any]) -> Any:
        return make_fs()


class OnPersonalDrive(OnBusinessDrive):
    """A folder of a consumer's drive."""

    @pytest.fixture
    def fs(self, make_fs: Callable[..., Any], onedrive_emulator: Emulator) -> Any:
        onedrive_emulator.add_user(CONSUMER, personality="personal")
        return make_fs(myfiles=CONSUMER)


class TestCopy(OnBusinessDrive, AbstractCopyTests):
    pass


class TestGet(OnBusinessDrive, AbstractGetTests):
    pass


class TestPut(OnBusinessDrive, AbstractPutTests):
    pass


class TestOpen(OnBusinessDrive, AbstractOpenTests):
    pass


class TestPipe(OnBusinessDrive, AbstractPipeTests):
    pass


class TestPersonalCopy(OnPersonalDrive, AbstractCopyTests):
    pass


class TestPersonalGet(OnPersonalDrive, AbstractGetTests):
    pass


class TestPersonalPut(OnPersonalDrive, AbstractPutTests):
    pass


class TestPersonalOpen(OnPersonalDrive, AbstractOpenTests):
    pass


class TestPersonalPipe(OnPersonalDrive, AbstractPipeTests):
    pass
