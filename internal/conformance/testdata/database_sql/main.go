// Command scene tells what database/sql sees through a gateway that refuses DROP.
// Its argument is the connection string.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

func main() {
	db, err := sql.Open("pgx", os.Args[1])
	if err == nil {
		err = play(context.Background(), db)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// slow is a query that reads for hours.
const slow = "SELECT count(*) FROM users a, users b, users c, users d"

// An execer is a database, a transaction or a connection.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func play(ctx context.Context, db *sql.DB) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println("allow:", one(c, "SELECT count(*) FROM users WHERE id <= $1", 10))
	fmt.Println("deny:", refused(c, "DROP TABLE doomed"), one(c, "SELECT 1"))

	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO scratch VALUES ($1, $2)", 1, "gone"); err != nil {
		return err
	}
	denied, failed := refused(tx, "DROP TABLE doomed"), refused(tx, "SELECT 1")
	if err := tx.Rollback(); err != nil {
		return err
	}
	fmt.Println("transaction:", denied, failed, one(c, "SELECT count(*) FROM scratch"))

	// It has no words for a batch; the driver behind it has.
	err = c.Raw(func(driver any) error {
		var b pgx.Batch
		b.Queue("SELECT 1")
		b.Queue("DROP TABLE doomed")
		b.Queue("SELECT 2")
		return driver.(*stdlib.Conn).Conn().SendBatch(ctx, &b).Close()
	})
	fmt.Println("pipeline:", sqlstate(err), one(c, "SELECT 3"))

	var killer *pgconn.PgConn
	if err := c.Raw(func(driver any) error { killer = driver.(*stdlib.Conn).Conn().PgConn(); return nil }); err != nil {
		return err
	}
	stop := again(func() { killer.CancelRequest(ctx) })
	code := refused(c, slow)
	stop()
	fmt.Println("cancel:", code, one(c, "SELECT 4"))

	err = c.Raw(func(driver any) error {
		pg := driver.(*stdlib.Conn).Conn()
		var rows [][]any
		for n := range 500 {
			rows = append(rows, []any{n, fmt.Sprint("row ", n)})
		}
		if _, err := pg.CopyFrom(ctx, pgx.Identifier{"scratch"}, []string{"id", "note"}, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		var out strings.Builder
		_, err := pg.PgConn().CopyTo(ctx, &out, "COPY scratch TO STDOUT")
		fmt.Println("copy:", strings.Count(out.String(), "\n"))
		return err
	})
	if err != nil {
		return err
	}
	return large(ctx, db)
}

// again does something every second until stop is called, which waits for it: a cancel
// that comes before its query cancels nothing.
func again(do func()) (stop func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				do()
			}
		}
	})
	return func() { close(over); all.Wait() }
}

func large(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g")
	if err != nil {
		return err
	}
	defer rows.Close()
	sum := 0
	for rows.Next() {
		var n int
		var text string
		if err := rows.Scan(&n, &text); err != nil {
			return err
		}
		sum += n
	}
	fmt.Println("large:", sum)
	return rows.Err()
}

func one(x execer, query string, args ...any) any {
	var n int64
	if err := x.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		return err
	}
	return n
}

func refused(x execer, query string) string {
	_, err := x.ExecContext(context.Background(), query)
	return sqlstate(err)
}

// sqlstate gives the SQLSTATE of an error, and the reason if the gateway gives one.
func sqlstate(err error) string {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return fmt.Sprint(err)
	}
	if strings.Contains(said.Message, "Tables stay.") {
		return said.Code + " Tables stay."
	}
	return said.Code
}
