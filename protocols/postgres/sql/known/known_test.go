package known

import "testing"

func TestFunctionsList(t *testing.T) {
	f := NewFunctions()
	if len(f.pure) < 2000 {
		t.Fatalf("only %d functions", len(f.pure))
	}
	for name := range f.pure {
		if f.Has(name, TakesRow) && f.KindOf("", name, true) != Pure {
			t.Errorf("%s takes a row and is not pure", name)
		}
	}
	for _, name := range []string{"pg_terminate_backend", "pg_sleep", "nextval", "set_config", "lo_import", "pg_read_file"} {
		if f.KindOf("", name, true) != Flagged || f.KindOf("public", name, false) != Flagged {
			t.Errorf("%s is not flagged", name)
		}
	}
	for name, want := range map[string]bool{"to_json": true, "row_to_json": true, "concat": true, "count": false, "lower": false} {
		if f.Has(name, TakesRow) != want {
			t.Errorf("takesRow of %s is %v", name, !want)
		}
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
