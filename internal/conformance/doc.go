// Package conformance lets programs that nobody here wrote judge the PostgreSQL
// of the gateway: pgx's own suites, psql, pgbench, pg_dump, and the drivers of
// three languages, each of which must see what it would see of the server, or a
// refusal that it understands. Its tests run with -tags e2e, need no root, and
// contain no code but tests.
package conformance
