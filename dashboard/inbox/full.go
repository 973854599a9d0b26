package inbox

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/route"
)

// How much of all that would be sent one answer holds, in bytes.
const (
	usualPassage = 64 << 10
	mostPassage  = 1 << 20
)

// A Drafter drafts the edit that would answer an ask for good.
type Drafter interface {
	// Sketch drafts from what is recorded of an ask, and from its body if whole.
	Sketch(ctx context.Context, r approval.Request, whole bool) (action.Sketch, error)
}

// A Passage is a piece of all that an ask would send, as a sample shows it.
type Passage struct {
	Text   string `json:"text"`
	Offset int64  `json:"offset"` // of the piece, in bytes of the whole text
	Next   int64  `json:"next"`   // where the next piece begins; total: this is the last one
	Total  int64  `json:"total"`
	Digest string `json:"digest,omitempty"` // SHA-256 of what would be sent
}

// whole gives a piece of all that would be sent.
func (b Inbox) whole(r *http.Request) (Passage, error) {
	got, err := b.one(r)
	if err != nil {
		return Passage{}, err
	}
	from, err := position(r, "offset", 0, 1<<40)
	if err != nil {
		return Passage{}, err
	}
	room, err := position(r, "limit", usualPassage, mostPassage)
	if err != nil {
		return Passage{}, err
	}
	route.Note(r, "offset", strconv.FormatInt(from, 10))
	w := &window{from: from, room: room + utf8.UTFMax}
	switch err := b.Desk.Transcript(got.ID, w); {
	case errors.Is(err, approval.ErrGone):
		return Passage{}, route.Fault{Status: http.StatusGone, Err: errors.New("it is not here in full any more: it was answered, or the gateway was started anew. The agent sends it again when it comes back")}
	case err != nil:
		return Passage{}, fault(err)
	}
	return w.passage(room, got.Digest), nil
}

func position(r *http.Request, name string, usual, most int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most || name == "limit" && n < utf8.UTFMax {
		return 0, route.BadRequest("%s is a number of bytes, at most %d", name, most)
	}
	return n, nil
}

// A window keeps a part of what is written to it, and counts all.
type window struct {
	from, room, total int64
	kept              []byte
}

func (w *window) Write(b []byte) (int, error) {
	n := len(b)
	if skip := w.from - w.total; skip > 0 {
		b = b[min(skip, int64(len(b))):]
	}
	if room := w.room - int64(len(w.kept)); room > 0 {
		w.kept = append(w.kept, b[:min(room, int64(len(b)))]...)
	}
	w.total += int64(n)
	return n, nil
}

// passage gives what is kept, from a character on and up to one.
func (w *window) passage(room int64, digest string) Passage {
	first := 0
	for first < len(w.kept) && !utf8.RuneStart(w.kept[first]) {
		first++
	}
	end := int(min(room, int64(len(w.kept))))
	for end > first && end < len(w.kept) && !utf8.RuneStart(w.kept[end]) {
		end--
	}
	return Passage{
		Text: string(w.kept[first:max(first, end)]), Offset: w.from + int64(first), Next: min(w.from+int64(max(first, end)), w.total),
		Total: w.total, Digest: digest,
	}
}

// sketch drafts what would answer an ask for good.
func (b Inbox) sketch(r *http.Request) (action.Sketch, error) {
	got, err := b.one(r)
	if err != nil {
		return action.Sketch{}, err
	}
	if b.Drafter == nil {
		return action.Sketch{}, route.NotFound("nothing is drafted here")
	}
	return b.Drafter.Sketch(r.Context(), got, b.reads(r, got))
}
