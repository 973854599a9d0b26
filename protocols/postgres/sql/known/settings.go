package known

import "strings"

// HarmlessSetting reports whether giving a setting this value only steers how
// values look or how a query is planned, so that drivers may do it under every
// posture. The names are those that drivers and tools set; everything else is
// admin, custom settings too: row security may hang on them.
func HarmlessSetting(name, value string) bool {
	switch name {
	case "application_name", "client_min_messages", "datestyle", "intervalstyle", "timezone", "extra_float_digits",
		"bytea_output", "lc_monetary", "lc_numeric", "lc_time", "xmloption", "xmlbinary", "jit", "geqo", "seed",
		"escape_string_warning", "default_text_search_config", "quote_all_identifiers", "plan_cache_mode",
		"transaction_isolation", "default_transaction_isolation", "transaction_deferrable", "default_transaction_deferrable":
		return true
	case "client_encoding":
		switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(value)) {
		case "utf8", "unicode":
			return true
		}
	case "standard_conforming_strings", "transaction_read_only", "default_transaction_read_only", "row_security":
		switch strings.ToLower(value) {
		case "on", "true", "yes", "1", "t", "y":
			return true
		}
	}
	return strings.HasPrefix(name, "enable_")
}

// HarmlessReset reports whether a setting may go back to what the session began
// with, which the gateway chose. The role is no such setting: it may stand higher.
func HarmlessReset(name string) bool {
	return name != "role" && name != "session_authorization"
}

// KeepsMeaning reports whether a setting, whatever its value, leaves the meaning of
// every text as it is: it steers how a query is planned, how long it may take, what
// the client is told. Everything else may make another day, another amount, another
// table of the same words, those that steer how values look too: a text may compare
// what a value looks like.
func KeepsMeaning(name string) bool {
	switch name {
	case "application_name", "client_min_messages", "escape_string_warning", "jit", "geqo", "plan_cache_mode",
		"statement_timeout", "lock_timeout", "transaction_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout",
		"transaction", "session characteristics", "transaction_isolation", "default_transaction_isolation",
		"transaction_deferrable", "default_transaction_deferrable", "transaction_read_only", "default_transaction_read_only":
		return true
	}
	return strings.HasPrefix(name, "enable_")
}
