package action

import "time"

// An Impact is what judging recorded actions by other rules came to.
type Impact struct {
	Replayed int           `json:"replayed"`
	Groups   []ImpactGroup `json:"groups"`  // the most frequent first
	Changes  []Change      `json:"changes"` // in the order of the records
	// LeftOff are changes that Groups counts and Changes has no room for.
	LeftOff int `json:"left_off,omitempty"`
	// Untold are actions whose verdict depends on something that is not recorded.
	Untold int `json:"cannot_tell"`
	// Withheld are those of them whose body is recorded, and was not for who asks.
	Withheld int `json:"withheld,omitempty"`
	// Cut says that there are more records than were to be judged.
	Cut bool `json:"cut,omitempty"`
}

// Changed counts the actions whose verdict changes.
func (i *Impact) Changed() int { return len(i.Changes) + i.LeftOff }

// An ImpactGroup is all changes from one verdict to another.
type ImpactGroup struct {
	Old   Verdict `json:"old"`
	New   Verdict `json:"new"`
	Count int     `json:"count"`
}

// A Change is a recorded action on which old and new rules differ.
type Change struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Agent   string    `json:"agent"`
	Service string    `json:"service"`
	Summary string    `json:"summary"`
	Old     Verdict   `json:"old"`
	New     Verdict   `json:"new"`
	Rule    string    `json:"rule,omitempty"` // that decides now
	Reason  string    `json:"reason,omitempty"`
}
