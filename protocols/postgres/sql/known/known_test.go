package known

import (
	"slices"
	"strings"
	"testing"
)

// debian is a server as most are.
var debian = Server{Major: 15, CatalogFirst: true}

func TestFunctionsList(t *testing.T) {
	f := NewFunctions()
	if len(f.pure) < 2000 {
		t.Fatalf("only %d functions", len(f.pure))
	}
	for name := range f.pure {
		if f.Has(name, TakesRow) && f.KindOf("", name, Server{LastMajor, true}) != Pure {
			t.Errorf("%s takes a row and is not pure", name)
		}
	}
	for _, name := range []string{"pg_terminate_backend", "pg_sleep", "nextval", "set_config", "lo_import", "pg_read_file"} {
		if f.KindOf("", name, debian) != Flagged || f.KindOf("public", name, Server{}) != Flagged {
			t.Errorf("%s is not flagged", name)
		}
	}
	for name, want := range map[string]bool{"to_json": true, "row_to_json": true, "concat": true, "count": false, "lower": false} {
		if f.Has(name, TakesRow) != want {
			t.Errorf("takesRow of %s is %v", name, !want)
		}
	}
}

// TestFunctionsOfOtherMajors: a name is the server's own only where the server
// has it; in any other it may be anybody's.
func TestFunctionsOfOtherMajors(t *testing.T) {
	f := NewFunctions()
	tests := []struct {
		name  string
		major int
		want  Kind
	}{
		{"lower", 0, Pure},
		{"lower", 9, Pure},
		{"lower", 13, Pure},
		{"lower", 18, Pure},
		{"lower", 30, Pure},
		{"any_value", 0, Unclassified},
		{"any_value", 12, Unclassified},
		{"any_value", 13, Unclassified},
		{"any_value", 15, Unclassified},
		{"any_value", 16, Pure},
		{"any_value", 18, Pure},
		{"any_value", 19, Pure},
		{"uuidv7", 17, Unclassified},
		{"uuidv7", 18, Pure},
		{"pg_is_in_backup", 14, Pure},
		{"pg_is_in_backup", 15, Unclassified},
		{"pg_sleep", 13, Flagged},
		{"dblink", 13, Opaque},
		{"query_to_xml", 18, Opaque},
	}
	for _, tt := range tests {
		if got := f.KindOf("", tt.name, Server{tt.major, true}); got != tt.want {
			t.Errorf("%s in %d: %v, want %v", tt.name, tt.major, got, tt.want)
		}
	}
	if f.KindOf("", "lower", Server{Major: 15}) != Unclassified || f.KindOf("pg_catalog", "extract", Server{Major: 13}) != Pure {
		t.Error("lower is the server's own only where pg_catalog comes first")
	}
}

// unclassified are the acting functions that no list says more of: they show the
// inside of the server, or nobody can call them.
const unclassified = `bernoulli brinhandler bthandler currtid currtid2 dsnowball_init dsnowball_lexize event_trigger_in
fdw_handler_in ginhandler gisthandler hashhandler heap_tableam_handler index_am_handler_in language_handler_in
pg_available_wal_summaries pg_get_aios pg_get_backend_memory_contexts pg_get_loaded_modules pg_get_sequence_data
pg_get_shmem_allocations pg_get_shmem_allocations_numa pg_get_wal_summarizer_state pg_isolation_test_session_is_blocked
pg_wal_summary_contents plpgsql_call_handler plpgsql_inline_handler plpgsql_validator spghandler
suppress_redundant_updates_trigger system table_am_handler_in trigger_in tsm_handler_in tsvector_update_trigger
tsvector_update_trigger_column unique_key_recheck`

// TestEveryActingFunctionIsJudged: what may do more than compute, in any major,
// is flagged, harmless by name, or left unclassified on purpose.
func TestEveryActingFunctionIsJudged(t *testing.T) {
	f, left, kept := NewFunctions(), strings.Fields(unclassified), strings.Fields(harmless)
	seen := 0
	for line := range strings.Lines(actingTxt) {
		name := strings.Fields(line)[0]
		seen++
		kind := f.KindOf("pg_catalog", name, Server{})
		if slices.Contains(kept, name) {
			if kind != Pure && kind != Unclassified {
				t.Errorf("%s is harmless and flagged", name)
			}
			continue
		}
		trigger := strings.HasPrefix(name, "RI_FKey_")
		if flagged := kind == Flagged || kind == Opaque; flagged == (trigger || slices.Contains(left, name)) {
			t.Errorf("%s: kind %d", name, kind)
		}
	}
	for _, name := range append(left, kept...) {
		if !strings.Contains("\n"+actingTxt, "\n"+name+"\n") && !strings.Contains("\n"+actingTxt, "\n"+name+" ") {
			t.Errorf("%s: no server has it", name)
		}
	}
	if seen < 200 {
		t.Errorf("only %d acting functions", seen)
	}
}

func TestSettings(t *testing.T) {
	harmless := [][2]string{{"application_name", "x"}, {"client_encoding", "UTF-8"}, {"standard_conforming_strings", "on"}, {"enable_seqscan", "off"}, {"default_transaction_read_only", "true"}}
	for _, s := range harmless {
		if !HarmlessSetting(s[0], s[1]) {
			t.Errorf("%s = %s is not harmless", s[0], s[1])
		}
	}
	for _, s := range [][2]string{
		{"role", "x"},
		{"search_path", "x"},
		{"client_encoding", "SJIS"},
		{"client_encoding", ""},
		{"standard_conforming_strings", "off"},
		{"standard_conforming_strings", ""},
		{"default_transaction_read_only", "off"},
		{"app.tenant", "1"},
		{"statement_timeout", "1"},
		{"", ""},
	} {
		if HarmlessSetting(s[0], s[1]) {
			t.Errorf("%s = %s is harmless", s[0], s[1])
		}
	}
	for _, name := range []string{"role", "session_authorization"} {
		if HarmlessReset(name) {
			t.Errorf("RESET %s is harmless", name)
		}
	}
}

func TestGuarded(t *testing.T) {
	for name, want := range map[[2]string]bool{
		{"", "pg_authid"}: true, {"pg_catalog", "pg_shadow"}: true, {"pg_toast", "pg_toast_1"}: true, {"information_schema", "user_mapping_options"}: true,
		{"mine", "pg_authid"}: false, {"", "users"}: false, {"pg_catalog", "pg_class"}: false,
	} {
		if Guarded(name[0], name[1]) != want {
			t.Errorf("Guarded(%v) is %v", name, !want)
		}
	}
}
