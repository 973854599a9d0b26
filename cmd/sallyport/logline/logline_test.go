package logline

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"
)

func TestLines(t *testing.T) {
	at := time.Date(2026, 11, 25, 20, 39, 55, 0, time.Local)
	for _, tt := range []struct {
		name    string
		level   slog.Level
		msg     string
		with    func(slog.Handler) slog.Handler
		attrs   []any
		colours bool
		want    string
	}{
		{"a thing that happened", slog.LevelInfo, "agent added", nil, []any{"agent", "laptop", "by", "root"}, false, "20:39:55  agent added  agent=laptop  by=root\n"},
		{"a warning", slog.LevelWarn, "secret github has no value", nil, nil, false, "20:39:55  warning: secret github has no value\n"},
		{"an error", slog.LevelError, "closing", nil, []any{"err", errors.New("disk is full")}, false, "20:39:55  error: closing  err=\"disk is full\"\n"},
		{"lists and nothing", slog.LevelInfo, "ready", nil, []any{"dashboard", []string{"http://localhost:8484"}, "node", ""}, false, "20:39:55  ready  dashboard=http://localhost:8484  node=\"\"\n"},
		{"what an agent chose", slog.LevelInfo, "flow\x1b[2J failed", nil, []any{"host", "a\x1b[31m\nb"}, false, "20:39:55  flow·[2J failed  host=\"a\\x1b[31m\\nb\"\n"},
		{"with and groups", slog.LevelInfo, "x", func(h slog.Handler) slog.Handler {
			return h.WithAttrs([]slog.Attr{slog.Int("n", 1)}).WithGroup("g").WithAttrs([]slog.Attr{slog.Int("m", 2)})
		}, []any{slog.Group("i", "k", "v")}, false, "20:39:55  x  n=1  g.m=2  g.i.k=v\n"},
		{"colours", slog.LevelWarn, "x", nil, []any{"k", 1}, true, "\x1b[2m20:39:55\x1b[0m  \x1b[33mwarning:\x1b[0m x  \x1b[2mk=\x1b[0m1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			h := slog.Handler(New(&b, tt.colours))
			if tt.with != nil {
				h = tt.with(h)
			}
			r := slog.NewRecord(at, tt.level, tt.msg, 0)
			r.Add(tt.attrs...)
			if err := h.Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if got := b.String(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	if New(nil, false).Enabled(t.Context(), slog.LevelDebug) {
		t.Error("debug lines are shown")
	}
}
