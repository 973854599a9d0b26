package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/cmd/sallyport/cli"

	"github.com/spf13/cobra"
)

// maxEvent bounds one line of the event stream.
const maxEvent = 4 << 20

// followActions prints what is recorded and then every new record, until ctx
// ends. The stream is open before the list is read, so none is left out between.
func (r *commands) followActions(cmd *cobra.Command, query string) error {
	resp, err := r.Client().Do(cmd.Context(), http.MethodGet, "/api/v1/events?q="+url.QueryEscape(query), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	last, err := r.showActions(cmd, query)
	if err == nil {
		err = r.showEvents(cmd, resp.Body, last)
	}
	if cmd.Context().Err() != nil {
		return nil
	}
	return err
}

// showEvents prints the records of a stream that come after number last.
func (r *commands) showEvents(cmd *cobra.Command, stream io.Reader, last uint64) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxEvent)
	lost := false
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case !ok:
			lost = lines.Text() == "event: lost"
			continue
		case lost:
			cli.Warn(cmd, "This terminal was too slow for some records; `sallyport log` has them.")
			continue
		}
		var rec audit.Record
		if err := json.Unmarshal([]byte(data), &rec); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if rec.Seq <= last {
			continue
		}
		if err := r.showAction(cmd, &rec); err != nil {
			return err
		}
	}
	err := lines.Err()
	if err == nil {
		err = errors.New("it ended the stream")
	}
	return cli.ExitError{Code: cli.ExitUnreachable, Err: fmt.Errorf("the gateway is gone: %w", err)}
}
