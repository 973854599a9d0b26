// Package texts holds what the gateway asks a server about its catalog. It asks
// nothing itself.
package texts

// What the gateway asks a server for. Each text runs inside one read-only
// transaction, with nothing but pg_catalog on the search_path, and works on every
// server from version 13 on. Rows are small, however large a view is.
const (
	Begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

	// Self comes before Path, which changes its answer.
	Self = "SELECT pg_catalog.current_setting('search_path'), CURRENT_USER::pg_catalog.text"
	Path = "SET LOCAL search_path = pg_catalog"

	Schemas = `SELECT oid, nspname, has_schema_privilege(oid, 'USAGE') FROM pg_namespace
WHERE nspname !~ '^pg_(temp|toast_temp|toast)(_|$)'`

	// Indexes and composite types cannot be read, and what is temporary belongs to
	// another session.
	Relations = `SELECT oid, relnamespace, relname, relkind FROM pg_class
WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'`

	Parents = "SELECT inhrelid, inhparent FROM pg_inherits"

	// The server's own views are older than this number and stand for themselves.
	// A rule that uses a whole row names no column, and so may one that is written
	// in a way that this text does not know.
	Rules = `SELECT oid, ev_class, ev_type,
  ev_action::text ~ ':varattno 0 ' OR ev_action::text ~ ':varattno' AND ev_action::text !~ '[{]VAR :varno [0-9]+ :varattno'
FROM pg_rewrite WHERE oid >= 16384`

	// What a rule reads stands in its tree; pg_depend leaves the server's own out.
	RuleTables = `SELECT DISTINCT r.oid, m[1]
FROM pg_rewrite r, regexp_matches(r.ev_action::text || ' ' || r.ev_qual::text, ':relid ([0-9]+)', 'g') m
WHERE r.oid >= 16384`

	RuleVerbs = `SELECT DISTINCT r.oid, m[1]
FROM pg_rewrite r, regexp_matches(r.ev_action::text, ':commandType ([0-9]+)', 'g') m
WHERE r.oid >= 16384 AND r.ev_type <> '1'`

	RuleFunctions = `SELECT r.oid, n.nspname, p.proname
FROM (SELECT DISTINCT r.oid, m[1]::oid AS called FROM pg_rewrite r,
  regexp_matches(r.ev_action::text || ' ' || r.ev_qual::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid|tsmhandler) ([0-9]+)', 'g') m
  WHERE r.oid >= 16384) r
JOIN pg_proc p ON p.oid = r.called JOIN pg_namespace n ON n.oid = p.pronamespace`

	RuleColumns = `SELECT DISTINCT d.objid, d.refobjid, a.attname
FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid <> 0`

	Foreign = `SELECT f.ftrelid,
  (SELECT left(option_value, 63) FROM pg_options_to_table(f.ftoptions) WHERE option_name = 'schema_name'),
  (SELECT left(option_value, 63) FROM pg_options_to_table(f.ftoptions) WHERE option_name = 'table_name')
FROM pg_foreign_table f`

	// Functions, and operators, of languages in which a DBA writes: what they do to a
	// session no catalog tells. Those of C belong to an extension.
	Code = `WITH code AS (SELECT p.oid, p.proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
  WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c'))
SELECT proname FROM code UNION SELECT o.oprname FROM pg_operator o JOIN code ON code.oid = o.oprcode`

	// 64 marks INSTEAD OF in pg_trigger.tgtype.
	Instead = "SELECT DISTINCT tgrelid FROM pg_trigger WHERE NOT tgisinternal AND (tgtype & 64) <> 0"
)
