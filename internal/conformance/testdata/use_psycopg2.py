"""What psycopg2 sees through a gateway that refuses DROP. argv: the connection string."""
import io
import sys

import psycopg2

from interrupt import interrupted


def run(text, *args):
    cur = conn.cursor()
    cur.execute(text, *args)
    return cur


def one(text, *args):
    return run(text, *args).fetchone()[0]


def refused(text):
    """The SQLSTATE that a statement ends with, and the reason if the gateway gives one."""
    try:
        run(text)
    except psycopg2.Error as e:
        return e.pgcode + (" Tables stay." if "Tables stay." in str(e) else "")
    return "passed"


conn = psycopg2.connect(sys.argv[1])
conn.autocommit = True
print("allow:", one("SELECT count(*) FROM users WHERE id <= %s", [10]))
print("deny:", refused("DROP TABLE doomed"), one("SELECT 1"))

conn.autocommit = False
run("INSERT INTO scratch VALUES (1, 'gone')")
codes = [refused("DROP TABLE doomed"), refused("SELECT 1")]
conn.rollback()
print("transaction:", *codes, one("SELECT count(*) FROM scratch"))
conn.rollback()
conn.autocommit = True

# It knows no pipeline; several statements are sent at once.
print("pipeline:", refused("SELECT 1; DROP TABLE doomed; SELECT 2"), one("SELECT 3"))

print("cancel:", interrupted(conn.cancel, lambda: refused("SELECT count(*) FROM users a, users b, users c, users d")), one("SELECT 4"))

conn.cursor().copy_expert("COPY scratch FROM STDIN", io.StringIO("".join("%d\trow %d\n" % (n, n) for n in range(500))))
out = io.StringIO()
conn.cursor().copy_expert("COPY scratch TO STDOUT", out)
print("copy:", out.getvalue().count("\n"))

run("DELETE FROM scratch WHERE id >= %s", [0])
conn.autocommit = False
with conn.cursor("named") as cur:  # DECLARE and FETCH
    cur.execute("SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g")
    print("large:", sum(row[0] for row in cur))
conn.commit()
