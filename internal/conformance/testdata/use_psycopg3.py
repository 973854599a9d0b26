"""What psycopg 3 sees through a gateway that refuses DROP. argv: the connection string."""
import sys
import threading

import psycopg


def refused(statement):
    """The SQLSTATE that a statement ends with, and the reason if the gateway gives one."""
    try:
        statement()
    except psycopg.Error as e:
        return e.sqlstate + (" Tables stay." if "Tables stay." in str(e) else "")
    return "passed"


def one(text, *args):
    return conn.execute(text, *args).fetchone()[0]


def interrupted(cancel, statement):
    """Presses Ctrl-C every second: a cancel that comes before its statement cancels nothing."""
    over = threading.Event()

    def press():
        while not over.wait(1):
            cancel()

    thread = threading.Thread(target=press)
    thread.start()
    code = refused(statement)
    over.set()
    thread.join()
    return code


conn = psycopg.connect(sys.argv[1], autocommit=True)
print("allow:", one("SELECT count(*) FROM users WHERE id <= %s", [10]))
print("deny:", refused(lambda: conn.execute("DROP TABLE doomed")), one("SELECT 1"))

with conn.transaction(force_rollback=True):
    conn.execute("INSERT INTO scratch VALUES (1, 'gone')")
    codes = [refused(lambda: conn.execute("DROP TABLE doomed")), refused(lambda: conn.execute("SELECT 1"))]
print("transaction:", *codes, one("SELECT count(*) FROM scratch"))

seen = []
with conn.pipeline() as p:
    try:
        a = conn.execute("SELECT 1", prepare=True)
        b = conn.execute("DROP TABLE doomed", prepare=True)
        c = conn.execute("SELECT 2", prepare=True)
        p.sync()
        d = conn.execute("SELECT 3", prepare=True)
        p.sync()
    except psycopg.Error as e:
        seen.append(e.sqlstate)
for cur in (a, c):
    try:
        seen.append(cur.fetchone()[0])
    except psycopg.Error:
        seen.append("skipped")
print("pipeline:", *seen, one("SELECT 3"))

print("cancel:", interrupted(conn.cancel, lambda: conn.execute("SELECT count(*) FROM users a, users b, users c, users d")), one("SELECT 4"))

with conn.cursor() as cur, cur.copy("COPY scratch FROM STDIN") as copy:
    for n in range(500):
        copy.write_row((n, "row %d" % n))
with conn.cursor() as cur, cur.copy("COPY scratch TO STDOUT") as copy:
    print("copy:", sum(1 for _ in copy.rows()))

conn.execute("DELETE FROM scratch WHERE id >= %s", [0])
with conn.cursor() as cur:
    cur.execute("SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g")
    print("large:", sum(row[0] for row in cur))
