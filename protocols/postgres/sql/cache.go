package sql

type cache struct{ max int }

func newCache(max int) *cache { return &cache{max: max} }
