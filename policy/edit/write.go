package edit

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

// A step is what becomes of one file.
type step struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Gone bool   `json:"gone,omitempty"`
}

// write brings the files from one text to another. Each file is replaced whole;
// of several, either all are or, after a crash, Recover sees to the rest. Nothing
// outside of the directory is touched, and no link is followed.
func write(was, is *Texts) error {
	root, err := os.OpenRoot(was.dir)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	defer root.Close()
	var steps []step
	for _, name := range changed(was, is) {
		text, has := is.files[name]
		steps = append(steps, step{name, text, !has})
		if err := replaceable(root, name); err != nil {
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
		return errors.Join(err, undo(root, was, steps))
	}
	return nil
}

// undo puts back what an edit that failed has written.
func undo(root *os.Root, was *Texts, steps []step) error {
	back := make([]step, len(steps))
	for i, s := range steps {
		text, had := was.files[s.Name]
		back[i] = step{s.Name, text, !had}
	}
	return carryOut(root, back)
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
	var steps []step
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
func carryOut(root *os.Root, steps []step) error {
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
		return refuse("%q is no file of the configuration directory", name)
	}
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return refuse("%s cannot be changed: it is no regular file", name)
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
