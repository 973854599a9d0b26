//go:build !unix

package recorded

import "io/fs"

// owned is true where files say nothing of users.
func owned(fs.FileInfo) bool { return true }
