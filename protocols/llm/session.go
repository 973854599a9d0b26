package llm

import "sallyport.dev/sallyport/action"

// A Session reads the messages of a WebSocket over which a model answers again and again,
// each of them one document, as OpenAI's Responses and Realtime send them. It belongs to
// one connection.
type Session struct {
	e      End
	charge func(*action.Usage)
	doc    document
	sum    *action.Usage
}

// NewSession makes one; charge puts its price on what one answer took.
func NewSession(e End, charge func(*action.Usage)) *Session { return &Session{e: e, charge: charge} }

// Write takes in a piece of a message, and keeps nothing of p.
func (s *Session) Write(p []byte) { s.doc.read(p) }

// Next is called behind each message.
func (s *Session) Next() {
	s.doc.end()
	if s.doc.got.final {
		s.add(End{Provider: s.e.Provider, Asked: s.e.Asked})
	}
}

// End gives what all answers took, the one that broke off too; nil if there was none.
func (s *Session) End() *action.Usage {
	if s.doc.got.has != 0 || s.doc.got.said != 0 {
		s.add(End{Provider: s.e.Provider, Asked: s.e.Asked, Cut: true})
	}
	return s.sum
}

// add puts what one answer took to the rest. Where one has no price, all have none; the
// model stays, since only the beginning says it.
func (s *Session) add(e End) {
	model := s.doc.got.model
	u := s.doc.got.usage(e)
	s.doc.got = findings{model: model}
	if u == nil {
		return
	}
	s.charge(u)
	if s.sum == nil {
		s.sum = u
		return
	}
	t := s.sum
	t.Input, t.CacheRead, t.CacheWrite, t.CacheWriteLong = t.Input+u.Input, t.CacheRead+u.CacheRead, t.CacheWrite+u.CacheWrite, t.CacheWriteLong+u.CacheWriteLong
	t.Output, t.Reasoning, t.Audio = t.Output+u.Output, t.Reasoning+u.Reasoning, t.Audio+u.Audio
	t.Model, t.Estimated = u.Model, t.Estimated || u.Estimated
	if t.Price == "" || u.Price == "" {
		t.Cost, t.Price = 0, ""
		return
	}
	t.Cost, t.Price = t.Cost+u.Cost, u.Price
}
