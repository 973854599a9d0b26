package refusal

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TooLong bars a text that is not read whole.
func TooLong(size, limit int) *Bar {
	return &Bar{
		Code: "54000", Text: fmt.Sprintf("a statement of %d bytes is longer than the %d that are read", size, limit),
		Hint: "Use parameters or COPY for large values.",
	}
}

// UnclearName bars the name of a statement or a portal that two servers might
// read as two names.
func UnclearName(limit int) *Bar {
	return &Bar{
		Code: "42622", Text: fmt.Sprintf("the name of a prepared statement or portal is longer than %d bytes or not ASCII", limit),
		Hint: "Use a short ASCII name.",
	}
}

// Changed bars a portal that executes a name which has come to mean something else.
func Changed(name string) *Bar {
	return &Bar{
		Code: Denied, Text: fmt.Sprintf("prepared statement %q is not what it was when it was judged", name),
		Hint: "Bind the EXECUTE again.",
	}
}

// NoCursor bars a named portal for an EXECUTE.
func NoCursor() *Bar {
	return &Bar{
		Code: Denied, Text: "an EXECUTE may not be bound to a named portal: what it runs may change before it is fetched",
		Hint: "Bind it to the unnamed portal, or bind the prepared statement itself.",
	}
}

// TooMany bars a prepared statement too many.
func TooMany() *Bar {
	return &Bar{Code: "54000", Text: "too many prepared statements", Hint: "Close some, or use the unnamed one."}
}

// TooManyCursors bars a cursor too many.
func TooManyCursors() *Bar {
	return &Bar{Code: "54000", Text: "too many cursors are open", Hint: "Close some, or end the transaction."}
}

// NoStatement bars a Bind of a name that stands for nothing, in the server's words.
func NoStatement(name string) *Bar {
	return &Bar{Code: "26000", Text: fmt.Sprintf("prepared statement %q does not exist", name)}
}

// NoPortal bars an Execute of the unnamed portal that was never bound.
func NoPortal() *Bar { return &Bar{Code: "34000", Text: `portal "" does not exist`} }

// NoFunction bars a function call by a number that is not known.
func NoFunction(oid uint32) *Bar {
	return &Bar{Code: Denied, Text: fmt.Sprintf("function %d may not be called by its number", oid), Hint: "Call it in a SELECT."}
}

// NoDatabase bars a database that the service does not offer.
func NoDatabase(database, service string) *Bar {
	return &Bar{
		Code: Denied, Text: fmt.Sprintf("database %q is not one that the service %s offers", database, service),
		Hint: "http://sallyport.internal/manifest lists the databases.",
	}
}

// NoSeat bars a session too many.
func NoSeat() *Bar {
	return &Bar{Code: "53300", Text: "this agent has as many sessions as the service allows", Hint: "Close one of them."}
}

// Elsewhere bars what was approved when its names stood for something else.
func Elsewhere() *Bar {
	return &Bar{
		Code: Denied, Text: "what the names of this statement stand for has changed while it waited for its approval",
		Hint: "Send it again.",
	}
}

// Unreached is for a session that could not be opened, for a cause in words of
// protocols.Cause.
func Unreached(cause string) *pgproto3.ErrorResponse {
	text := "sallyport cannot log in to the database"
	if cause != "" {
		text = "sallyport cannot reach the database: " + cause
	}
	return Fatal("08006", text, "An operator finds the cause in sallyport's log.")
}

// TooMuchData is for a COPY that sends more than the service allows.
func TooMuchData() *pgproto3.ErrorResponse {
	return Error("54000", "the data are more than the service allows", "Send less in one COPY; nothing of this one has been kept.")
}

// OpenTooLong is said of a statement that waited inside a transaction, and at the
// end of its session.
func OpenTooLong(most time.Duration) (code, text, hint string) {
	return "25P03", fmt.Sprintf("the transaction is not kept open for longer than %s while somebody is asked", most),
		"Its locks are given back. Ask again outside of a transaction, or once somebody is there to answer."
}

// Broken is the end of a session that met a bug of the gateway.
func Broken() *pgproto3.ErrorResponse {
	return Fatal("XX000", "sallyport met an error of its own and ends this session", "Connect again; an operator finds the cause in sallyport's log.")
}
