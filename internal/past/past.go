// Package past reads what the audit log kept, line by line, so that package replay
// can judge it again. It reads no store and asks nobody: its caller has the lines.
package past

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/policy/replay"
)

// Reader makes what reads records of the audit log back.
func Reader(tables []action.FactTable) func() func([]byte) (replay.Past, error) {
	return reader(tables, of)
}

// Bare is Reader for who may not read bodies: no verdict depends on what stands in one.
func Bare(tables []action.FactTable) func() func([]byte) (replay.Past, error) {
	return reader(tables, func(rd *record.Reader, r *record.Record) replay.Past {
		b := r.Bare()
		p := of(rd, &b)
		p.Withheld = b.Withheld()
		return p
	})
}

func reader(tables []action.FactTable, of func(*record.Reader, *record.Record) replay.Past) func() func([]byte) (replay.Past, error) {
	return func() func([]byte) (replay.Past, error) {
		rd := &record.Reader{Tables: tables}
		return func(raw []byte) (replay.Past, error) {
			var r record.Record // its hash is Verify's business
			if err := json.Unmarshal(raw, &r); err != nil {
				return replay.Past{}, fmt.Errorf("it is no record: %w", err)
			}
			return of(rd, &r), nil
		}
	}
}

// of is a record as it is judged again.
func of(rd *record.Reader, r *record.Record) replay.Past {
	p := replay.Past{
		ID: r.ID, Time: r.Time, Agent: r.Agent.Name, Service: r.Service, Summary: r.Summary,
		None: r.Kind == record.KindGap, Expect: Expected(r), Passed: r.Verdict == action.Allow.String(),
	}
	a, err := rd.Action(r)
	if err != nil {
		p.Why = err.Error()
		return p
	}
	p.Action = a
	return p
}

// Expected is what the rules came to, whatever people made of it: an action that
// somebody allowed was asked about.
func Expected(r *record.Record) action.Verdict {
	v, _ := action.ParseVerdict(r.Verdict)
	if len(r.Asks) > 0 {
		return action.Ask
	}
	return v
}

// Expectations makes what reads the lines of a file of tests: records, each with
// what is expected. That is the verdict of the record, or "expect" if it stands
// there, too.
func Expectations(tables []action.FactTable) func() func([]byte) (replay.Past, error) {
	return func() func([]byte) (replay.Past, error) {
		rd := &record.Reader{Tables: tables}
		return func(raw []byte) (replay.Past, error) {
			var line struct {
				record.Record
				Expect string `json:"expect"`
			}
			if err := json.Unmarshal(raw, &line); err != nil {
				return replay.Past{}, fmt.Errorf("it is no recorded action: %w", err)
			}
			if line.ID == "" || line.Kind == "" {
				return replay.Past{}, errors.New(`it is no recorded action: "id" and "kind" are missing`)
			}
			p := of(rd, &line.Record)
			if line.Expect != "" {
				v, ok := action.ParseVerdict(line.Expect)
				if !ok {
					return replay.Past{}, fmt.Errorf("it expects %q, which is no verdict", line.Expect)
				}
				p.Expect = v
			} else if _, ok := action.ParseVerdict(line.Verdict); !ok && !p.None {
				return replay.Past{}, fmt.Errorf("its verdict is %q, which is none", line.Verdict)
			}
			return p, nil
		}
	}
}

// Exported gives the records of an export as they come; it stops the export when no
// more is wanted.
func Exported(export func(f func(line []byte) error) error) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		err := export(func(line []byte) error {
			if !yield(line, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// errEnough ends an export of which no more is wanted.
var errEnough = errors.New("enough")

// maxLine is more than any record takes.
const maxLine = 4 << 20

// Lines gives the lines of r that are not empty. Each lasts until the next. A line
// that is an error of the sender ends them.
func Lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s := bufio.NewScanner(r)
		s.Buffer(make([]byte, 64<<10), maxLine)
		for s.Scan() {
			line := bytes.TrimSpace(s.Bytes())
			if len(line) == 0 {
				continue
			}
			if bytes.HasPrefix(line, []byte(`{"error":`)) {
				yield(nil, fmt.Errorf("the records broke off: %s", line))
				return
			}
			if !yield(line, nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(nil, fmt.Errorf("read records: %w", err))
		}
	}
}
