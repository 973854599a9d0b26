package rules

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/match"
)

// A list is one compiled plain attribute of a rule.
type list struct {
	name string
	cost action.Need // dear lists are looked at last
	find func(*judge) match.Found
	show func(*judge) string // the values it was held against, for people
}

// list makes a list of one attribute; ok is false after an error.
func (c *compiler) list(name string, conf hclconf.List) (out list, ok bool) {
	before := len(c.Diags)
	out.name = name
	switch name {
	case "hosts":
		set := c.Set(conf, glob.HostSet)
		out.find = func(j *judge) match.Found { return match.One(set.Match(j.host())) }
		out.show = (*judge).host
	case "operations":
		if _, known := c.Available(name, conf.Range); known {
			out.find = operations(c.Set(conf, match.Plain))
			out.show = (*judge).operations
		}
	default:
		attr := c.Attr(name, conf)
		out.cost = attr.Cost
		readings := c.ReadingsOf(name)
		out.find = func(j *judge) match.Found {
			if state := j.env.Reading(readings); state != action.Known {
				return match.Missing(state, 0)
			}
			return attr.Find(j.part.Facts, j.service.service.FoldPaths)
		}
		out.show = func(j *judge) string { return attr.Show(j.part.Facts) }
	}
	return out, len(c.Diags) == before
}

// operations finds the names of the operations that fit. One that only may fit
// is not found for certain, and keeps the rest from being whole.
func operations(set glob.Set) func(*judge) match.Found {
	return func(j *judge) match.Found {
		f := match.Found{Whole: len(j.ops) > 0}
		for i := range j.ops {
			hit := &j.ops[i]
			switch named := set.Match(hit.Name); {
			case !named:
				f.Whole = false
				f.Need |= hit.Need
			case hit.Sure:
				f.Some = cond.True
			default:
				perhapsFound(&f)
				f.Need |= hit.Need
			}
		}
		if j.opsUnknown {
			perhapsFound(&f)
		}
		return f
	}
}

func perhapsFound(f *match.Found) {
	f.Whole = false
	if f.Some == cond.False {
		f.Some = cond.Unknown
	}
}

// operations names the operations that the part may be, for people.
func (j *judge) operations() string {
	names := make([]string, len(j.ops))
	for i := range j.ops {
		names[i] = j.ops[i].Name
	}
	return match.Show(action.Known, names...)
}
