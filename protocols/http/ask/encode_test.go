package ask

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"sallyport.dev/sallyport/protocols/http/call"
	"sallyport.dev/sallyport/protocols/http/content"
)

// The short way writes what encoding/json writes: with each field of the facts set alone,
// and with all of them.
func TestFactsAreEncodedAsTheirFieldsSay(t *testing.T) {
	values := map[reflect.Type][]any{
		reflect.TypeFor[string](): {"plain", `"quoted\`, "über<&>", "a\x00\x7f\xff\u2028", "\n"},
		reflect.TypeFor[bool]():   {true},
		reflect.TypeFor[int64]():  {int64(-1), int64(1 << 40)},
		reflect.TypeFor[[]Field](): {
			[]Field{},
			[]Field{{}},
			[]Field{{Name: "a"}, {Name: "b", Values: []string{}}},
			[]Field{{Name: "x-é", Values: []string{"1", "", `"`}, Hidden: true}, {Name: "c", Values: []string{"<"}}, {Hidden: true}},
		},
		reflect.TypeFor[*call.Git]():     {new(call.Git)},
		reflect.TypeFor[*call.Call]():    {new(call.Call)},
		reflect.TypeFor[*content.Kept](): {new(content.Kept)},
		reflect.TypeFor[*content.Body](): {content.Read(nil, nil, []byte("x"))},
	}
	var all Request
	same(t, &all)
	for i := range reflect.TypeFor[Request]().NumField() {
		field := reflect.TypeFor[Request]().Field(i)
		if !field.IsExported() {
			continue
		}
		if len(values[field.Type]) == 0 {
			t.Fatalf("%s is of a type that this test knows no values of: %s", field.Name, field.Type)
		}
		for _, v := range values[field.Type] {
			var r Request
			reflect.ValueOf(&r).Elem().Field(i).Set(reflect.ValueOf(v))
			same(t, &r)
			reflect.ValueOf(&all).Elem().Field(i).Set(reflect.ValueOf(v))
			short := all
			short.Git, short.Call, short.Kept = nil, nil, nil
			same(t, &short)
		}
	}
	same(t, &all)
}

func same(t *testing.T, r *Request) {
	t.Helper()
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	got, err := r.AppendJSON([]byte("x"))
	if err != nil || "x"+want.String() != string(got)+"\n" {
		t.Errorf("%s, %v\nwant %s", got, err, want.String())
	}
}
