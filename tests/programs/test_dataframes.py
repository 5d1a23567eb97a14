"""pandas, pyarrow, DuckDB, polars and dask on ``onedrive://``, as their users write it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import dask
import dask.dataframe
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.filesystem import OneDriveFileSystem

pytestmark = pytest.mark.usefixtures("forgotten_filesystems")
TABLE = {"day": [1, 1, 2], "name": ["a", "b", "c"], "amount": [1.5, 2.5, 3.5]}


@pytest.fixture(params=["fields", "conn_id"])
def options(request: pytest.FixtureRequest, fields: dict[str, Any]) -> dict[str, Any]:
    """The two ways to name an identity."""
    return fields if request.param == "fields" else {"conn_id": "onedrive_default"}


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(TABLE)


def test_pandas_writes_and_reads(options: dict[str, Any], frame: pd.DataFrame, drive: Any) -> None:
    """CSV, also compressed, Excel and Parquet; the folder of a file is made where pandas makes it."""
    root = "onedrive://myfiles/Reports"
    frame.to_csv(f"{root}/a b#1.csv", index=False, storage_options=options)
    frame.to_csv(f"{root}/a.csv.gz", index=False, storage_options=options)
    frame.to_excel(f"{root}/a.xlsx", index=False, storage_options=options)
    frame.to_parquet(f"{root}/a.parquet", storage_options=options)
    frame.to_json(f"{root}/a.jsonl", orient="records", lines=True, storage_options=options)
    assert drive.read("Reports/a b#1.csv").startswith(b"day,name,amount\n1,a,1.5\n")
    for read, name in (
        (pd.read_csv, "a b#1.csv"),
        (pd.read_csv, "a.csv.gz"),
        (pd.read_excel, "a.xlsx"),
        (pd.read_parquet, "a.parquet"),
    ):
        pd.testing.assert_frame_equal(read(f"{root}/{name}", storage_options=options), frame)
    again = pd.read_json(f"{root}/a.jsonl", orient="records", lines=True, storage_options=options)
    pd.testing.assert_frame_equal(again, frame)


def test_failing_pandas_publishes_nothing(options: dict[str, Any], drive: Any) -> None:
    """A frame that cannot be written leaves no half of it."""

    class Unwritable:
        def __str__(self) -> str:
            raise ZeroDivisionError

    frame = pd.DataFrame({"a": [1] * 200_000, "b": [*[1] * 199_999, Unwritable()]})
    with pytest.raises(ZeroDivisionError):
        frame.to_csv("onedrive://myfiles/a.csv", storage_options=options)
    assert drive.paths() == []


def test_read_parquet_of_small_file_takes_three_requests(
    fields: dict[str, Any], frame: pd.DataFrame, onedrive_emulator: Emulator
) -> None:
    """It asks four times what the file is, and opens it twice."""
    options = {**fields, "listings_expiry_time": 600}
    frame.to_parquet("onedrive://myfiles/a.parquet", storage_options=options)
    before = len(onedrive_emulator.requests)
    pd.testing.assert_frame_equal(pd.read_parquet("onedrive://myfiles/a.parquet", storage_options=options), frame)
    assert len(onedrive_emulator.requests) - before <= 3


def test_pyarrow_reads_and_writes_datasets(fs: OneDriveFileSystem, drive: Any) -> None:
    """Partitioned, over an old one, and only the columns that are asked for."""
    table = pa.table(TABLE)
    options = {"filesystem": fs, "format": "parquet", "partitioning": ["day"], "partitioning_flavor": "hive"}
    for _ in range(2):
        ds.write_dataset(table, "myfiles/data", existing_data_behavior="delete_matching", **options)
    assert sorted(drive.read_all()) == ["data/day=1/part-0.parquet", "data/day=2/part-0.parquet"]
    dataset = ds.dataset("myfiles/data", filesystem=fs, format="parquet", partitioning="hive")
    assert dataset.to_table(filter=ds.field("day") == 2).to_pylist() == [{"name": "c", "amount": 3.5, "day": 2}]
    pq.write_table(table, "myfiles/one.parquet", filesystem=fs)
    assert pq.read_table("myfiles/one.parquet", filesystem=fs, columns=["name"]).to_pydict() == {"name": TABLE["name"]}


def test_pyarrow_moves_copies_and_appends(fs: OneDriveFileSystem, drive: Any) -> None:
    """Through its own interface of filesystems."""
    arrow = pa.fs.PyFileSystem(pa.fs.FSSpecHandler(fs))
    with arrow.open_output_stream("myfiles/a.txt") as file:
        file.write(b"1")
    with arrow.open_append_stream("myfiles/a.txt") as file:
        file.write(b"2")
    arrow.copy_file("myfiles/a.txt", "myfiles/b.txt")
    arrow.create_dir("myfiles/c/d")
    arrow.create_dir("myfiles/c/d")
    arrow.move("myfiles/b.txt", "myfiles/c/d/e.txt")
    assert drive.read_all() == {"a.txt": b"12", "c/d/e.txt": b"12"}
    names = [each.path for each in arrow.get_file_info(pa.fs.FileSelector("myfiles", recursive=True))]
    assert names == ["myfiles/a.txt", "myfiles/c", "myfiles/c/d", "myfiles/c/d/e.txt"]
    arrow.delete_dir("myfiles/c")
    assert drive.paths() == ["a.txt"]


def test_one_column_moves_little_more_than_it_is(
    fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator
) -> None:
    """Of twenty columns one is read: at most 1.3 times the bytes that pyarrow asks for."""
    values = [number * 2654435761 % 2**63 for number in range(400_000)]
    table = pa.table({f"c{number}": pa.array(values) for number in range(20)})
    pq.write_table(table, "myfiles/wide.parquet", filesystem=fs, row_group_size=100_000, use_dictionary=False)
    metadata = pq.read_metadata("myfiles/wide.parquet", filesystem=fs)
    groups = [metadata.row_group(number).column(7) for number in range(metadata.num_row_groups)]
    wanted = sum(each.total_compressed_size for each in groups)
    with onedrive_emulator.requests.measure() as cost:
        pq.read_table("myfiles/wide.parquet", filesystem=fs, columns=["c7"])
    assert fs.size("myfiles/wide.parquet") > 8 * wanted
    assert cost.total(operation="download").sent_bytes <= 1.3 * (wanted + 65_536)


def test_duckdb_reads_and_writes(fs: OneDriveFileSystem, frame: pd.DataFrame, drive: Any) -> None:
    """By full URLs, with patterns, and COPY TO."""
    frame.iloc[:2].to_parquet("myfiles/in/a.parquet", filesystem=fs)
    frame.iloc[2:].to_parquet("myfiles/in/b.parquet", filesystem=fs)
    connection = duckdb.connect()
    connection.register_filesystem(fs)
    query = "from read_parquet('onedrive://myfiles/in/*.parquet')"
    assert connection.sql(f"select sum(amount), count(*) {query}").fetchall() == [(7.5, 3)]
    connection.sql(f"copy (select name {query} order by name) to 'onedrive://myfiles/out.csv' (header)")
    assert drive.read("out.csv") == b"name\na\nb\nc\n"
    assert connection.sql("select count(*) from 'onedrive://myfiles/out.csv'").fetchall() == [(3,)]


def test_polars_reads_what_is_open(fs: OneDriveFileSystem, frame: pd.DataFrame, drive: Any) -> None:
    """It has object stores of its own, and knows no foreign scheme: files are opened for it, or pyarrow reads them."""
    with fs.open("myfiles/a.parquet", "wb") as file:
        pl.from_pandas(frame).write_parquet(file)
    with fs.open("myfiles/a.parquet") as file:
        assert pl.read_parquet(file).equals(pl.from_pandas(frame))
    lazy = pl.scan_pyarrow_dataset(ds.dataset("myfiles/a.parquet", filesystem=fs))
    assert lazy.filter(pl.col("day") == 2).collect().height == 1
    with pytest.raises(Exception, match="onedrive"):
        pl.read_parquet("onedrive://myfiles/a.parquet")


@pytest.fixture
def two_processes() -> Iterator[None]:
    # One pool for all: each process imports Airflow, which takes seconds.
    with (
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool,
        dask.config.set(scheduler="processes", pool=pool),
    ):
        yield


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # dask uses what pandas deprecates
@pytest.mark.filterwarnings("ignore:An error occurred while calling")
@pytest.mark.usefixtures("two_processes")
def test_dask_works_in_two_processes(frame: pd.DataFrame, onedrive_emulator: Emulator, drive: Any) -> None:
    """Each process looks up the connection by itself, whose secret is not sent along."""
    options = {"conn_id": "onedrive_default"}
    parts = dask.dataframe.from_pandas(frame, npartitions=2)
    parts.to_parquet("onedrive://myfiles/parts", storage_options=options)
    assert sorted(drive.read_all()) == ["parts/part.0.parquet", "parts/part.1.parquet"]
    again = dask.dataframe.read_parquet("onedrive://myfiles/parts", storage_options=options)
    assert again.amount.sum().compute() == 7.5
    parts.to_csv("onedrive://myfiles/csv/*.csv", index=False, storage_options=options)
    csv = dask.dataframe.read_csv("onedrive://myfiles/csv/*.csv", storage_options=options)
    assert csv.amount.sum().compute() == 7.5
