package dashboard

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
)

// exportBuffer is what of an export is sent at once.
const exportBuffer = 64 << 10

// export sends every record that a query finds, one a line. Where that breaks off,
// the last line says so.
func (a *API) export(w http.ResponseWriter, r *http.Request) error {
	q, err := audit.ParseQuery(r.URL.Query().Get("q"))
	if err != nil {
		return route.BadRequest("query: %w", err)
	}
	bodies := seesBodies(r)
	if r.URL.Query().Get("bodies") == "1" {
		if err := route.Fresh(r); err != nil {
			return err
		}
		bodies = true
	}
	route.Note(r, "query", r.URL.Query().Get("q"))
	route.Note(r, "bodies", strconv.FormatBool(bodies))
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Cache-Control", "no-store")
	out := bufio.NewWriterSize(w, exportBuffer)
	err = a.Log.Export(r.Context(), q, func(line []byte) error {
		if !bodies {
			line = bareLine(r, line)
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
		return out.WriteByte('\n')
	})
	if err != nil && r.Context().Err() == nil {
		a.Logger.Error("an export of records broke off", "err", err)
		err = json.NewEncoder(out).Encode(map[string]string{"error": err.Error()})
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		a.Logger.Debug("an operator hung up", "path", r.URL.Path, "err", err)
	}
	return nil
}

// bareLine takes out of a line what was sent in a body. What cannot be read is not
// given away.
func bareLine(r *http.Request, line []byte) []byte {
	if !bytes.Contains(line, []byte(`"sample":`)) && !bytes.Contains(line, []byte(`"body":`)) {
		return line
	}
	var rec audit.Record
	if json.Unmarshal(line, &rec) != nil {
		return []byte(`{"error":"this record cannot be read"}`)
	}
	bare(r, &rec)
	less, err := json.Marshal(&rec)
	if err != nil {
		return []byte(`{"error":"this record cannot be written"}`)
	}
	return less
}
