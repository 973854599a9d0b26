// Package logline writes the log of a gateway for somebody who watches it at a
// terminal: one calm line for each thing that happened. What agents chose steers no
// terminal.
package logline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// A Handler writes records as lines. Make it with New.
type Handler struct {
	mu      *sync.Mutex // one line at a time; shared by all that came of one New
	w       io.Writer
	colours bool
	tail    string // what With has added, written already
	group   string // before the names of attributes
}

var _ slog.Handler = (*Handler)(nil)

// New gives a Handler that writes to w.
func New(w io.Writer, colours bool) *Handler {
	return &Handler{mu: new(sync.Mutex), w: w, colours: colours}
}

// Enabled implements slog.Handler: what is for developers is left out.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements slog.Handler.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(h.paint("2", r.Time.Local().Format(time.TimeOnly)) + "  ")
	switch {
	case r.Level >= slog.LevelError:
		b.WriteString(h.paint("31", "error:") + " ")
	case r.Level >= slog.LevelWarn:
		b.WriteString(h.paint("33", "warning:") + " ")
	}
	b.WriteString(printable(r.Message) + h.tail)
	r.Attrs(func(a slog.Attr) bool {
		h.attr(&b, h.group, a)
		return true
	})
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		h.attr(&b, h.group, a)
	}
	other := *h
	other.tail += b.String()
	return &other
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	other := *h
	if name != "" {
		other.group += name + "."
	}
	return &other
}

// attr writes one attribute, and each of a group.
func (h *Handler) attr(b *strings.Builder, group string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range v.Group() {
			h.attr(b, group, inner)
		}
		return
	}
	if a.Key == "" {
		return
	}
	b.WriteString("  " + h.paint("2", printable(group+a.Key)+"=") + quoted(text(v)))
}

// text is a value as people write it.
func text(v slog.Value) string {
	if v.Kind() != slog.KindAny {
		return v.String()
	}
	if list, ok := v.Any().([]string); ok {
		return strings.Join(list, " ")
	}
	return fmt.Sprint(v.Any())
}

func (h *Handler) paint(code, s string) string {
	if !h.colours {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// quoted gives a value so that it is seen where it ends.
func quoted(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r == '"' || unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
