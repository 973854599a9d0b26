package cli

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// Print writes v as JSON when asked to, else what text makes of it.
func (r *Env) Print(cmd *cobra.Command, v any, text func(io.Writer) error) error {
	out := cmd.OutOrStdout()
	if !r.JSON {
		return text(out)
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Line writes v as one line of JSON, of a list that has no end yet.
func Line(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Tell is Print for what happened, which people read as a message beside the data.
func (r *Env) Tell(cmd *cobra.Command, v any, format string, args ...any) error {
	return r.Print(cmd, v, func(io.Writer) error {
		Say(cmd, format, args...)
		return nil
	})
}

// A Deed is what a command did to one thing, where nothing more is to be said.
type Deed struct {
	Kind  string   `json:"kind"` // agent, secret, operator, …
	Name  string   `json:"name,omitempty"`
	Done  string   `json:"done"`
	Notes []string `json:"notes,omitempty"` // what to do about it
}
