"""What psycopg 3 sees through a gateway that refuses DROP. argv: the connection string."""
import logging
import sys

import psycopg

from interrupt import interrupted


def refused(statement):
    """The SQLSTATE that a statement ends with, and the reason if the gateway gives one."""
    try:
        statement()
    except psycopg.Error as e:
        return e.sqlstate + (" Tables stay." if "Tables stay." in str(e) else "")
    return "passed"


def one(text, *args):
    return conn.execute(text, *args).fetchone()[0]


conn = psycopg.connect(sys.argv[1], autocommit=True)
print("allow:", one("SELECT count(*) FROM users WHERE id <= %s", [10]))
print("deny:", refused(lambda: conn.execute("DROP TABLE doomed")), one("SELECT 1"))

with conn.transaction(force_rollback=True):
    conn.execute("INSERT INTO scratch VALUES (1, 'gone')")
    codes = [refused(lambda: conn.execute("DROP TABLE doomed")), refused(lambda: conn.execute("SELECT 1"))]
print("transaction:", *codes, one("SELECT count(*) FROM scratch"))

# The refusal is raised when it is here: by what is sent next, by a sync or at the end.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # it warns of what was skipped
seen, a, c = [], conn.cursor(), conn.cursor()
try:
    with conn.pipeline() as p:
        a.execute("SELECT 1", prepare=True)
        conn.execute("DROP TABLE doomed", prepare=True)
        c.execute("SELECT 2", prepare=True)
        p.sync()
        conn.execute("SELECT 3", prepare=True)
        p.sync()
except psycopg.Error as e:
    seen.append(e.sqlstate)
for cur in (a, c):
    try:
        seen.append(cur.fetchone()[0])
    except psycopg.Error:
        seen.append("skipped")
print("pipeline:", *seen, one("SELECT 3"))

print("cancel:", interrupted(conn.cancel, lambda: refused(lambda: conn.execute("SELECT count(*) FROM users a, users b, users c, users d"))), one("SELECT 4"))

with conn.cursor() as cur, cur.copy("COPY scratch FROM STDIN") as copy:
    for n in range(500):
        copy.write_row((n, "row %d" % n))
with conn.cursor() as cur, cur.copy("COPY scratch TO STDOUT") as copy:
    print("copy:", sum(1 for _ in copy.rows()))

conn.execute("DELETE FROM scratch WHERE id >= %s", [0])
with conn.cursor() as cur:
    cur.execute("SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g")
    print("large:", sum(row[0] for row in cur))
