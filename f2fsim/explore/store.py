"""Results of points on disk: one SQLite file (WAL), one record a point, keyed by digest.

Every record is one transaction, so that a kill at any moment leaves whole records only; several
processes may write at once.  A finished record is never written over; a failed one is, when it is
tried again.  Which points belong to which sweep is kept apart from the records, so that two sweeps
share what they have in common.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from f2fsim.errors import DataError, F2fsimError
from f2fsim.explore.points import Point, text_digest
from f2fsim.whole_file import refuse_pipe

STORE_FILE = "sweep.sqlite"
#: ``F2FS`` and the version of the tables, in SQLite's own header fields.
APPLICATION_ID = 0x46324653
SCHEMA_VERSION = 1
BUSY_SECONDS = 60.0

_TABLES = """
CREATE TABLE IF NOT EXISTS records(
    digest TEXT PRIMARY KEY, status TEXT NOT NULL, metrics TEXT NOT NULL, error TEXT NOT NULL,
    wall_seconds REAL NOT NULL, cpu_seconds REAL NOT NULL, finished_unix REAL NOT NULL,
    n_attempts INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sweeps(
    sweep TEXT PRIMARY KEY, name TEXT NOT NULL, spec TEXT NOT NULL, started_unix REAL NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members(
    sweep TEXT NOT NULL, point INTEGER NOT NULL, digest TEXT NOT NULL, role TEXT NOT NULL,
    arch TEXT NOT NULL, workload TEXT NOT NULL, columns TEXT NOT NULL, baselines TEXT NOT NULL,
    PRIMARY KEY(sweep, point)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Outcome:
    """What came out of a point.

    ``status`` is ``ok``; ``failed`` (an error of the run, or a worker that died again and again);
    ``invalid`` (the point breaks a rule) or ``excluded`` (by a constraint).  ``metrics`` holds the
    figures of an ``ok`` point; a figure that the run did not yield is None.
    """

    digest: str
    status: str
    metrics: Mapping[str, Any]
    error: str = ""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Member:
    """A point of one sweep as the store knows it, with its record if there is one."""

    point: int
    digest: str
    role: str
    arch: str
    workload: str
    columns: Mapping[str, Any]
    baselines: Mapping[str, str]
    status: str
    metrics: Mapping[str, Any]
    error: str


class ResultStore:
    """Records of points in a folder, or in memory for ``None``.

    Parameters
    ----------
    folder : Path or None
        Made if it is missing.
    read_only : bool
        Whether the store must be there already and stays as it is.

    Raises
    ------
    DataError
        If the file is missing (`read_only`), damaged, or no store of this version.
    """

    def __init__(self, folder: Path | None, *, read_only: bool = False) -> None:
        self.path = None if folder is None else folder / STORE_FILE
        self._db = self._open(read_only)

    def _open(self, read_only: bool) -> sqlite3.Connection:
        if self.path is None:
            db = sqlite3.connect(":memory:", isolation_level=None)
            db.executescript(_TABLES)
            return db
        if read_only and not self.path.is_file():
            raise DataError(f"{self.path}: there is no store; make one with f2fsim sweep -o")
        if self.path.parent.exists() and not self.path.parent.is_dir():
            raise DataError(f"{self.path.parent}: is a file, a folder is needed")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        refuse_pipe(self.path)
        try:
            db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise DataError(f"{self.path}: cannot be opened or made there: {error}") from None
        try:
            self._prepare(db, read_only)
        except sqlite3.DatabaseError as error:
            db.close()
            raise DataError(f"{self.path}: is no usable store: {error}") from None
        except DataError:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection, read_only: bool) -> None:
        db.execute("BEGIN")  # one snapshot: another process may be making the tables just now
        (n_tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("COMMIT")
        fresh = application == 0 and n_tables == 0
        if not fresh and application != APPLICATION_ID:
            raise DataError(f"{self.path}: is a SQLite file of another program")
        if not fresh and version != SCHEMA_VERSION:
            raise DataError(
                f"{self.path}: has tables of version {version}, this program knows {SCHEMA_VERSION}"
            )
        if read_only and fresh:
            raise DataError(f"{self.path}: holds no sweep yet")
        if read_only:
            db.execute("PRAGMA query_only=ON")
            return
        _retry(lambda: db.execute("PRAGMA journal_mode=WAL"))
        db.execute("PRAGMA synchronous=FULL")
        with _transaction(db):
            for statement in _TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def begin(self, name: str, spec: Mapping[str, Any], points: Sequence[Point]) -> str:
        """Note the points of a sweep, and the records of those that cannot run.

        Returns
        -------
        str
            Key of the sweep: the same points give the same key.
        """
        sweep = text_digest([(p.index, p.digest, p.role, p.columns, p.baselines) for p in points])[
            :16
        ]
        rows = [
            (
                sweep,
                p.index,
                p.digest,
                p.role,
                p.arch_name,
                p.workload_name,
                _json(p.columns),
                _json(p.baselines),
            )
            for p in points
        ]
        with self._guard(), _transaction(self._db):
            self._db.execute(
                "INSERT INTO sweeps VALUES(?,?,?,?) ON CONFLICT(sweep) DO UPDATE SET "
                "name=excluded.name, spec=excluded.spec, started_unix=excluded.started_unix",
                (sweep, name, _json(spec), time.time()),
            )
            self._db.executemany("INSERT OR IGNORE INTO members VALUES(?,?,?,?,?,?,?,?)", rows)
            for p in points:
                if p.status != "ready":
                    self._put(Outcome(p.digest, p.status, {}, p.error))
        return sweep

    def put(self, outcome: Outcome) -> bool:
        """Record what came out of a point; return False if it was finished before."""
        with self._guard(), _transaction(self._db):
            return self._put(outcome)

    def _put(self, outcome: Outcome) -> bool:
        cursor = self._db.execute(
            "INSERT INTO records VALUES(?,?,?,?,?,?,?,1) ON CONFLICT(digest) DO UPDATE SET "
            "status=excluded.status, metrics=excluded.metrics, error=excluded.error, "
            "wall_seconds=excluded.wall_seconds, cpu_seconds=excluded.cpu_seconds, "
            "finished_unix=excluded.finished_unix, n_attempts=records.n_attempts+1 "
            "WHERE records.status IN ('failed', 'invalid') AND excluded.status<>'excluded'",
            (
                outcome.digest,
                outcome.status,
                _json(outcome.metrics),
                outcome.error,
                outcome.wall_seconds,
                outcome.cpu_seconds,
                time.time(),
            ),
        )
        return cursor.rowcount == 1

    def statuses(self) -> dict[str, str]:
        """Return the status of every record by digest."""
        with self._guard():
            return dict(self._db.execute("SELECT digest, status FROM records"))

    def status(self, digest: str) -> str | None:
        """Return the status of a record, None if there is none."""
        with self._guard():
            row = self._db.execute(
                "SELECT status FROM records WHERE digest=?", (digest,)
            ).fetchone()
        return None if row is None else str(row[0])

    def outcome(self, digest: str) -> Outcome | None:
        """Return a record, None if there is none."""
        with self._guard():
            row = self._db.execute(
                "SELECT digest, status, metrics, error, wall_seconds, cpu_seconds FROM records "
                "WHERE digest=?",
                (digest,),
            ).fetchone()
        return None if row is None else Outcome(row[0], row[1], json.loads(row[2]), *row[3:])

    def sweeps(self) -> list[dict[str, Any]]:
        """Return every sweep of the store with its points by status, the latest last."""
        with self._guard():
            found = self._db.execute(
                "SELECT sweep, name, started_unix FROM sweeps ORDER BY started_unix, sweep"
            ).fetchall()
            counts = self._db.execute(
                "SELECT m.sweep, coalesce(r.status, 'missing'), count(*), total(r.cpu_seconds) "
                "FROM members m LEFT JOIN records r USING(digest) GROUP BY 1, 2"
            ).fetchall()
        rows = []
        for sweep, name, _ in found:
            mine = {status: (n, cpu) for key, status, n, cpu in counts if key == sweep}
            row: dict[str, Any] = {"sweep": sweep, "name": name}
            for status in ("ok", "failed", "invalid", "excluded", "missing"):
                row[status] = mine.get(status, (0, 0.0))[0]
            row["cpu_seconds"] = round(sum(cpu for _, cpu in mine.values()), 1)
            rows.append(row)
        return rows

    def spec(self, sweep: str) -> dict[str, Any]:
        """Return the specification of a sweep as plain data."""
        with self._guard():
            row = self._db.execute("SELECT spec FROM sweeps WHERE sweep=?", (sweep,)).fetchone()
        if row is None:
            raise DataError(f"{self.path or 'store'}: has no sweep {sweep!r}")
        return dict(json.loads(row[0]))

    def latest(self) -> str:
        """Return the key of the sweep that was started last."""
        found = self.sweeps()
        if not found:
            raise DataError(f"{self.path or 'store'}: holds no sweep yet")
        return str(found[-1]["sweep"])

    def members(self, sweep: str) -> list[Member]:
        """Return the points of a sweep in order, each with its record."""
        with self._guard():
            rows = self._db.execute(
                "SELECT m.point, m.digest, m.role, m.arch, m.workload, m.columns, m.baselines, "
                "coalesce(r.status, 'missing'), coalesce(r.metrics, '{}'), coalesce(r.error, '') "
                "FROM members m LEFT JOIN records r USING(digest) WHERE m.sweep=? ORDER BY m.point",
                (sweep,),
            ).fetchall()
        return [
            Member(
                point=row[0],
                digest=row[1],
                role=row[2],
                arch=row[3],
                workload=row[4],
                columns=json.loads(row[5]),
                baselines=json.loads(row[6]),
                status=row[7],
                metrics=json.loads(row[8]),
                error=row[9],
            )
            for row in rows
        ]

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Word SQLite's errors: a full disk or a damaged file is not a traceback."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise F2fsimError(f"{self.path or 'store'}: cannot be used: {error}") from None
        except sqlite3.DatabaseError as error:
            raise DataError(f"{self.path or 'store'}: is damaged: {error}") from None


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=False, separators=(",", ":"), default=str)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Take the write lock at once (no upgrade that could fail), commit whole or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _retry(action: Callable[[], Any]) -> None:
    """Repeat what SQLite refuses while another process opens the same file for the first time."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            action()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
