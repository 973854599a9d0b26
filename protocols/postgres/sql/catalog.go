package sql

import (
	"slices"

	"sallyport.dev/sallyport/action"
)

// A Catalog says what the names of a statement are known by.
type Catalog string

// The zero Catalog is that of a service which has none: names are those of the
// text. With one they are those of the server, with all that stands behind them,
// or they are unknown.
const (
	CatalogKnown   Catalog = "known"
	CatalogUnknown Catalog = "unknown"
)

// Unexpanded gives a copy of parts as they are on a service with a catalog that
// nobody looked at: what their names stand for is unknown, their effects are those
// of the text.
func Unexpanded(parts []action.Part) []action.Part {
	parts = slices.Clone(parts)
	for i, p := range parts {
		f, ok := p.Facts.(*Facts)
		if !ok || f.Shape == nil || len(f.Tables) == 0 {
			continue
		}
		own := *f
		own.Catalog = CatalogUnknown
		parts[i].Facts = &own
	}
	return parts
}

// expanded gives the tables that a statement comes down to.
func expanded(f *Facts) ([]string, action.State) {
	switch {
	case f.Shape == nil || f.Opaque:
		return nil, action.Unknown
	case len(f.Tables) == 0:
		return nil, action.Known
	case f.Catalog != CatalogKnown:
		return nil, action.Unknown
	}
	return f.Expanded, action.Known
}
