package dashboard

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strconv"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/sight"
)

// exportBuffer is what of an export is sent at once.
const exportBuffer = 64 << 10

// export sends every record that a query finds, one a line. Where that breaks off,
// the last line says so.
func (a *API) export(w http.ResponseWriter, r *http.Request) error {
	q, err := sight.Query(r)
	if err != nil {
		return err
	}
	route.Note(r, "query", r.URL.Query().Get("q"))
	route.Note(r, sight.Param, strconv.FormatBool(q.Whole))
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Cache-Control", "no-store")
	out := bufio.NewWriterSize(w, exportBuffer)
	err = a.Log.Export(r.Context(), q, func(line []byte) error {
		if !q.Whole {
			line = bareLine(line)
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

// bareLine takes out of a line what was sent in a body, and every hash of that. What cannot be read is not
// given away.
func bareLine(line []byte) []byte {
	var rec audit.Record
	if json.Unmarshal(line, &rec) != nil {
		return []byte(`{"error":"this record cannot be read"}`)
	}
	less, err := json.Marshal(rec.Bare())
	if err != nil {
		return []byte(`{"error":"this record cannot be written"}`)
	}
	return less
}
