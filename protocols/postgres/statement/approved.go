package statement

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// A Setting is where a message runs. The same text may mean something else in
// another.
type Setting struct {
	Start []wire.Parameter // what the session began with
	// Own tells this session from every other; nil where nothing that it did changes
	// what a text means.
	Own []byte
	// Told is what the server says of the settings that it reports.
	Told []string
	// Types are those that the agent declares of the values, see Declared.
	Types string
}

// Declared tells the types behind the text of a Parse from others; "" if it leaves
// all of them to the server: 9 is less than 10 as a number, and not as a text.
func Declared(types []byte) string {
	if types = bytes.TrimRight(types[min(2, len(types)):], "\x00"); len(types) == 0 {
		return ""
	}
	sum := sha256.Sum256(types)
	return string(sum[:])
}

// Digest is the SHA-256 of a message, of the texts it stands for and of where it
// runs: a Bind names its statement and does not hold it, an EXECUTE what stands
// behind its name. Of a Bind message is what stands behind its names, which clients
// make up anew for every attempt.
func Digest(parts, behind []action.Part, message []byte, in Setting) []byte {
	h := sha256.New()
	for _, list := range [][]action.Part{parts, behind} {
		for _, p := range list {
			f, ok := p.Facts.(*sql.Facts)
			if !ok {
				continue
			}
			frame(h, f.Text)
			if f.Conversation != nil {
				frame(h, f.Database)
				frame(h, f.User)
				frame(h, f.Role)
				frame(h, strconv.FormatUint(f.Age, 10))
			}
			for _, table := range f.Expanded {
				frame(h, table)
			}
		}
		frame(h, "")
	}
	for _, p := range in.Start {
		if name := strings.ToLower(p.Name); !known.KeepsMeaning(name) {
			frame(h, name)
			frame(h, p.Value)
		}
	}
	frame(h, string(in.Own))
	for _, value := range in.Told {
		frame(h, value)
	}
	frame(h, in.Types)
	h.Write(message) //nolint:errcheck // a hash never fails
	return h.Sum(nil)
}

// frame writes s with its length, so that no two lists write the same.
func frame(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])        //nolint:errcheck // a hash never fails
	io.WriteString(h, s) //nolint:errcheck // a hash never fails
}

// Shifts reports whether parts may change what a text means in the session that
// runs them: its path, its role, how it reads dates, temporary tables, code that
// nobody knows.
func Shifts(parts []action.Part) bool {
	return slices.ContainsFunc(parts, func(p action.Part) bool {
		s := Shape(p)
		if s == nil || s.Opaque || len(s.Unlisted) > 0 {
			return true
		}
		for _, verb := range s.Verbs {
			switch verb {
			case "create", "alter", "drop", "do", "call", "discard":
				return true
			}
		}
		names := slices.Clone(s.Settings)
		for _, set := range s.Sets {
			names = append(names, set.Name)
		}
		return slices.ContainsFunc(names, func(name string) bool { return !known.KeepsMeaning(name) })
	})
}

// Alike says what parts do without their values: what they carry out, on which
// tables, by which functions, where. It is "" where the text does not show that.
func Alike(parts, behind []action.Part) string {
	var words []string
	database := ""
	for _, p := range slices.Concat(parts, behind) {
		f, ok := p.Facts.(*sql.Facts)
		if !ok || f.Shape == nil || f.Opaque || f.Catalog == sql.CatalogUnknown || len(f.Settings) > 0 {
			return ""
		}
		tables := f.Tables
		if f.Expanded != nil {
			tables = f.Expanded
		}
		w := fmt.Sprintf("%s (%s) on %s", strings.Join(sorted(f.Verbs), " "), p.Effects, strings.Join(sorted(tables), ", "))
		if len(tables) == 0 {
			return "" // no table bounds what it does
		}
		if len(f.Functions) > 0 {
			w += " by " + strings.Join(sorted(f.Functions), ", ")
		}
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
		if f.Conversation != nil {
			database = f.Database
		}
	}
	if len(words) == 0 {
		return ""
	}
	if database != "" {
		words = append(words, "in "+database)
	}
	return strings.Join(words, "; ")
}

func sorted(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
