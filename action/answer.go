package action

// An Answer is what the record holds of what an upstream answered, if anything:
// its head and the beginning of its body, as the agent got them, without what is
// named or looks like a secret. No fact looks here.
type Answer struct {
	Fields   []AnswerField `json:"fields,omitempty"`
	Trailers []AnswerField `json:"trailers,omitempty"`
	More     int           `json:"more,omitempty"` // fields and trailers that are left out
	Type     string        `json:"type,omitempty"` // media type of the body
	Size     int64         `json:"size,omitempty"` // bytes of the body that came, as they came
	// Text is the beginning of the body, without coding; with Hidden some values of
	// it are taken out, with Cut it is not all of it, and Untold says why there is
	// none. Withheld: there is one, which takes a fresh proof of who asks.
	Text     string `json:"text,omitempty"`
	Hidden   bool   `json:"hidden,omitempty"`
	Cut      bool   `json:"cut,omitempty"`
	Untold   string `json:"untold,omitempty"`
	Withheld bool   `json:"withheld,omitempty"`
}

// An AnswerField is one field of a head, or one trailer, with its values.
type AnswerField struct {
	Name   string   `json:"name"`
	Values []string `json:"values,omitempty"`
	Hidden bool     `json:"hidden,omitempty"` // there, but its values are not kept
}

// Held is about how many bytes a keeps in memory; a may be nil.
func (a *Answer) Held() int64 {
	if a == nil {
		return 0
	}
	n := len(a.Text) + 256
	for _, list := range [][]AnswerField{a.Fields, a.Trailers} {
		for _, f := range list {
			n += len(f.Name) + 48
			for _, v := range f.Values {
				n += len(v) + 16
			}
		}
	}
	return int64(n)
}

// Bare gives a without the text of the body, which it tells to be there.
func (a *Answer) Bare() *Answer {
	if a == nil || a.Text == "" {
		return a
	}
	b := *a
	b.Text, b.Withheld = "", true
	return &b
}
