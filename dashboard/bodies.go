package dashboard

import (
	"bytes"
	"encoding/json"
	"net/http"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
)

// seesBodies reports whether what was sent in bodies is in every answer to who asks:
// the host owns the files that they stand in. Everybody else asks for them by name,
// with a fresh proof.
func seesBodies(r *http.Request) bool {
	c, ok := route.CallerOf(r.Context())
	return ok && c.Person.Via == route.HostVia
}

// bare takes out of records what agents sent in bodies, unless who asks sees them.
// How many bytes there were stays.
func bare(r *http.Request, list ...*audit.Record) {
	if seesBodies(r) {
		return
	}
	for _, rec := range list {
		rec.Hidden += int64(len(rec.Sample))
		rec.Sample = ""
		for i := range rec.Parts {
			rec.Parts[i].Facts = bodiless(rec.Parts[i].Facts)
		}
	}
}

// bodiless gives facts without the body that the configuration has kept.
func bodiless(facts json.RawMessage) json.RawMessage {
	if !bytes.Contains(facts, []byte(`"body":`)) {
		return facts
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(facts, &members) != nil {
		return nil
	}
	if _, ok := members["body"]; !ok {
		return facts
	}
	members["body"] = json.RawMessage(`{"text":"","hidden":true}`)
	less, err := json.Marshal(members)
	if err != nil {
		return nil
	}
	return less
}
