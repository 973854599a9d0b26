package dashboard

import (
	"fmt"
	"net/http"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/deeds"
)

// Verified is what the two chains were found to be: that of what agents did, and
// that of what operators did.
type Verified struct {
	audit.Report
	Operators deeds.Report `json:"operators"`
}

// OK reports whether both are as they were written.
func (v *Verified) OK() bool { return v.Report.OK() && len(v.Operators.Problems) == 0 }

func (a *API) verify(r *http.Request) (Verified, error) {
	records, err := a.Log.Verify(r.Context())
	if err != nil {
		return Verified{}, fmt.Errorf("verify: %w", err)
	}
	if a.Sums != nil {
		found, err := a.Sums(r.Context())
		if err != nil {
			return Verified{}, fmt.Errorf("verify: %w", err)
		}
		records.Problems = append(records.Problems, found...)
	}
	operators, err := a.Door.Deeds.Verify(r.Context())
	if err != nil {
		return Verified{}, fmt.Errorf("verify: %w", err)
	}
	return Verified{records, operators}, nil
}
