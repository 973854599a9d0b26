package known

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Both lists come from servers of every major, see contrib/dev/functions.
var (
	//go:embed functions.txt
	functionsTxt string
	//go:embed acting.txt
	actingTxt string
)

// Functions tells what a function of the server may do. A function in none of
// its lists is one that nothing classifies.
type Functions struct {
	pure map[string]function
}

type function struct {
	traits Traits
	majors majors
}

// Traits are the marks of functions.txt.
type Traits uint8

// The marks.
const (
	TakesRow  Traits = 1 << iota // may be written as a column: users.to_json is to_json(users)
	GivesRows                    // its answer has named columns
)

// A Server is what a name without a schema depends on.
type Server struct {
	// Major is the server's version; 0, and one older than the lists, is any.
	Major int
	// CatalogFirst: the server's own functions come before any other of the name.
	CatalogFirst bool
}

// The majors that the lists were made from.
const (
	FirstMajor = 13
	LastMajor  = 18
)

// majors is a set of versions, the first in bit 0.
type majors uint8

const allMajors majors = 1<<(LastMajor-FirstMajor+1) - 1

// has reports whether a function is there: in a newer server as in the last
// that is known, and in one of no known version only if all of them have it.
func (m majors) has(major int) bool {
	if major < FirstMajor {
		return m == allMajors
	}
	return m>>(min(major, LastMajor)-FirstMajor)&1 != 0
}

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
	f := &Functions{pure: make(map[string]function, 2700)}
	for line := range strings.Lines(functionsTxt) {
		name, fn := parseFunction(line)
		f.pure[name] = fn
	}
	keep := strings.Fields(harmless)
	for line := range strings.Lines(actingTxt) {
		if name, fn := parseFunction(line); slices.Contains(keep, name) {
			f.pure[name] = fn
		}
	}
	return f
}

// parseFunction reads a line of a list: a name, its marks, its majors.
func parseFunction(line string) (string, function) {
	words := strings.Fields(line)
	fn := function{majors: allMajors}
	for _, w := range words[1:] {
		var from, to int
		if n, _ := fmt.Sscanf(w, "%d-%d", &from, &to); n == 2 {
			fn.majors = allMajors >> (LastMajor - to) &^ (1<<(from-FirstMajor) - 1)
			continue
		}
		if strings.Contains(w, "r") {
			fn.traits |= TakesRow
		}
		if strings.Contains(w, "c") {
			fn.traits |= GivesRows
		}
	}
	return words[0], fn
}

// harmless functions are volatile only because their answer changes, or give up a
// lock of the session's own, as pools do when they take a session back.
const harmless = `amvalidate array_sample array_shuffle clock_timestamp current_query currval gen_random_uuid lastval
pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
pg_blocking_pids pg_collation_actual_version pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system
pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_collation_actual_version
pg_database_size pg_get_multixact_members pg_get_wait_events pg_get_wal_replay_pause_state pg_get_wal_resource_managers
pg_indexes_size pg_is_in_backup pg_is_in_recovery pg_is_wal_replay_paused pg_jit_available pg_last_committed_xact
pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status pg_notification_queue_usage
pg_partition_ancestors pg_partition_tree pg_prepared_xact pg_relation_size pg_safe_snapshot_blocking_pids
pg_sequence_last_value pg_show_replication_origin_status pg_stat_get_backend_io pg_stat_get_backend_wal pg_stat_get_io
pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit
pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time
pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched
pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_newpage_updated
pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated pg_stat_have_stats pg_table_size pg_tablespace_size
pg_total_relation_size pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status random random_normal
setseed timeofday timezone txid_status uuidv4 uuidv7`

// KindOf classifies a function by schema ("" when the text names none) and name.
// Names that act on the server are flagged in any schema: extensions are
// installed anywhere.
func (f *Functions) KindOf(schema, name string, server Server) Kind {
	switch {
	case runsText(name):
		return Opaque
	case isFlagged(name):
		return Flagged
	case schema == "pg_catalog" && f.pure[name].majors != 0: // nobody else makes functions there
		return Pure
	case schema == "" && server.CatalogFirst && f.pure[name].majors.has(server.Major):
		return Pure
	}
	return Unclassified
}

// Has reports whether a pure function has a trait.
func (f *Functions) Has(name string, t Traits) bool { return f.pure[name].traits&t != 0 }

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
	if strings.HasPrefix(name, "pg_advisory_unlock") {
		return false
	}
	for _, prefix := range []string{
		"pg_advisory_", "pg_try_advisory_", "pg_ls_", "pg_file_", "pg_read_", "pg_sleep", "pg_stat_reset",
		"pg_create_", "pg_drop_", "pg_copy_", "pg_replication_origin_", "pg_replication_slot", "pg_wal_replay_",
		"pg_backup_", "pg_start_backup", "pg_stop_backup", "pg_rotate_logfile", "binary_upgrade_", "lo_",
		"postgres_fdw_", "pg_log_", "pg_logical_", "pg_sync_", "pg_restore_", "pg_clear_", "brin_summarize_", "brin_desummarize_",
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

// Advisory reports whether a function locks or unlocks a number.
func Advisory(name string) bool {
	return strings.HasPrefix(name, "pg_advisory_") || strings.HasPrefix(name, "pg_try_advisory_")
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
