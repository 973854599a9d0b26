// Package vocab lists the words of the configuration language that are fixed:
// attributes, methods, verbs, ports. It says what may be written, and nothing of
// what it means. Nothing in it is decided by a configuration.
package vocab

// Lists names the plain attributes of a rule that are lists of words.
func Lists() []string {
	return []string{"effects", "hosts", "methods", "paths", "operations", "verbs", "tables", "functions", "columns", "databases", "tools", "models", "hours"}
}

// Readings lists what the body of an operation may be read as.
func Readings() []string { return []string{"graphql", "git", "jsonrpc", "mcp", "llm"} }

// Methods lists the methods a rule may name: HTTP's own and those of WebDAV and
// its kin that services are known to take.
func Methods() []string {
	return []string{
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "QUERY", "PURGE", "LINK", "UNLINK",
		"MKCALENDAR", "ACL", "CHECKIN", "CHECKOUT", "MERGE", "LABEL", "BIND", "UNBIND", "REBIND", "UPDATE", "VERSION-CONTROL", "LIST",
	}
}

// Verbs lists what a statement of PostgreSQL may do. protocols/postgres/sql gives
// each statement one or more of them.
func Verbs() []string {
	return []string{
		"select", "insert", "update", "delete", "merge", "copy", "truncate", "lock", "create", "alter", "drop",
		"grant", "revoke", "comment", "security", "reassign", "import", "load", "do", "call", "vacuum", "analyze",
		"cluster", "reindex", "refresh", "checkpoint", "begin", "commit", "rollback", "savepoint", "release",
		"prepare_transaction", "commit_prepared", "rollback_prepared", "set", "reset", "show", "discard", "prepare",
		"execute", "deallocate", "declare", "fetch", "move", "close", "explain", "listen", "unlisten", "notify",
		"empty", "unknown",
	}
}

// DefaultPorts gives the ports that a host without one means.
func DefaultPorts(protocol string) []uint16 {
	switch protocol {
	case "http":
		return []uint16{443, 80}
	case "postgres":
		return []uint16{5432}
	}
	return nil
}
