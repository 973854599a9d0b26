"""What SQLAlchemy sees through a gateway that refuses DROP. argv: the connection string."""
import io
import sys

import psycopg2
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, create_engine, event, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, declarative_base, joinedload, relationship

from interrupt import interrupted

commented = len(sys.argv) > 2 and sys.argv[2] == "commented"
engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(sys.argv[1]))
count = 0


@event.listens_for(engine, "before_cursor_execute", retval=True)
def comment(conn, cursor, statement, parameters, context, executemany):
    """Appends what sqlcommenter does: where the statement comes from."""
    global count
    count += 1
    if commented:
        statement += " /*db_driver='psycopg2',framework='sqlalchemy%%3A1.4',traceparent='00-{:032x}-{:016x}-01'*/".format(count, count)
    return statement, parameters


Base = declarative_base()


class Author(Base):
    __tablename__ = "authors"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    books = relationship("Book", back_populates="author")


class Book(Base):
    __tablename__ = "books"
    id = Column(Integer, primary_key=True)
    title = Column(String)
    author_id = Column(Integer, ForeignKey("authors.id"))
    author = relationship("Author", back_populates="books")


def refused(statement):
    """The SQLSTATE that a statement ends with, and the reason if the gateway gives one."""
    try:
        statement()
    except DBAPIError as e:
        return e.orig.pgcode + (" Tables stay." if "Tables stay." in str(e) else "")
    return "passed"


with engine.connect() as conn:
    print("allow:", conn.execute(text("SELECT count(*) FROM users WHERE id <= :n"), {"n": 10}).scalar())
    print("deny:", refused(lambda: conn.execute(text("DROP TABLE doomed"))), end=" ")
with engine.connect() as conn:
    print(conn.execute(select(1)).scalar())

with Session(engine) as s:
    s.add(Author(name="gone"))
    s.flush()
    codes = [refused(lambda: s.execute(text("DROP TABLE doomed"))), refused(lambda: s.connection().exec_driver_sql("SELECT 1"))]
    s.rollback()
    print("transaction:", *codes, s.execute(select(func.count()).select_from(Author)).scalar())

with engine.connect() as conn:
    print("pipeline:", refused(lambda: conn.exec_driver_sql("SELECT 1; DROP TABLE doomed; SELECT 2")), end=" ")
with engine.connect() as conn:
    print(conn.execute(select(3)).scalar())

with engine.connect() as conn:
    print("cancel:", interrupted(conn.connection.cancel, lambda: refused(lambda: conn.execute(text("SELECT count(*) FROM users a, users b, users c, users d")))), end=" ")
with engine.connect() as conn:
    print(conn.execute(select(4)).scalar())

raw = engine.raw_connection()
raw.cursor().copy_expert("COPY scratch FROM STDIN", io.StringIO("".join("%d\trow %d\n" % (n, n) for n in range(500))))
out = io.StringIO()
raw.cursor().copy_expert("COPY scratch TO STDOUT", out)
raw.rollback()
raw.close()
print("copy:", out.getvalue().count("\n"))

with engine.connect().execution_options(stream_results=True) as conn:
    rows = conn.execute(text("SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g"))
    print("large:", sum(row[0] for row in rows))

# What an application does all day: units of work over a mapping, each with other values.
tables = inspect(engine).get_table_names()
print("tables:", *sorted(t for t in tables if t in ("authors", "books", "doomed", "scratch", "users")))
print("columns:", *(c["name"] for c in inspect(engine).get_columns("books")))
for n in range(60):
    with Session(engine) as s:
        a = Author(name="author %d" % n)
        a.books = [Book(title="it's book %d" % k) for k in range(n % 3 + 1)]
        s.add(a)
        s.commit()
        found = s.execute(select(Author).where(Author.name == "author %d" % n).options(joinedload(Author.books))).unique().scalar_one()
        found.books[0].title = "\N{LATIN SMALL LETTER E WITH ACUTE} %d" % n
        s.commit()
        s.execute(select(Book).join(Author).where(Author.id == found.id, Book.title.like("%book%")).order_by(Book.id).limit(5)).all()
        s.execute(select(Book.author_id, func.count()).group_by(Book.author_id).having(func.count() > n % 2)).all()
        s.delete(found.books[-1])
        s.commit()
with Session(engine) as s:
    print("books:", s.execute(select(func.count()).select_from(Book)).scalar())
