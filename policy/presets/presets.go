// Package presets holds what is known of well-known services: their hosts, how
// they take a credential, and what their operations do, as HCL in the language
// of every other file. It only hands out the text; reading it is for policy.
package presets

import (
	"embed"
	"slices"
	"strconv"
	"strings"
)

//go:embed *.hcl
var files embed.FS

// suffix is what the files are named with.
const suffix = ".hcl"

// List gives the names of the presets, sorted.
func List() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), suffix))
	}
	slices.Sort(names)
	return names
}

// Description says in a few words what a preset is; "" if there is none of that name.
func Description(name string) string {
	text, _ := Get(name)
	for line := range strings.Lines(string(text)) {
		attr, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if words, err := strconv.Unquote(strings.TrimSpace(value)); err == nil && strings.TrimSpace(attr) == "description" {
			return words
		}
	}
	return ""
}

// Get gives the file of one preset, which holds one service block of that name.
func Get(name string) ([]byte, bool) {
	if !slices.Contains(List(), name) {
		return nil, false
	}
	text, err := files.ReadFile(name + suffix)
	return text, err == nil
}
