// Package docs is this documentation, for the dashboard to show without a network.
package docs

import (
	"embed"
	"io/fs"
)

//go:embed *.md img/*.png
var files embed.FS

// Files gives the pages and their pictures.
func Files() fs.FS { return files }
