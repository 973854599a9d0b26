// Package disk puts the files of a configuration in place of what they were: each
// whole or not at all, and of several all or none, a crash included. It touches
// plain files of one directory and nothing else, and knows nothing of what they say.
package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// journal is the file that holds an edit of several files while they are written;
// a crash in the middle is made good from it.
const journal = ".sallyport-edit"

// ErrForeign means that a name does not lead to a plain file of the directory.
var ErrForeign = errors.New("it is no plain file of the configuration directory")

// A Step is what becomes of one file.
type Step struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Gone bool   `json:"gone,omitempty"`
}

// Write takes the steps in a directory; back are those that undo them. No link is
// followed.
func Write(dir string, steps, back []Step) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	defer root.Close()
	for _, s := range steps {
		if err := replaceable(root, s.Name); err != nil {
			return err
		}
	}
	if len(steps) > 1 {
		b, err := json.Marshal(steps)
		if err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
		if err := put(root, journal, b, 0o600); err != nil {
			return err
		}
	}
	if err := carryOut(root, steps); err != nil {
		return errors.Join(err, carryOut(root, back))
	}
	return nil
}

// Recover finishes an edit of several files that a crash has cut off. It is called
// before the configuration at path is read.
func Recover(path string) error {
	dir := path
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		dir = filepath.Dir(path)
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // whoever reads the configuration says so
	}
	if err != nil {
		return fmt.Errorf("look for an unfinished edit: %w", err)
	}
	defer root.Close()
	b, err := root.ReadFile(journal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var steps []Step
	if err == nil {
		err = json.Unmarshal(b, &steps)
	}
	if err != nil {
		return fmt.Errorf("%s holds an unfinished edit that cannot be read; look at the files and remove it: %w", filepath.Join(dir, journal), err)
	}
	for _, s := range steps {
		if err := replaceable(root, s.Name); err != nil {
			return err
		}
	}
	return carryOut(root, steps)
}

// carryOut does every step and forgets the journal.
func carryOut(root *os.Root, steps []Step) error {
	for _, s := range steps {
		if s.Gone {
			if err := root.Remove(s.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove %s: %w", s.Name, err)
			}
			continue
		}
		mode := fs.FileMode(0o640)
		if info, err := root.Lstat(s.Name); err == nil {
			mode = info.Mode().Perm()
		}
		if err := put(root, s.Name, []byte(s.Text), mode); err != nil {
			return err
		}
	}
	if len(steps) > 1 {
		if err := root.Remove(journal); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", journal, err)
		}
	}
	return settle(root)
}

// replaceable refuses a name that leads anywhere but to a plain file here.
func replaceable(root *os.Root, name string) error {
	if filepath.Base(name) != name || name == "." || name == ".." {
		return fmt.Errorf("%q: %w", name, ErrForeign)
	}
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", name, ErrForeign)
	}
	return nil
}

// put writes a file whole or not at all, and keeps its owner where it may.
func put(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	temp := ".sallyport-" + name + ".new"
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: %w", name, err)
	}
	f, err := root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode))
	keepOwner(root, name, f)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), root.Remove(temp))
	}
	return settle(root)
}

// settle has the directory on disk, so that a rename outlives a crash.
func settle(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}
