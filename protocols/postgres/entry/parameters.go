package entry

import (
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// A Wish is what an agent wants to open, cleared for the server.
type Wish struct {
	Database, User string
	// Parameters go to the server as they stand, without user and database.
	Parameters []wire.Parameter
}

// passed lists the start-up parameters that reach the server beside those that a
// SET may change under every posture, in lower case.
func passed() []string { return []string{"search_path", "client_encoding"} }

// steers reports whether a setting is one that any session may make. A name with a
// dot is nobody's but the application's: row security may hang on it.
func steers(name, value string) bool {
	return slices.Contains(passed(), name) || known.HarmlessSetting(name, value) && !strings.Contains(name, ".")
}

// Read clears a start-up packet by the list of what may be set at start-up.
func Read(s *wire.Startup) (Wish, *refusal.Bar) {
	w := Wish{Database: s.Get("database"), User: s.Get("user")}
	if w.User == "" {
		return w, &refusal.Bar{
			Code: "28000", Text: "no PostgreSQL user name specified in startup packet", Hint: "Any name will do; it is not used to log in.",
		}
	}
	if w.Database == "" {
		w.Database = w.User
	}
	var set []wire.Parameter
	for _, p := range s.Parameters {
		switch p.Name {
		case "user", "database":
		case "options":
			list, err := wire.ParseOptions(p.Value)
			if err != nil {
				return w, &refusal.Bar{Code: "42501", Text: fmt.Sprintf("start-up options cannot be read: %v", err), Hint: "Use -c name=value."}
			}
			set = append(list, set...) // like the server: what is named outside of options comes later and wins
		case "replication":
			if !slices.Contains([]string{"false", "off", "no", "0"}, strings.ToLower(p.Value)) {
				return w, &refusal.Bar{Code: "42501", Text: "replication connections are not in this version", Hint: "Connect without the replication parameter."}
			}
		default:
			set = append(set, p)
		}
	}
	for _, p := range set {
		bar := clear(&p)
		if bar != nil {
			return w, bar
		}
		w.put(p)
	}
	return w, nil
}

// clear checks one setting and gives it the form in which it is sent.
func clear(p *wire.Parameter) *refusal.Bar {
	name := strings.ToLower(p.Name)
	if !steers(name, p.Value) {
		return &refusal.Bar{
			Code: "42501", Text: fmt.Sprintf("start-up parameter %q may not be set to %q by an agent", p.Name, p.Value),
			Hint: "Remove it from the connection string. What steers how values look may be set: " +
				"application_name, client_encoding, DateStyle, TimeZone, IntervalStyle, extra_float_digits, search_path and the like.",
		}
	}
	if name == "search_path" && strings.Contains(strings.ToLower(p.Value), "pg_catalog") {
		return &refusal.Bar{
			Code: "42501", Text: "search_path may not name pg_catalog: what the server's own functions are would depend on it",
			Hint: "Leave pg_catalog out; it is searched first anyway.",
		}
	}
	if name != "client_encoding" {
		return nil
	}
	switch encoding := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(strings.Trim(p.Value, "'"))); encoding {
	case "utf8", "unicode":
		p.Value = "UTF8"
	case "sqlascii": // texts are then held to ASCII
	default:
		return &refusal.Bar{Code: "42501", Text: fmt.Sprintf("client_encoding %q is not allowed", p.Value), Hint: "Set client_encoding to UTF8."}
	}
	return nil
}

// put sets a parameter; the last one of a name counts.
func (w *Wish) put(p wire.Parameter) {
	for i, other := range w.Parameters {
		if strings.EqualFold(other.Name, p.Name) {
			w.Parameters[i] = p
			return
		}
	}
	w.Parameters = append(w.Parameters, p)
}
