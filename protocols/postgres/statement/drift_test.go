package statement

import (
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

// TestT40_AYesEndsWithTheSettingsItWasGivenUnder proves that a session cannot be told
// yes, change what the same text means, and use the yes.
func TestT40_AYesEndsWithTheSettingsItWasGivenUnder(t *testing.T) {
	const text = "DELETE FROM bookings WHERE day < '01/02/2027'"
	session := func() (tell func(texts ...string), ask func(id string, outside bool) string) {
		d, c := new(Drift), &sql.Conversation{Database: "app"}
		tell = func(texts ...string) {
			for _, text := range texts {
				d.Sent(read(t, text))
			}
		}
		return tell, func(id string, outside bool) string {
			c = d.Mark(c, outside)
			parts := []action.Part{{Facts: &sql.Facts{Shape: &sql.Shape{}, Text: text, Conversation: c}}}
			return string(Digest(parts, nil, nil, Setting{Own: d.Key(outside, []byte("session"), id)}))
		}
	}
	for _, c := range []struct {
		name    string
		before  []string
		outside bool // of a transaction, when it asks
		between []string
		same    bool
	}{
		{"nothing happened", nil, true, nil, true},
		{"a read", nil, true, []string{"SELECT 1"}, true},
		{"a transaction", nil, true, []string{"ROLLBACK", "BEGIN"}, true},
		{"set long ago", []string{"SET datestyle = 'ISO, DMY'"}, true, nil, true},
		{"set long ago, and a transaction", []string{"SET datestyle = 'ISO, DMY'"}, true, []string{"BEGIN", "ROLLBACK"}, true},
		{"set then", nil, true, []string{"SET datestyle = 'ISO, DMY'"}, false},
		{"set again", []string{"SET datestyle = 'ISO, DMY'"}, true, []string{"SET datestyle = 'ISO, MDY'"}, false},
		{"another path", []string{"SET search_path = a"}, true, []string{"SET search_path = b"}, false},
		{"in the transaction that set it", []string{"BEGIN", "SET datestyle = 'ISO, DMY'"}, false, nil, false},
		{"and taken back", []string{"BEGIN", "SET datestyle = 'ISO, DMY'"}, false, []string{"ROLLBACK"}, false},
	} {
		tell, ask := session()
		tell(c.before...)
		if c.outside {
			ask("0", true)
		}
		one := ask("1", c.outside)
		tell(c.between...)
		if got := ask("2", c.outside) == one; got != c.same {
			t.Errorf("%s: the same ask %v, want %v", c.name, got, c.same)
		}
	}
}

// TestT40_APreparedTextMeansWhatItMeantThen proves that a literal which was read
// under other settings is another text.
func TestT40_APreparedTextMeansWhatItMeantThen(t *testing.T) {
	d, c := new(Drift), &sql.Conversation{Database: "app"}
	prepared := func(outside bool) []action.Part {
		c = d.Mark(c, outside)
		return []action.Part{{Facts: &sql.Facts{Shape: &sql.Shape{}, Text: "DELETE FROM bookings WHERE day < '01/02/2027'", Conversation: c}}}
	}
	var all [][]action.Part
	all = append(all, prepared(true))
	d.Sent(read(t, "SET datestyle = 'ISO, DMY'"))
	all = append(all, prepared(true))
	d.Sent(read(t, "BEGIN"))
	d.Sent(read(t, "SAVEPOINT s"))
	d.Sent(read(t, "SET datestyle = 'ISO, MDY'"))
	all = append(all, prepared(false))
	d.Sent(read(t, "ROLLBACK TO s"))
	all = append(all, prepared(false))
	d.Sent(read(t, "COMMIT"))
	all = append(all, prepared(true))
	seen := make(map[string]int)
	for i, parts := range all {
		digest := string(Digest(parts, nil, nil, Setting{Own: d.Key(true, []byte("session"), "1")}))
		if other, ok := seen[digest]; ok {
			t.Errorf("what was prepared at %d is what was at %d", i, other)
		}
		seen[digest] = i
	}
}
