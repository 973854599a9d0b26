package known

import (
	_ "embed"
	"strings"
)

// functionsTxt comes from a server's own catalogue, see functions.sql.
//
//go:embed functions.txt
var functionsTxt string

// Functions tells what a function of the server may do. A function in none of
// its lists is one that nothing classifies.
type Functions struct {
	pure map[string]Traits
}

// Traits are the marks of functions.txt.
type Traits uint8

// The marks.
const (
	TakesRow  Traits = 1 << iota // may be written as a column: users.to_json is to_json(users)
	GivesRows                    // its answer has named columns
)

// A Kind is what is known of a function.
type Kind uint8

// The kinds.
const (
	Unclassified Kind = iota
	Pure              // computes
	Flagged           // acts on the server, on other sessions or on files
	Opaque            // flagged, and runs text or reads tables that the call does not show
)

// NewFunctions reads the lists that are compiled in.
func NewFunctions() *Functions {
	f := &Functions{pure: make(map[string]Traits, 2500)}
	for line := range strings.Lines(functionsTxt) {
		name, mark, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		t := Traits(0)
		if strings.Contains(mark, "r") {
			t |= TakesRow
		}
		if strings.Contains(mark, "c") {
			t |= GivesRows
		}
		f.pure[name] = t
	}
	for _, name := range strings.Fields(harmless) {
		f.pure[name] = 0
	}
	return f
}

// harmless functions are volatile only because their answer changes.
const harmless = `clock_timestamp currval gen_random_uuid lastval pg_blocking_pids pg_collation_actual_version
pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size pg_indexes_size
pg_is_in_recovery pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status
pg_partition_ancestors pg_partition_tree pg_relation_size pg_safe_snapshot_blocking_pids pg_sequence_last_value
pg_table_size pg_tablespace_size pg_total_relation_size pg_xact_status random setseed timeofday txid_status`

// KindOf classifies a function by schema ("" when the text names none) and name.
// Names that act on the server are flagged in any schema: extensions are
// installed anywhere.
func (f *Functions) KindOf(schema, name string, catalogFirst bool) Kind {
	switch {
	case runsText(name):
		return Opaque
	case isFlagged(name):
		return Flagged
	case schema == "pg_catalog", schema == "" && catalogFirst:
		if _, ok := f.pure[name]; ok {
			return Pure
		}
	}
	return Unclassified
}

// Has reports whether a pure function has a trait.
func (f *Functions) Has(name string, t Traits) bool { return f.pure[name]&t != 0 }

// OfServerOperator reports whether an operator is one of the server's own. Others
// run functions that nothing classifies. A word there, such as BETWEEN, is the
// grammar's.
func OfServerOperator(name string) bool {
	return name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z' || strings.Contains(operators, " "+name+" ")
}

// operators are those of pg_operator.
const operators = " !! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<= " +
	"<<| <= <> <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ ~* ~<=~ ~<~ ~= " +
	"~>=~ ~>~ ~~ ~~* "

func runsText(name string) bool {
	for _, prefix := range []string{
		"query_to_xml", "cursor_to_xml", "table_to_xml", "schema_to_xml", "database_to_xml",
		"dblink", "crosstab", "pg_logical_slot_",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "ts_stat", "ts_rewrite", "connectby", "xpath_table", "get_raw_page", "heap_page_items", "pg_get_wal_records_info":
		return true
	}
	return false
}

func isFlagged(name string) bool {
	for _, prefix := range []string{
		"pg_advisory_", "pg_try_advisory_", "pg_ls_", "pg_file_", "pg_read_", "pg_sleep", "pg_stat_reset",
		"pg_create_", "pg_drop_", "pg_copy_", "pg_replication_origin_", "pg_replication_slot", "pg_wal_replay_",
		"pg_backup_", "pg_start_backup", "pg_stop_backup", "pg_rotate_logfile", "binary_upgrade_", "lo_",
		"postgres_fdw_", "pg_log_", "pg_logical_", "brin_summarize_", "brin_desummarize_",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf", "pg_switch_wal", "pg_switch_xlog", "pg_promote",
		"pg_stat_file", "pg_current_logfile", "set_config", "setval", "nextval", "pg_notify", "pg_export_snapshot", "loread", "lowrite",
		"pg_hba_file_rules", "pg_ident_file_mappings", "pg_show_all_file_settings", "pg_import_system_collations",
		"pg_nextoid", "pg_extension_config_dump", "pg_stop_making_pinned_objects", "gin_clean_pending_list",
		"pg_stat_clear_snapshot", "pg_stat_force_next_flush":
		return true
	}
	return false
}

// TellsOfServer reports whether a pure function shows other sessions, definitions
// or statistics: reading those is more than steering the conversation.
func TellsOfServer(name string) bool {
	for _, prefix := range []string{"pg_stat_", "pg_get_", "pg_show_", "pg_mcv_", "pg_lock_", "pg_prepared_", "pg_config"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Guarded reports whether a relation of the server hands out credentials, or
// values that other rules guard.
func Guarded(schema, name string) bool {
	if schema == "pg_toast" || strings.HasPrefix(schema, "pg_toast_temp") {
		return true
	}
	switch name {
	case "pg_authid", "pg_shadow", "pg_statistic", "pg_stats", "pg_statistic_ext_data", "pg_stats_ext",
		"pg_stats_ext_exprs", "pg_user_mapping", "pg_user_mappings", "pg_subscription", "pg_hba_file_rules",
		"pg_file_settings", "pg_ident_file_mappings", "pg_largeobject":
		return schema == "" || schema == "pg_catalog"
	case "user_mapping_options", "_pg_user_mappings":
		return schema == "" || schema == "information_schema"
	}
	return false
}

// OfServer reports whether a relation may be one of the server's own, which
// nobody changes by DML.
func OfServer(schema, name string) bool {
	return schema == "pg_catalog" || schema == "information_schema" || schema == "" && strings.HasPrefix(name, "pg_")
}
