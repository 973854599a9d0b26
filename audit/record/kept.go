package record

import "time"

// An Intent is a record without its end.
type Intent struct {
	ID   string
	Body []byte // JSON of the Record
}

// A Tail is where the chain ends.
type Tail struct {
	Seq      uint64
	Hash     Hash
	Recorded time.Time
}

// A Row is a record as it is kept: a body, and the columns that find it.
type Row struct {
	Month    string
	Seq      uint64
	ID       string
	Agent    string
	Recorded time.Time
	Body     []byte
}

// A Month is what one file of records holds.
type Month struct {
	Name string `json:"name"` // "2026-11"
	Last Tail   `json:"-"`
}
