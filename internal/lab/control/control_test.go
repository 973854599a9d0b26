package control_test

import (
	"net/http"
	"testing"

	"sallyport.dev/sallyport/internal/lab/control"
)

func TestATailnetComesAndGoes(t *testing.T) {
	s, err := control.Start(control.Options{AuthKey: "k", Tags: []string{"tag:ci"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	resp, err := http.Get(s.URL() + "/key?v=100")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || len(s.DERPMap.Regions) != 1 {
		t.Errorf("%s, %d regions", resp.Status, len(s.DERPMap.Regions))
	}
	s.CutDERP()
	s.Cut()
	if resp, err := http.Get(s.URL() + "/key?v=100"); err == nil {
		resp.Body.Close()
		t.Error("it still answers")
	}
}
