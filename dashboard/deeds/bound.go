package deeds

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/dashboard/route"

	"golang.org/x/time/rate"
)

// What somebody may do nothing by must not fill the disk, nor cover what others did: of
// the requests of one person that were refused so many are kept at once, then one each
// time; how many more there were stands in the next. Of a text the beginning is kept.
const (
	refusedBurst = 60
	refusedEvery = 10 * time.Second
	maxText      = 2 << 10 // bytes
)

// A pile is what one person tried in vain.
type pile struct {
	room *rate.Limiter
	more int // that were not kept
}

// bounded gives a deed as it is kept; ok is false for one that is only counted. The
// caller holds mu.
func (c *Chain) bounded(d route.Deed) (_ route.Deed, ok bool) {
	d.On, d.Notes, d.Err = cut(d.On), cut(d.Notes), begin(d.Err)
	if d.Status < 400 || d.Status > 499 {
		return d, true
	}
	who := d.Caller.Person.Via + " " + d.Caller.Person.Name
	p := c.refused[who]
	if p == nil {
		p = &pile{room: rate.NewLimiter(rate.Every(refusedEvery), refusedBurst)}
		c.refused[who] = p
	}
	if !p.room.AllowN(c.now(), 1) {
		p.more++
		return d, false
	}
	if p.more > 0 {
		if d.Notes == nil {
			d.Notes = map[string]string{}
		}
		d.Notes["refused_before"] = strconv.Itoa(p.more)
		p.more = 0
	}
	return d, true
}

func cut(texts map[string]string) map[string]string {
	less := maps.Clone(texts)
	for name, text := range less {
		less[name] = begin(text)
	}
	return less
}

// begin gives the beginning of a text that is too long.
func begin(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
